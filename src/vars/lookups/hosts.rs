//! The inventory_hostnames lookup: host patterns over `groups`.

use super::options::term;
use crate::vars::filters::dict::members;
use crate::vars::pyre::{Flags, Regex};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value, glob};

/// Groups with their hosts.
type Groups = Vec<(String, Vec<String>)>;

pub fn inventory_hostnames(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let groups = match env.variable("groups")? {
        Some(groups) => groups,
        None => return Err(TemplateError::other("'groups'")),
    };
    let mut known: Groups = Vec::new();
    for (name, hosts) in members(env, &groups)? {
        let hosts = hosts.iterate(env)?.iter().map(Value::text).collect::<Outcome<_>>()?;
        known.push((name.text()?, hosts));
    }
    let mut patterns = Vec::new();
    for value in &args.positional {
        patterns.extend(split(&term(value)?));
    }
    Ok(select(&known, &patterns)?.into_iter().map(Value::from).collect())
}

/// Patterns between commas, or colons that are no part of an address or a range.
fn split(text: &str) -> Vec<String> {
    let separator = if text.contains(',') { ',' } else { ':' };
    let mut parts = vec![String::new()];
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == separator && depth == 0 {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

fn select(groups: &Groups, patterns: &[String]) -> Outcome<Vec<String>> {
    let special = |p: &&String| p.starts_with(['!', '&']);
    let mut plain: Vec<&str> = patterns.iter().filter(|p| !special(p)).map(String::as_str).collect();
    if plain.is_empty() {
        plain.push("all");
    }
    let mut chosen: Vec<String> = Vec::new();
    for pattern in plain {
        for host in matching(groups, pattern)? {
            if !chosen.contains(&host) {
                chosen.push(host);
            }
        }
    }
    for pattern in patterns {
        if let Some(pattern) = pattern.strip_prefix('&') {
            let keep = matching(groups, pattern)?;
            chosen.retain(|h| keep.contains(h));
        }
    }
    for pattern in patterns {
        if let Some(pattern) = pattern.strip_prefix('!') {
            let drop = matching(groups, pattern)?;
            chosen.retain(|h| !drop.contains(h));
        }
    }
    Ok(chosen)
}

/// The hosts of groups that match, then hosts that do.
fn matching(groups: &Groups, pattern: &str) -> Outcome<Vec<String>> {
    let (name, range) = match pattern.strip_suffix(']').and_then(|p| p.rsplit_once('[')) {
        Some((name, range))
            if !pattern.starts_with('~') && range.bytes().all(|b| b.is_ascii_digit() || b"-:".contains(&b)) =>
        {
            (name, Some(range))
        }
        _ => (pattern, None),
    };
    let regex = match name.strip_prefix('~') {
        Some(expression) => Some(Regex::new(expression, Flags::default()).map_err(TemplateError::other)?),
        None => None,
    };
    let fits = |text: &str| match &regex {
        Some(regex) => regex.match_start(text).map(|m| m.is_some()).map_err(TemplateError::other),
        None => Ok(name == "all" || glob::matches(name, text)),
    };
    let mut found: Vec<String> = Vec::new();
    for (group, hosts) in groups {
        let whole = fits(group)?;
        for host in hosts {
            if (whole || fits(host)?) && !found.contains(host) {
                found.push(host.clone());
            }
        }
    }
    Ok(match range {
        None => found,
        Some(range) => subscript(found, range),
    })
}

/// `[0]`, `[1:3]`, `[2-]`: both ends are included.
fn subscript(hosts: Vec<String>, range: &str) -> Vec<String> {
    let length = hosts.len() as i64;
    let index = |text: &str| text.parse::<i64>().ok().map(|i| if i < 0 { i + length } else { i });
    let (start, end) =
        match range.rsplit_once(':').or_else(|| range[1..].split_once('-').map(|(a, b)| (&range[..=a.len()], b))) {
            Some((start, end)) => (index(start).unwrap_or(0), index(end).unwrap_or(length - 1)),
            None => match index(range) {
                Some(at) => (at, at),
                None => return Vec::new(),
            },
        };
    let (start, end) = (start.max(0) as usize, end.min(length - 1));
    hosts.into_iter().enumerate().filter(|(i, _)| *i >= start && (*i as i64) <= end).map(|(_, h)| h).collect()
}

#[cfg(test)]
mod tests {
    use super::{Groups, select, split};

    #[test]
    fn patterns_choose_as_ansible_does() {
        // InventoryManager.get_hosts of ansible-core 2.16.14
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let groups: Groups = vec![
            ("all".to_owned(), own(&["c0", "c1", "c2", "l0"])),
            ("compute".to_owned(), own(&["c0", "c1", "c2"])),
            ("login".to_owned(), own(&["l0"])),
        ];
        let cases: [(&str, &[&str]); 9] = [
            ("all", &["c0", "c1", "c2", "l0"]),
            ("compute:!c1", &["c0", "c2"]),
            ("all:&login", &["l0"]),
            ("c*", &["c0", "c1", "c2"]),
            ("compute[0]", &["c0"]),
            ("compute[1:2]", &["c1", "c2"]),
            ("~c[02]", &["c0", "c2"]),
            ("login,c1", &["l0", "c1"]),
            ("nosuch", &[]),
        ];
        for (pattern, expected) in cases {
            let chosen = select(&groups, &split(pattern)).expect("the patterns are valid");
            assert_eq!(chosen, expected, "{pattern}");
        }
    }
}

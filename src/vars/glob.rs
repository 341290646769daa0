//! Shell patterns over files: `*`, `?` and `[...]`, as Python's `glob` and `fnmatch` read them.

use super::{Env, Outcome, TemplateError};
use crate::plan::limits;

/// Whether `name` matches `pattern`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where the last star was, and what it has taken.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => match class(&pattern, p) {
                Some((end, members)) => contains(&members, name[n]).then_some(end),
                None => (name[n] == '[').then_some(p + 1),
            },
            Some(c) => (*c == name[n]).then_some(p + 1),
            None => None,
        };
        match (step, star) {
            (Some(next), _) => {
                p = next;
                n += 1;
            }
            (None, Some((at, taken))) => {
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The members of the class that opens at `start`, and where it ends; `None` where nothing closes it.
fn class(pattern: &[char], start: usize) -> Option<(usize, Vec<char>)> {
    let mut at = start + 1;
    at += usize::from(pattern.get(at) == Some(&'!'));
    at += usize::from(pattern.get(at) == Some(&']'));
    let close = at + pattern.get(at..)?.iter().position(|c| *c == ']')?;
    Some((close + 1, pattern[start + 1..close].to_vec()))
}

fn contains(members: &[char], c: char) -> bool {
    let (negated, members) = match members.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, members),
    };
    let mut found = false;
    let mut at = 0;
    while at < members.len() {
        if members.get(at + 1) == Some(&'-') && at + 2 < members.len() {
            found |= (members[at]..=members[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= members[at] == c;
            at += 1;
        }
    }
    found != negated
}

fn is_magic(part: &str) -> bool {
    part.contains(['*', '?', '['])
}

/// The regular files that an absolute pattern matches, in order of their names.
pub fn files(env: &Env, pattern: &str) -> Outcome<Vec<String>> {
    let pattern = if pattern.starts_with('/') { pattern.to_owned() } else { format!("/{pattern}") };
    let parts: Vec<&str> = pattern.split('/').filter(|p| !p.is_empty()).collect();
    let Some((last, above)) = parts.split_last() else { return Ok(Vec::new()) };
    let mut directories = vec![String::new()];
    for part in above {
        let mut next = Vec::new();
        for directory in &directories {
            if is_magic(part) {
                next.extend(entries(env, directory, part)?.into_iter().filter(|(_, dir)| *dir).map(|(p, _)| p));
            } else {
                next.push(format!("{directory}/{part}"));
            }
        }
        directories = next;
    }
    let mut found = Vec::new();
    for directory in &directories {
        found.extend(entries(env, directory, last)?.into_iter().filter(|(_, dir)| !*dir).map(|(p, _)| p));
        if found.len() > limits::EXPORT_FILES {
            return Err(TemplateError::other(format!("'{pattern}' matches too many files")));
        }
    }
    Ok(found)
}

/// What a directory has under a name or pattern; nothing where it cannot be read.
fn entries(env: &Env, directory: &str, part: &str) -> Outcome<Vec<(String, bool)>> {
    let place = if directory.is_empty() { "/" } else { directory };
    let Ok(names) = env.files().list(place) else { return Ok(Vec::new()) };
    env.charge(names.len() as u64)?;
    let visible = |name: &str| part.starts_with('.') || !name.starts_with('.');
    let fits = |name: &str| if is_magic(part) { visible(name) && matches(part, name) } else { part == name };
    Ok(names.into_iter().filter(|(n, _)| fits(n)).map(|(n, dir)| (format!("{directory}/{n}"), dir)).collect())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        let yes = [
            ("*.conf", "a.conf"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a]x", "bx"),
            ("a[", "a["),
            ("*a*b", "xaxxb"),
            ("[]]", "]"),
            ("[-a]", "-"),
        ];
        let no = [("*.conf", "a.confx"), ("a?c", "ac"), ("[a-c]x", "dx"), ("[!a]x", "ax"), ("", "a"), ("*a*b", "xbxa")];
        for (pattern, name) in yes {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in no {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}

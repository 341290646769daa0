//! Names of hosts as inventories write them: ranges such as `node[01:16]` or `db-[a:f]`, and a port behind a colon.

use crate::plan::limits::INVENTORY_HOSTS;

/// The hosts that a pattern names, and its port.
pub fn expand(pattern: &str) -> Result<(Vec<String>, Option<u16>), String> {
    let (pattern, port) = port(pattern);
    if pattern.trim_end().ends_with(':') && port.is_none() {
        return Err(format!("the host pattern {pattern} ends in a colon, behind which a port is to stand"));
    }
    if pattern.trim() == "---" {
        return Err("--- begins a YAML file, and names no host".to_owned());
    }
    Ok((ranged(pattern)?, port))
}

/// Splits a port off what may be a host; an IPv6 address has colons of its own.
pub fn port(pattern: &str) -> (&str, Option<u16>) {
    let Some((host, digits)) = pattern.rsplit_once(':') else { return (pattern, None) };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return (pattern, None);
    }
    let (mut depth, mut colon) = (0_i32, false);
    for c in host.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' => colon |= depth == 0,
            _ => {}
        }
    }
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match (inner, digits.parse()) {
        // [2001:db8::1]:22
        (Some(inner), Ok(port)) if inner.contains("::") || inner.matches(':').count() == 7 => (inner, Some(port)),
        (_, Ok(port)) if depth == 0 && !colon && !host.is_empty() => (host, Some(port)),
        _ => (pattern, None),
    }
}

fn ranged(pattern: &str) -> Result<Vec<String>, String> {
    let Some((head, rest)) = pattern.split_once('[') else { return Ok(vec![pattern.to_owned()]) };
    let (range, tail) = rest.split_once(']').ok_or_else(|| format!("a bracket is not closed in {pattern}"))?;
    let middle = members(range)?;
    let mut names = Vec::new();
    for tail in ranged(tail)? {
        if middle.len().saturating_mul(names.len().max(1)) > INVENTORY_HOSTS {
            return Err(format!("the range [{range}] has too many hosts"));
        }
        names.push(tail);
    }
    Ok(middle.iter().flat_map(|m| names.iter().map(move |tail| format!("{head}{m}{tail}"))).collect())
}

/// What stands between the brackets: `first:last` or `first:last:step`.
fn members(range: &str) -> Result<Vec<String>, String> {
    let wrong = |what: &str| format!("the range [{range}] {what}");
    let bounds: Vec<&str> = range.split(':').collect();
    let (first, last, step) = match bounds[..] {
        [first, last] => (first, last, "1"),
        [first, last, step] => (first, last, step),
        _ => return Err(wrong("must be first:last or first:last:step")),
    };
    let first = if first.is_empty() { "0" } else { first };
    if last.is_empty() {
        return Err(wrong("does not say where it ends"));
    }
    let step: usize = step.parse().ok().filter(|s| *s > 0).ok_or_else(|| wrong("has no step that is a number"))?;
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    let letter = |text: &str| {
        let mut chars = text.chars();
        let only = chars.next().filter(|_| chars.next().is_none())?;
        letters.iter().position(|l| *l == only)
    };
    if let (Some(from), Some(to)) = (letter(first), letter(last)) {
        if from > to {
            return Err(wrong("ends before it begins"));
        }
        return Ok(letters[from..=to].iter().step_by(step).map(char::to_string).collect());
    }
    let width = if first.len() > 1 && first.starts_with('0') { first.len() } else { 0 };
    if width > 0 && width != last.len() {
        return Err(wrong("must have as many digits in front as behind"));
    }
    let read = |text: &str| text.parse::<usize>().map_err(|_| wrong("has bounds that are neither letters nor numbers"));
    let (from, to) = (read(first)?, read(last)?);
    if from > to {
        return Err(wrong("ends before it begins"));
    }
    if (to - from) / step >= INVENTORY_HOSTS {
        return Err(wrong("has too many hosts"));
    }
    Ok((from..=to).step_by(step).map(|n| format!("{n:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn ranges_count_as_they_are_written() {
        let names = |pattern| expand(pattern).map(|(names, _)| names.join(" "));
        assert_eq!(names("n[1:3]").as_deref(), Ok("n1 n2 n3"));
        assert_eq!(names("n[08:10].x").as_deref(), Ok("n08.x n09.x n10.x"));
        assert_eq!(names("n[0:6:3]-[a:b]").as_deref(), Ok("n0-a n0-b n3-a n3-b n6-a n6-b"));
        assert_eq!(names("[y:B]").as_deref(), Ok("y z A B"));
        assert_eq!(names("n[:2]").as_deref(), Ok("n0 n1 n2"));
        assert_eq!(expand("n[1:2]:22"), Ok((vec!["n1".into(), "n2".into()], Some(22))));
        assert_eq!(expand("[2001:db8::1]:22"), Ok((vec!["2001:db8::1".into()], Some(22))));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["n[1:", "n[1]", "n[3:1]", "n[01:100]", "n[1:]", "n[a:5]", "n[1:9:0]", "n[1:99999999]", "n:", "---"]
        {
            assert!(expand(bad).is_err(), "{bad}");
        }
        for bad in ["n[0:9999][0:9999]", "n[c:a]", "n[1:2:x]", "n[1:2:3:4]"] {
            assert!(expand(bad).is_err(), "{bad}");
        }
    }
}

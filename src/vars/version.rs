//! Versions as the `version` test compares them: distutils' loose and strict ones, semantic ones, PEP 440's.

use std::cmp::Ordering;

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// distutils' LooseVersion: anything goes.
    Loose,
    /// distutils' StrictVersion: `1.2[.3][a4]`.
    Strict,
    /// Semantic Versioning 2.0.0.
    Semantic,
    /// PEP 440, as `packaging` reads it.
    Pep440,
}

/// The order of two versions; the error is Python's text.
pub fn compare(a: &str, b: &str, scheme: Scheme) -> Result<Ordering, String> {
    match scheme {
        Scheme::Loose => loose(a, b),
        Scheme::Strict => Ok(strict(a)?.cmp(&strict(b)?)),
        Scheme::Semantic => semantic(a, b),
        Scheme::Pep440 => Ok(pep440(a)?.cmp(&pep440(b)?)),
    }
}

/// A run of digits, or of anything else.
#[derive(PartialEq, Eq)]
enum Part<'v> {
    Number(u128),
    Text(&'v str),
}

/// Numbers and lower-case words, split at dots; what is neither stays text.
fn loose_parts(version: &str) -> Vec<Part<'_>> {
    let kind = |c: char| match c {
        c if c.is_ascii_digit() => 0,
        c if c.is_ascii_lowercase() => 1,
        '.' => 2,
        _ => 3,
    };
    let mut parts = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let mut end = rest.find(|c| kind(c) != kind(first)).unwrap_or(rest.len());
        if first == '.' {
            end = 1;
        }
        let (part, tail) = rest.split_at(end);
        rest = tail;
        match (kind(first), part.parse()) {
            (2, _) => {}
            (0, Ok(number)) => parts.push(Part::Number(number)),
            _ => parts.push(Part::Text(part)),
        }
    }
    parts
}

fn loose(a: &str, b: &str) -> Result<Ordering, String> {
    let (left, right) = (loose_parts(a), loose_parts(b));
    for (x, y) in left.iter().zip(&right) {
        let order = match (x, y) {
            (Part::Number(x), Part::Number(y)) => x.cmp(y),
            (Part::Text(x), Part::Text(y)) => x.cmp(y),
            (Part::Number(_), Part::Text(_)) => {
                return Err("'<' not supported between instances of 'int' and 'str'".to_owned());
            }
            (Part::Text(_), Part::Number(_)) => {
                return Err("'<' not supported between instances of 'str' and 'int'".to_owned());
            }
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

/// The three numbers, and the pre-release; a version without one comes after those with.
type Strict = ([u64; 3], (bool, char, u64));

fn strict(version: &str) -> Result<Strict, String> {
    let bad = || format!("invalid version number '{version}'");
    let split = version.find(['a', 'b']);
    let (numbers, pre) = split.map_or((version, None), |at| (&version[..at], Some(&version[at..])));
    let digits = |text: &str| {
        let valid = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| valid).ok_or_else(bad)
    };
    let parts: Vec<&str> = numbers.split('.').collect();
    if !(2..=3).contains(&parts.len()) {
        return Err(bad());
    }
    let mut release = [0; 3];
    for (slot, part) in release.iter_mut().zip(parts) {
        *slot = digits(part)?;
    }
    let pre = match pre {
        None => (true, ' ', 0),
        Some(pre) => (false, pre.chars().next().unwrap_or('a'), digits(&pre[1..])?),
    };
    Ok((release, pre))
}

/// The core, and the identifiers of the pre-release.
fn semantic_parts(version: &str) -> Option<([u64; 3], Vec<&str>)> {
    let identifier = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let plain = |text: &str| identifier(text) && numeric(text) && (text == "0" || !text.starts_with('0'));
    // `$` lets one newline pass.
    let version = version.strip_suffix('\n').unwrap_or(version);
    let (version, build) = version.split_once('+').map_or((version, None), |(v, b)| (v, Some(b)));
    let (core, pre) = version.split_once('-').map_or((version, None), |(c, p)| (c, Some(p)));
    if build.is_some_and(|b| !b.split('.').all(identifier)) {
        return None;
    }
    let numbers: Vec<&str> = core.split('.').collect();
    if numbers.len() != 3 || !numbers.iter().all(|n| plain(n)) {
        return None;
    }
    let mut release = [0; 3];
    for (slot, number) in release.iter_mut().zip(numbers) {
        *slot = number.parse().ok()?;
    }
    let pre: Vec<&str> = pre.map(|p| p.split('.').collect()).unwrap_or_default();
    pre.iter().all(|p| identifier(p) && (!numeric(p) || plain(p))).then_some((release, pre))
}

fn semantic(a: &str, b: &str) -> Result<Ordering, String> {
    let parts = |v| semantic_parts(v).ok_or_else(|| format!("invalid semantic version '{v}'"));
    let ((left, left_pre), (right, right_pre)) = (parts(a)?, parts(b)?);
    let core = left.cmp(&right);
    if core != Ordering::Equal || left_pre.is_empty() || right_pre.is_empty() {
        return Ok(core.then(right_pre.len().min(1).cmp(&left_pre.len().min(1))));
    }
    for (x, y) in left_pre.iter().zip(&right_pre) {
        let order = match (x.parse::<u128>(), y.parse::<u128>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => x.cmp(y),
        };
        if order != Ordering::Equal {
            return Ok(order);
        }
    }
    Ok(left_pre.len().cmp(&right_pre.len()))
}

/// PEP 440's sort key: every field in the order that the specification compares them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pep440 {
    epoch: u64,
    release: Vec<u64>,
    /// A development release before everything, then `a`, `b`, `rc`, the release itself.
    pre: (u8, u64),
    post: Option<u64>,
    /// A development release comes before the version that it leads to.
    dev: (bool, u64),
    local: Vec<(bool, u64, String)>,
}

fn pep440(version: &str) -> Result<Pep440, String> {
    pep440_parts(version).ok_or_else(|| format!("Invalid version: '{version}'"))
}

fn pep440_parts(version: &str) -> Option<Pep440> {
    let text = version.trim().to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    let (text, local) = text.split_once('+').map_or((text, None), |(t, l)| (t, Some(l)));
    let (epoch, text) = text.split_once('!').map_or((Some(0), text), |(e, t)| (e.parse().ok(), t));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let numbers = text[..end].trim_end_matches('.');
    let mut rest = &text[numbers.len()..];
    let mut release: Vec<u64> = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    const PRE: [(&str, u8); 8] =
        [("alpha", 1), ("a", 1), ("beta", 2), ("b", 2), ("preview", 3), ("pre", 3), ("rc", 3), ("c", 3)];
    let pre = suffix(&mut rest, &PRE);
    let post = match rest.strip_prefix('-').filter(|r| r.starts_with(|c: char| c.is_ascii_digit())) {
        Some(after) => Some((0, number(after, &mut rest))),
        None => suffix(&mut rest, &[("post", 0), ("rev", 0), ("r", 0)]),
    };
    let dev = suffix(&mut rest, &[("dev", 0)]);
    if !rest.is_empty() {
        return None;
    }
    let segment = |s: &str| {
        let valid = !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric());
        valid.then(|| s.parse().map_or_else(|_| (false, 0, s.to_owned()), |n| (true, n, String::new())))
    };
    let local = local.map_or(Some(Vec::new()), |l| l.split(['.', '-', '_']).map(segment).collect())?;
    let pre = match (pre, post, dev) {
        (Some((kind, n)), _, _) => (kind, n),
        (None, None, Some(_)) => (0, 0),
        (None, _, _) => (4, 0),
    };
    let dev = dev.map_or((true, 0), |(_, n)| (false, n));
    Some(Pep440 { epoch: epoch?, release, pre, post: post.map(|(_, n)| n), dev, local })
}

/// One of `names`, with an optional separator before it and before its number.
fn suffix(rest: &mut &str, names: &[(&str, u8)]) -> Option<(u8, u64)> {
    let body = rest.strip_prefix(['.', '-', '_']).unwrap_or(rest);
    let (name, kind) = names.iter().find(|(name, _)| body.starts_with(name))?;
    let after = &body[name.len()..];
    let digits = after.strip_prefix(['.', '-', '_']).filter(|a| a.starts_with(|c: char| c.is_ascii_digit()));
    Some((*kind, number(digits.unwrap_or(after), rest)))
}

fn number<'v>(text: &'v str, rest: &mut &'v str) -> u64 {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    *rest = &text[end..];
    text[..end].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    //! Expected values: ansible-core 2.16.14's LooseVersion, StrictVersion, SemanticVersion and packaging 26.
    use super::{Scheme, compare};
    use std::cmp::Ordering;

    #[test]
    fn orders_as_python_does() {
        let scheme = |name: &str| match name {
            "loose" => Scheme::Loose,
            "strict" => Scheme::Strict,
            "semver" => Scheme::Semantic,
            _ => Scheme::Pep440,
        };
        for (name, a, b, expected) in CASES {
            let got = match compare(a, b, scheme(name)) {
                Ok(Ordering::Less) => "<".to_owned(),
                Ok(Ordering::Equal) => "=".to_owned(),
                Ok(Ordering::Greater) => ">".to_owned(),
                Err(e) => e,
            };
            assert_eq!(got, expected, "{name} {a} {b}");
        }
    }
    const CASES: [(&str, &str, &str, &str); 49] = [
        ("loose", "1.2.3", "1.2.10", "<"),
        ("loose", "8.10", "8.9", ">"),
        ("loose", "1.5.1", "1.5.2b2", "<"),
        ("loose", "161", "3.10a", ">"),
        ("loose", "1.5", "1.5", "="),
        ("loose", "1.13++", "5.5.kw", "<"),
        ("loose", "2.0b1pl0", "2.0b1pl1", "<"),
        ("loose", "1.0", "1.0.0", "<"),
        ("loose", "9.3", "rocky9", "'<' not supported between instances of 'int' and 'str'"),
        ("loose", "4.18.0-477.el8.x86_64", "4.18.0-500.el8.x86_64", "<"),
        ("loose", "1.a", "1.2", "'<' not supported between instances of 'str' and 'int'"),
        ("loose", "5.14.0", "5.14.0-284", "<"),
        ("loose", "1..2", "1.2", "="),
        ("loose", "2.16.14", "2.16.14rc1", "<"),
        ("strict", "1.2", "1.2.0", "="),
        ("strict", "1.2a1", "1.2", "<"),
        ("strict", "1.2a1", "1.2b1", "<"),
        ("strict", "1.2b3", "1.2b10", "<"),
        ("strict", "1", "1.0", "invalid version number '1'"),
        ("strict", "1.2.3.4", "1.2", "invalid version number '1.2.3.4'"),
        ("strict", "1.2c1", "1.2", "invalid version number '1.2c1'"),
        ("strict", "0.4.1", "0.5", "<"),
        ("strict", "1.2.3rc1", "1.2", "invalid version number '1.2.3rc1'"),
        ("semver", "1.0.0", "1.0.1", "<"),
        ("semver", "1.0.0-alpha", "1.0.0", "<"),
        ("semver", "1.0.0-alpha.1", "1.0.0-alpha.beta", "<"),
        ("semver", "1.0.0-2", "1.0.0-10", "<"),
        ("semver", "1.0.0+a", "1.0.0+b", "="),
        ("semver", "1.0", "1.0.0", "invalid semantic version '1.0'"),
        ("semver", "01.0.0", "1.0.0", "invalid semantic version '01.0.0'"),
        ("semver", "1.0.0-01", "1.0.0", "invalid semantic version '1.0.0-01'"),
        ("semver", "1.0.0-rc.1", "1.0.0-rc.1.1", "<"),
        ("semver", "1.0.0-a-b", "1.0.0-a", ">"),
        ("semver", "v1.0.0", "1.0.0", "invalid semantic version 'v1.0.0'"),
        ("pep440", "1.0", "1.0.0", "="),
        ("pep440", "1.0.dev1", "1.0a1", "<"),
        ("pep440", "1.0a1", "1.0b1", "<"),
        ("pep440", "1.0rc1", "1.0", "<"),
        ("pep440", "1.0", "1.0.post1", "<"),
        ("pep440", "1.0-1", "1.0.post1", "="),
        ("pep440", "1!0.1", "2.0", ">"),
        ("pep440", "1.0+abc", "1.0", ">"),
        ("pep440", "1.0+1", "1.0+abc", ">"),
        ("pep440", "1.0a1.dev1", "1.0a1", "<"),
        ("pep440", "v1.0", "1.0", "="),
        ("pep440", "1.0c1", "1.0rc1", "="),
        ("pep440", "x", "1.0", "Invalid version: 'x'"),
        ("pep440", "1.0.post1.dev1", "1.0.post1", "<"),
        ("pep440", "1.0alpha", "1.0a0", "="),
    ];
}

//! Patterns that choose hosts: `compute:!gpu`, `&login`, globs, `~expressions`, `group[0:9]`, as Ansible's `--limit`.

use super::Inventory;
use crate::vars::{glob_matches, pyre};
use std::collections::BTreeSet;
use std::path::Path;

impl Inventory {
    /// The hosts that a pattern chooses, in its order; a name that is neither host nor group is an error.
    pub fn matching(&self, pattern: &str) -> Result<Vec<u32>, String> {
        let mut unknown = Vec::new();
        let chosen = self.matching_known(pattern, &mut unknown)?;
        match unknown.first() {
            Some(name) => Err(format!("{name} is no host, group or pattern of the inventory")),
            None => Ok(chosen),
        }
    }

    /// The same, with what is neither host nor group put aside.
    pub fn matching_known(&self, pattern: &str, unknown: &mut Vec<String>) -> Result<Vec<u32>, String> {
        let mut parts = Vec::new();
        let written = split(pattern);
        // A file without lines is no limit.
        let from_file = written.iter().any(|p| p.starts_with('@'));
        for part in written {
            match part.strip_prefix('@') {
                Some(file) => {
                    if Path::new(file).is_dir() {
                        return Err(format!("the limit {file} must be a file, not a directory"));
                    }
                    let text = std::fs::read_to_string(file).map_err(|e| format!("reading the limit {file}: {e}"))?;
                    parts.extend(text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned));
                }
                None => parts.push(part),
            }
        }
        if parts.is_empty() && !from_file {
            return Err(format!("the pattern {pattern:?} names no hosts"));
        }
        let sign = |part: &str| part.chars().next().filter(|c| matches!(c, '!' | '&'));
        let plain: Vec<&String> = parts.iter().filter(|p| sign(p).is_none()).collect();
        let mut chosen: Vec<u32> = Vec::new();
        if plain.is_empty() {
            chosen.extend(self.all());
        }
        let mut met: BTreeSet<u32> = chosen.iter().copied().collect();
        for part in plain {
            chosen.extend(self.one(part, unknown)?.into_iter().filter(|h| met.insert(*h)));
        }
        for part in parts.iter().filter(|p| p.starts_with('&')) {
            let those: BTreeSet<u32> = self.one(&part[1..], unknown)?.into_iter().collect();
            chosen.retain(|h| those.contains(h));
        }
        for part in parts.iter().filter(|p| p.starts_with('!')) {
            let those: BTreeSet<u32> = self.one(&part[1..], unknown)?.into_iter().collect();
            chosen.retain(|h| !those.contains(h));
        }
        Ok(chosen)
    }

    /// The hosts of one pattern without a sign.
    fn one(&self, pattern: &str, unknown: &mut Vec<String>) -> Result<Vec<u32>, String> {
        if let Some(host) = self.host(pattern) {
            return Ok(vec![host]);
        }
        let (expression, wanted) = subscript(pattern)?;
        let matches = matcher(expression)?;
        let mut found: Vec<u32> = Vec::new();
        let mut any = false;
        for (_, members) in self.groups().filter(|(name, _)| matches(name)) {
            any = true;
            found.extend(members);
        }
        if !any || expression.starts_with('~') || expression.contains(['.', '?', '*', '[']) {
            found.extend(self.hosts().filter(|h| matches(self.name(*h))));
        }
        if found.is_empty() && !any && expression != "all" {
            unknown.push(pattern.to_owned());
            return Ok(Vec::new());
        }
        let mut met = BTreeSet::new();
        match wanted {
            None => {
                found.retain(|h| met.insert(*h));
                Ok(found)
            }
            Some((first, last)) => chosen(&found, first, last)
                .ok_or_else(|| format!("no hosts are chosen by the numbers in {pattern}: it has {}", found.len())),
        }
    }
}

/// Separates patterns: at commas, else at colons outside of brackets; an IPv6 address is not taken apart.
fn split(pattern: &str) -> Vec<String> {
    let pieces: Vec<String> = if pattern.contains(',') {
        pattern.split(',').map(str::to_owned).collect()
    } else if is_address(pattern) || pattern.starts_with('~') && !pattern.contains(':') {
        vec![pattern.to_owned()]
    } else {
        let (mut pieces, mut piece, mut depth) = (Vec::new(), String::new(), 0_usize);
        for c in pattern.chars() {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                ':' if depth == 0 => {
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                _ => {}
            }
            piece.push(c);
        }
        pieces.push(piece);
        pieces
    };
    pieces.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

fn is_address(pattern: &str) -> bool {
    pattern.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Says whether a name is meant.
type Matcher = Box<dyn Fn(&str) -> bool>;

/// What says whether a name is meant by an expression.
fn matcher(expression: &str) -> Result<Matcher, String> {
    let Some(expression) = expression.strip_prefix('~') else {
        let glob = expression.to_owned();
        return Ok(Box::new(move |name| glob_matches(&glob, name)));
    };
    let compiled = pyre::Regex::new(expression, pyre::Flags::default())
        .map_err(|why| format!("the pattern ~{expression} is no regular expression: {why}"))?;
    Ok(Box::new(move |name| compiled.match_start(name).is_ok_and(|found| found.is_some())))
}

/// First and last of a choice by number; no last is one host, none beyond the end is all.
type Numbers = (i64, Option<i64>);

/// Takes `[3]` or `[0:9]` off a pattern.
fn subscript(pattern: &str) -> Result<(&str, Option<Numbers>), String> {
    if pattern.starts_with('~') || !pattern.ends_with(']') {
        return Ok((pattern, None));
    }
    let Some((expression, inside)) = pattern.strip_suffix(']').and_then(|p| p.rsplit_once('[')) else {
        return Ok((pattern, None));
    };
    let number = |text: &str| text.parse::<i64>().map_err(|_| format!("{text} in {pattern} is no number"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if expression.is_empty() {
        return Ok((pattern, None));
    }
    if digits(inside.strip_prefix('-').unwrap_or(inside)) {
        return Ok((expression, Some((number(inside)?, None))));
    }
    match inside.split_once([':', '-']) {
        Some((first, last)) if digits(first) && (last.is_empty() || digits(last)) => {
            let last = if last.is_empty() { i64::MAX } else { number(last)? };
            Ok((expression, Some((number(first)?, Some(last)))))
        }
        // A class of characters.
        _ => Ok((pattern, None)),
    }
}

fn chosen(found: &[u32], first: i64, last: Option<i64>) -> Option<Vec<u32>> {
    let length = i64::try_from(found.len()).ok()?;
    let Some(last) = last else {
        let at = if first < 0 { first + length } else { first };
        return Some(vec![*found.get(usize::try_from(at).ok()?)?]);
    };
    // Ansible takes 0 as the last for none given, which is one host.
    if last == 0 {
        return Some(vec![*found.get(usize::try_from(first).ok()?)?]);
    }
    let end = usize::try_from(last.saturating_add(1).min(length)).ok()?;
    Some(found.get(usize::try_from(first).ok()?.min(end)..end)?.to_vec())
}

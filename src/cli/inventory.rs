//! What `apply` and `render` are told of hosts and variables: `-i` and `-e`.

use crate::apply::Inventory;
use crate::compile::{Form, parse_pairs};
use crate::plan::{Data, Key, Map};
use crate::yaml;
use anyhow::{Context, bail};

/// Reads `-e`: `@FILE`, YAML or JSON that begins with a bracket, or `name=value` pairs, whose values are text.
pub(super) fn extra_vars(text: &str) -> anyhow::Result<Map> {
    if let Some(file) = text.strip_prefix('@') {
        let bytes = std::fs::read(file).with_context(|| format!("reading {file}"))?;
        return match yaml::read_vars(&bytes).with_context(|| format!("reading {file}"))? {
            Data::Map(map) => Ok(map),
            Data::Null => Ok(Map::new()),
            other => bail!("{file} must hold a dictionary, not {}", other.type_name()),
        };
    }
    if text.trim_start().starts_with(['{', '[']) {
        return match yaml::read_vars(text.as_bytes()).context("reading -e")? {
            Data::Map(map) => Ok(map),
            other => bail!("-e takes a dictionary, not {}", other.type_name()),
        };
    }
    match parse_pairs(text, Form::Pairs) {
        Ok(map) => match map.get(&Key("_raw_params")) {
            None => Ok(map),
            Some(stray) => bail!("-e takes name=value, YAML, JSON or @FILE, not {:?}", stray.as_str().unwrap_or(text)),
        },
        Err(why) => bail!("-e: {why} in {text:?}"),
    }
}

/// Reads `-i` and finds this machine in it: `--limit`, else its only host, else the one with this host's name.
pub(super) fn read(source: Option<&str>, limit: Option<&str>) -> anyhow::Result<Inventory> {
    let Some(source) = source else { return Ok(Inventory::single("localhost")) };
    if let Some((first, _)) = source.split_once(',') {
        let host = limit.unwrap_or(first).trim();
        return Ok(Inventory::single(host));
    }
    let bytes = std::fs::read(source).with_context(|| format!("reading the inventory {source}"))?;
    let listing: Data = serde_json::from_slice(&bytes)
        .with_context(|| format!("{source} is not JSON: give the output of ansible-inventory --list, or HOST,"))?;
    of_listing(&listing, source, limit)
}

/// Takes one host's view of an `ansible-inventory --list`.
fn of_listing(listing: &Data, source: &str, limit: Option<&str>) -> anyhow::Result<Inventory> {
    let hosts = listing.get("_meta").and_then(|m| m.get("hostvars")).and_then(Data::as_map);
    let hosts = hosts.with_context(|| format!("{source} has no _meta.hostvars: is it an ansible-inventory --list?"))?;
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim();
    let host = match (limit, hosts.len()) {
        (Some(limit), _) => limit,
        (None, 1) => hosts.keys().next().and_then(Data::as_str).unwrap_or_default(),
        (None, _) => own.split('.').next().unwrap_or(own),
    };
    let Some(vars) = hosts.get(&Key(host)) else {
        let names: Vec<&str> = hosts.keys().filter_map(Data::as_str).take(8).collect();
        bail!("{host} is not in {source} (it has {}); name this machine with --limit", names.join(", "));
    };
    let mut groups = Map::new();
    for (group, _) in listing.as_map().into_iter().flatten().filter(|(g, _)| g.as_str() != Some("_meta")) {
        let mut members = Vec::new();
        collect(listing, group.as_str().unwrap_or_default(), &mut members, 0);
        groups.insert(group.clone(), Data::List(members));
    }
    let mut names: Vec<String> = groups
        .iter()
        .filter(|(g, l)| {
            g.as_str() != Some("all") && l.as_list().is_some_and(|l| l.iter().any(|h| h.as_str() == Some(host)))
        })
        .filter_map(|(g, _)| g.as_str().map(str::to_owned))
        .collect();
    names.sort();
    let others = hosts
        .iter()
        .filter(|(h, _)| h.as_str() != Some(host))
        .filter_map(|(h, v)| Some((h.as_str()?.to_owned(), v.as_map()?.clone())))
        .collect();
    Ok(Inventory {
        host: host.to_owned(),
        groups,
        group_names: names,
        vars: vars.as_map().cloned().unwrap_or_default(),
        included: Map::new(),
        others,
    })
}

/// The hosts of a group and of its children, each once.
fn collect(listing: &Data, group: &str, into: &mut Vec<Data>, depth: usize) {
    if depth > crate::plan::limits::INCLUDE_DEPTH {
        return;
    }
    let Some(entry) = listing.get(group) else { return };
    for host in entry.get("hosts").and_then(Data::as_list).unwrap_or_default() {
        if !into.contains(host) {
            into.push(host.clone());
        }
    }
    for child in entry.get("children").and_then(Data::as_list).unwrap_or_default() {
        collect(listing, child.as_str().unwrap_or_default(), into, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_vars_take_pairs_yaml_and_nothing_else() {
        let get = |text: &str, name: &str| extra_vars(text).unwrap().get(&Key(name)).cloned();
        assert_eq!(get("a=1 b='x y'", "a"), Some(Data::str("1")));
        assert_eq!(get("a=1 b='x y'", "b"), Some(Data::str("x y")));
        assert_eq!(get("{a: [1]}", "a"), Some(Data::List(vec![Data::Int(1)])));
        for bad in ["novalue", "[1]", "a='open", "@/nowhere/at/all", "{a: ["] {
            assert!(extra_vars(bad).is_err(), "{bad}");
        }
    }
}

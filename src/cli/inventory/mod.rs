//! What `apply` and `render` are told of hosts and variables: `-i` and `-e`.

mod hosts;
mod ini;
mod listing;
mod nested;

use crate::apply::Inventory;
use crate::compile::{Form, parse_pairs};
use crate::plan::{Data, Key, Map};
use crate::vars::Vault;
use crate::vars::vault::Keyring;
use crate::vars::vault::is_sealed;
use crate::yaml;
use anyhow::{Context, bail};
use hosts::{Beside, Hosts};
use std::path::Path;

/// What tells which host of an inventory this machine is, and where variables lie beside the playbook.
pub(super) struct Wanted<'a> {
    /// `--limit`.
    pub limit: Option<&'a str>,
    /// The patterns of the plays, in order.
    pub patterns: &'a [String],
    /// The playbook's directory: it may hold `group_vars` and `host_vars`.
    pub playbook_dir: &'a Path,
    /// Opens what Ansible Vault encrypted.
    pub keyring: &'a Keyring,
}

/// Reads `-e`: `@FILE`, YAML or JSON that begins with a bracket, or `name=value` pairs, whose values are text.
pub(super) fn extra_vars(text: &str, keyring: &Keyring) -> anyhow::Result<Map> {
    if let Some(file) = text.strip_prefix('@') {
        let bytes = std::fs::read(file).with_context(|| format!("reading {file}"))?;
        return match keyring.read_vars(file, &bytes).map_err(anyhow::Error::msg)? {
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

/// Reads every `-i`, with the `group_vars` and `host_vars` beside the inventories and the playbook, and finds this
/// machine in it: `--limit`, else the only host, else the one that the plays name, else the one with this host's name.
pub(super) fn read(sources: &[String], wanted: &Wanted) -> anyhow::Result<Inventory> {
    let mut hosts = Hosts::new();
    for source in sources {
        read_source(source, &mut hosts, wanted.keyring)?;
    }
    hosts.finish();
    let mut directories: Vec<&Path> = Vec::new();
    for source in sources.iter().map(Path::new) {
        match source.parent() {
            _ if source.is_dir() => directories.push(source),
            Some(parent) if source.exists() && parent.as_os_str().is_empty() => directories.push(Path::new(".")),
            Some(parent) if source.exists() => directories.push(parent),
            _ => {}
        }
    }
    let host = hosts.this_machine(wanted)?;
    let places: Vec<&Path> = directories.into_iter().chain([wanted.playbook_dir]).collect();
    hosts.view(&host, &Beside { places, keyring: wanted.keyring })
}

fn read_source(source: &str, hosts: &mut Hosts, keyring: &Keyring) -> anyhow::Result<()> {
    if source.contains(',') {
        for host in source.split(',').map(str::trim).filter(|h| !h.is_empty()) {
            hosts.add_host("ungrouped", host);
        }
        return Ok(());
    }
    if source == "/dev/null" {
        return Ok(());
    }
    let path = Path::new(source);
    if path.is_dir() {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).with_context(|| format!("reading the inventory {source}"))? {
            names.push(entry.with_context(|| format!("reading the inventory {source}"))?.path());
        }
        names.sort();
        let ignored = |p: &Path| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            p.is_dir()
                || name.starts_with('.')
                || name.ends_with(['~'])
                || name.ends_with(".cfg")
                || name.ends_with(".orig")
        };
        for name in names.iter().filter(|p| !ignored(p)) {
            read_source(&name.to_string_lossy(), hosts, keyring)?;
        }
        return Ok(());
    }
    let mut bytes = std::fs::read(source).with_context(|| format!("reading the inventory {source}"))?;
    if is_sealed(&bytes) {
        let opened = keyring.open(&bytes).map_err(anyhow::Error::msg);
        bytes = opened.with_context(|| format!("reading the inventory {source}"))?;
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if matches!(extension, "yml" | "yaml" | "json") || bytes.trim_ascii_start().starts_with(b"{") {
        let data = keyring.read_vars(source, &bytes).map_err(anyhow::Error::msg).context("reading the inventory")?;
        return if data.get("_meta").is_some() {
            listing::read(&data, source, hosts)
        } else {
            nested::read(&data, source, hosts)
        };
    }
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{source} is not UTF-8"))?;
    ini::read(text, source, hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_vars_take_pairs_yaml_and_nothing_else() {
        let get = |text: &str, name: &str| extra_vars(text, &Keyring::default()).unwrap().get(&Key(name)).cloned();
        assert_eq!(get("a=1 b='x y'", "a"), Some(Data::str("1")));
        assert_eq!(get("a=1 b='x y'", "b"), Some(Data::str("x y")));
        assert_eq!(get("{a: [1]}", "a"), Some(Data::List(vec![Data::Int(1)])));
        for bad in ["novalue", "[1]", "a='open", "@/nowhere/at/all", "{a: ["] {
            assert!(extra_vars(bad, &Keyring::default()).is_err(), "{bad}");
        }
    }
}

//! What `apply` and `render` are told of hosts and variables: `-i` and `-e`.

mod view;

use crate::apply::Inventory;
use crate::compile::{Form, parse_pairs};
use crate::plan::{Data, Key, Map};
use crate::source::inventory;
use crate::vars::vault::Keyring;
use crate::yaml;
use anyhow::{Context, bail};
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
/// machine in it.
pub(super) fn read(sources: &[String], wanted: &Wanted) -> anyhow::Result<Inventory> {
    let sources = inventory::Sources {
        inventories: sources,
        playbook_dir: Some(wanted.playbook_dir),
        facts: None,
        keyring: wanted.keyring,
    };
    let inventory = inventory::read(&sources)?;
    let host = view::this_machine(&inventory, wanted)?;
    Ok(view::view(&inventory, &host))
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

//! What `apply` and `render` are told of hosts and variables: `-i` and `-e`.

mod view;

use super::console::warn;
use crate::apply::{Addition, Inventory};
use crate::compile::{Form, parse_pairs};
use crate::plan::{Data, Key, Map};
use crate::source::inventory::{self, Added, GroupNames};
use crate::vars::vault::Keyring;
use crate::yaml;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Names that mean this machine, whether an inventory has them or not.
const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Reads `-e`: `@FILE`, YAML or JSON that begins with a bracket, or `name=value` pairs, whose values are text.
pub(super) fn extra_vars(text: &str, keyring: &Keyring) -> anyhow::Result<Map> {
    if let Some(file) = text.strip_prefix('@') {
        let bytes = std::fs::read(file).with_context(|| format!("reading {file}"))?;
        return match keyring.read_vars(file, &bytes).map_err(anyhow::Error::msg)? {
            Data::Map(map) => Ok(map),
            Data::Null => Ok(Map::default()),
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

/// The inventories of a run, and what its tasks add to them.
pub(super) struct Inventories {
    sources: Vec<String>,
    keyring: Rc<Keyring>,
    added: Vec<Added>,
    /// How this machine calls itself.
    own: String,
    /// Every host is this machine, unless the inventory says how else to reach it (`-c local`).
    pub all_local: bool,
    /// Dictionaries of one name are merged (`hash_behaviour`).
    pub merge_hashes: bool,
    /// What becomes of names of groups that are no names of variables (`force_valid_group_names`).
    pub names: GroupNames,
    /// Lists of hosts may have ranges (`advanced_host_list`).
    pub ranges: bool,
    /// Names of groups were warned about.
    warned: bool,
    /// What was read last, for this playbook directory.
    read: Option<(PathBuf, inventory::Inventory)>,
}

/// How the hosts of a play are chosen from what its patterns name.
pub(super) struct Chosen<'a> {
    /// `--limit`.
    pub limit: Option<&'a str>,
    /// The play says `connection: local`.
    pub local: bool,
}

/// The hosts of a play that are this machine.
#[derive(Debug, Default)]
pub(super) struct Ours {
    pub hosts: Vec<String>,
    /// Patterns that nothing matched.
    pub unknown: Vec<String>,
    /// None of the hosts is this machine: its name.
    pub elsewhere: Option<String>,
}

impl Inventories {
    /// The inventories of `-i`. Ansible goes on without those that are not there, and so does this.
    pub fn new(sources: Vec<String>, keyring: &Rc<Keyring>) -> Inventories {
        let absent = |s: &String| s != "-" && !s.contains(',') && !Path::new(s).exists();
        let (absent, sources): (Vec<String>, Vec<String>) = sources.into_iter().partition(absent);
        for source in &absent {
            warn(&format!("Unable to parse {source} as an inventory source"));
        }
        if sources.is_empty() {
            warn("No inventory was parsed, only implicit localhost is available");
            let all = "Note that the implicit localhost does not match 'all'";
            warn(&format!("provided hosts list is empty, only localhost is available. {all}"));
        }
        // The playbook's directory becomes the working directory.
        let absolute = |s: String| match std::fs::canonicalize(&s) {
            Ok(path) if !s.contains(',') => path.to_string_lossy().into_owned(),
            _ => s,
        };
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Inventories {
            sources: sources.into_iter().map(absolute).collect(),
            keyring: Rc::clone(keyring),
            added: Vec::new(),
            own: own.trim().split('.').next().unwrap_or_default().to_owned(),
            all_local: false,
            merge_hashes: false,
            names: GroupNames::default(),
            ranges: false,
            warned: false,
            read: None,
        }
    }

    fn inventory(&mut self, playbook_dir: &Path) -> anyhow::Result<&inventory::Inventory> {
        let fresh = match self.read.take() {
            Some((place, inventory)) if place == playbook_dir => inventory,
            _ => {
                let sources = inventory::Sources {
                    inventories: &self.sources,
                    playbook_dir: Some(playbook_dir),
                    facts: None,
                    keyring: &self.keyring,
                };
                let how = inventory::Grown {
                    added: &self.added,
                    merge_hashes: self.merge_hashes,
                    names: self.names,
                    ranges: self.ranges,
                };
                let read = inventory::read_with(&sources, &how)?;
                if let (Some(text), false) = (read.said_of_names(self.names), self.warned) {
                    warn(text);
                    self.warned = true;
                }
                read
            }
        };
        Ok(&self.read.insert((playbook_dir.to_owned(), fresh)).1)
    }

    /// The hosts of a play that are this machine: those with a local connection, else the only one, else the one that
    /// has this machine's name.
    pub fn ours(&mut self, patterns: &[String], how: &Chosen, playbook_dir: &Path) -> anyhow::Result<Ours> {
        let (own, all_local) = (self.own.clone(), self.all_local || how.local);
        let inventory = self.inventory(playbook_dir)?;
        let mut unknown = Vec::new();
        let chosen = inventory.matching_known(&patterns.join(","), &mut unknown).map_err(anyhow::Error::msg)?;
        let mut hosts: Vec<String> = chosen.iter().map(|h| inventory.name(*h).to_owned()).collect();
        let (implicit, unknown): (Vec<String>, Vec<String>) =
            unknown.into_iter().partition(|p| LOCALHOST.contains(&p.as_str()));
        hosts.extend(implicit);
        if let Some(limit) = how.limit {
            let mut strangers = Vec::new();
            let limited = inventory.matching_known(limit, &mut strangers).map_err(anyhow::Error::msg)?;
            if let Some(stranger) = strangers.iter().find(|s| !LOCALHOST.contains(&s.as_str())) {
                return Err(view::unknown(inventory, stranger));
            }
            hosts.retain(|h| strangers.contains(h) || limited.iter().any(|l| inventory.name(*l) == h));
        }
        let local: Vec<String> = hosts.iter().filter(|h| view::is_local(inventory, h, all_local)).cloned().collect();
        let (hosts, elsewhere) = match hosts.as_slice() {
            _ if !local.is_empty() => (local, None),
            [_] | [] => (hosts, None),
            _ if hosts.contains(&own) => (vec![own], None),
            _ => (hosts, Some(own)),
        };
        Ok(Ours { hosts, unknown, elsewhere })
    }

    /// All hosts, and this machine.
    pub fn all(&mut self) -> anyhow::Result<Vec<String>> {
        let inventory = self.inventory(Path::new("."))?;
        let named = inventory.hosts().map(|h| inventory.name(h).to_owned());
        Ok(named.chain(["localhost".to_owned()]).collect())
    }

    /// What a host sees.
    pub fn view(&mut self, host: &str, playbook_dir: &Path) -> anyhow::Result<Inventory> {
        Ok(view::view(self.inventory(playbook_dir)?, host))
    }

    /// Takes over what a task added.
    pub fn add(&mut self, addition: Addition) {
        self.read = None;
        self.added.push(match addition {
            Addition::Host { name, groups, vars } => Added::Host { name, groups, vars },
            Addition::Group { name, host, parents } => Added::Member { group: name, host, parents },
        });
    }
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

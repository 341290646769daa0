//! Hosts and groups as inventories name them, and one host's view of them: its variables merged by precedence.

use super::Wanted;
use crate::apply::Inventory;
use crate::plan::limits::INCLUDE_DEPTH;
use crate::plan::{Data, Map};
use crate::vars::vault::Keyring;
use anyhow::{Context, bail};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

#[derive(Default)]
struct Group {
    hosts: Vec<String>,
    children: Vec<String>,
    vars: Map,
}

/// Everything that the inventories hold.
pub(super) struct Hosts {
    groups: IndexMap<String, Group>,
    hosts: IndexMap<String, Map>,
}

impl Hosts {
    pub fn new() -> Hosts {
        let mut hosts = Hosts { groups: IndexMap::new(), hosts: IndexMap::new() };
        hosts.add_group("all");
        hosts.add_group("ungrouped");
        hosts
    }

    pub fn add_group(&mut self, name: &str) {
        self.groups.entry(name.to_owned()).or_default();
    }

    pub fn add_host(&mut self, group: &str, host: &str) {
        self.hosts.entry(host.to_owned()).or_default();
        let members = &mut self.groups.entry(group.to_owned()).or_default().hosts;
        if !members.iter().any(|h| h == host) {
            members.push(host.to_owned());
        }
    }

    /// Names a group's child; a circle is refused.
    pub fn add_child(&mut self, group: &str, child: &str) -> anyhow::Result<()> {
        if child == group || self.ancestors(group).iter().any(|(a, _)| a == child) {
            bail!("the group {child} cannot be a child of {group}: it is one of its parents");
        }
        self.add_group(child);
        let children = &mut self.groups.entry(group.to_owned()).or_default().children;
        if !children.iter().any(|c| c == child) {
            children.push(child.to_owned());
        }
        Ok(())
    }

    pub fn group_vars(&mut self, group: &str, vars: &Map) {
        let own = &mut self.groups.entry(group.to_owned()).or_default().vars;
        own.extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
    }

    pub fn host_vars(&mut self, host: &str, vars: &Map) {
        let own = self.hosts.entry(host.to_owned()).or_default();
        own.extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
    }

    /// Puts hosts that no other group has into `ungrouped`, once everything is read.
    pub fn finish(&mut self) {
        let grouped = |hosts: &Hosts, host: &str| {
            hosts.groups.iter().any(|(g, e)| g != "all" && g != "ungrouped" && e.hosts.iter().any(|h| h == host))
        };
        let names: Vec<String> = self.hosts.keys().cloned().collect();
        for name in names {
            if grouped(self, &name) {
                self.groups["ungrouped"].hosts.retain(|h| *h != name);
            } else {
                self.add_host("ungrouped", &name);
            }
        }
    }

    /// The groups above a group with their distance from it, nearest first.
    fn ancestors(&self, group: &str) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = Vec::new();
        let mut level = vec![group.to_owned()];
        for distance in 1..INCLUDE_DEPTH {
            let above = |g: &Group| g.children.iter().any(|c| level.contains(c));
            level = self.groups.iter().filter(|(_, g)| above(g)).map(|(n, _)| n.clone()).collect();
            if level.is_empty() {
                break;
            }
            found.extend(level.iter().map(|n| (n.clone(), distance)));
        }
        found
    }

    /// How far a group is from `all`.
    fn depth(&self, group: &str) -> usize {
        self.ancestors(group).iter().filter(|(g, _)| g != "all").map(|(_, d)| d + 1).max().unwrap_or(1)
    }

    /// A group's hosts and those of its children; `all` has every host.
    fn members(&self, group: &str) -> Vec<String> {
        if group == "all" {
            return self.hosts.keys().cloned().collect();
        }
        let mut found: Vec<String> = Vec::new();
        let mut names = vec![group.to_owned()];
        let mut at = 0;
        while at < names.len() {
            if let Some(entry) = self.groups.get(&names[at]) {
                for host in &entry.hosts {
                    if !found.contains(host) {
                        found.push(host.clone());
                    }
                }
                let new: Vec<String> = entry.children.iter().filter(|c| !names.contains(c)).cloned().collect();
                names.extend(new);
            }
            at += 1;
        }
        found
    }

    /// A host's groups but `all`, outermost first: the order in which their variables override.
    fn groups_of(&self, host: &str) -> Vec<String> {
        let member = |g: &str| g != "all" && self.members(g).iter().any(|h| h == host);
        let mut names: Vec<(usize, String)> =
            self.groups.keys().filter(|g| member(g)).map(|g| (self.depth(g), g.clone())).collect();
        names.sort();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Which host this machine is.
    pub fn this_machine(&self, wanted: &Wanted) -> anyhow::Result<String> {
        if let Some(limit) = wanted.limit {
            let known = self.hosts.contains_key(limit) || matches!(limit, "localhost" | "127.0.0.1" | "::1");
            return if known { Ok(limit.to_owned()) } else { Err(self.unknown(limit)) };
        }
        let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let own = own.trim().split('.').next().unwrap_or_default().to_owned();
        for part in wanted.patterns.iter().flat_map(|p| p.split([',', ':'])).map(str::trim) {
            if self.hosts.contains_key(part) || matches!(part, "localhost" | "127.0.0.1" | "::1") {
                return Ok(part.to_owned());
            }
            let members = if self.groups.contains_key(part) { self.members(part) } else { Vec::new() };
            if let [only] = members.as_slice() {
                return Ok(only.clone());
            }
            if members.contains(&own) {
                return Ok(own);
            }
        }
        match self.hosts.len() {
            0 => Ok("localhost".to_owned()),
            1 => Ok(self.hosts.keys().next().cloned().unwrap_or_default()),
            _ if self.hosts.contains_key(&own) => Ok(own),
            _ => Err(self.unknown(&own)),
        }
    }

    fn unknown(&self, host: &str) -> anyhow::Error {
        let names: Vec<&str> = self.hosts.keys().map(String::as_str).take(8).collect();
        anyhow::anyhow!("{host} is not in the inventory (it has {}); name this machine with --limit", names.join(", "))
    }

    /// What one host sees: itself, its groups, everyone's variables.
    pub fn view(&self, host: &str, beside: &Beside) -> anyhow::Result<Inventory> {
        let mut groups = Map::new();
        for name in self.groups.keys() {
            let members = self.members(name).into_iter().map(Data::Unsafe).collect();
            groups.insert(Data::str(name), Data::List(members));
        }
        let mut group_names = self.groups_of(host);
        group_names.sort();
        let mut others = Vec::new();
        for other in self.hosts.keys().filter(|h| *h != host) {
            others.push((other.clone(), self.vars_of(other, beside)?));
        }
        let mut vars = Map::new();
        vars.insert(Data::str("ansible_host"), Data::str(host));
        if !self.hosts.contains_key(host) {
            // The host that Ansible adds when the inventory does not have it.
            vars.insert(Data::str("ansible_connection"), Data::str("local"));
            vars.insert(Data::str("ansible_python_interpreter"), Data::str("/usr/bin/python3"));
        }
        vars.extend(self.vars_of(host, beside)?);
        Ok(Inventory { host: host.to_owned(), groups, group_names, vars, included: Map::new(), others })
    }

    /// Precedence 3 to 10, lowest first: groups in the inventory, their files, the host, its files.
    fn vars_of(&self, host: &str, beside: &Beside) -> anyhow::Result<Map> {
        let mut vars = Map::new();
        let mut add = |more: Map| vars.extend(more);
        let groups = self.groups_of(host);
        for group in std::iter::once("all").chain(groups.iter().map(String::as_str)) {
            add(self.groups.get(group).map(|g| g.vars.clone()).unwrap_or_default());
        }
        for place in &beside.places {
            add(beside.read(place, "group_vars", "all")?);
        }
        for place in &beside.places {
            for group in &groups {
                add(beside.read(place, "group_vars", group)?);
            }
        }
        add(self.hosts.get(host).cloned().unwrap_or_default());
        for place in &beside.places {
            add(beside.read(place, "host_vars", host)?);
        }
        Ok(vars)
    }
}

/// Where files of variables lie beside inventories and the playbook, and who opens those that are encrypted.
pub(super) struct Beside<'a> {
    /// The directories, in order.
    pub places: Vec<&'a Path>,
    /// Vault passwords.
    pub keyring: &'a Keyring,
}

impl Beside<'_> {
    /// Variables of `group_vars/NAME` or `host_vars/NAME`: a file, with or without extension, or a directory of files.
    fn read(&self, place: &Path, kind: &str, name: &str) -> anyhow::Result<Map> {
        if name.contains('/') {
            bail!("the name {name} cannot be a file of {kind}");
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for extension in ["", ".yml", ".yaml", ".json"] {
            let path = place.join(kind).join(format!("{name}{extension}"));
            if path.is_dir() {
                let listing = std::fs::read_dir(&path).with_context(|| format!("reading {}", path.display()))?;
                let mut inside: Vec<PathBuf> =
                    listing.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file()).collect();
                inside.sort();
                files.extend(inside);
            } else if path.is_file() {
                files.push(path);
                break;
            }
        }
        let mut vars = Map::new();
        for file in files {
            let bytes = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            match self.keyring.read_vars(&file.display().to_string(), &bytes).map_err(anyhow::Error::msg)? {
                Data::Map(map) => vars.extend(map),
                Data::Null => {}
                other => bail!("{} must hold a dictionary, not {}", file.display(), other.type_name()),
            }
        }
        Ok(vars)
    }
}

/// The hosts of a pattern such as `node[01:16]` or `db-[a:f]`.
pub(super) fn ranged(pattern: &str) -> anyhow::Result<Vec<String>> {
    let Some((head, (range, tail))) = pattern.split_once('[').and_then(|(h, r)| Some((h, r.split_once(']')?))) else {
        return Ok(vec![pattern.to_owned()]);
    };
    let mut bounds = range.split(':');
    let (first, last) = (bounds.next().unwrap_or_default(), bounds.next().unwrap_or_default());
    let step: usize =
        bounds.next().map_or(Ok(1), str::parse).with_context(|| format!("reading the range [{range}]"))?;
    let letters = |t: &str| t.len() == 1 && t.bytes().all(|b| b.is_ascii_alphabetic());
    let middle: Vec<String> = if letters(first) && letters(last) {
        (first.as_bytes()[0]..=last.as_bytes()[0]).step_by(step.max(1)).map(|b| char::from(b).to_string()).collect()
    } else {
        let read = |t: &str| t.parse::<u32>().with_context(|| format!("reading the range [{range}]"));
        let width = if first.starts_with('0') { first.len() } else { 0 };
        let numbers = read(if first.is_empty() { "0" } else { first })?..=read(last)?;
        if numbers.clone().count() > crate::plan::limits::EXPORT_FILES {
            bail!("the range [{range}] has too many hosts");
        }
        numbers.step_by(step.max(1)).map(|n| format!("{n:0width$}")).collect()
    };
    if middle.is_empty() {
        bail!("the range [{range}] ends before it begins");
    }
    let mut names = Vec::new();
    for rest in ranged(tail)? {
        names.extend(middle.iter().map(|m| format!("{head}{m}{rest}")));
    }
    Ok(names)
}

//! Hosts, groups and their variables while an inventory is being read: Ansible's rules of how groups nest, and which
//! host is in none.

use super::pool::{Definition, NameId, Place, Pool, number};
use super::{Error, Named};
use crate::plan::{Data, Map};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};

/// Sets the order of groups at one depth; not a variable itself.
const PRIORITY: &str = "ansible_group_priority";

/// A group.
#[derive(Default)]
pub struct Group {
    pub name: String,
    pub hosts: Vec<u32>,
    has: HashSet<u32>,
    pub children: Vec<u32>,
    pub parents: Vec<u32>,
    pub priority: i64,
    pub depth: u32,
    pub vars: Vec<Definition>,
    /// Its hosts and those of the groups beneath it.
    pub members: Vec<u32>,
}

/// A host.
#[derive(Default)]
pub struct Host {
    pub vars: Vec<Definition>,
    /// The file that named it first.
    pub source: u32,
}

/// The graph.
pub struct Graph {
    pub pool: Pool,
    pub groups: Vec<Group>,
    group_index: HashMap<String, u32>,
    pub hosts: IndexMap<String, Host>,
    /// Dictionaries of one name are merged instead of replaced.
    pub merge_hashes: bool,
    /// What becomes of names of groups that are no names of variables.
    pub names: GroupNames,
    /// Such a name was met.
    pub odd_names: bool,
    /// Lists of hosts on the command line may have ranges.
    pub ranges: bool,
}

/// What becomes of characters of group names that names of variables cannot have (`force_valid_group_names`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupNames {
    /// They stay, and it is said.
    #[default]
    Never,
    /// They stay.
    Ignore,
    /// Each becomes `_`, and it is said.
    Always,
    /// Each becomes `_`.
    Silently,
}

impl GroupNames {
    /// What Ansible says where such names were met.
    pub(super) fn warning(self) -> Option<&'static str> {
        match self {
            GroupNames::Never => {
                Some("Invalid characters were found in group names but not replaced, use -vvvv to see details")
            }
            GroupNames::Always => Some(
                "Invalid characters were found in group names and automatically replaced, use -vvvv to see details",
            ),
            GroupNames::Ignore | GroupNames::Silently => None,
        }
    }

    /// The name as it is kept, if it is another.
    fn valid(name: &str) -> Option<String> {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let fits = |(at, c): (usize, char)| word(c) && (at > 0 || !c.is_numeric());
        let valid: String = name.chars().enumerate().map(|(at, c)| if fits((at, c)) { c } else { '_' }).collect();
        (valid != name).then_some(valid)
    }
}

impl Graph {
    /// Where merged dictionaries go, if any are.
    pub fn merging(&mut self) -> Option<&mut Pool> {
        self.merge_hashes.then_some(&mut self.pool)
    }

    pub fn new() -> Graph {
        let mut graph = Graph {
            pool: Pool::default(),
            groups: Vec::new(),
            group_index: HashMap::new(),
            hosts: IndexMap::new(),
            merge_hashes: false,
            names: GroupNames::default(),
            odd_names: false,
            ranges: false,
        };
        let (all, ungrouped) = (graph.add_group("all"), graph.add_group("ungrouped"));
        graph.link(all, ungrouped);
        graph
    }

    /// The group that is written so.
    pub fn group(&self, name: &str) -> Option<u32> {
        let valid = if self.replaces() { GroupNames::valid(name) } else { None };
        self.group_index.get(valid.as_deref().unwrap_or(name)).copied()
    }

    fn replaces(&self) -> bool {
        matches!(self.names, GroupNames::Always | GroupNames::Silently)
    }

    pub fn add_group(&mut self, name: &str) -> u32 {
        match GroupNames::valid(name) {
            None => self.group_of(name),
            Some(valid) => {
                self.odd_names = true;
                let kept = if self.replaces() { &valid } else { name };
                self.group_of(kept)
            }
        }
    }

    fn group_of(&mut self, name: &str) -> u32 {
        if let Some(known) = self.group(name) {
            return known;
        }
        let id = number(self.groups.len());
        self.groups.push(Group { name: name.to_owned(), priority: 1, ..Group::default() });
        self.group_index.insert(name.to_owned(), id);
        id
    }

    /// Adds a host to a group; `source` is the file that names it.
    pub fn add_host(&mut self, group: u32, host: &str, source: u32) -> u32 {
        let id = match self.hosts.get_index_of(host) {
            Some(at) => number(at),
            None => number(self.hosts.insert_full(host.to_owned(), Host { vars: Vec::new(), source }).0),
        };
        let group = &mut self.groups[group as usize];
        if group.has.insert(id) {
            group.hosts.push(id);
        }
        id
    }

    /// Makes one group a child of another.
    pub fn add_child(&mut self, group: u32, child: u32, at: &dyn Fn(String) -> Error) -> Result<(), Error> {
        let (above, below) = (&self.groups[group as usize].name, &self.groups[child as usize].name);
        if group == child {
            return Err(at(format!("the group {above} cannot be a child of itself")));
        }
        if self.groups[group as usize].children.contains(&child) {
            return Ok(());
        }
        if let Some(path) = self.path_up(group, child) {
            let names: Vec<&str> = path.iter().map(|g| self.groups[*g as usize].name.as_str()).collect();
            return Err(at(format!(
                "the group {below} cannot be a child of {above}: it is one of its parents ({below} < {})",
                names.join(" < ")
            )));
        }
        self.link(group, child);
        Ok(())
    }

    fn link(&mut self, group: u32, child: u32) {
        self.groups[group as usize].children.push(child);
        self.groups[child as usize].parents.push(group);
    }

    /// The way from a group up to one of its ancestors.
    fn path_up(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let mut came: HashMap<u32, u32> = HashMap::new();
        let mut next = vec![from];
        while let Some(group) = next.pop() {
            for parent in &self.groups[group as usize].parents {
                if came.contains_key(parent) || *parent == from {
                    continue;
                }
                came.insert(*parent, group);
                next.push(*parent);
            }
        }
        came.contains_key(&to).then(|| {
            let mut path = vec![to];
            while let Some(below) = path.last().and_then(|g| came.get(g)) {
                path.push(*below);
            }
            path.reverse();
            path
        })
    }

    /// Sets a variable of the group or host of that name; Ansible looks for a group first.
    pub fn set(&mut self, entity: &str, var: Named, at: &dyn Fn(String) -> Error) -> Result<(), Error> {
        let definition = self.definition(var.name, var.value.clone(), var.place);
        // A host may be called what a group would be if its name were not replaced.
        let as_written = self.group_index.get(entity).copied();
        if let (None, Some(host)) = (as_written, self.hosts.get_mut(entity)) {
            host.vars.push(definition);
            return Ok(());
        }
        match as_written.or_else(|| self.group(entity)) {
            Some(group) => self.set_on_group(group, definition, &var, at),
            None => Ok(()),
        }
    }

    fn set_on_group(
        &mut self,
        group: u32,
        definition: Definition,
        var: &Named,
        at: &dyn Fn(String) -> Error,
    ) -> Result<(), Error> {
        let group = &mut self.groups[group as usize];
        if var.name != PRIORITY {
            group.vars.push(definition);
            return Ok(());
        }
        let read = match &var.value {
            Data::Int(n) => i64::try_from(*n).ok(),
            Data::Bool(b) => Some(i64::from(*b)),
            other => other.as_str().and_then(|t| t.trim().parse().ok()),
        };
        group.priority = read.ok_or_else(|| at(format!("{PRIORITY} of the group {} must be a number", group.name)))?;
        Ok(())
    }

    pub fn definition(&mut self, name: &str, value: Data, place: Place) -> Definition {
        Definition { name: self.pool.name(name), value: self.pool.add(value), place }
    }

    /// What Ansible does when everything is read: groups without parents go below `all`, hosts of no group into
    /// `ungrouped`.
    pub fn reconcile(&mut self) {
        let (all, ungrouped) = (0, 1);
        for group in 1..number(self.groups.len()) {
            if self.groups[group as usize].parents.is_empty() {
                self.link(all, group);
            }
        }
        let mut grouped: HashSet<u32> = HashSet::new();
        for group in self.groups.iter().skip(2) {
            grouped.extend(&group.hosts);
        }
        let own = &mut self.groups[ungrouped as usize];
        own.hosts.retain(|h| !grouped.contains(h));
        for host in 0..number(self.hosts.len()) {
            let own = &mut self.groups[ungrouped as usize];
            if !grouped.contains(&host) && own.has.insert(host) {
                own.hosts.push(host);
            }
        }
        self.measure();
        self.gather();
    }

    /// The longest way from `all` to each group.
    fn measure(&mut self) {
        // Children only ever lie deeper, and circles were refused: this ends after as many rounds as the tree is deep.
        let mut next = vec![0];
        while !next.is_empty() {
            let mut deeper = Vec::new();
            for group in next {
                let (depth, children) =
                    (self.groups[group as usize].depth + 1, self.groups[group as usize].children.clone());
                for child in children {
                    if self.groups[child as usize].depth < depth {
                        self.groups[child as usize].depth = depth;
                        deeper.push(child);
                    }
                }
            }
            deeper.sort_unstable();
            deeper.dedup();
            next = deeper;
        }
    }

    /// Each group's members, level by level.
    fn gather(&mut self) {
        for group in 0..self.groups.len() {
            let mut order = vec![number(group)];
            let mut met: HashSet<u32> = order.iter().copied().collect();
            let mut at = 0;
            while at < order.len() {
                order.extend(self.groups[order[at] as usize].children.iter().filter(|c| met.insert(**c)));
                at += 1;
            }
            let mut seen = vec![false; self.hosts.len()];
            let mut members = Vec::new();
            for host in order.iter().flat_map(|g| &self.groups[*g as usize].hosts) {
                if !std::mem::replace(&mut seen[*host as usize], true) {
                    members.push(*host);
                }
            }
            self.groups[group].members = members;
        }
    }
}

/// The last definition of each name, sorted by name; with a pool, dictionaries of one name merged.
pub fn settled(mut vars: Vec<Definition>, mut pool: Option<&mut Pool>) -> Vec<Definition> {
    // A stable sort keeps later ones after earlier ones.
    vars.sort_by_key(|d| d.name);
    let mut kept: Vec<Definition> = Vec::with_capacity(vars.len());
    for var in vars {
        match kept.last_mut() {
            Some(last) if last.name == var.name => {
                let below = last.value;
                *last = var;
                if let Some(pool) = pool.as_deref_mut()
                    && let (Data::Map(below), Data::Map(above)) =
                        (pool.value(below).as_ref(), pool.value(var.value).as_ref())
                {
                    let both = Data::Map(combined(below, above));
                    last.value = pool.add(both);
                }
            }
            _ => kept.push(var),
        }
    }
    kept
}

/// The definition of a name among settled ones.
pub fn find(vars: &[Definition], name: NameId) -> Option<&Definition> {
    vars.binary_search_by_key(&name, |d| d.name).ok().map(|at| &vars[at])
}

/// A dictionary over another: dictionaries in both are merged, everything else is replaced.
fn combined(below: &Map, above: &Map) -> Map {
    let mut all = below.clone();
    for (key, value) in above {
        let value = match (all.get(key), value) {
            (Some(Data::Map(below)), Data::Map(above)) => Data::Map(combined(below, above)),
            _ => value.clone(),
        };
        all.insert(key.clone(), value);
    }
    all
}

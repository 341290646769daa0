//! From names that roles use to what a host needs: through lazy values, `groups` and `hostvars`. What a value refers to
//! is found once, however many hosts have it.

use super::lookup::{self, Call};
use super::scope::{Scope, World};
use super::wanted::Wanted;
use crate::plan::Data;
use crate::source::inventory::{Definition, NameId, ValueId};
use crate::vars::Templar;
use crate::vars::reach::{self, At, Chosen, Group, Names, Reach, Read, Use};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a value refers to.
#[derive(Debug, Default)]
pub struct Refs {
    /// Variables that the inventory knows for some host.
    pub names: Vec<NameId>,
    /// All variables.
    pub variables: Vec<String>,
    /// Those that may be missing.
    pub optional: BTreeSet<String>,
    /// Where the name of a variable is computed.
    pub computed: bool,
    /// Lists of `groups`.
    pub groups: BTreeSet<(Group, Use)>,
    /// Other hosts.
    pub hosts: BTreeSet<Read>,
    /// Lookups of the deploy host.
    pub lookups: bool,
    /// Whether a value in it is encrypted.
    pub sealed: bool,
    /// Texts that are no Jinja.
    pub broken: bool,
}

/// Which hosts a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// This one.
    Host(u32),
    /// The members of a group.
    Group(String),
    /// All hosts.
    All,
}

/// Which variables a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// None: the host must be known to exist.
    Nothing,
    /// This one.
    One(NameId),
    /// All of them.
    All,
}

/// What is asked of other hosts.
pub type Requests = BTreeSet<(Target, What)>;

/// Lists of `groups` that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupUses {
    /// By name.
    pub named: BTreeMap<String, bool>,
    /// Hosts that must be in a list because they ask whether they are, beside the node itself.
    pub members: BTreeSet<(String, u32)>,
    /// Any list may be asked for.
    pub any: bool,
}

impl GroupUses {
    /// Adds a use by a host; `node` says that it is the exported host itself, which every node adds to its own lists.
    fn add(&mut self, group: &Group, how: Use, other: Option<u32>) {
        match group {
            Group::Any(_) => self.any = true,
            Group::Named(name) => {
                let whole = self.named.entry(name.clone()).or_default();
                *whole |= how == Use::Whole;
                if let (Use::Member, Some(host)) = (how, other) {
                    self.members.insert((name.clone(), host));
                }
            }
        }
    }

    /// Adds what others ask for.
    pub fn extend(&mut self, other: &GroupUses) {
        for (name, whole) in &other.named {
            *self.named.entry(name.clone()).or_default() |= whole;
        }
        self.members.extend(other.members.iter().cloned());
        self.any |= other.any;
    }
}

/// What a host needs.
#[derive(Debug, Default)]
pub struct Need {
    /// Its own variables.
    pub own: Vec<Definition>,
    /// Of others.
    pub requests: Requests,
    /// Lists of groups, those that others' values ask for not yet included.
    pub groups: GroupUses,
}

/// What others' values need.
#[derive(Debug, Default)]
pub struct Others {
    /// Their variables, by host.
    pub hosts: BTreeMap<u32, Vec<Definition>>,
    /// Lists of groups.
    pub groups: GroupUses,
}

/// Follows references.
pub struct Follower {
    world: Rc<World>,
    start: Vec<NameId>,
    /// What the bundle's own texts reach.
    texts: Rc<Vec<(String, Reach)>>,
    refs: Vec<Option<Rc<Refs>>>,
    /// What could not be followed, by place.
    pub dynamic: BTreeMap<String, String>,
}

impl Follower {
    /// A follower of what a bundle wants.
    pub fn new(world: Rc<World>, wanted: &Wanted) -> Follower {
        let start = wanted.names.iter().filter_map(|n| world.inventory.name_id(n)).collect();
        let texts = wanted.roles.values().flat_map(|asked| asked.texts.iter().cloned()).collect();
        let texts = Rc::new(texts);
        Follower { world, start, texts, refs: Vec::new(), dynamic: BTreeMap::new() }
    }

    /// What a value refers to.
    pub fn refs(&mut self, value: ValueId) -> Rc<Refs> {
        let at = value as usize;
        if self.refs.len() <= at {
            self.refs.resize(self.world.inventory.values().max(at + 1), None);
        }
        if let Some(known) = &self.refs[at] {
            return Rc::clone(known);
        }
        let mut refs = Refs::default();
        collect(self.world.inventory.value(value), &mut refs);
        refs.variables.sort();
        refs.variables.dedup();
        refs.names = refs.names_of(&self.world);
        let refs = Rc::new(refs);
        self.refs[at] = Some(Rc::clone(&refs));
        refs
    }

    /// What a host needs.
    pub fn need(&mut self, host: u32) -> Need {
        let mut need = Need::default();
        let mut wanted = self.start.clone();
        let mut all = false;
        let texts = Rc::clone(&self.texts);
        for (place, found) in texts.iter() {
            for (group, how) in &found.groups {
                need.groups.add(group, *how, None);
                if let Group::Any(_) = group {
                    self.note(place, "the name of a group is computed: all groups are exported");
                }
            }
            for read in &found.hosts {
                self.request(host, read, place, &mut need.requests);
            }
            if found.computed.is_some() {
                self.note(place, "the name of a variable is computed: all of the host's variables are exported");
                all = true;
            }
        }
        if all {
            wanted = self.world.inventory.definitions(host).iter().map(|d| d.name).collect();
        }
        let mut seen: BTreeSet<NameId> = BTreeSet::new();
        loop {
            self.follow(host, (&mut wanted, &mut seen), &mut need, None);
            // What `hostvars` is asked for of the host itself is its own.
            let own: Vec<NameId> = need
                .requests
                .iter()
                .filter(|(target, _)| self.means(target, host))
                .filter_map(|(_, what)| if let What::One(name) = what { Some(*name) } else { None })
                .filter(|name| !seen.contains(name))
                .collect();
            let everything = need.requests.iter().any(|(t, w)| *w == What::All && self.means(t, host));
            wanted = own;
            if everything && !all {
                all = true;
                wanted.extend(self.world.inventory.definitions(host).iter().map(|d| d.name));
            }
            if wanted.is_empty() {
                break;
            }
        }
        need.requests.retain(|(target, _)| *target != Target::Host(host));
        need.own.sort_unstable_by_key(|d| d.name);
        need
    }

    fn means(&self, target: &Target, host: u32) -> bool {
        match target {
            Target::Host(own) => *own == host,
            Target::Group(group) => self.world.inventory.group_names(host).iter().any(|g| g == group),
            Target::All => true,
        }
    }

    /// Adds variables and what their values refer to. `other` is the host where it is not the exported one.
    fn follow(
        &mut self,
        host: u32,
        (wanted, seen): (&mut Vec<NameId>, &mut BTreeSet<NameId>),
        need: &mut Need,
        other: Option<u32>,
    ) {
        while let Some(name) = wanted.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(definition) = self.world.inventory.get(host, name).copied() else { continue };
            need.own.push(definition);
            let refs = self.refs(definition.value);
            wanted.extend(refs.names.iter().filter(|n| !seen.contains(n)));
            if refs.computed {
                let place = self.world.inventory.place(definition.place);
                let name = self.world.inventory.text(name).to_string();
                self.note(&place, &format!("{name} computes the name of a variable: all of the host's are exported"));
                wanted.extend(self.world.inventory.definitions(host).iter().map(|d| d.name));
            }
            if refs.groups.is_empty() && refs.hosts.is_empty() {
                continue;
            }
            let place = self.world.inventory.place(definition.place);
            for (group, how) in &refs.groups {
                need.groups.add(group, *how, other);
                if let Group::Any(_) = group {
                    self.note(&place, "the name of a group is computed: all groups are exported");
                }
            }
            for read in &refs.hosts {
                self.request(host, read, &place, &mut need.requests);
            }
        }
    }

    fn note(&mut self, place: &str, what: &str) {
        if !self.dynamic.contains_key(place) {
            self.dynamic.insert(place.to_owned(), what.to_owned());
        }
    }

    /// What a read of other hosts comes to, in a host's scope.
    fn request(&mut self, host: u32, read: &Read, place: &str, into: &mut Requests) {
        let inventory = Rc::clone(&self.world.inventory);
        let target = match &read.host {
            Chosen::Own => Some(Target::Host(host)),
            Chosen::Name(name) => inventory.host(name).map(Target::Host),
            Chosen::First(group) => inventory.group(group).and_then(<[u32]>::first).map(|h| Target::Host(*h)),
            Chosen::Members(group) => inventory.group(group).map(|_| Target::Group(group.clone())),
            Chosen::Variable(name, _) => match self.evaluated(host, name) {
                Some(text) => inventory.host(&text).map(Target::Host),
                None => {
                    self.note(place, &format!("{name} names a host that is not known here: all hosts are exported"));
                    Some(Target::All)
                }
            },
            Chosen::Any(at) => {
                if read.names != Names::Nothing {
                    let line = line_of(*at);
                    self.note(place, &format!("which host is read is computed{line}: all hosts are exported"));
                }
                Some(Target::All)
            }
        };
        // A host that is not there is undefined on the node too.
        let Some(target) = target else { return };
        let what = match &read.names {
            Names::Nothing => Some(What::Nothing),
            Names::One(name) => Some(inventory.name_id(name).map_or(What::Nothing, What::One)),
            Names::In(name, at) => match self.evaluated(host, name) {
                Some(text) => {
                    let first = text.split('.').next().unwrap_or_default();
                    Some(inventory.name_id(first).map_or(What::Nothing, What::One))
                }
                None => {
                    let line = line_of(*at);
                    self.note(place, &format!("{name} names a variable of other hosts that is not known here{line}"));
                    Some(What::All)
                }
            },
            Names::Any(at) => {
                let line = line_of(*at);
                self.note(
                    place,
                    &format!("which variables of other hosts are read cannot be seen{line}: all are exported"),
                );
                Some(What::All)
            }
        };
        into.extend(what.map(|what| (target, what)));
    }

    /// The text that a variable is for a host.
    fn evaluated(&self, host: u32, name: &str) -> Option<String> {
        let scope = Scope { world: Rc::clone(&self.world), host };
        let value = Templar::new(&scope, &*self.world).value(&Data::Str(format!("{{{{ {name} }}}}"))).ok()?;
        value.as_str().map(str::to_owned)
    }

    /// What requests come to.
    pub fn others(&mut self, requests: &Requests) -> Rc<Others> {
        let mut done: Requests = Requests::new();
        let mut next = requests.clone();
        let mut seen: BTreeMap<u32, BTreeSet<NameId>> = BTreeMap::new();
        let mut all = Others::default();
        while let Some((target, what)) = next.pop_first() {
            if !done.insert((target.clone(), what)) {
                continue;
            }
            let inventory = Rc::clone(&self.world.inventory);
            let hosts: Vec<u32> = match &target {
                Target::Host(host) => vec![*host],
                Target::Group(group) => inventory.group(group).unwrap_or_default().to_vec(),
                Target::All => inventory.hosts().collect(),
            };
            for host in hosts {
                let mut wanted: Vec<NameId> = match what {
                    What::Nothing => Vec::new(),
                    What::One(name) => vec![name],
                    What::All => inventory.definitions(host).iter().map(|d| d.name).collect(),
                };
                let mut need = Need::default();
                self.follow(host, (&mut wanted, seen.entry(host).or_default()), &mut need, Some(host));
                all.hosts.entry(host).or_default().append(&mut need.own);
                all.groups.extend(&need.groups);
                next.extend(need.requests.into_iter().filter(|r| !done.contains(r)));
            }
        }
        Rc::new(all)
    }
}

fn line_of((line, _): At) -> String {
    if line > 1 { format!(" (its line {line})") } else { String::new() }
}

impl Refs {
    fn names_of(&self, world: &World) -> Vec<NameId> {
        let mut names: Vec<NameId> = self.variables.iter().filter_map(|n| world.inventory.name_id(n)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Adds what the texts in a value refer to.
fn collect(data: &Data, refs: &mut Refs) {
    match data {
        Data::Str(text) if text.contains("{{") || text.contains("{%") => {
            refs.lookups |= !lookup::calls(text).is_empty();
            match reach::text(text) {
                Some(found) => {
                    refs.variables.extend(found.variables.into_keys());
                    refs.optional.extend(found.optional);
                    refs.computed |= found.computed.is_some();
                    refs.groups.extend(found.groups);
                    refs.hosts.extend(found.hosts);
                }
                None => refs.broken = true,
            }
        }
        Data::Vault(_) => refs.sealed = true,
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().for_each(|i| collect(i, refs)),
        Data::Map(map) => map.iter().for_each(|(key, value)| {
            collect(key, refs);
            collect(value, refs);
        }),
        _ => {}
    }
}

/// The lookups in the texts of a value, each once.
pub fn lookups(data: &Data, found: &mut Vec<(String, Call)>) {
    match data {
        Data::Str(text) => {
            for call in lookup::calls(text) {
                let source = text[call.range.clone()].to_owned();
                if !found.iter().any(|(known, _)| *known == source) {
                    found.push((source, call));
                }
            }
        }
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().for_each(|i| lookups(i, found)),
        Data::Map(map) => map.iter().for_each(|(key, value)| {
            lookups(key, found);
            lookups(value, found);
        }),
        _ => {}
    }
}

//! Splits what hosts have into a common part, parts of classes, and what is each host's own. A value is common where
//! more than half of all hosts have it; hosts without it, or with another, say so in their own part. So a change to one
//! host changes that host's part, and no other's.

use crate::export::{ClusterExport, Groups, HostExport, Layer, Other};
use crate::plan::Data;
use crate::plan::export::{OtherHost, Part};
use crate::sys::ahead;
use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

/// Classes in an index: it must stay small. Hosts of further classes have more of their own.
const CLASSES: usize = 64;

/// A value, known by its digest.
type ValueId = [u8; 32];
/// What hosts have beneath their own part: names and values.
type Base<'e> = BTreeMap<&'e str, (ValueId, &'e Data)>;

/// Everything that is not secret, in three layers.
pub struct Layered<'e> {
    /// What every host has.
    pub common: Part,
    /// What each class has over that.
    pub classes: Vec<Part>,
    /// The class of each host, by its number in the export.
    class_of: Vec<Option<usize>>,
    bases: Vec<Base<'e>>,
    ids: Known<'e>,
    groups: Option<&'e Arc<Groups>>,
    others: Option<&'e Arc<IndexMap<String, Other>>>,
}

/// The values of a layer that are not secret.
type Ids<'e> = Vec<(&'e str, ValueId, &'e Data)>;
/// Layers by their addresses: equal ones are the same.
type Known<'e> = HashMap<usize, Ids<'e>>;

impl<'e> Layered<'e> {
    /// Layers an export.
    pub fn of(export: &'e ClusterExport) -> Layered<'e> {
        let ids = ids(export);
        let (class_names, class_of) = classes(export);
        let everyone: Vec<usize> = (0..export.hosts.len()).collect();
        let hosts: Vec<&HostExport> = export.hosts.values().collect();
        let common = shared(&hosts, &everyone, &ids);
        let groups = most(hosts.iter().map(|h| &h.groups));
        let others = most(hosts.iter().map(|h| &h.others));
        let mut part = Part { vars: owned(&common), ..Part::default() };
        part.groups = groups.map(|g| (**g).clone());
        part.others = others.map(|o| plain_others(o));
        let (mut classes, mut bases) = (Vec::new(), Vec::new());
        for (class, names) in class_names.iter().enumerate() {
            let members: Vec<usize> = (0..hosts.len()).filter(|n| class_of[*n] == Some(class)).collect();
            let base = shared(&hosts, &members, &ids);
            let mut part = difference(&common, &base);
            part.group_names = Some((*names).clone());
            classes.push(part);
            bases.push(base);
        }
        bases.push(common);
        Layered { common: part, classes, class_of, bases, ids, groups, others }
    }

    /// The class of a host, and its own part, files not yet in it.
    pub fn own(&self, number: usize, host: &'e HostExport) -> (Option<u32>, Part) {
        let class = self.class_of[number];
        let base = &self.bases[class.unwrap_or(self.bases.len() - 1)];
        let mut has = Base::new();
        for layer in &host.vars {
            has.extend(self.ids[&address(layer)].iter().map(|(name, id, value)| (*name, (*id, *value))));
        }
        let mut part = difference(base, &has);
        if class.is_none() {
            part.group_names = Some(host.group_names.clone());
        }
        if !self.groups.is_some_and(|common| same(common, &host.groups)) {
            part.groups = Some((*host.groups).clone());
        }
        if !self.others.is_some_and(|common| same(common, &host.others)) {
            part.others = Some(plain_others(&host.others));
        }
        (class.and_then(|class| u32::try_from(class).ok()), part)
    }
}

fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// What of other hosts is not secret.
fn plain_others(others: &IndexMap<String, Other>) -> IndexMap<String, OtherHost> {
    let plain = |other: &Other| {
        let vars = other.vars.vars.iter().filter(|(name, _)| !other.vars.secret.contains(*name));
        let vars = vars.map(|(name, value)| (name.clone(), value.clone())).collect();
        OtherHost { vars, group_names: other.group_names.clone() }
    };
    others.iter().map(|(host, other)| (host.clone(), plain(other))).collect()
}

fn address(layer: &Arc<Layer>) -> usize {
    Arc::as_ptr(layer).addr()
}

/// Each layer's values by digest, computed once a layer.
fn ids(export: &ClusterExport) -> Known<'_> {
    let mut seen = HashSet::new();
    let all = export.hosts.values().flat_map(|host| &host.vars);
    let layers: Vec<&Arc<Layer>> = all.filter(|layer| seen.insert(address(layer))).collect();
    let mut known = Known::with_capacity(layers.len());
    let end: Result<(), Infallible> = ahead::in_order(
        &layers,
        |layer| (address(layer), digested(layer)),
        |(address, ids)| {
            known.insert(address, ids);
            Ok(())
        },
    );
    match end {
        Ok(()) => known,
    }
}

fn digested(layer: &Layer) -> Ids<'_> {
    let plain = layer.vars.iter().filter(|(name, _)| !layer.secret.contains(*name));
    plain.map(|(name, value)| (name.as_str(), id(value), value)).collect()
}

fn id(value: &Data) -> ValueId {
    let mut bytes = Vec::new();
    serde_json::to_writer(&mut bytes, value).expect("a value has a JSON form");
    Sha256::digest(&bytes).into()
}

/// Classes are hosts of the same groups; the largest ones, in the order of their names.
fn classes(export: &ClusterExport) -> (Vec<&Vec<String>>, Vec<Option<usize>>) {
    let mut sizes: BTreeMap<&Vec<String>, usize> = BTreeMap::new();
    for host in export.hosts.values() {
        *sizes.entry(&host.group_names).or_default() += 1;
    }
    let mut largest: Vec<(&Vec<String>, usize)> = sizes.into_iter().filter(|(_, size)| *size > 1).collect();
    // The sort keeps the order of names among classes of one size.
    largest.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    largest.truncate(CLASSES);
    let mut names: Vec<&Vec<String>> = largest.into_iter().map(|(names, _)| names).collect();
    names.sort();
    let class_of = export.hosts.values().map(|host| names.binary_search(&&host.group_names).ok()).collect();
    (names, class_of)
}

/// What more than half of these hosts have, and more than one.
fn shared<'e>(hosts: &[&'e HostExport], members: &[usize], ids: &Known<'e>) -> Base<'e> {
    let mut layers: HashMap<usize, usize> = HashMap::new();
    for layer in members.iter().flat_map(|n| &hosts[*n].vars) {
        *layers.entry(address(layer)).or_default() += 1;
    }
    let mut counts: HashMap<(&str, ValueId), (usize, &Data)> = HashMap::new();
    for (layer, times) in layers {
        for (name, id, value) in ids[&layer].iter() {
            counts.entry((*name, *id)).or_insert((0, value)).0 += times;
        }
    }
    let mut best: BTreeMap<&str, (usize, ValueId, &Data)> = BTreeMap::new();
    for ((name, id), (count, value)) in counts {
        if count < 2 || count * 2 <= members.len() {
            continue;
        }
        // Of two values that half of the hosts each have, the one with the lower digest.
        let better = best.get(name).is_none_or(|(most, known, _)| (count, *known) > (*most, id));
        if better {
            best.insert(name, (count, id, value));
        }
    }
    best.into_iter().map(|(name, (_, id, value))| (name, (id, value))).collect()
}

/// The value that most hosts share, the first of several.
fn most<'e, T: PartialEq + 'e>(values: impl Iterator<Item = &'e Arc<T>>) -> Option<&'e Arc<T>> {
    let mut counts: IndexMap<*const T, (usize, &Arc<T>)> = IndexMap::new();
    for value in values {
        counts.entry(Arc::as_ptr(value)).or_insert((0, value)).0 += 1;
    }
    let mut best: Option<(usize, &Arc<T>)> = None;
    for (count, value) in counts.into_values() {
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, value));
        }
    }
    best.map(|(_, value)| value)
}

/// What lies over `below` to have exactly `wanted`.
fn difference(below: &Base, wanted: &Base) -> Part {
    let differs = |(name, (id, _)): &(&&str, &(ValueId, &Data))| below.get(*name).is_none_or(|(known, _)| known != id);
    let vars = wanted.iter().filter(differs).map(|(name, (_, value))| ((*name).to_owned(), (*value).clone())).collect();
    let without = below.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (*name).to_owned()).collect();
    Part { vars, without, ..Part::default() }
}

fn owned(base: &Base) -> IndexMap<String, Data> {
    base.iter().map(|(name, (_, value))| ((*name).to_owned(), (*value).clone())).collect()
}

//! A test of the whole inventory before anyone reboots: which variables the roles use that nobody sets, and which values
//! cannot be evaluated, for every host at once.

use super::judge::Judge;
use super::scope::World;
use super::wanted::Wanted;
use crate::source::inventory::Place;
use crate::vars::{ErrorKind, TemplateError};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A variable that a role uses and that has no value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unresolved {
    /// The role.
    pub role: String,
    /// The variable.
    pub variable: String,
    /// Where it is used, or where the value stands that cannot be evaluated.
    pub place: String,
    /// Why it has none.
    pub why: String,
}

/// Everything unresolved, with the hosts that it is for.
pub fn unresolved(world: &Rc<World>, wanted: &Wanted, hosts: &[u32]) -> BTreeMap<Unresolved, BTreeSet<u32>> {
    let mut found: BTreeMap<Unresolved, BTreeSet<u32>> = BTreeMap::new();
    let inventory = &world.inventory;
    let mut judge = Judge::new(world, wanted);
    let ids: BTreeMap<&str, _> = wanted.names.iter().map(|name| (name.as_str(), inventory.name_id(name))).collect();
    for host in hosts {
        let mut judged: BTreeMap<&str, Option<(Place, TemplateError)>> = BTreeMap::new();
        for (role, asked) in &wanted.roles {
            for (name, place) in &asked.variables {
                let optional = asked.optional.contains(name) && !asked.asserted.contains(name);
                let id = ids.get(name.as_str()).copied().flatten();
                let why = match id.and_then(|id| inventory.get(*host, id)) {
                    None if optional || wanted.given(name) => None,
                    None => Some((place.clone(), "nothing sets it".to_owned())),
                    Some(definition) => judged
                        .entry(name)
                        .or_insert_with(|| judge.verdict(*host, name).map(|why| (definition.place, why)))
                        .as_ref()
                        // What is undefined within may have its default where it is used.
                        .filter(|(_, why)| !optional || why.kind != ErrorKind::Undefined)
                        .map(|(place, why)| (inventory.place(*place), why.to_string())),
                };
                if let Some((place, why)) = why {
                    let unresolved = Unresolved { role: role.clone(), variable: name.clone(), place, why };
                    found.entry(unresolved).or_default().insert(*host);
                }
            }
        }
    }
    found
}

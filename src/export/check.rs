//! A test of the whole inventory before anyone reboots: which variables the roles use that nobody sets, and which values
//! cannot be evaluated, for every host at once.

use super::resolve::RESULT;
use super::scope::{Scope, World};
use super::wanted::Wanted;
use crate::plan::Data;
use crate::sys::command::SystemRunner;
use crate::vars::{ErrorKind, Templar, TemplateError, Var, Variables};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Names that are there without an inventory's setting them.
const MAGIC: [&str; 16] = [
    "groups",
    "group_names",
    "hostvars",
    "inventory_hostname",
    "inventory_hostname_short",
    "inventory_dir",
    "inventory_file",
    "item",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "template_path",
    "vars",
];

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
    let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(&world.playbook_dir);
    let inventory = &world.inventory;
    for host in hosts {
        let probe =
            Probe { scope: Scope { world: Rc::clone(world), host: *host }, wanted, unknown: RefCell::default() };
        let templar = Templar::new(&probe, &**world).with_runner(&runner).changing_nothing();
        let mut judged: BTreeMap<&str, Option<(String, TemplateError)>> = BTreeMap::new();
        for (role, asked) in &wanted.roles {
            for (name, place) in &asked.variables {
                let optional = asked.optional.contains(name) && !asked.asserted.contains(name);
                let definition = inventory.name_id(name).and_then(|id| inventory.get(*host, id));
                let why = match definition {
                    None if optional || given(name, wanted) => None,
                    None => Some((place.clone(), "nothing sets it".to_owned())),
                    Some(definition) => judged
                        .entry(name)
                        .or_insert_with(|| {
                            probe.unknown.borrow_mut().clear();
                            let value = templar.value(&Data::Str(format!("{{{{ {name} }}}}")));
                            let node = !probe.unknown.borrow().is_empty();
                            // What asks for facts can only be told on the node.
                            let why = value.err().filter(|_| !node);
                            why.map(|why| (inventory.place(definition.place), why))
                        })
                        .clone()
                        // What is undefined within may have its default where it is used.
                        .filter(|(_, why)| !optional || why.kind != ErrorKind::Undefined)
                        .map(|(place, why)| (place, why.to_string())),
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

/// Whether a name has a value without the inventory: from the roles, from the boot, or from the node.
fn given(name: &str, wanted: &Wanted) -> bool {
    wanted.provided.contains(name)
        || MAGIC.contains(&name)
        || ["ansible_", "compute_init_", RESULT].iter().any(|start| name.starts_with(start))
}

/// A host's scope that remembers what only the node knows and was asked for.
struct Probe<'w> {
    scope: Scope,
    wanted: &'w Wanted,
    unknown: RefCell<BTreeSet<String>>,
}

impl Variables for Probe<'_> {
    fn get(&self, name: &str) -> Option<Var> {
        let found = self.scope.get(name);
        if found.is_none() && name != "omit" && given(name, self.wanted) {
            self.unknown.borrow_mut().insert(name.to_owned());
        }
        found
    }
    fn names(&self) -> Vec<String> {
        self.scope.names()
    }
    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        self.scope.host(host)
    }
    fn hosts(&self) -> Vec<String> {
        self.scope.hosts()
    }
    fn facts(&self) -> Option<Rc<dyn Variables>> {
        None
    }
}

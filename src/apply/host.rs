//! What is known of this host: its variables by precedence, its facts, and what tasks have set so far.

use super::World;
use crate::plan::{Data, Hashing, Key, Map};
use crate::sys::order;
use crate::vars::Var;
use indexmap::IndexMap;
use std::rc::Rc;

/// Variables by name, in the order in which they were set, shared without copying.
pub(super) type VarMap = IndexMap<String, Var, Hashing>;

/// This host, and the others as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// `inventory_hostname`.
    pub host: String,
    /// `groups`: group name to the list of its hosts.
    pub groups: Map,
    /// `group_names`: this host's groups, sorted.
    pub group_names: Vec<String>,
    /// Variables of the inventory (precedence 3 to 11, merged).
    pub vars: Map,
    /// Variables as include_vars sets them (precedence 19): where an export's hostvars arrive.
    pub included: Map,
    /// The other hosts' variables.
    pub others: Vec<(String, Map)>,
}

impl Inventory {
    /// The inventory that Ansible makes of `-i HOST,`: one host in no group.
    pub fn single(host: &str) -> Inventory {
        let hosts = || Data::List(vec![Data::Unsafe(host.to_owned())]);
        let groups = [("all", hosts()), ("ungrouped", hosts())];
        Inventory {
            host: host.to_owned(),
            groups: groups.into_iter().map(|(k, v)| (Data::str(k), v)).collect(),
            group_names: vec!["ungrouped".to_owned()],
            ..Inventory::default()
        }
    }
}

/// What the host knows by now.
#[derive(Default)]
pub(super) struct State {
    /// The inventory's groups, and those that tasks made.
    pub groups: Rc<Map>,
    /// Names of this host's groups.
    pub group_names: Vec<String>,
    /// Inventory variables.
    pub inventory: Rc<VarMap>,
    /// Facts that modules returned (precedence 12), by name without prefix where they have one.
    pub facts: Rc<VarMap>,
    /// Facts were gathered: `ansible_*` is answered.
    pub gathered: bool,
    /// include_vars (19).
    pub included: Rc<VarMap>,
    /// set_fact and register (20).
    pub set: Rc<VarMap>,
    /// Other hosts' variables.
    pub others: Vec<(String, Rc<VarMap>)>,
    /// Extra variables (22).
    pub extra: Rc<VarMap>,
    /// The hosts of the play that have not failed, where there are others than this one.
    #[cfg(feature = "builder")]
    pub play_hosts: Vec<String>,
    /// The same, with those that have.
    #[cfg(feature = "builder")]
    pub play_hosts_all: Vec<String>,
}

/// Variables that may hold templates.
pub(super) fn raw(map: &Map) -> VarMap {
    let text = |k: &Data| k.as_str().map(str::to_owned);
    map.iter().filter_map(|(k, v)| Some((text(k)?, Var { data: Rc::new(v.clone()), templated: true }))).collect()
}

impl State {
    pub fn new(world: &World) -> State {
        State { extra: Rc::new(raw(&world.options.extra)), ..State::of(world.inventory) }
    }

    /// What an inventory says.
    pub fn of(inventory: &Inventory) -> State {
        State {
            groups: Rc::new(inventory.groups.clone()),
            group_names: inventory.group_names.clone(),
            inventory: Rc::new(raw(&inventory.vars)),
            included: Rc::new(raw(&inventory.included)),
            others: inventory.others.iter().map(|(h, m)| (h.clone(), Rc::new(raw(m)))).collect(),
            ..State::default()
        }
    }

    /// Stores a final value as set_fact and register do.
    pub fn register(&mut self, name: &str, value: Data) {
        Rc::make_mut(&mut self.set).insert(name.to_owned(), Var { data: Rc::new(value), templated: false });
    }

    /// Stores a result of set_fact or include_vars: its text is the author's own, and may hold templates still.
    pub fn register_own(&mut self, name: &str, value: Data) {
        Rc::make_mut(&mut self.set).insert(name.to_owned(), Var { data: Rc::new(value), templated: true });
    }

    /// Stores what set_fact gives: its text may hold templates still.
    pub fn set_facts(&mut self, values: &Map) {
        Rc::make_mut(&mut self.set).extend(raw(values));
    }

    /// Stores facts that a module returned.
    pub fn add_facts(&mut self, facts: &Map) {
        for (name, value) in facts {
            let Some(name) = name.as_str() else { continue };
            Rc::make_mut(&mut self.facts)
                .insert(name.to_owned(), Var { data: Rc::new(value.clone()), templated: false });
        }
    }

    /// A fact that a module returned, by its top-level name (`ansible_x` or `x` as the module named it).
    pub fn fact(&self, name: &str) -> Option<Var> {
        self.facts.get(name).cloned()
    }

    /// `meta: clear_facts`.
    pub fn clear_facts(&mut self) {
        Rc::make_mut(&mut self.facts).clear();
        self.gathered = false;
    }

    pub fn into_registered(self) -> Map {
        self.set.iter().map(|(k, v)| (Data::str(k.as_str()), v.data.as_ref().clone())).collect()
    }
}

/// The groups of a host, from `groups`.
pub(super) fn groups_of(groups: &Map, host: &str) -> Vec<Data> {
    let has = |list: &Data| list.as_list().is_some_and(|l| l.iter().any(|h| h.as_str() == Some(host)));
    let mut names: Vec<&str> =
        groups.iter().filter(|(_, l)| has(l)).filter_map(|(g, _)| g.as_str()).filter(|g| *g != "all").collect();
    order::ascending(&mut names);
    names.into_iter().map(|n| Data::Unsafe(n.to_owned())).collect()
}

/// Removes what a result holds for the engine only, and what register never shows.
pub(super) fn cleaned(mut result: Map) -> Map {
    result.retain(|k, _| k.as_str().is_none_or(|k| !k.starts_with("_ansible_")));
    result.shift_remove(&Key("invocation"));
    result
}

//! Whether variables can be evaluated, for many hosts: each is evaluated once for all hosts for whom everything that its
//! evaluation looked at is the same. It writes nothing, and lookups keep nothing that they make up.

use super::scope::{Scope, World};
use super::wanted::Wanted;
use crate::plan::Data;
use crate::source::inventory::ValueId;
use crate::sys::command::SystemRunner;
use crate::vars::{Converted, Templar, TemplateError, Var, Variables};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// Why a variable cannot be evaluated, where it cannot.
type Verdict = Option<TemplateError>;

/// Evaluates variables, and remembers what came of it.
pub struct Judge<'w> {
    world: Rc<World>,
    wanted: &'w Wanted,
    runner: SystemRunner,
    groups: Converted,
    known: HashMap<&'w str, Vec<Seen>>,
}

/// Evaluations of one variable that looked at the same names.
struct Seen {
    names: BTreeSet<String>,
    /// By what these names were.
    verdicts: HashMap<Vec<Input>, Verdict>,
}

/// What a name is for a host, as far as hosts differ in it.
#[derive(PartialEq, Eq, Hash)]
enum Input {
    /// What it is for all.
    Same,
    /// A value of the inventory.
    Value(ValueId),
    /// Its groups.
    Class(u32),
    /// The host itself.
    Host(u32),
}

impl<'w> Judge<'w> {
    /// One that knows nothing yet.
    pub fn new(world: &Rc<World>, wanted: &'w Wanted) -> Judge<'w> {
        let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(&world.playbook_dir);
        let groups = Converted::foreign(world.groups());
        Judge { world: Rc::clone(world), wanted, runner, groups, known: HashMap::new() }
    }

    /// Why a host's variable has no value. What asks for facts can only be told on the node.
    pub fn verdict(&mut self, host: u32, name: &'w str) -> Verdict {
        for seen in self.known.get(name).into_iter().flatten() {
            let inputs: Vec<Input> = seen.names.iter().map(|name| self.input(host, name)).collect();
            if let Some(verdict) = seen.verdicts.get(&inputs) {
                return verdict.clone();
            }
        }
        let scope = Scope { world: Rc::clone(&self.world), host };
        let probe = Probe {
            scope,
            wanted: self.wanted,
            facts: Cell::new(false),
            everything: Cell::new(false),
            names: RefCell::default(),
        };
        let templar = Templar::new(&probe, &*self.world)
            .with_runner(&self.runner)
            .judging()
            .with_converted("groups", &self.groups);
        let value = templar.value(&Data::Str(format!("{{{{ {name} }}}}")));
        let verdict = value.err().filter(|_| !probe.facts.get());
        if probe.everything.get() {
            return verdict;
        }
        let names = probe.names.into_inner();
        let inputs = names.iter().map(|name| self.input(host, name)).collect();
        let all = self.known.entry(name).or_default();
        match all.iter_mut().find(|seen| seen.names == names) {
            Some(seen) => drop(seen.verdicts.insert(inputs, verdict.clone())),
            None => all.push(Seen { names, verdicts: [(inputs, verdict.clone())].into() }),
        }
        verdict
    }

    fn input(&self, host: u32, name: &str) -> Input {
        let inventory = &self.world.inventory;
        match name {
            "inventory_hostname" | "inventory_hostname_short" | "inventory_file" | "inventory_dir" => Input::Host(host),
            "group_names" => Input::Class(inventory.class(host)),
            // `groups` and `hostvars` are the same for every host, and so are the roles' defaults.
            _ => match inventory.name_id(name).and_then(|id| inventory.get(host, id)) {
                Some(definition) => Input::Value(definition.value),
                None => Input::Same,
            },
        }
    }
}

/// A host's scope that remembers what it was asked for, and whether only the node knows it.
struct Probe<'w> {
    scope: Scope,
    wanted: &'w Wanted,
    facts: Cell<bool>,
    everything: Cell<bool>,
    names: RefCell<BTreeSet<String>>,
}

impl Variables for Probe<'_> {
    fn get(&self, name: &str) -> Option<Var> {
        let found = self.scope.get(name);
        if !self.names.borrow().contains(name) {
            self.names.borrow_mut().insert(name.to_owned());
        }
        if found.is_none() && name != "omit" && self.wanted.given(name) {
            self.facts.set(true);
        }
        found
    }
    fn names(&self) -> Vec<String> {
        self.everything.set(true);
        self.scope.names()
    }
    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        self.scope.host(host)
    }
    fn hosts(&self) -> Vec<String> {
        self.scope.hosts()
    }
}

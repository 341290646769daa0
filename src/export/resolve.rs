//! Values as they are exported: lookups of the deploy host replaced by what they give here, encrypted text opened. All
//! that cannot be resolved is collected, with its place and every host that it is for.

use super::closure::{self, Follower};
use super::scope::{Scope, World};
use super::secret::Patterns;
use crate::plan::{Data, Map};
use crate::source::inventory::{Definition, ValueId};
use crate::sys::command::SystemRunner;
use crate::vars::reach;
use crate::vars::{Templar, Vault};
use crate::yaml;
use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// Starts the names of variables that hold what a lookup gave.
pub const RESULT: &str = "compute_init_lookup_";

/// A value as it is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Final {
    /// Its number.
    pub id: u32,
    /// Whether it is a secret.
    pub secret: bool,
}

/// Something that cannot be exported as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// `FILE:LINE`.
    pub place: String,
    /// What is wrong.
    pub message: String,
}

/// The number of a value as it is exported, and the variables that it needs beside it.
type Resolved = (u32, Vec<(String, u32)>);

/// Resolves values, each once.
pub struct Resolver {
    world: Rc<World>,
    patterns: Patterns,
    runner: SystemRunner,
    /// Values as they are exported.
    pub finals: Vec<Rc<Data>>,
    known: HashMap<Vec<u8>, u32, RandomState>,
    /// Of values that are the same for every host: what they come to.
    same: HashMap<ValueId, Resolved, RandomState>,
    /// Whether a name and value make a secret.
    judged: HashMap<(u32, u32), bool, RandomState>,
    /// Lookups that depend on nothing of the host.
    answers: HashMap<String, Result<Data, String>>,
    /// What could not be resolved, and for which hosts.
    pub problems: BTreeMap<Problem, BTreeSet<u32>>,
    /// Whether lookups may keep what they make up (`password`).
    keeps: bool,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    pub fn new(world: Rc<World>, patterns: Patterns) -> Resolver {
        let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(&world.playbook_dir);
        Resolver {
            world,
            patterns,
            runner,
            finals: Vec::new(),
            known: HashMap::default(),
            same: HashMap::default(),
            judged: HashMap::default(),
            answers: HashMap::new(),
            problems: BTreeMap::new(),
            keeps: true,
        }
    }

    /// The same for a check, which keeps nothing.
    pub fn changing_nothing(self) -> Resolver {
        Resolver { keeps: false, ..self }
    }

    fn intern(&mut self, data: Data) -> u32 {
        let key = serde_json::to_vec(&data).unwrap_or_default();
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let id = u32::try_from(self.finals.len()).unwrap_or(u32::MAX);
        self.finals.push(Rc::new(data));
        self.known.insert(key, id);
        id
    }

    /// A definition as it is exported for a host, and the variables that it needs beside it.
    pub fn resolve(&mut self, host: u32, definition: &Definition, follower: &mut Follower) -> Vec<(Arc<str>, Final)> {
        let inventory = Rc::clone(&self.world.inventory);
        let name = Arc::clone(inventory.text(definition.name));
        let refs = follower.refs(definition.value);
        let (id, beside) = match self.same.get(&definition.value) {
            Some(known) => known.clone(),
            None if !refs.sealed && !refs.lookups => {
                let id = self.intern(inventory.value(definition.value).as_ref().clone());
                self.same.insert(definition.value, (id, Vec::new()));
                (id, Vec::new())
            }
            None => self.rewritten(host, definition),
        };
        let named = *self
            .judged
            .entry((definition.name, id))
            .or_insert_with(|| self.patterns.hold(&name, &self.finals[id as usize]));
        let secret = named || refs.sealed || inventory.vaulted(definition.place);
        let mut all = vec![(name, Final { id, secret })];
        all.extend(beside.into_iter().map(|(name, id)| (Arc::from(name), Final { id, secret: true })));
        all
    }

    /// A definition for a file that holds everything: what cannot be resolved stays as it is, for nobody may ask for it.
    pub fn plain(&mut self, host: u32, definition: &Definition) -> Vec<(String, Rc<Data>)> {
        let inventory = Rc::clone(&self.world.inventory);
        let name = inventory.text(definition.name).to_string();
        let data = inventory.value(definition.value);
        let mut calls = Vec::new();
        closure::lookups(data, &mut calls);
        if calls.is_empty() && !holds_sealed(data) {
            return vec![(name, Rc::new(data.as_ref().clone()))];
        }
        let before = std::mem::take(&mut self.problems);
        let (id, beside) = self.rewritten(host, definition);
        let failed = !std::mem::replace(&mut self.problems, before).is_empty();
        if failed {
            return vec![(name, Rc::new(data.as_ref().clone()))];
        }
        let beside = beside.into_iter().map(|(name, id)| (name, Rc::clone(&self.finals[id as usize])));
        std::iter::once((name, Rc::clone(&self.finals[id as usize]))).chain(beside).collect()
    }

    fn rewritten(&mut self, host: u32, definition: &Definition) -> Resolved {
        let data = Rc::new(self.world.inventory.value(definition.value).as_ref().clone());
        let mut calls = Vec::new();
        closure::lookups(&data, &mut calls);
        let (mut names, mut beside, mut same) = (BTreeMap::new(), Vec::new(), true);
        for (source, _) in calls {
            let (answer, own) = self.answer(host, &source);
            same &= !own;
            match answer {
                Ok(answer) => {
                    let name = format!("{RESULT}{}", digest(&source));
                    beside.push((name.clone(), self.intern(answer)));
                    names.insert(source, name);
                }
                Err(why) => self.problem(host, definition, format!("{source} cannot be resolved here: {why}")),
            }
        }
        let mut sealed = Vec::new();
        let replaced = self.replaced(&data, &names, &mut sealed);
        same &= sealed.is_empty();
        for why in sealed {
            self.problem(host, definition, why);
        }
        let id = self.intern(replaced);
        if same && !self.failed(definition) {
            self.same.insert(definition.value, (id, beside.clone()));
        }
        (id, beside)
    }

    fn failed(&self, definition: &Definition) -> bool {
        let place = self.world.inventory.place(definition.place);
        self.problems.keys().any(|p| p.place == place)
    }

    fn problem(&mut self, host: u32, definition: &Definition, message: String) {
        let inventory = &self.world.inventory;
        let place = inventory.place(definition.place);
        let message = format!("{}: {message}", inventory.text(definition.name));
        self.problems.entry(Problem { place, message }).or_default().insert(host);
    }

    /// What a lookup gives in a host's scope, and whether that is the host's own.
    fn answer(&mut self, host: u32, source: &str) -> (Result<Data, String>, bool) {
        let reached = reach::condition(source);
        let own = reached.is_none_or(|r| !r.variables.is_empty() || !r.groups.is_empty() || !r.hosts.is_empty())
            || source.contains("inventory_hostname");
        if let Some(known) = self.answers.get(source).filter(|_| !own) {
            return (known.clone(), false);
        }
        let scope = Scope { world: Rc::clone(&self.world), host };
        let templar = Templar::new(&scope, &*self.world).with_runner(&self.runner);
        let templar = if self.keeps { templar } else { templar.changing_nothing() };
        // JSON keeps what an expression gives: on its own it would be taken for a literal.
        let text = templar.value(&Data::Str(format!("{{{{ [{source}] | to_json }}}}")));
        let answer = text.map_err(|e| e.to_string()).and_then(|text| {
            let text = text.as_str().map(str::to_owned).ok_or("it is no text")?;
            match yaml::read_vars(text.as_bytes()).map_err(|e| e.to_string())? {
                Data::List(mut items) if items.len() == 1 => Ok(foreign(items.remove(0))),
                _ => Err("it gives nothing".to_owned()),
            }
        });
        if !own {
            self.answers.insert(source.to_owned(), answer.clone());
        }
        (answer, own)
    }

    /// The value with names in the place of lookups, and encrypted text opened.
    fn replaced(&self, data: &Data, names: &BTreeMap<String, String>, failed: &mut Vec<String>) -> Data {
        match data {
            Data::Str(text) => {
                let mut text = text.clone();
                for call in super::lookup::calls(&text.clone()).into_iter().rev() {
                    if let Some(name) = names.get(&text[call.range.clone()]) {
                        text.replace_range(call.range, name);
                    }
                }
                Data::Str(text)
            }
            Data::Vault(envelope) => match self.world.keyring.open(envelope.as_bytes()) {
                Ok(text) => String::from_utf8(text).map_or_else(|e| Data::Raw(e.into_bytes()), Data::Unsafe),
                Err(why) => {
                    failed.push(why);
                    Data::Null
                }
            },
            Data::List(items) => Data::List(items.iter().map(|i| self.replaced(i, names, failed)).collect()),
            Data::Tuple(items) => Data::Tuple(items.iter().map(|i| self.replaced(i, names, failed)).collect()),
            Data::Map(map) => {
                let pair = |(k, v): (&Data, &Data)| (k.clone(), self.replaced(v, names, failed));
                Data::Map(map.iter().map(pair).collect::<Map>())
            }
            other => other.clone(),
        }
    }
}

/// Text that a lookup gave is never a template.
fn foreign(value: Data) -> Data {
    match value {
        Data::Str(text) => Data::Unsafe(text),
        Data::List(items) => Data::List(items.into_iter().map(foreign).collect()),
        Data::Map(map) => Data::Map(map.into_iter().map(|(k, v)| (k, foreign(v))).collect()),
        other => other,
    }
}

fn digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().take(6).fold(String::new(), |mut out, byte| {
        // Writing to text cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn holds_sealed(data: &Data) -> bool {
    match data {
        Data::Vault(_) => true,
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().any(holds_sealed),
        Data::Map(map) => map.values().any(holds_sealed),
        _ => false,
    }
}

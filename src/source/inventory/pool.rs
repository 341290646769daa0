//! What an inventory's definitions share: names, values and places, each stored once. Ten thousand hosts have the same
//! values under the same names, but for a few.

use crate::plan::Data;
use foldhash::fast::RandomState;
use indexmap::IndexSet;
use std::collections::HashMap;
use std::sync::Arc;

/// A variable's name.
pub type NameId = u32;
/// A value; equal values that are written alike have one number.
pub type ValueId = u32;

/// Where a variable was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file's number.
    pub file: u32,
    /// The line, from 1; 0 where it is not known.
    pub line: u32,
}

/// A variable that is set to a value at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The variable.
    pub name: NameId,
    /// Its value.
    pub value: ValueId,
    /// Where it was set.
    pub place: Place,
}

/// How a value was written, which is how equal ones are found.
#[derive(Clone, Copy)]
enum Written {
    Json = b'j' as isize,
    Plan = b'p' as isize,
}

/// How a value is written in a plan. It is made where the value is read, which may be on another processor.
pub struct ValueKey(Box<[u8]>);

impl ValueKey {
    /// The key of a value.
    pub fn of(data: &Data) -> ValueKey {
        let mut key = vec![Written::Plan as u8];
        serde_json::to_writer(&mut key, data).expect("a value has a JSON form");
        ValueKey(key.into_boxed_slice())
    }
}

/// Names, values and files.
#[derive(Default)]
pub struct Pool {
    names: IndexSet<Arc<str>, RandomState>,
    values: Vec<Arc<Data>>,
    known: HashMap<Box<[u8]>, ValueId, RandomState>,
    files: IndexSet<String>,
    vaulted: Vec<bool>,
}

impl Pool {
    /// The number of a name.
    pub fn name(&mut self, name: &str) -> NameId {
        match self.names.get_index_of(name) {
            Some(at) => number(at),
            None => number(self.names.insert_full(Arc::from(name)).0),
        }
    }

    /// The number of a name that is known.
    pub fn known_name(&self, name: &str) -> Option<NameId> {
        self.names.get_index_of(name).map(number)
    }

    /// How many names there are.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// A name's text.
    pub fn text(&self, name: NameId) -> &Arc<str> {
        &self.names[name as usize]
    }

    /// How many values there are.
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// A value.
    pub fn value(&self, value: ValueId) -> &Arc<Data> {
        &self.values[value as usize]
    }

    /// Stores a value.
    pub fn add(&mut self, data: Data) -> ValueId {
        self.add_known(ValueKey::of(&data), data)
    }

    /// Stores a value whose key was made before.
    pub fn add_known(&mut self, key: ValueKey, data: Data) -> ValueId {
        match self.known.get(&key.0) {
            Some(known) => *known,
            None => self.insert(key.0, data),
        }
    }

    /// The value of a JSON text, which `read` reads where it is new.
    pub fn add_json<E>(&mut self, text: &[u8], read: impl FnOnce() -> Result<Data, E>) -> Result<ValueId, E> {
        let key = keyed(Written::Json, text);
        if let Some(known) = self.known.get(key.as_slice()) {
            return Ok(*known);
        }
        Ok(self.insert(key.into_boxed_slice(), read()?))
    }

    fn insert(&mut self, key: Box<[u8]>, data: Data) -> ValueId {
        let id = number(self.values.len());
        self.values.push(Arc::new(data));
        self.known.insert(key, id);
        id
    }

    /// The number of a file; `vaulted` says that all of it was encrypted.
    pub fn file(&mut self, name: &str, encrypted: Encrypted) -> u32 {
        let (at, new) = self.files.insert_full(name.to_owned());
        if new {
            self.vaulted.push(encrypted == Encrypted::Whole);
        }
        number(at)
    }

    /// `FILE:LINE` of a place.
    pub fn place(&self, place: Place) -> String {
        let file = self.files.get_index(place.file as usize).map_or("?", String::as_str);
        if place.line == 0 { file.to_owned() } else { format!("{file}:{}", place.line) }
    }

    /// Whether the file of a place was encrypted as a whole.
    pub fn vaulted(&self, place: Place) -> bool {
        self.vaulted.get(place.file as usize).copied().unwrap_or(false)
    }
}

/// Whether a file of variables was encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encrypted {
    /// It was not, though values in it may be.
    No,
    /// As a whole.
    Whole,
}

fn keyed(written: Written, text: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 1);
    key.push(written as u8);
    key.extend_from_slice(text);
    key
}

/// An index as a number; more than fit are beyond every bound on what is read.
pub fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

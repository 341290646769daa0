//! Values as they stand in sources, exports, arguments and results: Python's data model, without behaviour.
//!
//! The runtime's own values (shared, mutable, callable) are in `vars`; whatever is stored, sent or handed to a
//! module is `Data`. Equality and hashing are Python's: `1`, `1.0` and `True` are one key.

use indexmap::{Equivalent, IndexMap};
use std::hash::{Hash, Hasher};

/// How keys are hashed: seeded anew in each process, and fast, since what a node reads was signed before it is hashed.
pub type Hashing = foldhash::fast::RandomState;

/// A dictionary that keeps its order. Look up text keys with [`Data::get`] or `map.get(Key("name"))`.
pub type Map = IndexMap<Data, Data, Hashing>;

/// One value.
#[derive(Clone, Debug, Default)]
pub enum Data {
    /// Python's `None`, YAML's null.
    #[default]
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer. Python's have no bound; beyond 128 bits is refused where it is read.
    Int(i128),
    /// A double.
    Float(f64),
    /// Text that may be a template.
    Str(String),
    /// Text that is never templated: `!unsafe`, results of lookups and modules, facts.
    Unsafe(String),
    /// What an expression made, as set_fact keeps it: text for all purposes but its type and how it is printed again.
    Made(Made, String),
    /// Text that holds bytes which are not UTF-8 (Python's surrogateescape, one byte for one). Never templated.
    Raw(Vec<u8>),
    /// Python's `bytes` (`!!binary`).
    Bytes(Vec<u8>),
    /// `!vault`: the encrypted envelope as it stands in the source.
    Vault(String),
    /// A list.
    List(Vec<Data>),
    /// A tuple.
    Tuple(Vec<Data>),
    /// A set, in the order of insertion.
    Set(Vec<Data>),
    /// A dictionary.
    Map(Map),
    /// `datetime.date` or `datetime.datetime`.
    Time(Timestamp),
}

/// What an expression made that is kept as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// Python's `str`, where text of the author is `AnsibleUnicode`.
    Text,
    /// Text that stays text whatever it looks like (`to_json`): `NativeJinjaText`.
    Literal,
    /// The same, from outside: never templated (`NativeJinjaUnsafeText`).
    Foreign,
    /// A type, by its text (`<class 'bool'>`).
    Type,
}

/// A date, or a date with a time of day (YAML 1.1's timestamp as PyYAML constructs it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp {
    /// Year, 1 to 9999.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month.
    pub day: u8,
    /// Time of day; `None` makes it a `datetime.date`.
    pub clock: Option<Clock>,
}

/// The time of day of a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Clock {
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
    /// Microsecond.
    pub micro: u32,
    /// Offset from UTC in seconds; `None` for a naive time.
    pub offset: Option<i32>,
}

/// A borrowed text key for lookups in a [`Map`].
pub struct Key<'a>(pub &'a str);

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_text(self.0.as_bytes(), state);
    }
}

impl Equivalent<Data> for Key<'_> {
    fn equivalent(&self, key: &Data) -> bool {
        key.text_bytes() == Some(self.0.as_bytes())
    }
}

impl Data {
    /// Text that may be a template.
    pub fn str(text: impl Into<String>) -> Data {
        Data::Str(text.into())
    }

    /// The text of a string that is UTF-8, templated or not.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => Some(s),
            _ => None,
        }
    }

    /// The bytes of any text (`Str`, `Unsafe`, `Raw`).
    pub fn text_bytes(&self) -> Option<&[u8]> {
        match self {
            Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => Some(s.as_bytes()),
            Data::Raw(b) => Some(b),
            _ => None,
        }
    }

    /// The dictionary, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Data::Map(m) => Some(m),
            _ => None,
        }
    }

    /// The elements of a list or tuple.
    pub fn as_list(&self) -> Option<&[Data]> {
        match self {
            Data::List(l) | Data::Tuple(l) => Some(l),
            _ => None,
        }
    }

    /// The member `name` of a dictionary.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.as_map()?.get(&Key(name))
    }

    /// Whether this is `None`.
    pub fn is_null(&self) -> bool {
        matches!(self, Data::Null)
    }

    /// Python's truth value: empty text, containers, zero and `None` are false.
    pub fn truthy(&self) -> bool {
        match self {
            Data::Null => false,
            Data::Bool(b) => *b,
            Data::Int(i) => *i != 0,
            Data::Float(f) => *f != 0.0,
            Data::Str(s) | Data::Unsafe(s) | Data::Vault(s) | Data::Made(_, s) => !s.is_empty(),
            Data::Raw(b) | Data::Bytes(b) => !b.is_empty(),
            Data::List(l) | Data::Tuple(l) | Data::Set(l) => !l.is_empty(),
            Data::Map(m) => !m.is_empty(),
            Data::Time(_) => true,
        }
    }

    /// Python's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Data::Null => "NoneType",
            Data::Bool(_) => "bool",
            Data::Int(_) => "int",
            Data::Float(_) => "float",
            Data::Made(Made::Type, _) => "type",
            Data::Str(_) | Data::Unsafe(_) | Data::Raw(_) | Data::Vault(_) | Data::Made(..) => "str",
            Data::Bytes(_) => "bytes",
            Data::List(_) => "list",
            Data::Tuple(_) => "tuple",
            Data::Set(_) => "set",
            Data::Map(_) => "dict",
            Data::Time(t) if t.clock.is_none() => "date",
            Data::Time(_) => "datetime",
        }
    }

    /// The number as Python compares it: bool, int and float are one kind.
    fn number(&self) -> Option<Number> {
        match self {
            Data::Bool(b) => Some(Number::Int(i128::from(*b))),
            Data::Int(i) => Some(Number::Int(*i)),
            // A float with an exact integer value is that integer's key.
            Data::Float(f) if f.fract() == 0.0 && f.abs() < 1e30 => Some(Number::Int(*f as i128)),
            Data::Float(f) => Some(Number::Float(f.to_bits())),
            _ => None,
        }
    }
}

#[derive(PartialEq, Hash)]
enum Number {
    Int(i128),
    Float(u64),
}

impl PartialEq for Data {
    fn eq(&self, other: &Data) -> bool {
        if let (Some(a), Some(b)) = (self.number(), other.number()) {
            return a == b;
        }
        if let (Some(a), Some(b)) = (self.text_bytes(), other.text_bytes()) {
            return a == b;
        }
        match (self, other) {
            (Data::Null, Data::Null) => true,
            (Data::Bytes(a), Data::Bytes(b)) => a == b,
            (Data::Vault(a), Data::Vault(b)) => a == b,
            (Data::List(a), Data::List(b)) | (Data::Tuple(a), Data::Tuple(b)) => a == b,
            (Data::Set(a), Data::Set(b)) => a.len() == b.len() && a.iter().all(|x| b.contains(x)),
            (Data::Map(a), Data::Map(b)) => a.len() == b.len() && a.iter().all(|(k, v)| b.get(k) == Some(v)),
            (Data::Time(a), Data::Time(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Data {}

impl Hash for Data {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(n) = self.number() {
            1u8.hash(state);
            n.hash(state);
            return;
        }
        match self {
            Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => hash_text(s.as_bytes(), state),
            Data::Raw(b) => hash_text(b, state),
            Data::Bytes(b) => (3u8, b).hash(state),
            Data::Vault(s) => (4u8, s).hash(state),
            Data::List(l) | Data::Tuple(l) => (5u8, l).hash(state),
            Data::Set(l) => (6u8, l.len()).hash(state),
            Data::Map(m) => (7u8, m.len()).hash(state),
            Data::Time(t) => (8u8, t).hash(state),
            Data::Null | Data::Bool(_) | Data::Int(_) | Data::Float(_) => 0u8.hash(state),
        }
    }
}

fn hash_text<H: Hasher>(bytes: &[u8], state: &mut H) {
    // One call: what follows the text only has to be no part of it.
    state.write(bytes);
    state.write_u8(0xff);
}

impl From<&str> for Data {
    fn from(text: &str) -> Data {
        Data::Str(text.to_owned())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Data {
        Data::Str(text)
    }
}

impl From<bool> for Data {
    fn from(b: bool) -> Data {
        Data::Bool(b)
    }
}

impl From<i64> for Data {
    fn from(i: i64) -> Data {
        Data::Int(i128::from(i))
    }
}

impl From<Vec<Data>> for Data {
    fn from(list: Vec<Data>) -> Data {
        Data::List(list)
    }
}

impl From<Map> for Data {
    fn from(map: Map) -> Data {
        Data::Map(map)
    }
}

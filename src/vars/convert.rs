//! Between what is stored ([`Data`]) and what runs ([`Value`]).

use super::compare::{NESTING, too_deep};
use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::object::Class;
use super::value::{Dict, Text, Value};
use crate::plan::Made;
use crate::plan::{Data, Hashing, Map};

impl Value {
    /// The value of stored data; nothing is templated.
    pub fn from_data(data: &Data) -> Value {
        match data {
            Data::Null => Value::None,
            Data::Bool(b) => Value::Bool(*b),
            Data::Int(i) => Value::Int(*i),
            Data::Float(f) => Value::Float(*f),
            Data::Str(s) => Value::Str(author_text(s).by_author()),
            Data::Vault(s) | Data::Made(Made::Text, s) => Value::Str(author_text(s)),
            Data::Made(Made::Literal, s) => Value::Str(author_text(s).literal()),
            Data::Made(Made::Foreign, s) => Value::Str(author_text(s).literal().taint()),
            Data::Made(Made::Type, s) => Value::object(Class(s.as_str().into())),
            Data::Unsafe(s) => Value::Str(author_text(s).taint()),
            Data::Raw(b) => Value::Str(Text::from_bytes(b).taint()),
            Data::Bytes(b) => Value::bytes(b.as_slice()),
            Data::List(l) => Value::list(l.iter().map(Value::from_data).collect()),
            Data::Tuple(l) => Value::tuple(l.iter().map(Value::from_data).collect()),
            Data::Set(l) => Value::set(l.iter().map(Value::from_data)).unwrap_or_default(),
            Data::Map(m) => {
                Value::dict(m.iter().map(|(k, v)| (Value::from_data(k), Value::from_data(v))).collect::<Dict>())
            }
            Data::Time(t) => Value::Time(*t),
        }
    }

    /// The same value with all text in it tainted: never to be templated.
    pub fn from_foreign(data: &Data) -> Value {
        Value::from_data(data).taint()
    }

    /// What can be stored of it; undefined is an error, functions become their text.
    pub fn to_data(&self) -> Outcome<Data> {
        self.to_data_at(0, &Keep::Text)
    }

    /// [`Value::to_data`], with what expressions made told from what the author wrote.
    pub fn to_data_as_made(&self) -> Outcome<Data> {
        self.to_data_at(0, &Keep::Made)
    }

    fn to_data_at(&self, depth: usize, keep: &Keep) -> Outcome<Data> {
        if depth > NESTING {
            return Err(too_deep());
        }
        let all = |items: &[Value]| items.iter().map(|v| v.to_data_at(depth + 1, keep)).collect::<Outcome<Vec<Data>>>();
        Ok(match self {
            Value::None => Data::Null,
            Value::Bool(b) => Data::Bool(*b),
            Value::Int(i) => Data::Int(*i),
            Value::Float(f) => Data::Float(*f),
            Value::Str(t) if t.has_raw_bytes() => Data::Raw(t.to_bytes()),
            Value::Str(t) if matches!(keep, Keep::Made) && t.class() == "NativeJinjaUnsafeText" => {
                Data::Made(Made::Foreign, t.as_str().to_owned())
            }
            Value::Str(t) if t.is_tainted() => Data::Unsafe(t.as_str().to_owned()),
            Value::Str(t) => match (keep, t.class()) {
                (Keep::Text, _) | (_, "AnsibleUnicode") => Data::Str(t.as_str().to_owned()),
                (_, "NativeJinjaText") => Data::Made(Made::Literal, t.as_str().to_owned()),
                _ => Data::Made(Made::Text, t.as_str().to_owned()),
            },
            Value::Object(o) if matches!(keep, Keep::Made) && o.type_name() == "type" => {
                Data::Made(Made::Type, o.repr())
            }
            Value::Bytes(b) => Data::Bytes(b.to_vec()),
            Value::List(l) => {
                let items = l.borrow().clone();
                Data::List(all(&items)?)
            }
            Value::Tuple(t) => Data::Tuple(all(t)?),
            Value::Set(s) => Data::Set(all(&s.borrow().iter().cloned().collect::<Vec<_>>())?),
            Value::Dict(d) => {
                let members = d.borrow().clone();
                let mut map = Map::with_capacity_and_hasher(members.len(), Hashing::default());
                for (k, v) in &members {
                    map.insert(k.to_data_at(depth + 1, keep)?, v.to_data_at(depth + 1, keep)?);
                }
                Data::Map(map)
            }
            Value::Time(t) => Data::Time(*t),
            Value::View(v) => Data::List(all(&v.items)?),
            Value::Range(r) => {
                if r.len() > crate::plan::limits::RENDERED as u128 / 16 {
                    return Err(TemplateError::other("a range of that length cannot be stored"));
                }
                Data::List((0..r.len() as i128).filter_map(|i| r.get(i)).map(Data::Int).collect())
            }
            Value::Undefined(u) if u.lenient => Data::str(""),
            Value::Undefined(u) => return Err(u.error()),
            Value::Delta(_) | Value::Method(_) | Value::Object(_) => Data::Str(self.text()?),
        })
    }

    /// Whether text from outside stands anywhere in it.
    pub fn is_tainted_within(&self) -> bool {
        self.any_at(0, &|v| matches!(v, Value::Str(t) if t.is_tainted()))
    }

    fn any_at(&self, depth: usize, holds: &dyn Fn(&Value) -> bool) -> bool {
        if depth > NESTING {
            return false;
        }
        let any = |v: &Value| v.any_at(depth + 1, holds);
        match self {
            Value::List(l) => l.borrow().iter().any(any),
            Value::Tuple(t) => t.iter().any(any),
            Value::Dict(d) => d.borrow().iter().any(|(k, v)| any(k) || any(v)),
            other => holds(other),
        }
    }

    /// The error of something undefined anywhere in it, as finalizing a template finds it.
    pub fn check_defined(&self) -> Outcome<()> {
        self.check_defined_at(0)
    }

    fn check_defined_at(&self, depth: usize) -> Outcome<()> {
        if depth > NESTING {
            return Err(too_deep());
        }
        match self {
            Value::List(l) => l.borrow().iter().try_for_each(|v| v.check_defined_at(depth + 1)),
            Value::Tuple(t) => t.iter().try_for_each(|v| v.check_defined_at(depth + 1)),
            Value::View(t) => t.items.iter().try_for_each(|v| v.check_defined_at(depth + 1)),
            Value::Dict(d) => d.borrow().values().try_for_each(|v| v.check_defined_at(depth + 1)),
            other => other.defined().map(drop),
        }
    }

    /// A copy that shares no list, dictionary or set.
    pub fn deep_copy(&self) -> Value {
        self.deep_copy_at(0)
    }

    fn deep_copy_at(&self, depth: usize) -> Value {
        if depth > NESTING {
            return self.clone();
        }
        let all = |items: &[Value]| items.iter().map(|v| v.deep_copy_at(depth + 1)).collect::<Vec<Value>>();
        match self {
            Value::List(l) => {
                let items = l.borrow().clone();
                Value::list(all(&items))
            }
            Value::Tuple(t) => Value::tuple(all(t)),
            Value::Dict(d) => {
                let members = d.borrow().clone();
                Value::dict(members.iter().map(|(k, v)| (k.clone(), v.deep_copy_at(depth + 1))).collect())
            }
            Value::Set(s) => Value::set(s.borrow().iter().cloned().collect::<Vec<_>>()).unwrap_or_default(),
            other => other.clone(),
        }
    }

    /// Views, iterators and ranges as lists; everything else as it is.
    pub fn unrolled(self, env: &Env) -> Outcome<Value> {
        match &self {
            Value::View(_) | Value::Range(_) => Ok(Value::list(self.iterate(env)?)),
            // Mappings whose members are computed are dictionaries once all of them are wanted.
            Value::Object(o) if o.is_mapping() && o.type_name() == "dict" => self.members(env),
            _ => Ok(self),
        }
    }

    /// What is printed of it: as [`Value::unrolled`], and the variables of hosts as dictionaries too.
    pub fn printed(self, env: &Env) -> Outcome<Value> {
        match &self {
            Value::Object(_) => self.unrolled_mapping(env),
            _ => self.unrolled(env),
        }
    }

    /// Mappings whose members are computed as dictionaries; everything else as it is.
    pub fn unrolled_mapping(&self, env: &Env) -> Outcome<Value> {
        match self {
            Value::Object(o) if o.is_mapping() => env.deeper(|| self.members(env)),
            other => Ok(other.clone()),
        }
    }

    /// A mapping's members as a dictionary, without those that are not there when they are asked for.
    fn members(&self, env: &Env) -> Outcome<Value> {
        let mut dict = Dict::default();
        for key in self.iterate(env)? {
            env.charge(1)?;
            let value = env.getitem(self, &key)?;
            if !value.is_undefined() {
                dict.insert(key, value.printed(env)?);
            }
        }
        Ok(Value::dict(dict))
    }

    /// Its text, never to be read as a list or dictionary.
    pub fn into_literal(self) -> Outcome<Value> {
        Ok(Value::Str(match self {
            Value::Str(t) => t.literal(),
            other => Text::new(other.text()?).literal(),
        }))
    }

    /// A copy in which all text is tainted (`wrap_var`).
    pub fn taint(&self) -> Value {
        self.taint_at(0)
    }

    fn taint_at(&self, depth: usize) -> Value {
        if depth > NESTING {
            return self.clone();
        }
        let all = |items: &[Value]| items.iter().map(|v| v.taint_at(depth + 1)).collect::<Vec<Value>>();
        match self {
            Value::Str(t) => Value::Str(t.clone().taint()),
            Value::List(l) => {
                let items = l.borrow().clone();
                Value::list(all(&items))
            }
            Value::Tuple(t) => Value::tuple(all(t)),
            Value::Dict(d) => {
                let members = d.borrow().clone();
                Value::dict(members.iter().map(|(k, v)| (k.taint_at(depth + 1), v.taint_at(depth + 1))).collect())
            }
            other => other.clone(),
        }
    }
}

/// Text of a source; characters where our byte escapes live are kept as bytes.
/// What of text is kept in data.
enum Keep {
    /// The text.
    Text,
    /// Whether an expression made it, too.
    Made,
}

fn author_text(text: &str) -> Text {
    if text.as_bytes().contains(&0xF4) { Text::from_bytes(text.as_bytes()) } else { Text::new(text) }
}

impl Text {
    /// The same text, never to be templated.
    pub fn taint(self) -> Text {
        let marked = Text::tainted("");
        self.tainted_like(&marked)
    }
}

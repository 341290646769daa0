//! Attributes, members, iteration, length and membership.

use super::compare::TextKey;
use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::methods;
use super::object::Class;
use super::value::{Method, Text, Value};
use crate::plan::limits;
use std::rc::Rc;

impl Value {
    /// The items in order: a dictionary's keys, a text's characters, ... Python's error where it is not iterable.
    pub fn iterate(&self, env: &Env) -> Outcome<Vec<Value>> {
        match self.items(env) {
            Some(items) => items,
            None => Err(TemplateError::other(format!("'{}' object is not iterable", self.type_name()))),
        }
    }

    /// Whether it can be iterated.
    pub fn is_iterable(&self) -> bool {
        match self {
            Value::Object(o) => o.is_iterable(),
            Value::Undefined(u) => u.lenient,
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => false,
            Value::Time(_) | Value::Delta(_) | Value::Method(_) => false,
            _ => true,
        }
    }

    fn items(&self, env: &Env) -> Option<Outcome<Vec<Value>>> {
        Some(match self {
            Value::Str(t) => Ok(t.as_str().chars().map(|c| Value::Str(character(c, t))).collect()),
            Value::Bytes(b) => Ok(b.iter().map(|b| Value::Int(i128::from(*b))).collect()),
            Value::List(l) => Ok(l.borrow().clone()),
            Value::Tuple(t) => Ok(t.to_vec()),
            Value::Set(s) => Ok(s.borrow().iter().cloned().collect()),
            Value::Dict(d) => Ok(d.borrow().keys().cloned().collect()),
            Value::Range(r) => {
                // A range costs nothing until it is walked.
                if let Err(e) = env.charge(u64::try_from(r.len()).unwrap_or(u64::MAX)) {
                    return Some(Err(e));
                }
                Ok((0..r.len() as i128).filter_map(|i| r.get(i)).map(Value::Int).collect())
            }
            Value::View(v) => Ok(v.items.clone()),
            Value::Undefined(u) if u.lenient => Ok(Vec::new()),
            Value::Undefined(u) => Err(u.error()),
            Value::Object(o) => return o.iterate(env),
            _ => return None,
        })
    }

    /// Python's `len()`; an error where there is none.
    pub fn length(&self, env: &Env) -> Outcome<usize> {
        Ok(match self {
            Value::Str(t) => t.as_str().chars().count(),
            Value::Bytes(b) => b.len(),
            Value::List(l) => l.borrow().len(),
            Value::Tuple(t) => t.len(),
            Value::Set(s) => s.borrow().len(),
            Value::Dict(d) => d.borrow().len(),
            Value::Range(r) => usize::try_from(r.len()).unwrap_or(usize::MAX),
            Value::View(v) if v.kind.starts_with("dict_") => v.items.len(),
            Value::Undefined(u) if u.lenient => 0,
            Value::Undefined(u) => return Err(u.error()),
            Value::Object(o) if o.is_mapping() => self.iterate(env)?.len(),
            _ => return Err(TemplateError::other(format!("object of type '{}' has no len()", self.type_name()))),
        })
    }

    /// Python's `item in self`.
    pub fn contains(&self, env: &Env, item: &Value) -> Outcome<bool> {
        match self {
            Value::Str(t) => match item.defined()? {
                Value::Str(needle) => Ok(t.as_str().contains(needle.as_str())),
                other => Err(TemplateError::other(format!(
                    "'in <string>' requires string as left operand, not {}",
                    other.type_name()
                ))),
            },
            Value::Bytes(b) => match item.defined()? {
                Value::Bytes(needle) => Ok(needle.is_empty() || b.windows(needle.len()).any(|w| w == &**needle)),
                Value::Int(i) => Ok(b.iter().any(|b| i128::from(*b) == *i)),
                other => {
                    Err(TemplateError::other(format!("a bytes-like object is required, not '{}'", other.type_name())))
                }
            },
            Value::Dict(d) => {
                item.check_key()?;
                Ok(d.borrow().contains_key(item))
            }
            Value::Set(s) => {
                item.check_key()?;
                Ok(s.borrow().contains(item))
            }
            Value::Range(r) => Ok(item.as_int().is_some_and(|i| {
                let inside = if r.step > 0 { i >= r.start && i < r.stop } else { i <= r.start && i > r.stop };
                inside && (i - r.start) % r.step == 0
            })),
            Value::Object(o) if o.contains(env, item).is_some() => Ok(o.contains(env, item).unwrap_or_default()),
            Value::Undefined(u) if !u.lenient => Err(u.error()),
            _ => {
                let items = match self.items(env) {
                    Some(items) => items?,
                    None => {
                        let name = self.type_name();
                        return Err(TemplateError::other(format!("argument of type '{name}' is not iterable")));
                    }
                };
                for candidate in &items {
                    // Identity comes first in Python, so a value that is not equal to itself is still found.
                    if candidate.is_same(item) || candidate.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

fn character(c: char, of: &Text) -> Text {
    let mut buffer = [0; 4];
    Text::new(&*c.encode_utf8(&mut buffer)).tainted_like(of)
}

impl Env<'_> {
    /// `value.name`: an attribute or method, else the member of that name, else undefined.
    pub fn getattr(&self, value: &Value, name: &str) -> Outcome<Value> {
        if let Some(found) = self.attribute(value, name)? {
            return Ok(found);
        }
        match value {
            Value::Undefined(u) if u.lenient => Err(u.error()),
            Value::Undefined(_) => Ok(value.clone()),
            Value::Dict(d) => Ok(d.borrow().get(&TextKey(name)).cloned().unwrap_or_else(|| missing(value, name))),
            Value::Object(o) => Ok(o.getitem(self, &Value::str(name))?.unwrap_or_else(|| missing(value, name))),
            _ => Ok(missing(value, name)),
        }
    }

    /// The Python attribute `name` alone, as the filter `attr` sees it.
    pub fn attribute(&self, value: &Value, name: &str) -> Outcome<Option<Value>> {
        // `x.__class__.__name__`: how roles told types apart before there was type_debug.
        if name == "__class__" && !matches!(value, Value::Undefined(_)) {
            return Ok(Some(Class::of(value)));
        }
        if name.starts_with("__") && !matches!(value, Value::Object(_)) {
            return Ok(None);
        }
        match value {
            Value::Object(o) if o.methods().contains(&name) => {
                Ok(Some(Value::Method(Rc::new(Method { receiver: value.clone(), name: name.into() }))))
            }
            Value::Object(o) => o.getattr(self, name),
            Value::Undefined(_) => Ok(None),
            _ if methods::has(value, name) => {
                Ok(Some(Value::Method(Rc::new(Method { receiver: value.clone(), name: name.into() }))))
            }
            _ => Ok(methods::property(value, name)),
        }
    }

    /// `value[key]`: the member, else the attribute of that name, else undefined.
    pub fn getitem(&self, value: &Value, key: &Value) -> Outcome<Value> {
        if let Value::Undefined(u) = value {
            return if u.lenient { Err(u.error()) } else { Ok(value.clone()) };
        }
        if let Value::Undefined(u) = key {
            // A dictionary hashes its key, and that is a use; elsewhere the key is merely of a wrong type.
            return if value.is_mapping() { Err(u.error()) } else { Ok(key.clone()) };
        }
        if let Some(found) = self.subscript(value, key)? {
            return Ok(found);
        }
        if let Value::Str(name) = key {
            if let Some(found) = self.attribute(value, name.as_str())? {
                return Ok(found);
            }
            return Ok(missing(value, name.as_str()));
        }
        let message = match value {
            Value::None => "None has no element ".to_owned(),
            other => format!("{} object has no element ", other.type_name()),
        };
        Ok(Value::undefined_because(message + &key.repr()?, None))
    }

    /// Python's `value[key]`, `None` where that raises.
    pub fn subscript(&self, value: &Value, key: &Value) -> Outcome<Option<Value>> {
        let at = |len: usize| {
            let index = key.as_int()?;
            let len = len as i128;
            let index = if index < 0 { index + len } else { index };
            (0..len).contains(&index).then_some(index as usize)
        };
        Ok(match value {
            Value::Dict(d) if key.check_key().is_ok() => d.borrow().get(key).cloned(),
            Value::List(l) => {
                let l = l.borrow();
                at(l.len()).map(|i| l[i].clone())
            }
            Value::Tuple(t) => at(t.len()).map(|i| t[i].clone()),
            Value::Str(t) => {
                let chars = t.as_str();
                let count = if chars.is_ascii() { chars.len() } else { chars.chars().count() };
                at(count).and_then(|i| chars.chars().nth(i)).map(|c| Value::Str(character(c, t)))
            }
            Value::Bytes(b) => at(b.len()).map(|i| Value::Int(i128::from(b[i]))),
            Value::Range(r) => key.as_int().and_then(|i| r.get(i)).map(Value::Int),
            Value::Object(o) => o.getitem(self, key)?,
            _ => None,
        })
    }

    /// `value[start:stop:step]`.
    pub fn slice(&self, value: &Value, bounds: [&Value; 3]) -> Outcome<Value> {
        let mut parts = [None; 3];
        for (part, bound) in parts.iter_mut().zip(bounds) {
            *part = match bound.defined()? {
                Value::None => None,
                other => Some(other.as_int().ok_or_else(|| {
                    TemplateError::other("slice indices must be integers or None or have an __index__ method")
                })?),
            };
        }
        let [start, stop, step] = parts;
        let step = step.unwrap_or(1);
        if step == 0 {
            return Err(TemplateError::other("slice step cannot be zero"));
        }
        let pick = |len: usize| slice_indices(len, [start, stop], step);
        Ok(match value {
            Value::Undefined(u) if u.lenient => return Err(u.error()),
            Value::Undefined(_) => value.clone(),
            Value::List(l) => {
                let l = l.borrow();
                Value::list(pick(l.len()).into_iter().map(|i| l[i].clone()).collect())
            }
            Value::Tuple(t) => Value::tuple(pick(t.len()).into_iter().map(|i| t[i].clone()).collect()),
            Value::Str(t) => {
                let chars: Vec<char> = t.as_str().chars().collect();
                let picked: String = pick(chars.len()).into_iter().map(|i| chars[i]).collect();
                Value::Str(Text::new(picked).tainted_like(t))
            }
            Value::Bytes(b) => Value::bytes(pick(b.len()).into_iter().map(|i| b[i]).collect::<Vec<u8>>()),
            Value::Range(r) => {
                let len = usize::try_from(r.len()).unwrap_or(usize::MAX);
                if len > limits::RENDERED {
                    return Err(TemplateError::other("a range of that length cannot be sliced"));
                }
                Value::list(pick(len).into_iter().filter_map(|i| r.get(i as i128)).map(Value::Int).collect())
            }
            // A key that is absent is undefined in Jinja; a slice of what has none is a mistake.
            Value::Dict(_) | Value::Object(_) => {
                return Err(TemplateError::other("unhashable type: 'slice'"));
            }
            other => {
                let name = if matches!(other, Value::None) { "NoneType" } else { other.type_name() };
                return Err(TemplateError::other(format!("'{name}' object is not subscriptable")));
            }
        })
    }
}

/// The indices that a slice takes, as Python's `slice.indices` counts them.
fn slice_indices(len: usize, bounds: [Option<i128>; 2], step: i128) -> Vec<usize> {
    let len = len as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: Option<i128>, otherwise: i128| match bound {
        None => otherwise,
        Some(b) if b < 0 => b.saturating_add(len).max(low),
        Some(b) => b.min(high),
    };
    let (start, stop) = if step > 0 {
        (clamp(bounds[0], low), clamp(bounds[1], high))
    } else {
        (clamp(bounds[0], high), clamp(bounds[1], low))
    };
    let mut out = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        out.push(at as usize);
        at = at.saturating_add(step);
    }
    out
}

fn missing(value: &Value, name: &str) -> Value {
    let message = match value {
        Value::None => format!("'None' has no attribute '{name}'"),
        Value::Undefined(u) => u.message.clone(),
        other => format!("'{} object' has no attribute '{name}'", other.type_name()),
    };
    Value::undefined_because(message, Some(name))
}

//! Equality, order, hashing and membership as Python has them.

use super::error::{Outcome, TemplateError};
use super::value::{Range, Value};
use indexmap::Equivalent;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

/// How deep containers are compared, printed and converted; deeper (or cyclic) is Python's recursion error.
pub const NESTING: usize = 200;

/// The error of containers that nest too deep or hold themselves.
pub fn too_deep() -> TemplateError {
    TemplateError::other("maximum recursion depth exceeded")
}

/// A borrowed text key for lookups in a [`Dict`](super::value::Dict).
pub struct TextKey<'a>(pub &'a str);

impl Hash for TextKey<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_text(self.0, state);
    }
}

impl Equivalent<Value> for TextKey<'_> {
    fn equivalent(&self, key: &Value) -> bool {
        key.as_str() == Some(self.0)
    }
}

fn hash_text<H: Hasher>(text: &str, state: &mut H) {
    state.write(text.as_bytes());
    state.write_u8(0xff);
}

/// A number reduced to what equality and hashing see.
#[derive(PartialEq, Hash)]
enum Number {
    Int(i128),
    Float(u64),
}

fn number(value: &Value) -> Option<Number> {
    match value {
        // A float with an exact integer value is that integer.
        Value::Float(f) if f.fract() == 0.0 && f.abs() < 1e38 => Some(Number::Int(*f as i128)),
        Value::Float(f) => Some(Number::Float(f.to_bits())),
        other => other.as_int().map(Number::Int),
    }
}

/// Keys compare as Python's do; NaN is itself, undefined values are never equal (they are refused as keys).
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        equal(self, other, 0).unwrap_or(false)
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(n) = number(self) {
            1u8.hash(state);
            n.hash(state);
            return;
        }
        match self {
            Value::Str(t) => hash_text(t.as_str(), state),
            Value::Bytes(b) => (3u8, b).hash(state),
            Value::Tuple(t) => {
                5u8.hash(state);
                t.iter().for_each(|v| v.hash(state));
            }
            Value::Time(t) => (8u8, t).hash(state),
            Value::Delta(d) => (9u8, d).hash(state),
            Value::Range(r) => (10u8, r.len()).hash(state),
            Value::Object(o) => (11u8, Rc::as_ptr(o).cast::<()>()).hash(state),
            _ => 0u8.hash(state),
        }
    }
}

fn same_object(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
        (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Set(a), Value::Set(b)) => Rc::ptr_eq(a, b),
        (Value::View(a), Value::View(b)) => Rc::ptr_eq(a, b),
        (Value::Object(a), Value::Object(b)) => std::ptr::addr_eq(Rc::as_ptr(a), Rc::as_ptr(b)),
        (Value::Undefined(a), Value::Undefined(b)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}

/// Python's `==`, to a depth.
fn equal(a: &Value, b: &Value, depth: usize) -> Outcome<bool> {
    if depth > NESTING {
        return Err(too_deep());
    }
    if let (Some(x), Some(y)) = (number(a), number(b)) {
        return Ok(x == y);
    }
    if depth > 0 && same_object(a, b) {
        return Ok(true);
    }
    Ok(match (a, b) {
        (Value::Undefined(a), Value::Undefined(b)) if a.lenient && b.lenient => true,
        (Value::Undefined(u), _) | (_, Value::Undefined(u)) if !u.lenient => return Err(u.error()),
        (Value::None, Value::None) => true,
        (Value::Str(a), Value::Str(b)) => a.as_str() == b.as_str(),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Time(a), Value::Time(b)) => a == b,
        (Value::Delta(a), Value::Delta(b)) => a == b,
        (Value::Range(a), Value::Range(b)) => same_range(a, b),
        (Value::List(a), Value::List(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            sequences(&a, &b, depth)?
        }
        (Value::Tuple(a), Value::Tuple(b)) => sequences(a, b, depth)?,
        (Value::Set(a), Value::Set(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            a.len() == b.len() && a.iter().all(|v| b.contains(v))
        }
        (Value::Dict(a), Value::Dict(b)) => {
            let (a, b) = (a.borrow(), b.borrow());
            if a.len() != b.len() {
                return Ok(false);
            }
            for (k, v) in a.iter() {
                match b.get(k) {
                    Some(w) if equal(v, w, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        _ => same_object(a, b),
    })
}

fn sequences(a: &[Value], b: &[Value], depth: usize) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    for (x, y) in a.iter().zip(b) {
        if !equal(x, y, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_range(a: &Range, b: &Range) -> bool {
    a.len() == b.len() && (a.is_empty() || a.start == b.start && (a.len() == 1 || a.step == b.step))
}

impl Value {
    /// Python's `==`; comparing something undefined is an error.
    pub fn equals(&self, other: &Value) -> Outcome<bool> {
        match (self, other) {
            (Value::Float(a), Value::Float(b)) => Ok(a == b),
            _ => equal(self, other, 0),
        }
    }

    /// Python's `is`, as far as templates can tell.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::None, Value::None) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b && (-5..=256).contains(a),
            (Value::Str(a), Value::Str(b)) => a.as_str() == b.as_str(),
            _ => same_object(self, other),
        }
    }

    /// Whether it may be a key or a set's member; Python's error where not.
    pub fn check_key(&self) -> Outcome<()> {
        self.check_key_at(0)
    }

    fn check_key_at(&self, depth: usize) -> Outcome<()> {
        match self {
            Value::List(_) | Value::Dict(_) | Value::Set(_) => {
                Err(TemplateError::other(format!("unhashable type: '{}'", self.type_name())))
            }
            Value::Undefined(u) => Err(u.error()),
            Value::Tuple(_) if depth > NESTING => Err(too_deep()),
            Value::Tuple(t) => t.iter().try_for_each(|v| v.check_key_at(depth + 1)),
            _ => Ok(()),
        }
    }

    /// The order of two values for `operator` (`<`, `>`, `<=`, `>=`), `None` where neither is less, with Python's
    /// error where the types have no order.
    pub fn order(&self, other: &Value, operator: &str) -> Outcome<Option<Ordering>> {
        self.order_at(other, operator, 0)
    }

    fn order_at(&self, other: &Value, operator: &str, depth: usize) -> Outcome<Option<Ordering>> {
        if depth > NESTING {
            return Err(too_deep());
        }
        self.defined()?;
        other.defined()?;
        if let (Some(a), Some(b)) = (self.as_int(), other.as_int()) {
            return Ok(Some(a.cmp(&b)));
        }
        if let (Some(a), Some(b)) = (self.as_float(), other.as_float()) {
            return Ok(order_numbers(self, other).unwrap_or_else(|| a.partial_cmp(&b)));
        }
        match (self, other) {
            (Value::Str(a), Value::Str(b)) => Ok(Some(a.as_str().cmp(b.as_str()))),
            (Value::Bytes(a), Value::Bytes(b)) => Ok(Some(a.cmp(b))),
            (Value::Delta(a), Value::Delta(b)) => Ok(Some(a.cmp(b))),
            (Value::List(a), Value::List(b)) => {
                let (a, b) = (a.borrow().clone(), b.borrow().clone());
                order_sequences(&a, &b, operator, depth)
            }
            (Value::Tuple(a), Value::Tuple(b)) => order_sequences(a, b, operator, depth),
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                let (less, more) = (a.is_subset(&b), b.is_subset(&a));
                Ok(match (less, more) {
                    (true, true) => Some(Ordering::Equal),
                    (true, false) => Some(Ordering::Less),
                    (false, true) => Some(Ordering::Greater),
                    (false, false) => None,
                })
            }
            (Value::Time(a), Value::Time(b)) if a.clock.is_some() == b.clock.is_some() => {
                super::time::order(a, b).map(Some)
            }
            _ => Err(TemplateError::other(format!(
                "'{operator}' not supported between instances of '{}' and '{}'",
                self.type_name(),
                other.type_name()
            ))),
        }
    }
}

/// An integer against a double, exactly where the double would lose digits.
fn order_numbers(a: &Value, b: &Value) -> Option<Option<Ordering>> {
    match (number(a)?, number(b)?) {
        (Number::Int(a), Number::Int(b)) => Some(Some(a.cmp(&b))),
        _ => None,
    }
}

fn order_sequences(a: &[Value], b: &[Value], operator: &str, depth: usize) -> Outcome<Option<Ordering>> {
    for (x, y) in a.iter().zip(b) {
        if !equal(x, y, depth + 1)? {
            return x.order_at(y, operator, depth + 1);
        }
    }
    Ok(Some(a.len().cmp(&b.len())))
}

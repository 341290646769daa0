//! Methods and properties of Python's built-in types: one file per family.
//!
//! A family says which names it has ([`has`] must know them before they are called) and runs them.

mod bytes;
mod containers;
mod numbers;
mod text;

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::object::CallArgs;
use super::value::Value;

pub use numbers::strftime;

/// Whether `value` has a method of that name.
pub fn has(value: &Value, name: &str) -> bool {
    names(value).contains(&name)
}

fn names(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Str(_) => text::STR,
        Value::Bytes(_) => bytes::NAMES,
        Value::List(_) => containers::LIST,
        Value::Tuple(_) | Value::Range(_) => containers::TUPLE,
        Value::Dict(_) => containers::DICT,
        Value::Set(_) => containers::SET,
        Value::Int(_) | Value::Bool(_) => numbers::INT,
        Value::Float(_) => numbers::FLOAT,
        Value::Time(t) if t.clock.is_none() => numbers::DATE,
        Value::Time(_) => numbers::DATETIME,
        Value::Delta(_) => numbers::DELTA,
        _ => &[],
    }
}

/// A property that is not a method (`n.real`, `t.year`).
pub fn property(value: &Value, name: &str) -> Option<Value> {
    numbers::property(value, name)
}

/// Calls a method.
pub fn call(env: &Env, receiver: &Value, name: &str, args: CallArgs) -> Outcome<Value> {
    let given = args.positional.len() + args.keyword.len();
    if given > 0 && takes_nothing(receiver, name) {
        let of = receiver.type_name();
        return Err(TemplateError::other(format!("{of}.{name}() takes no arguments ({given} given)")));
    }
    match receiver {
        Value::Str(t) => text::call(env, t, name, args),
        Value::Bytes(b) => bytes::call(env, b, name, args),
        Value::List(l) => containers::call_list(env, l, name, args),
        Value::Tuple(_) | Value::Range(_) => containers::call_tuple(env, receiver, name, args),
        Value::Dict(d) => containers::call_dict(env, d, name, args),
        Value::Set(s) => containers::call_set(env, s, name, args),
        Value::Int(_) | Value::Bool(_) | Value::Float(_) => numbers::call(env, receiver, name, args),
        Value::Time(t) => numbers::call_time(t, name, args),
        Value::Delta(d) => numbers::call_delta(*d, name, args),
        other => Err(unknown(other.type_name(), name)),
    }
}

/// Whether Python refuses every argument of a method.
fn takes_nothing(receiver: &Value, name: &str) -> bool {
    const NOTHING: &[&str] = &[
        "as_integer_ratio",
        "bit_length",
        "capitalize",
        "casefold",
        "clear",
        "conjugate",
        "copy",
        "is_integer",
        "items",
        "keys",
        "lower",
        "popitem",
        "swapcase",
        "title",
        "upper",
        "values",
    ];
    match receiver {
        Value::Str(_) | Value::Bytes(_) if name.starts_with("is") => true,
        Value::List(_) if name == "reverse" => true,
        _ => NOTHING.contains(&name),
    }
}

fn unknown(of: &str, name: &str) -> TemplateError {
    TemplateError::other(format!("'{of}' object has no attribute '{name}'"))
}

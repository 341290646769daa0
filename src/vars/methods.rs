//! Methods and properties of Python's built-in types.

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::object::CallArgs;
use super::value::Value;

/// Whether `value` has a method of that name.
pub fn has(value: &Value, name: &str) -> bool {
    let _ = (value, name);
    false
}

/// A property that is not a method (`n.real`, `t.year`).
pub fn property(value: &Value, name: &str) -> Option<Value> {
    let _ = (value, name);
    None
}

/// Calls a method.
pub fn call(env: &Env, receiver: &Value, name: &str, args: CallArgs) -> Outcome<Value> {
    let _ = (env, args);
    Err(TemplateError::other(format!("'{}' object has no attribute '{name}'", receiver.type_name())))
}

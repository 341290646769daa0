//! Arguments and results of filters: text with its taint, numbers, flags.

use crate::vars::{CallArgs, Outcome, TemplateError, Text, Value};

/// `str(value)`; text keeps its taint.
pub fn soft(value: &Value) -> Outcome<Text> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        other => other.text().map(Text::new),
    }
}

/// Text that comes of `input`, and is as tainted.
pub fn like(input: &Text, text: impl Into<String>) -> Value {
    Value::Str(Text::new(text.into()).tainted_like(input))
}

/// A filter that takes no arguments.
pub fn none(name: &str, args: CallArgs) -> Outcome<()> {
    let [] = args.bind(name, [], 0)?;
    Ok(())
}

/// A flag, by Python's truth; false where it is not given.
pub fn flag(value: Option<Value>) -> Outcome<bool> {
    value.map_or(Ok(false), |v| v.truthy())
}

/// An integer, `default` where it is not given.
pub fn integer(value: Option<Value>, default: i128) -> Outcome<i128> {
    let Some(value) = value else { return Ok(default) };
    value.defined()?.as_int().ok_or_else(|| not_integer(&value))
}

/// The error of a value that must be an integer.
pub fn not_integer(value: &Value) -> TemplateError {
    TemplateError::other(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
}

/// Text that must be text already.
pub fn text<'v>(value: &'v Value, method: &str) -> Outcome<&'v Text> {
    match value.defined()? {
        Value::Str(text) => Ok(text),
        other => Err(TemplateError::other(format!("'{}' object has no attribute '{method}'", other.type_name()))),
    }
}

/// An argument that must be there: `bind` has checked it.
pub fn given(value: Option<Value>) -> Value {
    value.unwrap_or_default()
}

/// An argument that counts as absent when it is `None`.
pub fn unless_none(value: Option<Value>) -> Option<Value> {
    value.filter(|v| !v.is_none())
}

/// Python's class in a message: `<class 'int'>`.
pub fn class(value: &Value) -> String {
    let name = match value {
        Value::Str(text) if text.is_tainted() => "ansible.utils.unsafe_proxy.AnsibleUnsafeText",
        Value::Undefined(_) => "ansible.template.AnsibleUndefined",
        other => other.type_name(),
    };
    format!("<class '{name}'>")
}

/// A size or count from a template: not negative, and bounded.
pub fn count(value: i128) -> usize {
    usize::try_from(value.max(0)).unwrap_or(usize::MAX)
}

//! Ansible's filters on truth and type.

use super::args::{given, none, soft, unless_none};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

pub fn bool(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("to_bool", args)?;
    Ok(match value.defined()? {
        Value::None | Value::Bool(_) => value,
        Value::Str(text) => Value::Bool(is_yes(text.as_str())),
        Value::Int(i) => Value::Bool(*i == 1),
        Value::Float(f) => Value::Bool(*f == 1.0),
        _ => Value::Bool(false),
    })
}

/// Text that means yes, as the bool filter reads it.
fn is_yes(text: &str) -> bool {
    matches!(&*text.to_lowercase(), "yes" | "on" | "1" | "true")
}

pub fn ternary(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [yes, no, null] = args.bind("ternary", ["true_val", "false_val", "none_val"], 2)?;
    if let (true, Some(null)) = (value.is_none(), unless_none(null)) {
        return Ok(null);
    }
    Ok(given(if value.truthy()? { yes } else { no }))
}

pub fn mandatory(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [message] = args.bind("mandatory", ["msg"], 0)?;
    let Value::Undefined(undefined) = &value else { return Ok(value) };
    // The author's own words are an error like any other; without them it is the undefined variable's.
    Err(match unless_none(message) {
        Some(message) => TemplateError::other(soft(&message)?.as_str()),
        None => TemplateError::undefined(match &undefined.name {
            Some(name) => format!("Mandatory variable '{name}'  not defined."),
            None => "Mandatory variable  not defined.".to_owned(),
        }),
    })
}

pub fn type_debug(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("type_debug", args)?;
    Ok(Value::from(match &value {
        Value::Str(text) => text.class(),
        other => other.type_name(),
    }))
}

/// `boolean(value, strict=False)`: the words that mean yes, any other value no.
pub fn is_true(value: &Value) -> Outcome<bool> {
    Ok(match value.defined()? {
        Value::Bool(b) => *b,
        Value::Str(text) => {
            let word = text.as_str().trim().to_lowercase();
            matches!(&*word, "y" | "yes" | "on" | "1" | "true" | "t" | "1.0")
        }
        other => other.as_float() == Some(1.0),
    })
}

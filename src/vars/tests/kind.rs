//! Tests of what a value is.

use crate::vars::filters::args::{none as no_arguments, soft};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value, registry};

pub fn defined(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_defined", args)?;
    Ok(!value.is_undefined())
}

pub fn undefined(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_undefined", args)?;
    Ok(value.is_undefined())
}

pub fn none(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_none", args)?;
    Ok(value.is_none())
}

pub fn boolean(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_boolean", args)?;
    Ok(matches!(value, Value::Bool(_)))
}

pub fn is_false(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_false", args)?;
    Ok(matches!(value, Value::Bool(false)))
}

pub fn is_true(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_true", args)?;
    Ok(matches!(value, Value::Bool(true)))
}

pub fn integer(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_integer", args)?;
    Ok(matches!(value, Value::Int(_)))
}

pub fn float(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_float", args)?;
    Ok(matches!(value, Value::Float(_)))
}

pub fn number(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_number", args)?;
    Ok(matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_)))
}

pub fn string(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_string", args)?;
    Ok(matches!(value, Value::Str(_)))
}

pub fn mapping(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_mapping", args)?;
    Ok(value.is_mapping())
}

pub fn sequence(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_sequence", args)?;
    let text = matches!(value, Value::Str(_) | Value::Bytes(_));
    Ok(text || value.is_list_like() || value.is_mapping())
}

pub fn iterable(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_iterable", args)?;
    Ok(value.defined()?.is_iterable())
}

pub fn callable(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("callable", args)?;
    Ok(match &value {
        // Something undefined has a `__call__`, which raises.
        Value::Method(_) | Value::Undefined(_) => true,
        Value::Object(object) => object.is_callable(),
        _ => false,
    })
}

/// Nothing is ever marked as escaped: Ansible does not escape by itself.
pub fn escaped(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_escaped", args)?;
    value.defined()?;
    Ok(false)
}

/// Vaulted values are decrypted before templates see them.
pub fn vault_encrypted(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("vault_encrypted", args)?;
    value.defined()?;
    Ok(false)
}

pub fn filter(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_filter", args)?;
    known(&value, |name| registry::filter(name, env.files().vault()).is_some())
}

pub fn test(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_test", args)?;
    known(&value, |name| registry::test(name).is_some())
}

/// Ansible does not answer for a name that it cannot load: it fails.
fn known(value: &Value, find: impl Fn(&str) -> bool) -> Outcome<bool> {
    match value.defined()?.as_str() {
        Some(name) if find(name) => Ok(true),
        Some(name) => Err(TemplateError::syntax(format!("Could not load \"{name}\": '{name}'"))),
        None => Ok(false),
    }
}

pub fn lower(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_lower", args)?;
    let text = soft(&value)?;
    Ok(text.as_str().chars().any(char::is_lowercase) && !text.as_str().chars().any(char::is_uppercase))
}

pub fn upper(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    no_arguments("test_upper", args)?;
    let text = soft(&value)?;
    Ok(text.as_str().chars().any(char::is_uppercase) && !text.as_str().chars().any(char::is_lowercase))
}

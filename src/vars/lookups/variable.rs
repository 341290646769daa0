//! Lookups of variables, and of the environment.

use super::options::{Options, term};
use crate::vars::pyre::{Flags, Regex};
use crate::vars::pytext::words;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

pub fn env(_: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "env");
    let default = options.take("default").unwrap_or_else(|| Value::from(""));
    let mut out = Vec::new();
    for value in &terms {
        let text = term(value)?;
        let name = words(&text).next().ok_or_else(|| TemplateError::other("list index out of range"))?;
        out.push(match std::env::var_os(name).filter(|_| !name.contains('=')) {
            Some(found) => Value::from(found.to_string_lossy().into_owned()),
            None if default.is_undefined() => {
                let message = format!("The \"env\" lookup, found an undefined variable: {name}");
                return Err(TemplateError::undefined(message));
            }
            None => default.clone(),
        });
    }
    Ok(out)
}

/// The error of a term that is no name.
fn not_a_name(value: &Value, pronoun: &str) -> Outcome<TemplateError> {
    Ok(TemplateError::other(format!(
        "Invalid setting identifier, \"{}\" is not a string, {pronoun} a <class '{}'>",
        value.text()?,
        value.type_name()
    )))
}

pub fn vars(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "vars");
    let default = options.take("default");
    let mut out = Vec::new();
    for value in &terms {
        let Value::Str(name) = value.defined()? else { return Err(not_a_name(value, "its")?) };
        let found = match env.variable(name.as_str())? {
            Some(found) => found,
            None => Value::undefined_because(format!("No variable found with this name: {}", name.as_str()), None),
        };
        out.push(match (&found, &default) {
            (Value::Undefined(_), Some(default)) => default.clone(),
            (Value::Undefined(undefined), None) => return Err(undefined.error()),
            _ => found,
        });
    }
    Ok(out)
}

pub fn varnames(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for value in &args.positional {
        let Value::Str(pattern) = value.defined()? else { return Err(not_a_name(value, "it is")?) };
        let regex = Regex::new(pattern.as_str(), Flags::default()).map_err(|e| {
            TemplateError::other(format!("Unable to use \"{}\" as a search parameter: {e}", pattern.as_str()))
        })?;
        for name in env.variable_names() {
            if regex.search(&name).map_err(TemplateError::other)?.is_some() {
                out.push(Value::from(name));
            }
        }
    }
    Ok(out)
}

//! Tests of task results.

use crate::vars::filters::args::none;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// The member `key` of a result; `None` where it has none. Something undefined is no dictionary either, and said to be none.
fn member(value: &Value, test: &str, key: &str) -> Outcome<Option<Value>> {
    match value {
        Value::Dict(_) => Ok(value.member(key)),
        _ => Err(TemplateError::other(format!("The '{test}' test expects a dictionary"))),
    }
}

fn holds(value: &Value, test: &str, key: &str) -> Outcome<bool> {
    member(value, test, key)?.map_or(Ok(false), |v| v.truthy())
}

pub fn failed(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("failed", args)?;
    holds(&value, "failed", "failed")
}

pub fn success(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    failed(env, value, args).map(|failed| !failed)
}

pub fn unreachable(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("unreachable", args)?;
    holds(&value, "unreachable", "unreachable")
}

pub fn reachable(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    unreachable(env, value, args).map(|unreachable| !unreachable)
}

pub fn skipped(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("skipped", args)?;
    holds(&value, "skipped", "skipped")
}

pub fn changed(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("changed", args)?;
    if let Some(changed) = member(&value, "changed", "changed")? {
        return changed.truthy();
    }
    let Some(results @ Value::List(_)) = value.member("results") else { return Ok(false) };
    let results = results.iterate(env)?;
    match results.first() {
        None => Err(TemplateError::other("list index out of range")),
        Some(Value::Dict(_)) => {
            for result in &results {
                if result.member("changed").map_or(Ok(false), |v| v.truthy())? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Some(_) => Ok(false),
    }
}

/// A task that did not run in the background counts as started and as finished.
fn is_one(value: &Value, name: &str) -> Outcome<bool> {
    match member(value, name, name)? {
        None => Ok(true),
        Some(flag) => flag.equals(&Value::Int(1)),
    }
}

pub fn started(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("started", args)?;
    is_one(&value, "started")
}

pub fn finished(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("finished", args)?;
    is_one(&value, "finished")
}

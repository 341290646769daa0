//! The config lookup: the few of Ansible's settings that mean something without Ansible, at their defaults.

use super::options::{Options, term};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

fn setting(name: &str) -> Option<Value> {
    let text = |t: &str| Some(Value::from(t));
    match name {
        "DEFAULT_BECOME_METHOD" => text("sudo"),
        "DEFAULT_BECOME_USER" => text("root"),
        "DEFAULT_BECOME" | "DEFAULT_ASK_PASS" | "DIFF_ALWAYS" | "DEFAULT_NO_LOG" => Some(Value::Bool(false)),
        "DEFAULT_EXECUTABLE" => text("/bin/sh"),
        "DEFAULT_FORKS" => Some(Value::Int(5)),
        "DEFAULT_GATHERING" => text("implicit"),
        "DEFAULT_HASH_BEHAVIOUR" => text("replace"),
        "DEFAULT_MANAGED_STR" => text("Ansible managed"),
        "DEFAULT_TIMEOUT" => Some(Value::Int(10)),
        "DEFAULT_VERBOSITY" => Some(Value::Int(0)),
        "COLOR_CHANGED" => text("yellow"),
        "COLOR_ERROR" => text("red"),
        "COLOR_OK" => text("green"),
        "COLOR_SKIP" => text("cyan"),
        "COLOR_WARN" => text("bright purple"),
        _ => None,
    }
}

pub fn config(_: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "config");
    let missing = options.text("on_missing", "error")?;
    if !matches!(&*missing, "error" | "warn" | "skip") {
        let message =
            format!("\"on_missing\" must be a string and one of \"error\", \"warn\" or \"skip\", not {missing}");
        return Err(TemplateError::other(message));
    }
    if options.take("plugin_type").is_some() || options.take("plugin_name").is_some() {
        return Err(TemplateError::other("settings of plugins are not known on a node"));
    }
    let mut out = Vec::new();
    for value in &terms {
        let Value::Str(_) = value.defined()? else {
            return Err(TemplateError::other(format!(
                "Invalid setting identifier, \"{}\" is not a string, its a <class '{}'>",
                value.text()?,
                value.type_name()
            )));
        };
        let name = term(value)?;
        match setting(&name) {
            Some(found) => out.push(found),
            None if missing == "error" => {
                return Err(TemplateError::other(format!("Unable to find setting {name}")));
            }
            None => {}
        }
    }
    Ok(out)
}

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

pub fn config(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "config");
    let missing = options.text("on_missing", "error")?;
    if !matches!(&*missing, "error" | "warn" | "skip") {
        let message = format!(
            "Invalid value \"{missing}\" for configuration option \"plugin_type: lookup plugin: config setting: on_missing \
             \", valid values are: error, skip, warn"
        );
        return Err(TemplateError::other(message));
    }
    let plugin = match (options.take("plugin_type"), options.take("plugin_name")) {
        (None, None) => String::new(),
        (Some(kind), Some(name)) => format!("{}/{}", kind.text()?, name.text()?),
        _ => {
            let message = "Both plugin_type and plugin_name are required, cannot use one without the other";
            return Err(TemplateError::other(message));
        }
    };
    let show_origin = options.flag("show_origin", false)?;
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
        match found(env, &plugin, &name)? {
            Some((value, origin)) if show_origin => out.push(Value::list(vec![value, Value::str(origin)])),
            Some((value, _)) => out.push(value),
            None if missing == "error" => {
                return Err(TemplateError::other(format!("Unable to find setting {name}")));
            }
            None => {}
        }
    }
    Ok(out)
}

/// A setting and where its value is from.
fn found(env: &Env, plugin: &str, name: &str) -> Outcome<Option<(Value, String)>> {
    #[cfg(feature = "builder")]
    if let Some(file) = env.files().configuration() {
        return super::settings::find(env, file, (plugin, name));
    }
    let _ = env;
    if !plugin.is_empty() {
        return Err(TemplateError::other("settings of plugins are not known on a node"));
    }
    Ok(setting(name).map(|value| (value, "default".to_owned())))
}

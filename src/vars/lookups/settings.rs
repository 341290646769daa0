//! Ansible's settings for the `config` lookup, as a run with Ansible's variables and files has them: a variable of the
//! host over the environment over the configuration file over the default. For `apply` only.

use crate::plan::Data;
use crate::vars::{Configuration, Env, Outcome, TemplateError, Value};

/// What there is (tests/tools/make-settings.py): plugin, name, type, default, variables, environment, keys of the file.
const TABLE: &str = include_str!("settings.tsv");
/// What `ansible.constants` has that is no setting.
const NO_SETTINGS: [&str; 6] =
    ["ConfigManager", "Sequence", "add_internal_fqcns", "set_constant", "to_text", "_DeprecatedSequenceConstant"];

/// The value of a setting, of a plugin's or of all, and where that is from.
pub fn find(env: &Env, file: &dyn Configuration, (plugin, name): (&str, &str)) -> Outcome<Option<(Value, String)>> {
    if plugin.is_empty() && NO_SETTINGS.contains(&name) {
        return Err(TemplateError::other(format!("Invalid setting \"{name}\" attempted")));
    }
    let known = |line: &str| line.split('\t').next() == Some(plugin);
    if !plugin.is_empty() && !TABLE.lines().any(known) {
        let (kind, plugin) = plugin.split_once('/').unwrap_or_default();
        return Err(TemplateError::other(format!("Unable to load {kind} plugin \"{plugin}\"")));
    }
    let row = TABLE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let Some(row) = row.into_iter().find(|row| row.len() == 7 && row[0] == plugin && row[1] == name) else {
        return Ok(None);
    };
    let (value, origin) = given(env, file, &row)?;
    Ok(Some((typed(value, row[2], name)?, origin)))
}

/// The value as it was written down. Of several names the last one counts.
fn given(env: &Env, file: &dyn Configuration, row: &[&str]) -> Outcome<(Value, String)> {
    let names = |column: usize| row[column].split(',').filter(|name| !name.is_empty()).rev();
    for name in names(4) {
        if let Some(value) = env.variable(name)?.filter(|value| !value.is_none()) {
            return Ok((value, format!("var: {name}")));
        }
    }
    if let Some((name, value)) = names(5).find_map(|name| Some((name, std::env::var(name).ok()?))) {
        return Ok((Value::str(value), format!("env: {name}")));
    }
    let key = |name: &str| name.split_once('.').and_then(|(section, key)| file.in_file(section, key));
    if let Some(value) = names(6).find_map(key) {
        return Ok((Value::str(value), file.path().unwrap_or_default()));
    }
    let default: Data = serde_json::from_str(row[3]).unwrap_or_default();
    Ok((Value::from_data(&default), "default".to_owned()))
}

/// The value as the setting's type has it.
fn typed(value: Value, kind: &str, name: &str) -> Outcome<Value> {
    if value.is_none() {
        return Ok(value);
    }
    let wrong = |wanted: &str| {
        TemplateError::other(format!("Invalid type for configuration option setting: {name}: {wanted} is expected"))
    };
    Ok(match kind {
        "bool" | "boolean" => {
            let word = value.text()?.trim().to_lowercase();
            Value::Bool(matches!(&*word, "y" | "yes" | "on" | "1" | "true" | "t" | "1.0"))
        }
        "int" | "integer" => match &value {
            Value::Int(_) => value,
            other => Value::Int(other.text()?.trim().parse().map_err(|_| wrong("a whole number"))?),
        },
        "float" => Value::Float(value.text()?.trim().parse().map_err(|_| wrong("a number"))?),
        "list" => split(&value, ',')?
            .map_or(value, |words| Value::list(words.iter().map(|word| Value::str(word.as_str())).collect())),
        "path" | "tmp" | "temp" | "tmppath" => Value::str(resolved(&value.text()?)),
        "pathspec" | "pathlist" => {
            let between = if kind == "pathspec" { ':' } else { ',' };
            let words = split(&value, between)?.unwrap_or_default();
            Value::list(words.iter().map(|word| Value::str(resolved(word))).collect())
        }
        _ => value,
    })
}

/// The parts of one text; `None` where it is no text.
fn split(value: &Value, between: char) -> Outcome<Option<Vec<String>>> {
    match value {
        Value::Str(text) => {
            let whole = with_home(text.as_str());
            Ok(Some(whole.split(between).map(|part| part.trim().to_owned()).collect()))
        }
        _ => Ok(None),
    }
}

/// Defaults beneath `ANSIBLE_HOME` are written as templates.
fn with_home(text: &str) -> String {
    let below = text.strip_prefix("{{ ANSIBLE_HOME ~ \"").and_then(|rest| rest.strip_suffix("\" }}"));
    match below {
        Some(below) => std::env::var("ANSIBLE_HOME").unwrap_or_else(|_| "~/.ansible".to_owned()) + below,
        None => text.to_owned(),
    }
}

/// An absolute path, `~` expanded.
fn resolved(text: &str) -> String {
    let text = with_home(text);
    let text =
        match (text.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/')), std::env::var("HOME")) {
            (Some(rest), Ok(home)) => home + rest,
            _ => text,
        };
    std::path::absolute(&text).map_or(text, |path| path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vars::testing::with_env;

    #[derive(Debug)]
    struct File;

    impl Configuration for File {
        fn in_file(&self, section: &str, key: &str) -> Option<String> {
            match (section, key) {
                ("defaults", "forks") => Some("7".to_owned()),
                ("ssh_connection", "retries") => Some("many".to_owned()),
                _ => None,
            }
        }
        fn path(&self) -> Option<String> {
            Some("/etc/ansible/ansible.cfg".to_owned())
        }
    }

    #[test]
    fn every_row_is_whole() {
        for line in TABLE.lines() {
            let row: Vec<&str> = line.split('\t').collect();
            assert_eq!(row.len(), 7, "{line}");
            assert!(serde_json::from_str::<Data>(row[3]).is_ok(), "{line}");
        }
    }

    #[test]
    fn a_setting_is_typed_and_says_where_it_is_from() {
        with_env(|env| {
            let shown = |plugin: &str, name: &str| match find(env, &File, (plugin, name)) {
                Ok(Some((value, origin))) => format!("{} from {origin}", value.text().unwrap_or_default()),
                Ok(None) => "none".to_owned(),
                Err(e) => e.message,
            };
            assert_eq!(shown("", "DEFAULT_FORKS"), "7 from /etc/ansible/ansible.cfg");
            assert_eq!(shown("", "DEFAULT_BECOME"), "False from default");
            assert_eq!(
                shown("", "INVENTORY_ENABLED"),
                "['host_list', 'script', 'auto', 'yaml', 'ini', 'toml'] from default"
            );
            assert_eq!(shown("", "NO_SUCH"), "none");
            assert_eq!(shown("connection/ssh", "port"), "None from default");
            assert_eq!(shown("connection/ssh", "no_such"), "none");
            assert_eq!(shown("connection/no_such", "port"), "Unable to load connection plugin \"no_such\"");
            assert!(shown("connection/ssh", "reconnection_retries").contains("Invalid type"));
            assert!(shown("", "ConfigManager").contains("Invalid setting"));
        });
    }
}

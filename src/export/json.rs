//! Values as Ansible's own JSON writes them: text that is no template and vault envelopes are marked.

use crate::plan::{Data, Map};
use serde_json::{Map as Object, Number, Value, json};

/// Marks text that is no template.
const UNSAFE: &str = "__ansible_unsafe";

/// A value as `ansible-inventory --list` prints it.
pub fn of(data: &Data) -> Value {
    match data {
        Data::Null => Value::Null,
        Data::Bool(b) => Value::Bool(*b),
        Data::Int(n) => Number::from_i128(*n).map_or_else(|| Value::String(n.to_string()), Value::Number),
        Data::Float(n) => Number::from_f64(*n).map_or(Value::Null, Value::Number),
        Data::Str(text) | Data::Made(_, text) => Value::String(text.clone()),
        Data::Unsafe(text) => json!({ UNSAFE: text }),
        Data::Vault(text) => json!({ "__ansible_vault": text }),
        Data::Raw(bytes) | Data::Bytes(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => Value::Array(items.iter().map(of).collect()),
        Data::Map(map) => Value::Object(object(map)),
        Data::Time(time) => Value::String(time.to_string()),
    }
}

/// The same for files of variables: text is marked only where it could be taken for a template.
pub fn plain(data: &Data) -> Value {
    unmarked(of(data))
}

fn unmarked(value: Value) -> Value {
    match value {
        Value::Object(mut members) => {
            let text = members.get(UNSAFE).and_then(Value::as_str);
            if text.is_some_and(|t| members.len() == 1 && !t.contains("{{") && !t.contains("{%")) {
                return members.remove(UNSAFE).unwrap_or_default();
            }
            Value::Object(members.into_iter().map(|(k, v)| (k, unmarked(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(unmarked).collect()),
        other => other,
    }
}

fn object(map: &Map) -> Object<String, Value> {
    let name = |key: &Data| match key {
        Data::Null => "null".to_owned(),
        Data::Bool(b) => b.to_string(),
        Data::Int(n) => n.to_string(),
        Data::Float(n) => n.to_string(),
        other => other.as_str().map_or_else(|| of(other).to_string(), str::to_owned),
    };
    map.iter().map(|(key, value)| (name(key), of(value))).collect()
}

//! Values as Ansible's own JSON writes them: text that is no template and vault envelopes are marked.

use crate::plan::{Data, Map};
use serde_json::{Map as Object, Number, Value, json};

/// A value as `ansible-inventory --list` prints it.
pub fn of(data: &Data) -> Value {
    match data {
        Data::Null => Value::Null,
        Data::Bool(b) => Value::Bool(*b),
        Data::Int(n) => Number::from_i128(*n).map_or_else(|| Value::String(n.to_string()), Value::Number),
        Data::Float(n) => Number::from_f64(*n).map_or(Value::Null, Value::Number),
        Data::Str(text) => Value::String(text.clone()),
        Data::Unsafe(text) => json!({ "__ansible_unsafe": text }),
        Data::Vault(text) => json!({ "__ansible_vault": text }),
        Data::Raw(bytes) | Data::Bytes(bytes) => Value::String(String::from_utf8_lossy(bytes).into_owned()),
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => Value::Array(items.iter().map(of).collect()),
        Data::Map(map) => Value::Object(object(map)),
        Data::Time(time) => Value::String(time.to_string()),
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

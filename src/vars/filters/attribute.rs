//! The `attribute=` of Jinja's filters: a dotted path into each item.

use super::args::unless_none;
use crate::vars::{Env, Outcome, Value};

/// One path, its parts looked up in turn.
pub struct Path {
    parts: Vec<Value>,
}

impl Path {
    /// The path that `attribute` gives; without one, the item itself.
    pub fn new(attribute: Option<&Value>) -> Outcome<Path> {
        let parts = match attribute {
            None | Some(Value::None) => Vec::new(),
            Some(Value::Str(text)) => text.as_str().split('.').map(part).collect(),
            Some(other) => vec![other.defined()?.clone()],
        };
        Ok(Path { parts })
    }

    /// Several paths, separated by commas.
    pub fn several(attribute: Option<&Value>) -> Outcome<Vec<Path>> {
        match attribute {
            Some(Value::Str(text)) => text.as_str().split(',').map(|p| Path::new(Some(&Value::from(p)))).collect(),
            other => Ok(vec![Path::new(other)?]),
        }
    }

    /// What the path leads to in `item`, `default` wherever that is undefined.
    pub fn get(&self, env: &Env, item: &Value, default: Option<&Value>) -> Outcome<Value> {
        let mut value = item.clone();
        for part in &self.parts {
            value = env.getitem(&value, part)?;
            if let (true, Some(default)) = (value.is_undefined(), default) {
                value = default.clone();
            }
        }
        Ok(value)
    }
}

fn part(text: &str) -> Value {
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(index) if number => Value::Int(index),
        _ => Value::from(text),
    }
}

/// Text in lower case, other values as they are.
pub fn fold_case(value: Value) -> Value {
    match &value {
        Value::Str(text) => super::args::like(text, text.as_str().to_lowercase()),
        _ => value,
    }
}

/// How items are compared: by a path, with or without case.
pub struct KeyOf {
    path: Path,
    case_sensitive: bool,
    default: Option<Value>,
}

impl KeyOf {
    /// From a filter's `attribute` and `case_sensitive`.
    pub fn new(attribute: Option<&Value>, case_sensitive: Option<Value>) -> Outcome<KeyOf> {
        let case_sensitive = super::args::flag(case_sensitive)?;
        Ok(KeyOf { path: Path::new(attribute)?, case_sensitive, default: None })
    }

    /// The same with a default for what is undefined.
    pub fn or(mut self, default: Option<Value>) -> KeyOf {
        self.default = unless_none(default);
        self
    }

    /// What the path leads to.
    pub fn plain(&self, env: &Env, item: &Value) -> Outcome<Value> {
        self.path.get(env, item, self.default.as_ref())
    }

    /// What an item is compared by.
    pub fn key(&self, env: &Env, item: &Value) -> Outcome<Value> {
        let value = self.plain(env, item)?;
        Ok(if self.case_sensitive { value } else { fold_case(value) })
    }

    /// Whether case matters.
    pub fn minds_case(&self) -> bool {
        self.case_sensitive
    }
}

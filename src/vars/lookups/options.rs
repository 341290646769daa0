//! The options of a lookup, by name.

use crate::vars::{CallArgs, Outcome, TemplateError, Value};

/// What was given by name, and what is taken from it.
pub struct Options {
    args: CallArgs,
    lookup: &'static str,
}

impl Options {
    /// Splits a call into its terms and its options.
    pub fn split(mut args: CallArgs, lookup: &'static str) -> (Vec<Value>, Options) {
        let terms = std::mem::take(&mut args.positional);
        (terms, Options { args, lookup })
    }

    /// The option, if it was given and is not null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.args.take(name).filter(|v| !v.is_none())
    }

    /// A text option.
    pub fn text(&mut self, name: &str, default: &str) -> Outcome<String> {
        self.take(name).map_or(Ok(default.to_owned()), |v| v.text())
    }

    /// A yes-or-no option, by the words that module arguments know.
    pub fn flag(&mut self, name: &str, default: bool) -> Outcome<bool> {
        let Some(value) = self.take(name) else { return Ok(default) };
        let word = value.text()?.trim().to_lowercase();
        match &*word {
            "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Ok(true),
            "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Ok(false),
            _ => Err(TemplateError::other(format!(
                "Invalid type for configuration option plugin_type: lookup plugin: {} setting: {name} : The value \
                 '{word}' is not a valid boolean.",
                self.lookup
            ))),
        }
    }

    /// A list option; one text is a list of its parts between commas.
    pub fn list(&mut self, name: &str) -> Outcome<Vec<String>> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Str(text)) => Ok(text.as_str().split(',').map(|p| p.trim().to_owned()).collect()),
            Some(Value::List(list)) => list.borrow().iter().map(Value::text).collect(),
            Some(other) => Ok(vec![other.text()?]),
        }
    }
}

/// A term that must be text.
pub fn term(value: &Value) -> Outcome<String> {
    match value.defined()? {
        Value::Str(text) => Ok(text.as_str().to_owned()),
        other => Err(TemplateError::other(format!("'{}' object has no attribute 'split'", other.type_name()))),
    }
}

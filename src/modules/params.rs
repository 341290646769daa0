//! Arguments as modules read them, and results as they write them. Types only: what an argument may be is `spec`'s.

use super::Failure;
use crate::plan::status::Change;
use crate::plan::{Data, Map};
use crate::spec::Args;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Typed reading of arguments that `spec::check` has passed.
pub trait Params {
    /// The argument as it is.
    fn value(&self, name: &str) -> Option<&Data>;

    /// Its text; numbers and booleans as Python prints them.
    fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(plain)
    }

    /// Its text as the system takes it, byte for byte.
    fn os(&self, name: &str) -> Option<OsString> {
        self.value(name).map(os_text)
    }

    /// A boolean; absent is false.
    fn flag(&self, name: &str) -> bool {
        self.value(name).is_some_and(truth)
    }

    /// A boolean that may be absent.
    fn choice(&self, name: &str) -> Option<bool> {
        self.value(name).map(truth)
    }

    /// A whole number.
    fn int(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Data::Int(i) => i64::try_from(*i).ok(),
            Data::Float(f) => Some(*f as i64),
            Data::Bool(b) => Some(i64::from(*b)),
            other => plain(other).trim().parse().ok(),
        }
    }

    /// A number.
    fn float(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            Data::Int(i) => Some(*i as f64),
            Data::Float(f) => Some(*f),
            other => plain(other).trim().parse().ok(),
        }
    }

    /// A list of texts; `None` where it was not given.
    fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.value(name).map(|v| match v {
            Data::List(l) | Data::Tuple(l) | Data::Set(l) => l.iter().map(plain).collect(),
            one => vec![plain(one)],
        })
    }
}

impl Params for Args {
    fn value(&self, name: &str) -> Option<&Data> {
        self.get(name)
    }
}

impl Params for Map {
    fn value(&self, name: &str) -> Option<&Data> {
        self.get(&crate::plan::Key(name)).filter(|v| !v.is_null())
    }
}

/// The value as Python's `str` shows a scalar.
pub fn plain(value: &Data) -> String {
    match value {
        Data::Str(s) | Data::Unsafe(s) | Data::Vault(s) | Data::Made(_, s) => s.clone(),
        Data::Raw(b) | Data::Bytes(b) => String::from_utf8_lossy(b).into_owned(),
        Data::Bool(true) => "True".to_owned(),
        Data::Bool(false) => "False".to_owned(),
        Data::Int(i) => i.to_string(),
        Data::Float(f) if f.fract() == 0.0 && f.abs() < 1e16 => format!("{f:.1}"),
        Data::Float(f) => f.to_string(),
        Data::Null => String::new(),
        Data::Time(t) => format!("{:04}-{:02}-{:02}", t.year, t.month, t.day),
        Data::List(_) | Data::Tuple(_) | Data::Set(_) | Data::Map(_) => {
            serde_json::to_string(value).unwrap_or_default()
        }
    }
}

/// The value's text as bytes for the system.
pub fn os_text(value: &Data) -> OsString {
    match value.text_bytes() {
        Some(bytes) => OsString::from_vec(bytes.to_vec()),
        None => OsString::from(plain(value)),
    }
}

/// Ansible's truth of a value that the specification made a boolean.
pub fn truth(value: &Data) -> bool {
    match value {
        Data::Bool(b) => *b,
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => {
            matches!(s.to_ascii_lowercase().as_str(), "yes" | "on" | "true" | "1" | "y" | "t")
        }
        other => other.truthy(),
    }
}

/// Final text.
pub fn text(value: impl Into<String>) -> Data {
    Data::Unsafe(value.into())
}

/// Final text of a program's output or a file: Python's surrogateescape where it is not UTF-8.
pub fn output_text(bytes: Vec<u8>) -> Data {
    match String::from_utf8(bytes) {
        Ok(s) => Data::Unsafe(s),
        Err(e) => Data::Raw(e.into_bytes()),
    }
}

/// A whole number.
pub fn int(value: impl Into<i128>) -> Data {
    Data::Int(value.into())
}

/// A list of final texts.
pub fn list<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Data {
    Data::List(items.into_iter().map(text).collect())
}

/// A dictionary from pairs.
pub fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Data)>) -> Map {
    pairs.into_iter().map(|(k, v)| (Data::str(k), v)).collect()
}

/// A change for the report.
pub fn change(what: &str, target: impl Into<String>) -> Change {
    Change { what: what.to_owned(), target: target.into(), mode: None, owner: None }
}

/// The system's words for an error, as Python's `strerror` has them.
pub fn words_of(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |n| nix::errno::Errno::from_raw(n).desc().to_owned())
}

/// A failure with further return values.
pub fn failure<'a>(msg: impl Into<String>, result: impl IntoIterator<Item = (&'a str, Data)>) -> Failure {
    Failure { result: map(result), ..Failure::new(msg) }
}

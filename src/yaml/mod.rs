//! YAML 1.1 as PyYAML and Ansible's loader read and write it. Text in, values or an error with its place out; no I/O.
//!
//! libyaml's events (`libyaml-safer`) are composed into a graph of nodes (`compose`), plain scalars get their types by
//! PyYAML's rules (`resolve`), and the graph becomes a tree of values that know where they stand (`construct`).
//! `emit` goes the other way, byte for byte as PyYAML does.

mod compose;
mod construct;
mod emit;
mod guard;
mod json;
mod resolve;
mod timestamp;

pub use construct::{Content, Document, Duplicate, Node};
pub use emit::{DumpOptions, dump, python_float};
pub use resolve::implicit_scalar;

use crate::plan::Data;
use std::fmt;

/// A place in a YAML text; line and column count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line.
    pub line: u32,
    /// Column.
    pub column: u32,
}

/// How a scalar stood in the source: tells where its text begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    #[default]
    Plain,
    /// In single or double quotes.
    Quoted,
    /// `|`: the text's lines are the source's lines.
    Literal,
    /// `>`
    Folded,
}

/// Whose tags and constructors are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Ansible's loader: `!unsafe`, `!vault` and `!vault-encrypted` beside YAML's own.
    Ansible,
    /// PyYAML's safe loader, as the `from_yaml` filters use it.
    Safe,
}

/// A YAML text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong, in libyaml's or PyYAML's words.
    pub problem: String,
    /// Where.
    pub mark: Option<Mark>,
    /// What was being read.
    pub context: Option<String>,
    /// Where that began.
    pub context_mark: Option<Mark>,
}

impl Error {
    pub(crate) fn at(mark: Mark, problem: impl Into<String>) -> Error {
        Error { problem: problem.into(), mark: Some(mark), context: None, context_mark: None }
    }

    pub(crate) fn in_context(self, context: &str, mark: Mark) -> Error {
        Error { context: Some(context.to_owned()), context_mark: Some(mark), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(context) = &self.context {
            write!(f, "{context}")?;
            if let Some(m) = self.context_mark {
                write!(f, " (line {}, column {})", m.line, m.column)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.problem)?;
        match self.mark {
            Some(m) => write!(f, " at line {}, column {}", m.line, m.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// All documents of a stream, with places.
pub fn documents(bytes: &[u8], flavour: Flavour) -> Result<Vec<Document>, Error> {
    construct::documents(bytes, flavour)
}

/// The single document of a stream, with places; an empty stream is null.
pub fn document(bytes: &[u8], flavour: Flavour) -> Result<Document, Error> {
    let mut all = documents(bytes, flavour)?;
    if let Some(second) = all.get(1) {
        return Err(Error::at(second.start, "but found another document")
            .in_context("expected a single document in the stream", all[0].root.start));
    }
    Ok(all.pop().unwrap_or_default())
}

/// The single document of a stream as a value.
pub fn read(bytes: &[u8], flavour: Flavour) -> Result<Data, Error> {
    document(bytes, flavour).map(|d| d.root.into_data())
}

/// All documents of a stream as values.
pub fn read_all(bytes: &[u8], flavour: Flavour) -> Result<Vec<Data>, Error> {
    Ok(documents(bytes, flavour)?.into_iter().map(|d| d.root.into_data()).collect())
}

/// A file of variables as Ansible's loader reads it: JSON first (hostvars are), YAML where it is not JSON.
pub fn read_vars(bytes: &[u8]) -> Result<Data, Error> {
    match read_json(bytes) {
        Some(data) => Ok(data),
        None => read(bytes, Flavour::Ansible),
    }
}

/// The value of a text that is JSON; `None` where YAML is to be tried.
pub fn read_json(bytes: &[u8]) -> Option<Data> {
    json::read(bytes)
}

#[cfg(test)]
mod tests;

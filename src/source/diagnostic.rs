//! What is wrong with a source, where, and what to do about it. All of it at once: a [`Bag`] collects.

use super::code::Code;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is built.
    Error,
    /// Built, but hardly what the author meant.
    Warning,
    /// Built, and nothing is wrong with it.
    Note,
}

/// A place in a source file; line and column count from 1, the length is in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
    /// Characters that are meant, at least 1.
    pub length: u32,
}

/// Something to know beside the message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// What.
    pub message: String,
    /// The file that it is about, with the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<(String, Location)>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// The file, by its path in the source tree.
    pub file: String,
    /// The place in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Location>,
    /// How bad it is.
    pub severity: Severity,
    /// Its stable code.
    #[serde(serialize_with = "as_text")]
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// The line of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// More to know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What ansible-playbook says of it, for those who look for that in what `apply` prints.
    #[serde(skip)]
    pub ansible: Option<String>,
}

fn as_text<S: Serializer>(code: &Code, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(code)
}

impl Diagnostic {
    /// An error in a file.
    pub fn error(code: Code, file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: file.into(),
            span: None,
            severity: Severity::Error,
            code,
            message: message.into(),
            excerpt: None,
            hint: None,
            notes: Vec::new(),
            ansible: None,
        }
    }

    /// A warning about a file.
    pub fn warning(code: Code, file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, file, message) }
    }

    /// What is worth knowing of a file, and no more.
    pub fn note_about(code: Code, file: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Note, ..Diagnostic::error(code, file, message) }
    }

    /// At this place.
    pub fn at(self, span: Location) -> Diagnostic {
        Diagnostic { span: Some(span), ..self }
    }

    /// Names files as they are on this machine, for a tree that is its whole file system: those beneath `directory`
    /// by what follows it.
    pub fn on_machine(mut self, directory: &str) -> Diagnostic {
        let prefix = format!("{}/", directory.trim_matches('/'));
        let named = |file: &str| match file.strip_prefix(&prefix) {
            Some(rest) => rest.to_owned(),
            None => format!("/{file}"),
        };
        self.file = named(&self.file);
        for note in &mut self.notes {
            if let Some((file, _)) = &mut note.place {
                *file = named(file);
            } else if let Some(path) = note.message.strip_prefix("tried ") {
                note.message = format!("tried {}", named(path));
            }
        }
        self
    }

    /// With advice.
    pub fn hint(self, hint: impl Into<String>) -> Diagnostic {
        Diagnostic { hint: Some(hint.into()), ..self }
    }

    /// With something to know.
    pub fn note(mut self, message: impl Into<String>) -> Diagnostic {
        self.notes.push(Note { message: message.into(), place: None });
        self
    }
}

/// What stops a build: errors, and the warnings that came with them; sorted by place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for d in &self.0 {
            let place = d.span.map(|s| format!(":{}:{}", s.line, s.column)).unwrap_or_default();
            writeln!(f, "{}{place}: {} [{}]", d.file, d.message, d.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Collects diagnostics and the texts that their excerpts come from.
#[derive(Debug, Default)]
pub struct Bag {
    found: Vec<Diagnostic>,
    texts: HashMap<String, String>,
}

impl Bag {
    /// Remembers a file's text, for excerpts.
    pub fn text(&mut self, file: &str, text: &str) {
        self.texts.insert(file.to_owned(), text.to_owned());
    }

    /// The text of a file that was read.
    pub fn text_of(&self, file: &str) -> Option<&str> {
        self.texts.get(file).map(String::as_str)
    }

    /// Adds a diagnostic; its excerpt is filled in.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if let (Some(span), Some(text)) = (diagnostic.span, self.texts.get(&diagnostic.file)) {
            diagnostic.excerpt = text.lines().nth(span.line.saturating_sub(1) as usize).map(str::to_owned);
        }
        self.found.push(diagnostic);
    }

    /// Says how Ansible words the diagnostic that was added last.
    pub fn worded(&mut self, ansible: impl Into<String>) {
        if let Some(last) = self.found.last_mut() {
            last.ansible = Some(ansible.into());
        }
    }

    /// Makes warnings of errors with these codes.
    pub fn soften(&mut self, codes: &[Code]) {
        for found in self.found.iter_mut().filter(|d| codes.contains(&d.code)) {
            found.severity = Severity::Warning;
        }
    }

    /// The first error since there were `count` diagnostics.
    pub fn error_since(&self, count: usize) -> Option<&Diagnostic> {
        self.found.iter().skip(count).find(|d| d.severity == Severity::Error)
    }

    /// The texts of files that were read.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.texts.values().map(String::as_str)
    }

    /// How many diagnostics there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them: sorted by place, each once (a file that is imported twice is read twice).
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort();
        found.dedup();
        found
    }
}

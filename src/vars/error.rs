//! How a template fails: the kind, the words roles can see, and the way there.

use crate::plan::Data;
use std::fmt;

/// What kind of mistake a template made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something undefined was used.
    Undefined,
    /// It is not Jinja, or names a filter, test or lookup that does not exist.
    Syntax,
    /// A variable leads back to itself, or templates nest without end.
    Recursion,
    /// A template that `include`, `import` or `extends` names is not there.
    NotFound,
    /// Anything else: a type error, a failed lookup, a bound.
    Other,
}

/// A template that could not be evaluated.
#[derive(Clone, Debug)]
pub struct TemplateError {
    /// Its kind.
    pub kind: ErrorKind,
    /// What is wrong, in Ansible's words where roles can see them.
    pub message: String,
    /// The line and column of a mistake of syntax, from 1; the column is 0 where it is not known.
    pub place: Option<(u32, u32)>,
    /// The template (shortened), its line, and the chain of variables that led there.
    pub context: Vec<String>,
}

/// What evaluating gives.
pub type Outcome<T> = Result<T, TemplateError>;

impl TemplateError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> TemplateError {
        TemplateError { kind, message: message.into(), place: None, context: Vec::new() }
    }

    /// Anything that Python would raise but an undefined variable: type, value and lookup errors, bounds.
    pub fn other(message: impl Into<String>) -> TemplateError {
        TemplateError::new(ErrorKind::Other, message)
    }

    /// The use of something undefined.
    pub fn undefined(message: impl Into<String>) -> TemplateError {
        TemplateError::new(ErrorKind::Undefined, message)
    }

    /// Text that is not Jinja.
    pub fn syntax(message: impl Into<String>) -> TemplateError {
        TemplateError::new(ErrorKind::Syntax, message)
    }

    /// The same error at a place, which is said too.
    pub fn at(mut self, line: u32, column: u32) -> TemplateError {
        self.place = Some((line, column));
        if column == 0 {
            self.within(format!("line {line}"))
        } else {
            self.within(format!("line {line}, column {column}"))
        }
    }

    /// What Ansible says of a condition that cannot be evaluated.
    pub fn of_condition(mut self, condition: &Data) -> String {
        let shown = condition.as_str().unwrap_or("(a value)");
        // The statement that a condition is wrapped into is no line of the author's.
        self.context.retain(|line| !line.contains("{% if "));
        let place = match self.kind {
            ErrorKind::Undefined => format!("error while evaluating conditional ({shown}): "),
            _ => String::new(),
        };
        format!("The conditional check '{shown}' failed. The error was: {place}{self}")
    }

    /// The same error with one more line of context.
    pub fn within(mut self, line: impl Into<String>) -> TemplateError {
        self.context.push(line.into());
        self
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)?;
        for line in &self.context {
            write!(f, "; {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for TemplateError {}

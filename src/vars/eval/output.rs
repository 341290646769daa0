//! What a template prints, and what becomes of the whole.

use crate::vars::env::Env;
use crate::vars::error::Outcome;
use crate::vars::literal;
use crate::vars::value::{Text, Value};

/// What becomes of the printed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversion {
    /// Text that looks like a list, a dictionary or a bool becomes one (arguments and variables).
    Literal,
    /// It stays text (files).
    Text,
}

/// Printed pieces. The first is kept as a value as long as it is the only one.
pub struct Output {
    conversion: Conversion,
    first: Option<Value>,
    text: String,
    pieces: usize,
    tainted: bool,
}

impl Output {
    pub fn new(conversion: Conversion) -> Output {
        Output { conversion, first: None, text: String::new(), pieces: 0, tainted: false }
    }

    /// Prints text of the template.
    pub fn push_text(&mut self, env: &Env, text: &str) -> Outcome<()> {
        self.spill(env)?;
        self.text.push_str(text);
        self.pieces += 1;
        env.check_size(self.text.len())
    }

    /// Prints a value: undefined is an error, also within; `None` is nothing.
    pub fn push(&mut self, env: &Env, value: Value) -> Outcome<()> {
        let value = finalize(env, value)?;
        if self.pieces == 0 {
            self.pieces = 1;
            self.first = Some(value);
            return Ok(());
        }
        self.spill(env)?;
        self.pieces += 1;
        self.append(env, &value)
    }

    fn spill(&mut self, env: &Env) -> Outcome<()> {
        match self.first.take() {
            Some(value) => self.append(env, &value),
            None => Ok(()),
        }
    }

    fn append(&mut self, env: &Env, value: &Value) -> Outcome<()> {
        self.tainted |= value.is_tainted_within();
        match value {
            Value::Str(t) => self.text.push_str(t.as_str()),
            Value::Bytes(b) => self.text.push_str(Text::from_bytes(b).as_str()),
            other => self.text.push_str(&other.text()?),
        }
        env.check_size(self.text.len())
    }

    /// The whole.
    pub fn finish(mut self, env: &Env) -> Outcome<Value> {
        if let Some(value) = self.first.take() {
            if self.conversion == Conversion::Literal {
                if matches!(&value, Value::Str(t) if t.is_literal()) {
                    return Ok(value);
                }
                let tainted = value.is_tainted_within();
                // A list or dictionary whose text would read back as itself need not be printed and read.
                if let Some(same) = literal::round_trip(&value) {
                    return Ok(if tainted { same.taint() } else { same });
                }
            }
            self.append(env, &value)?;
        }
        let text = std::mem::take(&mut self.text);
        let read = if self.conversion == Conversion::Literal { literal::evaluate(&text) } else { None };
        let value = read.unwrap_or_else(|| Value::str(text));
        Ok(if self.tainted { value.taint() } else { value })
    }
}

/// Ansible's finalize: undefined anywhere within is an error, `None` prints as nothing, views are lists.
fn finalize(env: &Env, value: Value) -> Outcome<Value> {
    value.check_defined()?;
    Ok(match value {
        Value::None => Value::str(""),
        other => other.printed(env)?,
    })
}

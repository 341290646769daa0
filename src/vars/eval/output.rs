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
    /// What one expression gives keeps its type, and all that reads as a literal of Python's becomes one
    /// (`jinja2_native`).
    Native,
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
        let value = finalize(env, value, self.conversion)?;
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
        if self.conversion == Conversion::Native {
            return self.finish_native(env);
        }
        if let Some(value) = self.first.take() {
            if matches!(&value, Value::Str(_)) && self.conversion == Conversion::Literal {
                // Text as it is, unless it reads as something else.
                return Ok(match value.as_str().and_then(literal::evaluate) {
                    Some(read) if !matches!(&value, Value::Str(t) if t.is_literal()) => {
                        if value.is_tainted_within() {
                            read.taint()
                        } else {
                            read
                        }
                    }
                    _ => value,
                });
            }
            if self.conversion == Conversion::Literal {
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

impl Output {
    /// `jinja2_native`: one value is what it is, text that reads as a literal is that.
    fn finish_native(mut self, env: &Env) -> Outcome<Value> {
        match self.first.take() {
            None if self.pieces == 0 => return Ok(Value::None),
            None => {}
            Some(value) if !matches!(&value, Value::Str(t) if !t.is_literal()) => return Ok(value),
            Some(value) => self.append(env, &value)?,
        }
        let text = std::mem::take(&mut self.text);
        // Python reads no expression that is indented.
        let read = if text.starts_with([' ', '\t']) { None } else { literal::evaluate_strictly(&text) };
        let value = match read {
            // Quotes that the author put around it stay.
            Some(Value::Str(inner)) => {
                let quote = &text[..text.chars().next().map_or(0, char::len_utf8)];
                Value::str(format!("{quote}{}{quote}", inner.as_str()))
            }
            Some(read) => read,
            None => Value::str(text),
        };
        Ok(if self.tainted { value.taint() } else { value })
    }
}

/// Ansible's finalize: undefined anywhere within is an error, `None` prints as nothing, views are lists.
fn finalize(env: &Env, value: Value, conversion: Conversion) -> Outcome<Value> {
    value.check_defined()?;
    Ok(match value {
        Value::None if conversion != Conversion::Native => Value::str(""),
        other => other.printed(env)?,
    })
}

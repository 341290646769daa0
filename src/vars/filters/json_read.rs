//! `json.loads`: Python's reader, with its messages, its NaN and its whole integers.

use crate::plan::limits;
use crate::vars::{Dict, Value};

/// The value of a JSON text.
pub fn loads(text: &str) -> Result<Value, String> {
    if text.starts_with('\u{feff}') {
        return Err("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)".to_owned());
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.blanks();
    let value = reader.value()?;
    reader.blanks();
    match reader.at == text.len() {
        true => Ok(value),
        false => Err(reader.error("Extra data", reader.at)),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn error(&self, problem: &str, at: usize) -> String {
        let before = &self.text[..at.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("{problem}: line {line} column {column} (char {})", before.chars().count())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let hit = self.text[self.at..].starts_with(word);
        self.at += if hit { word.len() } else { 0 };
        hit
    }

    fn value(&mut self) -> Result<Value, String> {
        let start = self.at;
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err("maximum recursion depth exceeded while decoding a JSON array from a unicode string".to_owned());
        }
        let value = match self.peek() {
            Some(b'"') => {
                self.at += 1;
                Value::from(self.string()?)
            }
            Some(b'{') => self.object()?,
            Some(b'[') => self.array()?,
            Some(b'-' | b'0'..=b'9') => self.number(start)?,
            _ if self.word("null") => Value::None,
            _ if self.word("true") => Value::Bool(true),
            _ if self.word("false") => Value::Bool(false),
            _ if self.word("NaN") => Value::Float(f64::NAN),
            _ if self.word("Infinity") => Value::Float(f64::INFINITY),
            _ => return Err(self.error("Expecting value", start)),
        };
        self.depth -= 1;
        Ok(value)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self, start: usize) -> Result<Value, String> {
        if self.word("-Infinity") {
            return Ok(Value::Float(f64::NEG_INFINITY));
        }
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return Err(self.error("Expecting value", start));
        }
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                self.at = whole;
            }
        }
        let mantissa = self.at;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                self.at = mantissa;
            }
        }
        let text = &self.text[start..self.at];
        if self.at == whole {
            return text.parse().map(Value::Int).map_err(|_| format!("the integer {text} is too large"));
        }
        text.parse().map(Value::Float).map_err(|_| self.error("Expecting value", start))
    }

    /// A text, behind its opening quote.
    fn string(&mut self) -> Result<String, String> {
        let begin = self.at - 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else {
                return Err(self.error("Unterminated string starting at", begin));
            };
            let here = self.at;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => self.escape(begin, here, &mut out)?,
                c if (c as u32) < 0x20 => return Err(self.error("Invalid control character at", here)),
                c => out.push(c),
            }
        }
    }

    fn escape(&mut self, begin: usize, here: usize, out: &mut String) -> Result<(), String> {
        let Some(c) = self.text[self.at..].chars().next() else {
            return Err(self.error("Unterminated string starting at", begin));
        };
        self.at += c.len_utf8();
        out.push(match c {
            '"' | '\\' | '/' => c,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.unit(here)?;
                let mut units = vec![high];
                if (0xd800..0xdc00).contains(&high) && self.text[self.at..].starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    match self.unit(back)? {
                        low @ 0xdc00..0xe000 => units.push(low),
                        _ => self.at = back,
                    }
                }
                // Text holds no lone surrogates.
                char::decode_utf16(units).next().and_then(Result::ok).unwrap_or('\u{fffd}')
            }
            _ => return Err(self.error("Invalid \\escape", here)),
        });
        Ok(())
    }

    fn unit(&mut self, here: usize) -> Result<u16, String> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|d| u16::from_str_radix(d, 16).ok());
        self.at += 4;
        unit.ok_or_else(|| self.error("Invalid \\uXXXX escape", here + 1))
    }

    fn array(&mut self) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut items = Vec::new();
        if self.word("]") {
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value()?);
            self.blanks();
            if self.word("]") {
                return Ok(Value::list(items));
            }
            if !self.word(",") {
                return Err(self.error("Expecting ',' delimiter", self.at));
            }
            self.blanks();
        }
    }

    fn object(&mut self) -> Result<Value, String> {
        self.at += 1;
        self.blanks();
        let mut members = Dict::default();
        if self.word("}") {
            return Ok(Value::dict(members));
        }
        loop {
            if !self.word("\"") {
                return Err(self.error("Expecting property name enclosed in double quotes", self.at));
            }
            let key = self.string()?;
            self.blanks();
            if !self.word(":") {
                return Err(self.error("Expecting ':' delimiter", self.at));
            }
            self.blanks();
            let value = self.value()?;
            members.insert(Value::from(key), value);
            self.blanks();
            if self.word("}") {
                return Ok(Value::dict(members));
            }
            if !self.word(",") {
                return Err(self.error("Expecting ',' delimiter", self.at));
            }
            self.blanks();
        }
    }
}

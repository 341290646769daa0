//! Replacement templates of `re.sub`: `\1`, `\g<name>`, and the escapes that Python knows there.

use super::{Captures, Regex};

/// A parsed replacement.
pub struct Template {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Group(usize),
}

impl Template {
    /// Parses `text` for `regex`, whose groups it may name.
    pub fn new(text: &str, regex: &Regex) -> Result<Template, String> {
        let chars: Vec<char> = text.chars().collect();
        let mut template = Template { parts: Vec::new() };
        let mut at = 0;
        while at < chars.len() {
            if chars[at] != '\\' {
                template.push(chars[at]);
                at += 1;
                continue;
            }
            at = template.escape(&chars, at, regex)?;
        }
        Ok(template)
    }

    fn push(&mut self, c: char) {
        if let Some(Part::Text(text)) = self.parts.last_mut() {
            text.push(c);
        } else {
            self.parts.push(Part::Text(c.to_string()));
        }
    }

    /// Reads the escape at `at`; the position behind it.
    fn escape(&mut self, chars: &[char], at: usize, regex: &Regex) -> Result<usize, String> {
        let Some(&c) = chars.get(at + 1) else {
            return Err(format!("bad escape (end of pattern) at position {at}"));
        };
        let simple = match c {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' => '\\',
            'g' => return self.named(chars, at, regex),
            '0' => {
                let (code, end) = octal(chars, at + 1, 3);
                self.push(char::from_u32(code & 0xff).unwrap_or('\0'));
                return Ok(end);
            }
            '1'..='9' => return self.number(chars, at, regex),
            c if c.is_ascii_alphabetic() => return Err(format!(r"bad escape \{c} at position {at}")),
            c => {
                self.push('\\');
                c
            }
        };
        self.push(simple);
        Ok(at + 2)
    }

    fn number(&mut self, chars: &[char], at: usize, regex: &Regex) -> Result<usize, String> {
        let digit = |i: usize| chars.get(i).and_then(|c| c.to_digit(10));
        let mut number = digit(at + 1).unwrap_or(0) as usize;
        let mut end = at + 2;
        if let Some(second) = digit(end) {
            let (code, octal_end) = octal(chars, at + 1, 3);
            if octal_end == at + 4 {
                if code > 0o377 {
                    let text: String = chars[at..octal_end].iter().collect();
                    return Err(format!("octal escape value {text} outside of range 0-0o377 at position {at}"));
                }
                self.push(char::from_u32(code).unwrap_or('\0'));
                return Ok(octal_end);
            }
            number = number * 10 + second as usize;
            end += 1;
        }
        self.group(number, at + 1, regex)?;
        Ok(end)
    }

    fn group(&mut self, number: usize, at: usize, regex: &Regex) -> Result<(), String> {
        if number > regex.groups() {
            return Err(format!("invalid group reference {number} at position {at}"));
        }
        self.parts.push(Part::Group(number));
        Ok(())
    }

    fn named(&mut self, chars: &[char], at: usize, regex: &Regex) -> Result<usize, String> {
        if chars.get(at + 2) != Some(&'<') {
            return Err(format!("missing < at position {}", at + 2));
        }
        let start = at + 3;
        let Some(length) = chars[start..].iter().position(|c| *c == '>') else {
            let text = if start == chars.len() { "missing group name" } else { "missing >, unterminated name" };
            return Err(format!("{text} at position {start}"));
        };
        let name: String = chars[start..start + length].iter().collect();
        if name.is_empty() {
            return Err(format!("missing group name at position {start}"));
        }
        if name.trim().bytes().all(|b| b.is_ascii_digit()) && !name.trim().is_empty() {
            self.group(name.trim().parse().unwrap_or(usize::MAX), start, regex)?;
        } else if !name.chars().all(|c| c == '_' || c.is_alphanumeric()) || name.starts_with(char::is_numeric) {
            return Err(format!("bad character in group name '{name}' at position {start}"));
        } else {
            let number = regex.group_named(&name).ok_or_else(|| format!("unknown group name '{name}'"))?;
            self.parts.push(Part::Group(number));
        }
        Ok(start + length + 1)
    }

    /// Writes the replacement of one match.
    pub fn expand(&self, captures: &Captures<'_>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(number) => out.push_str(captures.get(*number).unwrap_or_default()),
            }
        }
    }
}

/// Reads up to `most` octal digits.
fn octal(chars: &[char], start: usize, most: usize) -> (u32, usize) {
    let mut code = 0;
    let mut end = start;
    while let Some(d) = chars.get(end).and_then(|c| c.to_digit(8)).filter(|_| end < start + most) {
        code = code * 8 + d;
        end += 1;
    }
    (code, end)
}

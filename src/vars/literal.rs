//! Python literals: reading text as `ast.literal_eval` does, and telling values whose text reads back as themselves.

use super::compare::NESTING;
use super::value::{Dict, Value};

/// The value of printed text that looks like a list, a dictionary, a set or a bool; `None` where it stays text.
/// `true`, `false` and `null` count as Python's names, as Ansible has it.
pub fn evaluate(text: &str) -> Option<Value> {
    if !(text.starts_with(['{', '[']) || text == "True" || text == "False") {
        return None;
    }
    read(text, true)
}

/// `ast.literal_eval` itself.
pub fn evaluate_strictly(text: &str) -> Option<Value> {
    read(text, false)
}

fn read(text: &str, json_names: bool) -> Option<Value> {
    let mut reader = Reader { rest: text, depth: 0, brackets: 0, json_names };
    reader.blanks();
    let value = reader.tuple_or_one()?;
    // After the expression only newlines and comments may stand.
    reader.brackets = 1;
    reader.blanks();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    /// Brackets around: newlines are blanks within them.
    brackets: usize,
    json_names: bool,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        loop {
            let trimmed = match self.brackets {
                0 => self.rest.trim_start_matches([' ', '\t', '\x0c']),
                _ => self.rest.trim_start_matches([' ', '\t', '\x0c', '\n', '\r']),
            };
            let trimmed = trimmed.strip_prefix("\\\n").unwrap_or(trimmed);
            let trimmed = match trimmed.strip_prefix('#') {
                Some(comment) => comment.find('\n').map_or("", |at| &comment[at..]),
                None => trimmed,
            };
            if trimmed.len() == self.rest.len() {
                return;
            }
            self.rest = trimmed;
        }
    }

    fn skip(&mut self, token: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The outermost level, where a tuple needs no brackets.
    fn tuple_or_one(&mut self) -> Option<Value> {
        let first = self.value()?;
        if !self.skip(',') {
            return Some(first);
        }
        let mut items = vec![first];
        loop {
            self.blanks();
            if self.rest.is_empty() || self.rest.starts_with('\n') {
                return Some(Value::tuple(items));
            }
            items.push(self.value()?);
            if !self.skip(',') {
                return Some(Value::tuple(items));
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.blanks();
        self.depth += 1;
        if self.depth > NESTING {
            return None;
        }
        let value = match self.rest.chars().next()? {
            '[' => Value::list(self.items('[', ']')?.0),
            '(' => {
                let (mut items, comma) = self.items('(', ')')?;
                if items.len() == 1 && !comma { items.pop()? } else { Value::tuple(items) }
            }
            '{' => self.braces()?,
            '\'' | '"' => self.strings()?,
            c if c.is_ascii_digit() || c == '.' => self.number()?,
            '+' | '-' => self.signed()?,
            _ => self.word()?,
        };
        self.depth -= 1;
        Some(value)
    }

    fn open(&mut self, bracket: char) -> Option<()> {
        self.brackets += 1;
        self.skip(bracket).then_some(())
    }

    fn close(&mut self) {
        self.brackets -= 1;
    }

    /// Items up to the closing bracket, and whether a comma stood last.
    fn items(&mut self, open: char, end: char) -> Option<(Vec<Value>, bool)> {
        self.open(open)?;
        let mut items = Vec::new();
        let mut comma = false;
        while !self.skip(end) {
            if !items.is_empty() && !comma {
                return None;
            }
            items.push(self.value()?);
            comma = self.skip(',');
        }
        self.close();
        Some((items, comma))
    }

    fn braces(&mut self) -> Option<Value> {
        self.open('{')?;
        let (mut dict, mut set) = (Dict::default(), Vec::new());
        let mut comma = true;
        while !self.skip('}') {
            if !comma {
                return None;
            }
            let key = self.value()?;
            key.check_key().ok()?;
            if self.skip(':') {
                if !set.is_empty() {
                    return None;
                }
                let value = self.value()?;
                dict.insert(key, value);
            } else if dict.is_empty() {
                set.push(key);
            } else {
                return None;
            }
            comma = self.skip(',');
        }
        self.close();
        if set.is_empty() { Some(Value::dict(dict)) } else { Value::set(set).ok() }
    }

    fn signed(&mut self) -> Option<Value> {
        let negative = self.rest.starts_with('-');
        self.rest = &self.rest[1..];
        match self.value()? {
            Value::Int(i) if negative => Some(Value::Int(-i)),
            Value::Float(f) if negative => Some(Value::Float(-f)),
            number @ (Value::Int(_) | Value::Float(_)) => Some(number),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let is_radix = |r: &str| r.len() > 1 && r.starts_with('0') && "xXoObB".contains(&r[1..2]);
        if self.rest.is_char_boundary(2.min(self.rest.len())) && is_radix(self.rest) {
            let radix = match self.rest.as_bytes()[1] {
                b'x' | b'X' => 16,
                b'o' | b'O' => 8,
                _ => 2,
            };
            let end = self.rest[2..]
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .map_or(self.rest.len(), |e| e + 2);
            let digits = self.rest[2..end].replace('_', "");
            self.rest = &self.rest[end..];
            return i128::from_str_radix(&digits, radix).ok().map(Value::Int);
        }
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        let mut float = false;
        while let Some(b) = bytes.get(end) {
            match b {
                b'0'..=b'9' => {}
                b'_' if end > 0 => {}
                b'.' => float = true,
                b'e' | b'E' if end > 0 => {
                    float = true;
                    end += usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
                }
                _ => break,
            }
            end += 1;
        }
        let digits = self.rest[..end].replace('_', "");
        self.rest = &self.rest[end..];
        if self.rest.starts_with(|c: char| c.is_alphanumeric()) || digits.is_empty() || digits == "." {
            return None;
        }
        if float {
            return digits.parse().ok().map(Value::Float);
        }
        // Python refuses leading zeros but in zero itself.
        let octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().any(|b| b != b'0');
        if octal { None } else { digits.parse().ok().map(Value::Int) }
    }

    fn word(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        if after.starts_with(['\'', '"']) {
            return self.strings();
        }
        self.rest = after;
        match word {
            "None" => Some(Value::None),
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "null" if self.json_names => Some(Value::None),
            "true" if self.json_names => Some(Value::Bool(true)),
            "false" if self.json_names => Some(Value::Bool(false)),
            "set" => {
                self.rest = self.rest.strip_prefix('(')?.strip_prefix(')')?;
                Value::set([]).ok()
            }
            _ => None,
        }
    }

    /// One string, or several side by side.
    fn strings(&mut self) -> Option<Value> {
        let (first, is_bytes) = self.string()?;
        let mut text = first;
        loop {
            self.blanks();
            let next = self.rest.trim_start_matches(['r', 'R', 'b', 'B', 'u', 'U']);
            let prefix = self.rest.len() - next.len();
            if !next.starts_with(['\'', '"']) || prefix > 2 {
                break;
            }
            let (more, more_bytes) = self.string()?;
            if more_bytes != is_bytes {
                return None;
            }
            text.push_str(&more);
        }
        if is_bytes {
            return text.chars().map(|c| u8::try_from(c as u32).ok()).collect::<Option<Vec<u8>>>().map(Value::bytes);
        }
        Some(Value::str(text))
    }

    fn string(&mut self) -> Option<(String, bool)> {
        let quote_at = self.rest.find(['\'', '"'])?;
        let prefix = self.rest[..quote_at].to_ascii_lowercase();
        if !["", "b", "r", "u", "br", "rb"].contains(&prefix.as_str()) {
            return None;
        }
        let (raw, is_bytes) = (prefix.contains('r'), prefix.contains('b'));
        let body = &self.rest[quote_at..];
        let quote = body.chars().next()?;
        let triple: String = [quote; 3].iter().collect();
        let end: &str = if body.starts_with(&triple) { &triple } else { &triple[..1] };
        let mut rest = &body[end.len()..];
        let mut out = String::new();
        loop {
            if let Some(after) = rest.strip_prefix(end) {
                self.rest = after;
                return Some((out, is_bytes));
            }
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            match c {
                '\\' if raw => {
                    out.push('\\');
                    let next = rest.chars().next()?;
                    out.push(next);
                    rest = &rest[next.len_utf8()..];
                }
                '\\' => rest = escape(&mut out, rest, is_bytes)?,
                '\n' if end.len() == 1 => return None,
                '\0' => return None,
                c if is_bytes && !c.is_ascii() => return None,
                c => out.push(c),
            }
        }
    }
}

/// Reads an escape after its backslash; gives what follows.
fn escape<'a>(out: &mut String, text: &'a str, is_bytes: bool) -> Option<&'a str> {
    let c = text.chars().next()?;
    let rest = &text[c.len_utf8()..];
    let coded = |out: &mut String, digits: usize| {
        let code = u32::from_str_radix(rest.get(..digits)?, 16).ok()?;
        match char::from_u32(code) {
            Some(c) => out.push(c),
            // A lone byte, as repr() shows it.
            None if (0xDC80..=0xDCFF).contains(&code) => out.push(char::from_u32(0x10_FF00 + (code & 0xFF))?),
            None => return None,
        }
        Some(&rest[digits..])
    };
    match c {
        '\n' => {}
        '\\' | '\'' | '"' => out.push(c),
        'a' => out.push('\x07'),
        'b' => out.push('\x08'),
        'f' => out.push('\x0c'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'v' => out.push('\x0b'),
        'x' => return coded(out, 2),
        'u' if !is_bytes => return coded(out, 4),
        'U' if !is_bytes => return coded(out, 8),
        'N' if !is_bytes => return None,
        '0'..='7' => {
            let more = rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let code = u32::from_str_radix(&text[..1 + more], 8).ok()?;
            out.push(char::from_u32(code)?);
            return Some(&rest[more..]);
        }
        other => {
            out.push('\\');
            out.push(other);
        }
    }
    Some(rest)
}

/// A copy of a list, dictionary or set as its text would read back; `None` where its text would stay text.
pub fn round_trip(value: &Value) -> Option<Value> {
    match value {
        Value::List(_) | Value::Dict(_) => copy(value, 0),
        Value::Bool(b) => Some(Value::Bool(*b)),
        _ => None,
    }
}

fn copy(value: &Value, depth: usize) -> Option<Value> {
    if depth >= NESTING {
        return None;
    }
    let all = |items: &[Value]| items.iter().map(|v| copy(v, depth + 1)).collect::<Option<Vec<Value>>>();
    Some(match value {
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Bytes(_) => value.clone(),
        Value::Float(f) if f.is_finite() => value.clone(),
        Value::Str(t) => Value::str(t.as_str()),
        Value::List(l) => {
            let items = l.borrow().clone();
            Value::list(all(&items)?)
        }
        Value::Tuple(t) => Value::tuple(all(t)?),
        Value::Dict(d) => {
            let members = d.borrow().clone();
            let pairs = members.iter().map(|(k, v)| Some((copy(k, depth + 1)?, copy(v, depth + 1)?)));
            Value::dict(pairs.collect::<Option<Dict>>()?)
        }
        Value::Set(s) => Value::set(all(&s.borrow().iter().cloned().collect::<Vec<_>>())?).ok()?,
        _ => return None,
    })
}

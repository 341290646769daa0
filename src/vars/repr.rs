//! `str()` and `repr()` as Python prints them.

use super::compare::{NESTING, too_deep};
use super::error::Outcome;
use super::value::{Value, escaped_byte};
use crate::plan::Timestamp;
use std::fmt::Write;

impl Value {
    /// Python's `str()`; undefined is an error.
    pub fn text(&self) -> Outcome<String> {
        match self {
            Value::Str(t) => Ok(t.as_str().to_owned()),
            Value::Undefined(u) if u.lenient => Ok(String::new()),
            Value::Time(t) => Ok(t.to_string()),
            Value::Delta(d) => Ok(delta_text(*d)),
            other => other.repr(),
        }
    }

    /// Python's `repr()`; undefined is an error, also within containers.
    pub fn repr(&self) -> Outcome<String> {
        let mut out = String::new();
        write_repr(&mut out, self, 0)?;
        Ok(out)
    }
}

fn write_repr(out: &mut String, value: &Value, depth: usize) -> Outcome<()> {
    if depth > NESTING || out.len() > crate::plan::limits::RENDERED {
        return Err(too_deep());
    }
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
        Value::Int(i) => push(out, format_args!("{i}")),
        Value::Float(f) => out.push_str(&float_repr(*f)),
        Value::Str(t) => repr_text(out, t.as_str()),
        Value::Bytes(b) => repr_bytes(out, b),
        Value::List(l) => {
            let items = l.borrow().clone();
            write_items(out, &items, ["[", "]"], depth)?;
        }
        Value::Tuple(t) if t.len() == 1 => write_items(out, t, ["(", ",)"], depth)?,
        Value::Tuple(t) => write_items(out, t, ["(", ")"], depth)?,
        Value::Set(s) => {
            let items: Vec<Value> = s.borrow().iter().cloned().collect();
            let marks = if items.is_empty() { ["set(", ")"] } else { ["{", "}"] };
            write_items(out, &items, marks, depth)?;
        }
        Value::Dict(d) => {
            let members = d.borrow().clone();
            out.push('{');
            for (at, (k, v)) in members.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                write_repr(out, k, depth + 1)?;
                out.push_str(": ");
                write_repr(out, v, depth + 1)?;
            }
            out.push('}');
        }
        Value::Time(t) => out.push_str(&time_repr(t)),
        Value::Delta(d) => out.push_str(&delta_repr(*d)),
        Value::Range(r) if r.step == 1 => push(out, format_args!("range({}, {})", r.start, r.stop)),
        Value::Range(r) => push(out, format_args!("range({}, {}, {})", r.start, r.stop, r.step)),
        Value::View(v) if v.kind.starts_with("dict_") => {
            push(out, format_args!("{}(", v.kind));
            write_items(out, &v.items, ["[", "])"], depth)?;
        }
        Value::View(v) => push(out, format_args!("<{} object>", v.kind)),
        Value::Method(m) => {
            push(out, format_args!("<built-in method {} of {} object>", m.name, m.receiver.type_name()));
        }
        Value::Undefined(u) if u.lenient => out.push_str("Undefined"),
        Value::Undefined(u) => return Err(u.error()),
        Value::Object(o) => out.push_str(&o.repr()),
    }
    Ok(())
}

fn push(out: &mut String, args: std::fmt::Arguments) {
    out.write_fmt(args).expect("writing to a String cannot fail");
}

fn write_items(out: &mut String, items: &[Value], marks: [&str; 2], depth: usize) -> Outcome<()> {
    out.push_str(marks[0]);
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        write_repr(out, item, depth + 1)?;
    }
    out.push_str(marks[1]);
    Ok(())
}

/// A float as `repr()` prints it: the shortest digits that read back, `e` notation below 1e-4 and from 1e16.
pub fn float_repr(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if f != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{f}");
    if plain.contains('.') { plain } else { format!("{plain}.0") }
}

/// Text as `repr()` quotes it.
pub fn repr_text(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if escaped_byte(c).is_some() => push(out, format_args!("\\udc{:02x}", c as u32 & 0xFF)),
            c if is_printable(c) => out.push(c),
            c if (c as u32) < 0x100 => push(out, format_args!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x1_0000 => push(out, format_args!("\\u{:04x}", c as u32)),
            c => push(out, format_args!("\\U{:08x}", c as u32)),
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable` for one character, as far as the standard library's tables tell.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{a0}' | '\u{ad}' | '\u{1680}' | '\u{202f}' | '\u{205f}' | '\u{3000}' | '\u{feff}' => false,
        '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => false,
        c => !c.is_control(),
    }
}

fn repr_bytes(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.push('b');
    out.push(quote);
    for b in bytes {
        match b {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b if char::from(*b) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(char::from(*b)),
            b => push(out, format_args!("\\x{b:02x}")),
        }
    }
    out.push(quote);
}

fn time_repr(t: &Timestamp) -> String {
    let Some(c) = t.clock else {
        return format!("datetime.date({}, {}, {})", t.year, t.month, t.day);
    };
    let mut out = format!("datetime.datetime({}, {}, {}, {}, {}", t.year, t.month, t.day, c.hour, c.minute);
    if c.second != 0 || c.micro != 0 {
        push(&mut out, format_args!(", {}", c.second));
    }
    if c.micro != 0 {
        push(&mut out, format_args!(", {}", c.micro));
    }
    match c.offset {
        None => {}
        Some(0) => out.push_str(", tzinfo=datetime.timezone.utc"),
        Some(o) => {
            let delta = delta_repr(i64::from(o) * 1_000_000);
            push(&mut out, format_args!(", tzinfo=datetime.timezone({delta})"));
        }
    }
    out.push(')');
    out
}

const DAY: i64 = 86_400_000_000;

/// `str()` of a timedelta.
fn delta_text(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (seconds, micro) = (rest / 1_000_000, rest % 1_000_000);
    let mut out = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    push(&mut out, format_args!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if micro != 0 {
        push(&mut out, format_args!(".{micro:06}"));
    }
    out
}

fn delta_repr(micros: i64) -> String {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let fields = [("days", days), ("seconds", rest / 1_000_000), ("microseconds", rest % 1_000_000)];
    let shown: Vec<String> = fields.iter().filter(|(_, v)| *v != 0).map(|(k, v)| format!("{k}={v}")).collect();
    format!("datetime.timedelta({})", if shown.is_empty() { "0".to_owned() } else { shown.join(", ") })
}

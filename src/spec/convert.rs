//! Values to the types of argument specs (Ansible's module_utils/common/validation.py). Reads nothing but `HOME` and
//! the variables that a path names.

use super::Kind;
use crate::plan::{Data, Map};

/// Brings a value to a type; the error says why it cannot be done, in Ansible's words.
pub fn convert(kind: Kind, value: &Data) -> Result<Data, String> {
    match kind {
        Kind::Raw => Ok(value.clone()),
        Kind::Str => text(value),
        Kind::Path => match text(value)? {
            Data::Str(path) => Ok(Data::Str(expand(&path))),
            Data::Unsafe(path) => Ok(Data::Unsafe(expand(&path))),
            other => Ok(other),
        },
        Kind::Bool => boolean(value).map(Data::Bool),
        Kind::Int => int(value),
        Kind::Float => float(value),
        Kind::Dict => dict(value),
        Kind::List(_) => list(value),
        Kind::Bytes => bytes(value),
        Kind::Json => json(value),
    }
}

/// The name that messages give a type.
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Str => "str",
        Kind::Bool => "bool",
        Kind::Int => "int",
        Kind::Float => "float",
        Kind::Path => "path",
        Kind::Raw => "raw",
        Kind::Dict => "dict",
        Kind::List(_) => "list",
        Kind::Bytes => "bytes",
        Kind::Json => "json",
    }
}

/// Python's `str(type(value))`.
pub fn class(value: &Data) -> String {
    format!("<class '{}'>", value.type_name())
}

/// Python's `str(value)`.
pub fn python_str(value: &Data) -> String {
    match value {
        Data::Str(s) | Data::Unsafe(s) | Data::Vault(s) | Data::Made(_, s) => s.clone(),
        Data::Raw(b) => String::from_utf8_lossy(b).into_owned(),
        other => repr(other),
    }
}

/// Python's `repr(value)`.
fn repr(value: &Data) -> String {
    let join = |items: &[Data]| items.iter().map(repr).collect::<Vec<_>>().join(", ");
    match value {
        Data::Null => "None".to_owned(),
        Data::Bool(true) => "True".to_owned(),
        Data::Bool(false) => "False".to_owned(),
        Data::Int(i) => i.to_string(),
        Data::Float(f) => float_repr(*f),
        Data::Str(s) | Data::Unsafe(s) | Data::Vault(s) | Data::Made(_, s) => quoted(s),
        Data::Raw(b) | Data::Bytes(b) => format!("b{}", quoted(&String::from_utf8_lossy(b))),
        Data::List(l) => format!("[{}]", join(l)),
        Data::Tuple(l) if l.len() == 1 => format!("({},)", join(l)),
        Data::Tuple(l) => format!("({})", join(l)),
        Data::Set(l) if l.is_empty() => "set()".to_owned(),
        Data::Set(l) => format!("{{{}}}", join(l)),
        Data::Map(m) => {
            let pairs: Vec<String> = m.iter().map(|(k, v)| format!("{}: {}", repr(k), repr(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Data::Time(t) => t.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn float_repr(f: f64) -> String {
    let text = format!("{f:?}");
    match text.split_once('e') {
        // Python writes two digits and the sign: 1e+16, 1e-05.
        Some((mantissa, exponent)) => {
            let n: i32 = exponent.parse().unwrap_or(0);
            let sign = if n < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", mantissa.trim_end_matches(".0"), n.abs())
        }
        None => text.to_lowercase(),
    }
}

fn text(value: &Data) -> Result<Data, String> {
    match value {
        Data::Str(_) | Data::Unsafe(_) | Data::Raw(_) | Data::Vault(_) | Data::Made(..) => Ok(value.clone()),
        Data::Null => Err("'None' is not a string and conversion is not allowed".to_owned()),
        Data::Bytes(b) => Ok(match String::from_utf8(b.clone()) {
            Ok(s) => Data::Str(s),
            Err(e) => Data::Raw(e.into_bytes()),
        }),
        other => Ok(Data::Str(repr(other))),
    }
}

/// Ansible's `boolean()`.
pub fn boolean(value: &Data) -> Result<bool, String> {
    let word = match value {
        Data::Bool(b) => return Ok(*b),
        Data::Int(_) | Data::Float(_) => match value {
            v if *v == Data::Int(1) => "1".to_owned(),
            v if *v == Data::Int(0) => "0".to_owned(),
            v => repr(v),
        },
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => s.trim().to_lowercase(),
        other => return Err(format!("{} cannot be converted to a bool", class(other))),
    };
    match word.as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" => Ok(true),
        "n" | "no" | "off" | "0" | "false" | "f" => Ok(false),
        _ => Err(format!(
            "The value '{}' is not a valid boolean.  Valid booleans include: \
             'y', 'yes', 'on', '1', 'true', 't', 'n', 'no', 'off', '0', 'false', 'f', 0, 1",
            python_str(value)
        )),
    }
}

/// Python's `int()` of text: blanks around it, a sign, underscores between digits.
fn python_int(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let well_formed =
        !digits.is_empty() && digits.split('_').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    well_formed.then(|| text.replace('_', "").parse().ok()).flatten()
}

fn int(value: &Data) -> Result<Data, String> {
    match value {
        Data::Int(_) | Data::Bool(_) => return Ok(value.clone()),
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => {
            if let Some(i) = python_int(s) {
                return Ok(Data::Int(i));
            }
        }
        _ => {}
    }
    Err(format!("{} cannot be converted to an int", class(value)))
}

fn float(value: &Data) -> Result<Data, String> {
    let got = match value {
        Data::Float(f) => Some(*f),
        Data::Int(i) => Some(*i as f64),
        Data::Bool(b) => Some(f64::from(u8::from(*b))),
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => s.trim().replace('_', "").parse().ok(),
        _ => None,
    };
    got.map(Data::Float).ok_or_else(|| format!("{} cannot be converted to a float", class(value)))
}

fn list(value: &Data) -> Result<Data, String> {
    match value {
        Data::List(_) => Ok(value.clone()),
        Data::Str(s) => Ok(Data::List(s.split(',').map(Data::str).collect())),
        Data::Unsafe(s) => Ok(Data::List(s.split(',').map(|p| Data::Unsafe(p.to_owned())).collect())),
        Data::Int(_) | Data::Float(_) | Data::Bool(_) => Ok(Data::List(vec![Data::Str(repr(value))])),
        other => Err(format!("{} cannot be converted to a list", class(other))),
    }
}

fn dict(value: &Data) -> Result<Data, String> {
    let text = match value {
        Data::Map(_) => return Ok(value.clone()),
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => s,
        other => return Err(format!("{} cannot be converted to a dict", class(other))),
    };
    if text.starts_with('{') {
        return match serde_json::from_str(text) {
            Ok(Data::Map(map)) => Ok(Data::Map(map)),
            _ => Err("unable to evaluate string as dictionary".to_owned()),
        };
    }
    if !text.contains('=') {
        return Err("dictionary requested, could not parse JSON or key=value".to_owned());
    }
    let mut map = Map::default();
    for field in fields(text) {
        let (key, value) = field.split_once('=').ok_or("dictionary requested, could not parse JSON or key=value")?;
        map.insert(Data::str(key), Data::str(value));
    }
    Ok(Data::Map(map))
}

/// `k=v, k2="v 2"` cut at commas and blanks outside quotes.
fn fields(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut quote = None;
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => field.extend(chars.next()),
            '\'' | '"' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            ',' | ' ' if quote.is_none() => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields.retain(|f| !f.is_empty());
    fields
}

/// `human_to_bytes`: `10M`, `1.5 GB`.
fn bytes(value: &Data) -> Result<Data, String> {
    let text = python_str(value);
    let text = text.trim();
    let wrong = || format!("{} cannot be converted to a Byte value", class(value));
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().map_err(|_| wrong())?;
    let unit = text[end..].trim();
    let power = match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
        None | Some('B') => 0,
        Some(c) => 1 + "KMGTPEZY".find(c).ok_or_else(wrong)?,
    };
    if !(unit.len() <= 1 || unit.get(1..).is_some_and(|rest| rest == "B" || rest.eq_ignore_ascii_case("byte"))) {
        return Err(wrong());
    }
    let factor = 2f64.powi(10 * i32::try_from(power).map_err(|_| wrong())?);
    Ok(Data::Int((number * factor).round() as i128))
}

fn json(value: &Data) -> Result<Data, String> {
    match value {
        Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => Ok(Data::str(s.trim())),
        Data::List(_) | Data::Tuple(_) | Data::Map(_) => {
            let text = serde_json::to_string(value).map_err(|e| e.to_string())?;
            Ok(Data::Str(text))
        }
        other => Err(format!("{} cannot be converted to a json string", class(other))),
    }
}

/// `~` and the environment's variables, as `os.path.expandvars` and `expanduser` replace them. Other users' homes
/// are not known here and stay as written.
fn expand(path: &str) -> String {
    let mut out = String::new();
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        let braced = tail.strip_prefix('{').and_then(|t| t.split_once('}'));
        let plain = tail.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tail.len());
        let (name, after) = braced.unwrap_or((&tail[..plain], &tail[plain..]));
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => {
                out.push_str(&value);
                rest = after;
            }
            _ => {
                out.push('$');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    match out.strip_prefix('~') {
        Some(tail) if tail.is_empty() || tail.starts_with('/') => {
            std::env::var("HOME").unwrap_or_else(|_| "/root".to_owned()).trim_end_matches('/').to_owned() + tail
        }
        _ => out,
    }
}

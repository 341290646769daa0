//! Which type a plain scalar has, and the value that its text stands for: PyYAML's implicit resolvers and
//! constructors for YAML 1.1, written out as scanners.

use super::timestamp;
use crate::plan::Data;
use base64::{Engine, alphabet, engine};

/// A tag that a constructor knows, or its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tag {
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    Merge,
    Value,
    Str,
    Binary,
    Set,
    Omap,
    Pairs,
    Map,
    Seq,
    Unsafe,
    Vault,
    Other(String),
}

const YAML: &str = "tag:yaml.org,2002:";

impl Tag {
    /// The tag as an author wrote it, with its handle expanded.
    pub fn named(tag: String) -> Tag {
        match tag.as_str() {
            "!unsafe" => return Tag::Unsafe,
            "!vault" | "!vault-encrypted" => return Tag::Vault,
            _ => {}
        }
        match tag.strip_prefix(YAML) {
            Some("null") => Tag::Null,
            Some("bool") => Tag::Bool,
            Some("int") => Tag::Int,
            Some("float") => Tag::Float,
            Some("timestamp") => Tag::Timestamp,
            Some("merge") => Tag::Merge,
            Some("value") => Tag::Value,
            Some("str" | "python/unicode") => Tag::Str,
            Some("binary") => Tag::Binary,
            Some("set") => Tag::Set,
            Some("omap") => Tag::Omap,
            Some("pairs") => Tag::Pairs,
            Some("map" | "python/dict") => Tag::Map,
            Some("seq") => Tag::Seq,
            _ => Tag::Other(tag),
        }
    }

    /// Its full name, for messages.
    pub fn name(&self) -> String {
        let short = match self {
            Tag::Null => "null",
            Tag::Bool => "bool",
            Tag::Int => "int",
            Tag::Float => "float",
            Tag::Timestamp => "timestamp",
            Tag::Merge => "merge",
            Tag::Value => "value",
            Tag::Str => "str",
            Tag::Binary => "binary",
            Tag::Set => "set",
            Tag::Omap => "omap",
            Tag::Pairs => "pairs",
            Tag::Map => "map",
            Tag::Seq => "seq",
            Tag::Unsafe => return "!unsafe".to_owned(),
            Tag::Vault => return "!vault".to_owned(),
            Tag::Other(tag) => return tag.clone(),
        };
        format!("{YAML}{short}")
    }
}

/// The tag of a plain scalar without one.
pub fn plain(text: &str) -> Tag {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tag::Null,
        "<<" => Tag::Merge,
        "=" => Tag::Value,
        _ if bool_value(text).is_some() => Tag::Bool,
        _ if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => Tag::Str,
        _ if is_float(text) => Tag::Float,
        _ if is_int(text) => Tag::Int,
        _ if timestamp::matches(text) => Tag::Timestamp,
        _ => Tag::Str,
    }
}

/// The value that a plain scalar of this text has (`key=value` data is read so in places).
pub fn implicit_scalar(text: &str) -> Option<Data> {
    scalar(&plain(text), text).ok()
}

/// The value of a scalar with this tag; the error says why its text has none.
pub fn scalar(tag: &Tag, text: &str) -> Result<Data, String> {
    Ok(match tag {
        Tag::Null => Data::Null,
        Tag::Bool => Data::Bool(strict_bool(text).ok_or_else(|| format!("not a bool: {text:?}"))?),
        Tag::Int => Data::Int(int_value(text).ok_or_else(|| format!("not an integer in bounds: {text:?}"))?),
        Tag::Float => Data::Float(float_value(text).ok_or_else(|| format!("not a number: {text:?}"))?),
        Tag::Timestamp => Data::Time(timestamp::parse(text)?),
        Tag::Str => Data::Str(text.to_owned()),
        Tag::Binary => Data::Bytes(binary(text)?),
        Tag::Unsafe => Data::Unsafe(text.to_owned()),
        Tag::Vault => Data::Vault(text.to_owned()),
        other => return Err(format!("could not determine a constructor for the tag '{}'", other.name())),
    })
}

/// The spellings that resolve to a bool by themselves.
fn bool_value(text: &str) -> Option<bool> {
    Some(match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => true,
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => false,
        _ => return None,
    })
}

/// What `!!bool` takes: any case.
fn strict_bool(text: &str) -> Option<bool> {
    bool_value(&text.to_lowercase())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn digit_(b: u8) -> bool {
    b.is_ascii_digit() || b == b'_'
}

/// Digits and underscores that begin with a digit from `first`.
fn number(text: &str, first: std::ops::RangeInclusive<u8>) -> bool {
    all(text, digit_) && first.contains(&text.as_bytes()[0])
}

/// `[0-5]?[0-9]`
fn sixty(part: &str) -> bool {
    all(part, |b| b.is_ascii_digit()) && (part.len() == 1 || (part.len() == 2 && part.as_bytes()[0] <= b'5'))
}

fn is_int(text: &str) -> bool {
    let body = unsigned(text);
    if let Some(bits) = body.strip_prefix("0b") {
        return all(bits, |b| matches!(b, b'0' | b'1' | b'_'));
    }
    if let Some(hex) = body.strip_prefix("0x") {
        return all(hex, |b| b.is_ascii_hexdigit() || b == b'_');
    }
    if body == "0" || number(body, b'1'..=b'9') {
        return true;
    }
    if let Some(octal) = body.strip_prefix('0') {
        return all(octal, |b| (b'0'..=b'7').contains(&b) || b == b'_');
    }
    let mut parts = body.split(':');
    let head = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    number(head, b'1'..=b'9') && rest.peek().is_some() && rest.all(sixty)
}

fn is_float(text: &str) -> bool {
    let body = unsigned(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = body.split_once('.') else { return false };
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    // An exponent must carry its sign.
    if !exponent.is_none_or(|e| e.starts_with(['-', '+']) && all(&e[1..], |b| b.is_ascii_digit())) {
        return false;
    }
    if whole.is_empty() {
        return number(fraction, b'0'..=b'9') && body.len() == text.len();
    }
    if !fraction.bytes().all(digit_) {
        return false;
    }
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or_default();
    let sexagesimal = whole.contains(':');
    number(head, b'0'..=b'9') && parts.all(sixty) && !(sexagesimal && exponent.is_some())
}

fn int_value(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let body = unsigned(&text);
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let value = if let Some(bits) = body.strip_prefix("0b") {
        i128::from_str_radix(bits, 2).ok()?
    } else if let Some(hex) = body.strip_prefix("0x") {
        i128::from_str_radix(hex, 16).ok()?
    } else if body.len() > 1 && body.starts_with('0') {
        i128::from_str_radix(body, 8).ok()?
    } else {
        body.split(':').try_fold(0i128, |sum, part| {
            let part = part.parse::<u128>().ok().and_then(|p| i128::try_from(p).ok())?;
            sum.checked_mul(60)?.checked_add(part)
        })?
    };
    Some(sign * value)
}

fn float_value(text: &str) -> Option<f64> {
    let text = text.replace('_', "").to_lowercase();
    let body = unsigned(&text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let value = match body {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if body.contains(':') => {
            // The order of the additions is PyYAML's: it shows in the last bit.
            let mut base = 1.0;
            let mut sum = 0.0;
            for part in body.split(':').rev() {
                sum += part.parse::<f64>().ok()? * base;
                base *= 60.0;
            }
            sum
        }
        _ => body.parse().ok()?,
    };
    Some(sign * value)
}

/// Python's lenient base64: characters outside the alphabet are skipped, what follows the padding is ignored.
fn binary(text: &str) -> Result<Vec<u8>, String> {
    if !text.is_ascii() {
        return Err("failed to convert base64 data into ascii".to_owned());
    }
    let mut kept: String = text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')).collect();
    if let Some(at) = kept.find('=') {
        let wanted = (4 - at % 4) % 4;
        let padded = kept[at..].chars().take_while(|c| *c == '=').count();
        if padded < wanted {
            return Err("failed to decode base64 data: Incorrect padding".to_owned());
        }
        kept.truncate(at);
    } else if !kept.len().is_multiple_of(4) {
        return Err("failed to decode base64 data: Incorrect padding".to_owned());
    }
    let lenient = engine::GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(engine::DecodePaddingMode::RequireNone);
    engine::GeneralPurpose::new(&alphabet::STANDARD, lenient)
        .decode(kept)
        .map_err(|e| format!("failed to decode base64 data: {e}"))
}

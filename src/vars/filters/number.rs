//! Filters on numbers, and on text that stands for them.

use super::args::{count, flag, given, integer, none, unless_none};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value, pytext};

pub fn abs(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("abs", args)?;
    match value.defined()? {
        Value::Float(f) => Ok(Value::Float(f.abs())),
        Value::Delta(d) => Ok(Value::Delta(d.saturating_abs())),
        other => match other.as_int() {
            Some(i) => Ok(Value::Int(i.saturating_abs())),
            None => Err(TemplateError::other(format!("bad operand type for abs(): '{}'", other.type_name()))),
        },
    }
}

/// Python's `int(text, base)`.
pub fn parse_int(text: &str, base: u32) -> Option<i128> {
    let (digits, base) = int_literal(text, base)?;
    i128::from_str_radix(&digits, base).ok()
}

/// The digits of an integer with their sign, and the base they are in.
fn int_literal(text: &str, base: u32) -> Option<(String, u32)> {
    let text = pytext::strip(text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = |prefix: &str| lower.strip_prefix(prefix).map(|d| d.strip_prefix('_').unwrap_or(d).to_owned());
    let (base, digits) = match base {
        16 => (16, prefixed("0x").unwrap_or(lower)),
        8 => (8, prefixed("0o").unwrap_or(lower)),
        2 => (2, prefixed("0b").unwrap_or(lower)),
        0 => match (prefixed("0x"), prefixed("0o"), prefixed("0b")) {
            (Some(d), _, _) => (16, d),
            (_, Some(d), _) => (8, d),
            (_, _, Some(d)) => (2, d),
            // A leading zero is no longer an octal number in Python.
            _ if lower.starts_with('0') && lower.bytes().any(|b| (b'1'..=b'9').contains(&b)) => return None,
            _ => (10, lower),
        },
        base => (base, lower),
    };
    // One underscore may stand between digits.
    if digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let digits: String = digits.chars().filter(|c| *c != '_').map(ascii_digit).collect();
    if !digits.chars().all(|c| c.is_digit(base)) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    Some((format!("{sign}{digits}"), base))
}

/// Decimal digits of other scripts count as digits.
fn ascii_digit(c: char) -> char {
    const ZEROS: [u32; 6] = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0xff10];
    let zero = ZEROS.into_iter().find(|zero| (*zero..*zero + 10).contains(&(c as u32)));
    zero.and_then(|zero| char::from_digit(c as u32 - zero, 10)).unwrap_or(c)
}

/// Python's `float(text)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = pytext::strip(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    if matches!(&*unsigned, "inf" | "infinity" | "nan") {
        return text.to_ascii_lowercase().parse().ok();
    }
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    for (i, b) in bytes.iter().enumerate() {
        match b {
            b'_' if digit(i.checked_sub(1)) && digit(Some(i + 1)) => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E' => {}
            _ => return None,
        }
    }
    text.replace('_', "").parse().ok()
}

/// Python's `int(float)`.
fn truncated(f: f64) -> Option<i128> {
    (f.is_finite() && f.abs() < 1.7e38).then_some(f as i128)
}

pub fn int(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [default, base] = args.bind("do_int", ["default", "base"], 0)?;
    let base = integer(base, 10)?;
    let converted = match value.defined()? {
        Value::Str(text) => {
            if base != 0 && !(2..=36).contains(&base) {
                None
            } else {
                match int_literal(text.as_str(), base as u32) {
                    Some((digits, base)) => Some(i128::from_str_radix(&digits, base).map_err(|_| {
                        TemplateError::other(format!(
                            "int: {} is beyond 127 bits, which is all there is here",
                            text.as_str()
                        ))
                    })?),
                    None => parse_float(text.as_str()).and_then(truncated),
                }
            }
        }
        Value::Float(f) => truncated(*f),
        Value::Bytes(b) => std::str::from_utf8(b).ok().and_then(|t| parse_int(t, 10)),
        other => other.as_int(),
    };
    Ok(converted.map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
}

pub fn float(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [default] = args.bind("do_float", ["default"], 0)?;
    let converted = match value.defined()? {
        Value::Str(text) => parse_float(text.as_str()),
        Value::Bytes(b) => std::str::from_utf8(b).ok().and_then(parse_float),
        other => other.as_float(),
    };
    Ok(converted.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

pub fn round(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [precision, method] = args.bind("do_round", ["precision", "method"], 0)?;
    let precision = integer(precision, 0)?;
    let method = method.map_or(Ok("common".to_owned()), |m| m.text())?;
    if !matches!(&*method, "common" | "ceil" | "floor") {
        return Err(TemplateError::other("method must be common, ceil or floor"));
    }
    if method == "common" {
        return match value.defined()? {
            Value::Float(f) => Ok(Value::Float(round_float(*f, precision))),
            other => match other.as_int() {
                Some(i) => Ok(Value::Int(round_int(i, precision))),
                None => {
                    let name = other.type_name();
                    Err(TemplateError::other(format!("type {name} doesn't define __round__ method")))
                }
            },
        };
    }
    let Some(number) = value.defined()?.as_float() else {
        return Err(TemplateError::other(format!("must be real number, not {}", value.type_name())));
    };
    let scale = 10f64.powi(precision.clamp(-400, 400) as i32);
    let scaled = number * scale;
    let cut = if method == "ceil" { scaled.ceil() } else { scaled.floor() };
    if !cut.is_finite() {
        return Err(TemplateError::other("cannot convert float infinity to integer"));
    }
    Ok(Value::Float(cut / scale))
}

/// Half to even on the exact decimal value, as CPython's `round` does.
pub fn round_float(f: f64, precision: i128) -> f64 {
    if !f.is_finite() || precision > 323 {
        return f;
    }
    if precision >= 0 {
        // Formatting rounds the exact value half to even.
        return format!("{f:.*}", precision as usize).parse().unwrap_or(f);
    }
    let scale = 10f64.powi((-precision).min(400) as i32);
    if scale.is_infinite() {
        return 0.0;
    }
    (f / scale).round_ties_even() * scale
}

fn round_int(i: i128, precision: i128) -> i128 {
    if precision >= 0 {
        return i;
    }
    let Some(scale) = u32::try_from(-precision).ok().and_then(|p| 10i128.checked_pow(p)) else { return 0 };
    let low = i.div_euclid(scale);
    let rest = i.rem_euclid(scale);
    let up = rest * 2 > scale || (rest * 2 == scale && low % 2 != 0);
    (low + i128::from(up)) * scale
}

pub fn filesizeformat(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [binary] = args.bind("do_filesizeformat", ["binary"], 0)?;
    let size = match value.defined()? {
        Value::Str(text) => parse_float(text.as_str())
            .ok_or_else(|| TemplateError::other(format!("could not convert string to float: '{}'", text.as_str())))?,
        other => number(other)?,
    };
    let binary = flag(binary)?;
    let (base, suffix) = if binary { (1024f64, "iB") } else { (1000f64, "B") };
    if size == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if size < base {
        return Ok(Value::from(format!("{} Bytes", truncated(size).unwrap_or(0))));
    }
    let prefixes = if binary { "KMGTPEZY" } else { "kMGTPEZY" };
    let mut unit = base;
    let mut last = 'k';
    for prefix in prefixes.chars() {
        last = prefix;
        unit *= base;
        if size < unit {
            break;
        }
    }
    Ok(Value::from(format!("{:.1} {last}{suffix}", base * size / unit)))
}

fn number(value: &Value) -> Outcome<f64> {
    value
        .defined()?
        .as_float()
        .ok_or_else(|| TemplateError::other(format!("must be real number, not {}", value.type_name())))
}

pub fn log(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [base] = args.bind("logarithm", ["base"], 0)?;
    let wrap = |e: TemplateError| TemplateError::other(format!("log() can only be used on numbers: {}", e.message));
    let x = number(&value).map_err(wrap)?;
    let base = base.map_or(Ok(std::f64::consts::E), |b| number(&b)).map_err(wrap)?;
    if x <= 0.0 || base <= 0.0 {
        return Err(TemplateError::other("math domain error"));
    }
    if base == 1.0 {
        return Err(TemplateError::other("float division by zero"));
    }
    let result = if base == 10.0 { x.log10() } else { x.ln() / base.ln() };
    Ok(Value::Float(result))
}

pub fn pow(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [power] = args.bind("power", ["y"], 1)?;
    let wrap = |e: TemplateError| TemplateError::other(format!("pow() can only be used on numbers: {}", e.message));
    let (x, y) = (number(&value).map_err(wrap)?, number(&given(power)).map_err(wrap)?);
    power_of(x, y).map(Value::Float)
}

/// `math.pow`.
fn power_of(x: f64, y: f64) -> Outcome<f64> {
    let result = x.powf(y);
    let finite = x.is_finite() && y.is_finite();
    if finite && (result.is_nan() || (x == 0.0 && y < 0.0)) {
        return Err(TemplateError::other("math domain error"));
    }
    if finite && result.is_infinite() {
        return Err(TemplateError::other("math range error"));
    }
    Ok(result)
}

pub fn root(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [base] = args.bind("inversepower", ["base"], 0)?;
    let wrap = |e: TemplateError| TemplateError::other(format!("root() can only be used on numbers: {}", e.message));
    let x = number(&value).map_err(wrap)?;
    let base = base.map_or(Ok(2.0), |b| number(&b)).map_err(wrap)?;
    if base == 2.0 {
        if x < 0.0 {
            return Err(wrap(TemplateError::other("math domain error")));
        }
        return Ok(Value::Float(x.sqrt()));
    }
    if base == 0.0 {
        return Err(TemplateError::other("float division by zero"));
    }
    power_of(x, 1.0 / base).map(Value::Float).map_err(wrap)
}

/// Suffixes of sizes with what they stand for, the largest first.
const SIZES: [(char, f64); 9] = [
    ('Y', 1_208_925_819_614_629_174_706_176.0),
    ('Z', 1_180_591_620_717_411_303_424.0),
    ('E', 1_152_921_504_606_846_976.0),
    ('P', 1_125_899_906_842_624.0),
    ('T', 1_099_511_627_776.0),
    ('G', 1_073_741_824.0),
    ('M', 1_048_576.0),
    ('K', 1024.0),
    ('B', 1.0),
];

pub fn human_readable(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [bits, unit] = args.bind("human_readable", ["isbits", "unit"], 0)?;
    let unit = match unless_none(unit) {
        None => None,
        Some(unit) => Some(unit.text()?.to_uppercase()),
    };
    let Some(size) = value.defined()?.as_float() else {
        let name = value.type_name();
        let message = match (&value, &unit) {
            (Value::Str(_), Some(_)) => "unsupported operand type(s) for /: 'str' and 'int'".to_owned(),
            _ => format!("'>=' not supported between instances of '{name}' and 'int'"),
        };
        return Err(TemplateError::other(format!("human_readable() failed on bad input: {message}")));
    };
    let fits = |(suffix, limit): &&(char, f64)| match &unit {
        None => size >= *limit,
        Some(unit) => unit.len() == 1 && unit.starts_with(*suffix),
    };
    let (suffix, limit) = SIZES.iter().find(fits).unwrap_or(&SIZES[8]);
    let base = if flag(bits)? { "bits" } else { "Bytes" };
    let suffix = match suffix {
        'B' => base.to_owned(),
        prefix => format!("{prefix}{}", &base[..1]),
    };
    Ok(Value::from(format!("{:.2} {suffix}", size / limit)))
}

pub fn human_to_bytes(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [unit, bits] = args.bind("human_to_bytes", ["default_unit", "isbits"], 0)?;
    let text = value.text()?;
    let unit = match unless_none(unit) {
        None => None,
        Some(unit) => Some(unit.text()?),
    };
    let refused = || TemplateError::other(format!("human_to_bytes() can't interpret following string: {text}"));
    bytes_of(&text, unit.as_deref(), flag(bits)?.then_some("bit")).ok_or_else(refused).map(Value::Int)
}

/// The number of bytes, or of bits where `bits` names them.
fn bytes_of(text: &str, default_unit: Option<&str>, bits: Option<&str>) -> Option<i128> {
    let text = text.trim_start_matches(pytext::is_space);
    let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut end = whole;
    if text[end..].starts_with('.') {
        end += 1;
        end += text[end..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - end);
    }
    let number: f64 = text[..end].parse().ok()?;
    let rest = text[end..].trim_start_matches(pytext::is_space);
    let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let unit = if length > 0 { Some(&rest[..length]) } else { default_unit };
    let Some(unit) = unit else { return truncated(number.round_ties_even()) };
    let key = unit.chars().next()?.to_ascii_uppercase();
    let (_, limit) = SIZES.iter().find(|(suffix, _)| *suffix == key)?;
    let (class, name) = if bits.is_some() { ('b', "bit") } else { ('B', "byte") };
    if let Some(second) = unit.chars().nth(1)
        && !unit.to_lowercase().contains(name)
        && second != class
    {
        return None;
    }
    truncated((number * limit).round_ties_even())
}

/// A number of items that a template asks for.
pub fn bounded(env: &Env, items: i128) -> Outcome<usize> {
    let items = count(items);
    env.check_size(items)?;
    env.charge(items as u64)?;
    Ok(items)
}

//! `'...' % values`, `'...'.format(...)` and the format specifications of both.

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::object::CallArgs;
use super::repr::float_repr;
use super::value::{Text, Value};

/// Width and precision beyond this are refused: they are only memory.
const WIDTH: usize = 1 << 20;

/// What `%5.2f` and `{:>5.2f}` say.
#[derive(Clone, Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

fn error(message: impl Into<String>) -> TemplateError {
    TemplateError::other(message)
}

/// `format % values`.
pub fn percent(env: &Env, format: &str, values: &Value) -> Outcome<String> {
    let arguments = match values {
        Value::Tuple(t) => t.to_vec(),
        other => vec![other.clone()],
    };
    let mut next = arguments.iter();
    let mut named = false;
    let mut out = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut value = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let end = inner.find(')').ok_or_else(|| error("incomplete format key"))?;
            if !values.is_mapping() {
                return Err(error("format requires a mapping"));
            }
            let key = Value::str(&inner[..end]);
            value = Some(env.subscript(values, &key)?.ok_or_else(|| error(format!("KeyError: '{}'", &inner[..end])))?);
            rest = &inner[end + 1..];
            named = true;
        }
        let written = rest;
        let mut take = || next.next().cloned().ok_or_else(|| error("not enough arguments for format string"));
        let (spec, kind) = percent_spec(&mut rest, &mut take)?;
        if kind == '%' && rest.len() + 1 == written.len() {
            out.push('%');
            continue;
        }
        let value = match value {
            Some(value) => value,
            None => take()?,
        };
        out.push_str(&percent_one(&value, spec, kind)?);
        env.check_size(out.len())?;
    }
    if next.next().is_some() && !named && !values.is_mapping() && !matches!(values, Value::List(_) | Value::Range(_)) {
        return Err(error("not all arguments converted during string formatting"));
    }
    // A list or mapping that nothing consumed is one argument too many, unless it could have been looked up by name.
    if matches!(values, Value::List(_)) && !named && next.len() > 0 {
        return Err(error("not all arguments converted during string formatting"));
    }
    out.push_str(rest);
    Ok(out)
}

fn percent_spec(rest: &mut &str, take: &mut dyn FnMut() -> Outcome<Value>) -> Outcome<(Spec, char)> {
    let mut spec = Spec::default();
    let mut chars = rest.char_indices().peekable();
    let mut number = |chars: &mut std::iter::Peekable<std::str::CharIndices>| -> Outcome<Option<i128>> {
        if chars.peek().is_some_and(|(_, c)| *c == '*') {
            chars.next();
            return take()?.as_int().map(Some).ok_or_else(|| error("* wants int"));
        }
        let mut digits = String::new();
        while let Some((_, c)) = chars.peek().filter(|(_, c)| c.is_ascii_digit()) {
            digits.push(*c);
            chars.next();
        }
        if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| error("width too big")) }
    };
    let bounded = |n: i128| usize::try_from(n).ok().filter(|n| *n <= WIDTH).ok_or_else(|| error("width too big"));
    while let Some((_, c)) = chars.peek().copied().filter(|(_, c)| "-+ #0".contains(*c)) {
        match c {
            '-' => spec.align = Some('<'),
            '+' => spec.sign = Some('+'),
            ' ' => spec.sign = spec.sign.or(Some(' ')),
            '#' => spec.alternate = true,
            _ => spec.zero = true,
        }
        chars.next();
    }
    if let Some(width) = number(&mut chars)? {
        if width < 0 {
            spec.align = Some('<');
        }
        spec.width = bounded(width.saturating_abs())?;
    }
    if chars.peek().is_some_and(|(_, c)| *c == '.') {
        chars.next();
        spec.precision = Some(bounded(number(&mut chars)?.unwrap_or(0).max(0))?);
    }
    while chars.peek().is_some_and(|(_, c)| "hlL".contains(*c)) {
        chars.next();
    }
    let Some((at, kind)) = chars.next() else { return Err(error("incomplete format")) };
    *rest = &rest[at + kind.len_utf8()..];
    Ok((spec, kind))
}

fn percent_one(value: &Value, mut spec: Spec, kind: char) -> Outcome<String> {
    let numeric = "diuoxXeEfFgG".contains(kind);
    if numeric && spec.align.is_none() && spec.zero {
        spec.align = Some('=');
        spec.fill = Some('0');
    }
    spec.align = spec.align.or(Some('>'));
    let wanted = |what: &str| error(format!("%{kind} format: {what} is required, not {}", value.type_name()));
    let text = match kind {
        's' => value.text()?,
        'r' | 'a' => match value {
            // Looking at what is undefined is no use of it.
            Value::Undefined(u) if !u.lenient => {
                let hint = Value::str(u.message.as_str()).repr()?;
                let name = u.name.as_deref().map_or(Ok("None".to_owned()), |n| Value::str(n).repr())?;
                format!("AnsibleUndefined(hint={hint}, obj=missing, name={name})")
            }
            value if kind == 'a' => ascii(&value.repr()?),
            value => value.repr()?,
        },
        'c' => match value {
            Value::Str(t) if t.as_str().chars().count() == 1 => t.as_str().to_owned(),
            Value::Int(i) => u32::try_from(*i)
                .ok()
                .and_then(char::from_u32)
                .map(String::from)
                .ok_or_else(|| error("%c arg not in range(0x110000)"))?,
            _ => return Err(error("%c requires int or char")),
        },
        'd' | 'i' | 'u' => {
            let number = match value.defined()? {
                Value::Float(f) if f.is_finite() => f.trunc() as i128,
                other => other.as_int().ok_or_else(|| wanted("a real number"))?,
            };
            spec.kind = Some('d');
            return integer(number, &spec);
        }
        'o' | 'x' | 'X' => {
            let number = value.defined()?.as_int().ok_or_else(|| wanted("an integer"))?;
            spec.kind = Some(kind);
            return integer(number, &spec);
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let number = value.defined()?.as_float();
            let number = number.ok_or_else(|| error(format!("must be real number, not {}", value.type_name())))?;
            spec.kind = Some(kind);
            return float(number, &spec);
        }
        other => {
            let code = other as u32;
            return Err(error(format!("unsupported format character '{other}' ({code:#x})")));
        }
    };
    let text = match spec.precision {
        Some(n) => text.chars().take(n).collect(),
        None => text,
    };
    Ok(pad(&text, &spec, '>'))
}

/// Python's `ascii()` of a representation.
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c as u32 {
            0..=0x7f => out.push(c),
            code @ 0x80..=0xff => out.push_str(&format!("\\x{code:02x}")),
            code @ 0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}

/// `format.format(...)`.
pub fn format_method(env: &Env, format: &str, args: &CallArgs) -> Outcome<String> {
    let mut out = String::new();
    fields(env, format, args, &mut Numbering::default(), (2, &mut out))?;
    Ok(out)
}

/// `'...'.format_map(mapping)`.
pub fn format_map(env: &Env, format: &str, map: &Value) -> Outcome<String> {
    let mut args = CallArgs::none();
    let keys = if map.is_mapping() { map.iterate(env)? } else { Vec::new() };
    for key in keys {
        if let Value::Str(name) = &key {
            args.keyword.push((name.as_str().into(), env.getitem(map, &key)?));
        }
    }
    format_method(env, format, &args)
}

/// Whether fields are numbered by hand (`{0}`) or in order (`{}`); not both.
#[derive(Default)]
struct Numbering {
    next: usize,
    manual: bool,
    automatic: bool,
}

fn fields(
    env: &Env,
    format: &str,
    args: &CallArgs,
    numbering: &mut Numbering,
    (levels, out): (usize, &mut String),
) -> Outcome<()> {
    if levels == 0 {
        return Err(error("Max string recursion exceeded"));
    }
    let mut rest = format;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        if brace == "}" {
            return Err(error("Single '}' encountered in format string"));
        }
        let end = closing(rest).ok_or_else(|| match rest.is_empty() {
            true => error("Single '{' encountered in format string"),
            false => error("expected '}' before end of string"),
        })?;
        let field = &rest[..end];
        rest = &rest[end + 1..];
        let split = field.find([':', '!']).unwrap_or(field.len());
        let (name, tail) = field.split_at(split);
        let (conversion, spec) = match tail.strip_prefix('!') {
            Some(t) => {
                let (conversion, spec) = t.split_once(':').unwrap_or((t, ""));
                (Some(conversion), spec)
            }
            None => (None, tail.strip_prefix(':').unwrap_or("")),
        };
        let value = lookup_field(env, name, args, numbering)?;
        let value = match conversion {
            None => value,
            Some("s") => Value::str(value.text()?),
            Some("r") => Value::str(value.repr()?),
            Some("a") => Value::str(ascii(&value.repr()?)),
            Some("") => return Err(error("end of string while looking for conversion specifier")),
            Some(other) => return Err(error(format!("Unknown conversion specifier {other:?}"))),
        };
        let mut expanded = String::new();
        if spec.contains(['{', '}']) {
            fields(env, spec, args, numbering, (levels - 1, &mut expanded))?;
        } else {
            expanded.push_str(spec);
        }
        out.push_str(&format_value(&value, &expanded)?);
        env.check_size(out.len())?;
    }
    out.push_str(rest);
    Ok(())
}

/// Where the field that starts here ends.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn lookup_field(env: &Env, name: &str, args: &CallArgs, numbering: &mut Numbering) -> Outcome<Value> {
    let split = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(split);
    let positional = |at: usize| {
        args.positional
            .get(at)
            .cloned()
            .ok_or_else(|| error(format!("Replacement index {at} out of range for positional args tuple")))
    };
    let mut value = if first.is_empty() {
        numbering.automatic = true;
        numbering.next += 1;
        positional(numbering.next - 1)?
    } else if let Ok(at) = first.parse() {
        numbering.manual = true;
        positional(at)?
    } else {
        let found = args.keyword.iter().find(|(k, _)| **k == *first);
        found.map(|(_, v)| v.clone()).ok_or_else(|| error(format!("KeyError: '{first}'")))?
    };
    if numbering.manual && numbering.automatic {
        return Err(error("cannot switch from manual field specification to automatic field numbering"));
    }
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let attribute = &rest[..end];
            value = env
                .attribute(&value, attribute)?
                .ok_or_else(|| error(format!("'{}' object has no attribute '{attribute}'", value.type_name())))?;
            path = &rest[end..];
        } else {
            let rest = path
                .strip_prefix('[')
                .ok_or_else(|| error("Only '.' or '[' may follow ']' in format field specifier"))?;
            let end = rest.find(']').ok_or_else(|| error("Missing ']' in format string"))?;
            let key = &rest[..end];
            let key = key.parse::<i128>().map_or_else(|_| Value::str(key), Value::Int);
            value = env.subscript(&value, &key)?.ok_or_else(|| error(format!("KeyError: {key:?}")))?;
            path = &rest[end + 1..];
        }
    }
    Ok(value)
}

/// `format(value, spec)`.
pub fn format_value(value: &Value, spec: &str) -> Outcome<String> {
    value.defined()?;
    if let Value::Time(t) = value {
        return if spec.is_empty() { value.text() } else { super::methods::strftime(t, spec) };
    }
    if spec.is_empty() {
        return value.text();
    }
    let parsed = parse_spec(spec)?;
    let unknown =
        |kind: char| error(format!("Unknown format code '{kind}' for object of type '{}'", value.type_name()));
    match value {
        Value::Str(t) => match parsed.kind {
            None | Some('s') => {
                if parsed.sign.is_some() {
                    return Err(error("Sign not allowed in string format specifier"));
                }
                if let Some(grouping) = parsed.grouping {
                    return Err(error(format!("Cannot specify '{grouping}' with 's'.")));
                }
                if parsed.align == Some('=') {
                    return Err(error("'=' alignment not allowed in string format specifier"));
                }
                let text = t.as_str();
                let text = match parsed.precision {
                    Some(n) => text.chars().take(n).collect(),
                    None => text.to_owned(),
                };
                Ok(pad(&text, &parsed, '<'))
            }
            Some(kind) => Err(unknown(kind)),
        },
        Value::Int(_) | Value::Bool(_) => {
            let number = value.as_int().unwrap_or_default();
            match parsed.kind {
                None | Some('d' | 'b' | 'o' | 'x' | 'X' | 'n') if parsed.precision.is_some() => {
                    Err(error("Precision not allowed in integer format specifier"))
                }
                None | Some('d' | 'b' | 'o' | 'x' | 'X' | 'n') => integer(number, &parsed),
                Some('c') => {
                    let c = u32::try_from(number).ok().and_then(char::from_u32);
                    Ok(pad(&c.map(String::from).ok_or_else(|| error("%c arg not in range(0x110000)"))?, &parsed, '<'))
                }
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => float(number as f64, &parsed),
                Some(kind) => Err(unknown(kind)),
            }
        }
        Value::Float(f) => match parsed.kind {
            None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%' | 'n') => float(*f, &parsed),
            Some(kind) => Err(unknown(kind)),
        },
        other => Err(error(format!("unsupported format string passed to {}.__format__", other.type_name()))),
    }
}

fn parse_spec(spec: &str) -> Outcome<Spec> {
    let chars: Vec<char> = spec.chars().collect();
    let mut out = Spec::default();
    let mut at = 0;
    let is_align = |c: Option<&char>| c.is_some_and(|c| "<>=^".contains(*c));
    if is_align(chars.get(1)) {
        out.fill = Some(chars[0]);
        out.align = Some(chars[1]);
        at = 2;
    } else if is_align(chars.first()) {
        out.align = Some(chars[0]);
        at = 1;
    }
    if let Some(c) = chars.get(at).filter(|c| "+- ".contains(**c)) {
        out.sign = Some(*c);
        at += 1;
    }
    if chars.get(at) == Some(&'#') {
        out.alternate = true;
        at += 1;
    }
    if chars.get(at) == Some(&'0') {
        out.zero = true;
        out.fill = out.fill.or(Some('0'));
        out.align = out.align.or(Some('='));
        at += 1;
    }
    let digits = |at: &mut usize| -> Outcome<Option<usize>> {
        let start = *at;
        while chars.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        let text: String = chars[start..*at].iter().collect();
        match text.parse::<usize>() {
            _ if text.is_empty() => Ok(None),
            Ok(n) if n <= WIDTH => Ok(Some(n)),
            _ => Err(error("Too many decimal digits in format string")),
        }
    };
    out.width = digits(&mut at)?.unwrap_or(0);
    if let Some(c) = chars.get(at).filter(|c| ",_".contains(**c)) {
        out.grouping = Some(*c);
        at += 1;
    }
    if chars.get(at) == Some(&'.') {
        at += 1;
        out.precision = Some(digits(&mut at)?.ok_or_else(|| error("Format specifier missing precision"))?);
    }
    out.kind = chars.get(at).copied();
    if at + 1 < chars.len() {
        return Err(error(format!("Invalid format specifier '{spec}'")));
    }
    Ok(out)
}

fn pad(text: &str, spec: &Spec, default: char) -> String {
    let length = text.chars().count();
    if length >= spec.width {
        return text.to_owned();
    }
    let missing = spec.width - length;
    let fill = spec.fill.unwrap_or(' ');
    let (before, after) = match spec.align.unwrap_or(default) {
        '<' => (0, missing),
        '^' => (missing / 2, missing - missing / 2),
        _ => (missing, 0),
    };
    let run = |n| std::iter::repeat_n(fill, n);
    run(before).chain(text.chars()).chain(run(after)).collect()
}

/// A number's sign, prefix and digits, grouped and padded.
fn number(negative: bool, prefix: &str, digits: &str, spec: &Spec) -> String {
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let head = format!("{sign}{prefix}");
    let zeros = spec.align == Some('=');
    let fill_zero = zeros && spec.fill.unwrap_or(' ') == '0';
    let mut body = match spec.grouping {
        Some(mark) => group(digits, mark, if matches!(spec.kind, Some('b' | 'o' | 'x' | 'X')) { 4 } else { 3 }),
        None => digits.to_owned(),
    };
    if let (Some(mark), true) = (spec.grouping, fill_zero) {
        // Zeros are grouped like digits.
        let mut zeros = digits.to_owned();
        while head.chars().count() + body.chars().count() < spec.width {
            zeros.insert(0, '0');
            body = group(&zeros, mark, 3);
        }
    }
    if zeros {
        let width = spec.width.saturating_sub(head.chars().count());
        let inner = Spec { width, align: Some('>'), fill: spec.fill, ..Spec::default() };
        return head + &pad(&body, &inner, '>');
    }
    pad(&(head + &body), spec, '>')
}

fn group(digits: &str, mark: char, size: usize) -> String {
    let end = digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    let mut out = String::new();
    for (at, c) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % size == 0 {
            out.push(mark);
        }
        out.push(c);
    }
    out + rest
}

fn integer(value: i128, spec: &Spec) -> Outcome<String> {
    let magnitude = value.unsigned_abs();
    let (prefix, mut digits) = match spec.kind {
        Some('b') => ("0b", format!("{magnitude:b}")),
        Some('o') => ("0o", format!("{magnitude:o}")),
        Some('x') => ("0x", format!("{magnitude:x}")),
        Some('X') => ("0X", format!("{magnitude:X}")),
        _ => ("", magnitude.to_string()),
    };
    if let Some(precision) = spec.precision {
        // Only `%` has a precision here: the least number of digits.
        digits = format!("{}{digits}", "0".repeat(precision.saturating_sub(digits.len())));
    }
    Ok(number(value < 0, if spec.alternate { prefix } else { "" }, &digits, spec))
}

fn float(value: f64, spec: &Spec) -> Outcome<String> {
    let kind = spec.kind.unwrap_or('r');
    let magnitude = value.abs();
    let negative = value.is_sign_negative() && !value.is_nan();
    let upper = kind.is_ascii_uppercase();
    let precision = spec.precision.unwrap_or(6);
    let text = if !magnitude.is_finite() {
        let text = if value.is_nan() { "nan" } else { "inf" };
        text.to_owned() + if kind == '%' { "%" } else { "" }
    } else {
        match kind.to_ascii_lowercase() {
            'f' => format!("{magnitude:.precision$}"),
            '%' => format!("{:.precision$}%", magnitude * 100.0),
            'e' => exponent(magnitude, precision),
            'g' | 'n' => general(magnitude, precision, spec.alternate),
            _ => match spec.precision {
                None => float_repr(magnitude),
                // Without a letter it is `g`, but never without a fraction.
                Some(p) => {
                    let text = general(magnitude, p, false);
                    if text.contains(['.', 'e']) { text } else { text + ".0" }
                }
            },
        }
    };
    let text = if upper { text.to_uppercase() } else { text };
    Ok(number(negative, "", &text, spec))
}

fn exponent(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs())
}

fn general(value: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let scientific = format!("{value:.*e}", precision - 1);
    let power: i32 = scientific.split_once('e').and_then(|(_, p)| p.parse().ok()).unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    let text = if power < -4 || power >= limit {
        exponent(value, precision - 1)
    } else {
        format!("{value:.*}", usize::try_from(limit - 1 - power).unwrap_or(0))
    };
    if keep_zeros {
        return text;
    }
    let (mantissa, power) = text.split_once('e').map_or((text.as_str(), None), |(m, p)| (m, Some(p)));
    let mantissa = if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    match power {
        Some(p) => format!("{mantissa}e{p}"),
        None => mantissa.to_owned(),
    }
}

/// The text of formatted text, tainted like the format.
pub fn like(format: &Text, text: String) -> Value {
    Value::Str(Text::new(text).tainted_like(format))
}

//! Jinja's filters for HTML and XML. Ansible escapes nothing by itself, so `safe` text is plain text.

use super::args::{given, like, none, soft, unless_none};
use super::json::{Style, dumps};
use crate::vars::pytext::{is_space, words};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// markupsafe's `escape`.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

pub fn escape(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("escape", args)?;
    let text = soft(&value)?;
    Ok(like(&text, escaped(text.as_str())))
}

pub fn safe(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_mark_safe", args)?;
    soft(&value).map(Value::Str)
}

pub fn striptags(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_striptags", args)?;
    let text = soft(&value)?;
    let mut plain = cut_between(text.as_str(), "<!--", "-->");
    plain = cut_between(&plain, "<", ">");
    let collapsed = words(&plain).collect::<Vec<_>>().join(" ");
    Ok(like(&text, unescape(&collapsed)))
}

fn cut_between(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        let Some(end) = rest[start..].find(close) else { break };
        out.push_str(&rest[..start]);
        rest = &rest[start + end + close.len()..];
    }
    out + rest
}

/// The character references that text without markup still holds.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let reference = rest.find(';').map(|end| (&rest[1..end], end));
        match reference.and_then(|(name, end)| Some((named_character(name)?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

fn named_character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "copy" => '\u{a9}',
        _ => return None,
    })
}

pub fn xmlattr(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [autospace] = args.bind("do_xmlattr", ["autospace"], 0)?;
    if !value.defined()?.is_mapping() {
        return Err(TemplateError::other(format!("'{}' object has no attribute 'items'", value.type_name())));
    }
    let mut items = Vec::new();
    for key in value.iterate(env)? {
        let member = env.getitem(&value, &key)?;
        if member.is_none() || member.is_undefined() {
            continue;
        }
        let Value::Str(name) = &key else {
            let message = format!("expected string or bytes-like object, got '{}'", key.type_name());
            return Err(TemplateError::other(message));
        };
        if name.as_str().chars().any(|c| (c.is_ascii() && is_space(c) && c < '\x1c' || c == ' ') || "/>=".contains(c)) {
            return Err(TemplateError::other(format!("Invalid character in attribute name: {}", key.repr()?)));
        }
        items.push(format!("{}=\"{}\"", escaped(name.as_str()), escaped(&member.text()?)));
    }
    let joined = items.join(" ");
    let spaced = autospace.map_or(Ok(true), |v| v.truthy())? && !joined.is_empty();
    Ok(Value::from(if spaced { format!(" {joined}") } else { joined }))
}

/// JSON that is safe inside HTML.
pub fn tojson(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [indent] = args.bind("do_tojson", ["indent"], 0)?;
    let mut style = Style { sort_keys: true, ..Style::default() };
    if let Some(indent) = unless_none(indent) {
        style.set_indent(&indent)?;
    }
    let text = dumps(&given(Some(value)), &style)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\'' => out.push_str("\\u0027"),
            c => out.push(c),
        }
    }
    Ok(Value::from(out))
}

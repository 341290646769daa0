//! Jinja's filters on text.

use super::args::{count, flag, given, integer, like, none, not_integer, soft, text, unless_none};
use crate::vars::format::percent;
use crate::vars::pytext::{self, is_space};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};

pub fn upper(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_upper", args)?;
    let text = soft(&value)?;
    Ok(like(&text, text.as_str().to_uppercase()))
}

pub fn lower(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_lower", args)?;
    let text = soft(&value)?;
    Ok(like(&text, text.as_str().to_lowercase()))
}

pub fn string(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("soft_str", args)?;
    soft(&value).map(Value::Str)
}

pub fn capitalize(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_capitalize", args)?;
    let text = soft(&value)?;
    Ok(like(&text, first_upper(text.as_str())))
}

/// The first character in upper case, the others in lower.
fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

pub fn title(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_title", args)?;
    let text = soft(&value)?;
    let breaks = |c: char| is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
    let mut out = String::with_capacity(text.as_str().len());
    for piece in text.as_str().split_inclusive(breaks) {
        // The word comes first, the character that ended it last.
        let word = piece.trim_end_matches(breaks);
        out.push_str(&first_upper(word));
        out.push_str(&piece[word.len()..]);
    }
    Ok(like(&text, out))
}

pub fn trim(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [chars] = args.bind("do_trim", ["chars"], 0)?;
    let text = soft(&value)?;
    let trimmed = match unless_none(chars) {
        None => pytext::strip(text.as_str()),
        Some(chars) => match chars.defined()? {
            Value::Str(chars) => text.as_str().trim_matches(|c| chars.as_str().contains(c)),
            _ => return Err(TemplateError::other("strip arg must be None or str")),
        },
    };
    Ok(like(&text, trimmed))
}

pub fn replace(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [old, new, most] = args.bind("do_replace", ["old", "new", "count"], 2)?;
    let text = soft(&value)?;
    let (old, new) = (soft(&given(old))?, soft(&given(new))?);
    let most = integer(unless_none(most), -1)?;
    let most = if most < 0 { usize::MAX } else { count(most) };
    let hits = match old.as_str() {
        "" => text.as_str().chars().count() + 1,
        old => text.as_str().matches(old).count(),
    };
    env.check_size(text.as_str().len().saturating_add(hits.min(most).saturating_mul(new.as_str().len())))?;
    let out = text.as_str().replacen(old.as_str(), new.as_str(), most);
    Ok(Value::Str(Text::new(out).tainted_like(&text).tainted_like(&new)))
}

pub fn center(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [width] = args.bind("do_center", ["width"], 0)?;
    let text = soft(&value)?;
    let width = count(integer(width, 80)?);
    env.check_size(width)?;
    let length = text.as_str().chars().count();
    let fill = width.saturating_sub(length);
    let left = fill / 2 + (fill & width & 1);
    Ok(like(&text, format!("{}{}{}", " ".repeat(left), text.as_str(), " ".repeat(fill - left))))
}

pub fn indent(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [width, first, blank] = args.bind("do_indent", ["width", "first", "blank"], 0)?;
    let Value::Str(text) = value.defined()? else {
        let name = value.type_name();
        return Err(TemplateError::other(format!("unsupported operand type(s) for +=: '{name}' and 'str'")));
    };
    let indention = match width {
        Some(Value::Str(text)) => text.as_str().to_owned(),
        Some(Value::Float(_)) => {
            return Err(TemplateError::other("can't multiply sequence by non-int of type 'float'"));
        }
        other => {
            let width = count(integer(other, 4)?);
            env.check_size(width)?;
            " ".repeat(width)
        }
    };
    let source = format!("{}\n", text.as_str());
    let lines = pytext::lines(&source);
    env.check_size(lines.len().saturating_mul(indention.len()).saturating_add(source.len()))?;
    let blank = flag(blank)?;
    let mut out = if flag(first)? { indention.clone() } else { String::new() };
    for (number, line) in lines.iter().enumerate() {
        if number > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&indention);
            }
        }
        out.push_str(line);
    }
    Ok(like(text, out))
}

pub fn truncate(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [length, killwords, end, leeway] = args.bind("do_truncate", ["length", "killwords", "end", "leeway"], 0)?;
    let length = integer(length, 255)?;
    let leeway = integer(unless_none(leeway), 5)?;
    let end = end.map_or(Ok("...".to_owned()), |e| e.text())?;
    let tail = end.chars().count() as i128;
    if length < tail {
        return Err(TemplateError::other(format!("expected length >= {tail}, got {length}")));
    }
    if leeway < 0 {
        return Err(TemplateError::other(format!("expected leeway >= 0, got {leeway}")));
    }
    if !matches!(value, Value::Str(_)) && value.length(env)? as i128 <= length.saturating_add(leeway) {
        return Ok(value);
    }
    let text = text(&value, "rsplit")?;
    let chars: Vec<char> = text.as_str().chars().collect();
    if chars.len() as i128 <= length.saturating_add(leeway) {
        return Ok(value);
    }
    let mut kept: String = chars[..count(length - tail)].iter().collect();
    if !flag(killwords)?
        && let Some(at) = kept.rfind(' ')
    {
        kept.truncate(at);
    }
    Ok(like(text, kept + &end))
}

pub fn wordcount(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_wordcount", args)?;
    let text = soft(&value)?;
    let words = text.as_str().split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty());
    Ok(Value::from(words.count()))
}

pub fn reverse(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_reverse", args)?;
    if let Value::Str(text) = &value {
        return Ok(like(text, text.as_str().chars().rev().collect::<String>()));
    }
    if !value.defined()?.is_iterable() {
        return Err(TemplateError::other("argument must be iterable"));
    }
    let mut items = value.iterate(env)?;
    items.reverse();
    Ok(match value {
        Value::List(_) => Value::view("list_reverseiterator", items),
        Value::Tuple(_) => Value::view("reversed", items),
        Value::Dict(_) => Value::view("dict_reversekeyiterator", items),
        Value::Range(_) => Value::view("range_iterator", items),
        _ => Value::list(items),
    })
}

/// `str.split`, which Ansible offers as a filter.
pub fn split(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [separator, most] = args.bind("split", ["sep", "maxsplit"], 0)?;
    let Value::Str(text) = value.defined()? else {
        let name = value.type_name();
        let message = format!("descriptor 'split' for 'str' objects doesn't apply to a '{name}' object");
        return Err(TemplateError::other(message));
    };
    let most = integer(most, -1)?;
    let most = if most < 0 { usize::MAX } else { count(most) };
    let parts: Vec<&str> = match unless_none(separator) {
        None => split_words(text.as_str(), most),
        Some(separator) => match separator.defined()? {
            Value::Str(s) if s.as_str().is_empty() => return Err(TemplateError::other("empty separator")),
            Value::Str(s) => text.as_str().splitn(most.saturating_add(1), s.as_str()).collect(),
            other => {
                return Err(TemplateError::other(format!("must be str or None, not {}", other.type_name())));
            }
        },
    };
    env.charge(parts.len() as u64)?;
    Ok(Value::list(parts.into_iter().map(|p| like(text, p)).collect()))
}

fn split_words(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(pytext::strip_end(rest));
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        parts.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    parts
}

/// Decorates text as a comment.
pub fn comment(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let keyword = std::mem::take(&mut args.keyword);
    let (mut style, mut options) = (None, Vec::new());
    for (name, value) in keyword {
        match &*name {
            "style" => style = Some(value),
            _ => options.push((name, value)),
        }
    }
    if let Some(style) = style {
        args = args.with("style", style);
    }
    let [style] = args.bind("comment", ["style"], 0)?;
    let style = style.map_or(Ok("plain".to_owned()), |s| s.text())?;
    let (beginning, decoration, end) = match style.as_str() {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(TemplateError::other(format!("'{other}'"))),
    };
    let option = |name: &str, default: &str| match options.iter().find(|(n, _)| &**n == name) {
        Some((_, value)) => value.text(),
        None => Ok(default.to_owned()),
    };
    let times = |name: &str| match options.iter().find(|(n, _)| &**n == name) {
        Some((_, Value::Str(text))) => {
            let message = || format!("invalid literal for int() with base 10: '{}'", text.as_str());
            pytext::strip(text.as_str()).parse().map_err(|_| TemplateError::other(message()))
        }
        Some((_, value)) => value.as_int().ok_or_else(|| not_integer(value)),
        None => Ok(1),
    };
    let decoration = option("decoration", decoration)?;
    let edge = pytext::strip_end(&decoration).to_owned();
    let newline = option("newline", "\n")?;
    let beginning = option("beginning", beginning)?;
    let prefix = option("prefix", &edge)?;
    let postfix = option("postfix", &edge)?;
    let end = option("end", end)?;
    let (before, after) = (count(times("prefix_count")?), count(times("postfix_count")?));
    let text = text(&value, "replace")?;
    env.check_size(before.saturating_add(after).saturating_mul(prefix.len() + postfix.len() + newline.len()))?;

    let mut out = String::new();
    if !beginning.is_empty() {
        out += &format!("{beginning}{newline}");
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out += &line.repeat(before);
    }
    let body = format!("{decoration}{}", text.as_str().replace(&*newline, &format!("{newline}{decoration}")));
    out += &body.replace(&format!("{decoration}{newline}"), &format!("{edge}{newline}"));
    for _ in 0..after {
        out += &newline;
        out += &postfix;
    }
    if !end.is_empty() {
        out += &format!("{newline}{end}");
    }
    Ok(like(text, out))
}

/// `value % args`, or `value % kwargs`.
pub fn format(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let template = soft(&value)?;
    if !args.positional.is_empty() && !args.keyword.is_empty() {
        return Err(TemplateError::other("can't handle positional and keyword arguments at the same time"));
    }
    let values = match args.keyword.is_empty() {
        true => Value::tuple(args.positional),
        false => Value::record(args.keyword),
    };
    Ok(like(&template, percent(env, template.as_str(), &values)?))
}

//! Methods of `str` and `bytes`.

use crate::vars::env::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::format;
use crate::vars::object::CallArgs;
use crate::vars::pytext;
use crate::vars::value::{Dict, Text, Value};

/// Methods of text.
pub const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
pub(super) fn wrong(message: impl Into<String>) -> TemplateError {
    TemplateError::other(message)
}

/// Calls a method of text.
pub fn call(env: &Env, text: &Text, name: &str, args: CallArgs) -> Outcome<Value> {
    let s = text.as_str();
    env.charge(s.len() as u64 / 64)?;
    let made = |out: String| Ok(Value::Str(Text::new(out).tainted_like(text)));
    match name {
        "upper" => made(s.to_uppercase()),
        "lower" => made(s.to_lowercase()),
        "casefold" => made(casefold(s)),
        "capitalize" => made(capitalize(s)),
        "title" => made(title(s)),
        "swapcase" => made(s.chars().flat_map(swap_case).collect()),
        "strip" | "lstrip" | "rstrip" => made(strip(s, name, args)?.to_owned()),
        "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => split(text, name, args),
        "replace" => made(replace(env, s, args)?),
        "removeprefix" => made(one_text(name, args).map(|p| s.strip_prefix(p.as_str()).unwrap_or(s).to_owned())?),
        "removesuffix" => made(one_text(name, args).map(|p| s.strip_suffix(p.as_str()).unwrap_or(s).to_owned())?),
        "join" => join(env, text, args),
        "format" => format::format_method(env, s, &args).map(|out| format::like(text, out)),
        "format_map" => {
            let [map] = args.bind(name, ["mapping"], 1)?;
            format::format_map(env, s, &map.unwrap_or_default()).map(|out| format::like(text, out))
        }
        "center" | "ljust" | "rjust" | "zfill" | "expandtabs" => made(justify(env, s, name, args)?),
        "startswith" | "endswith" | "find" | "rfind" | "index" | "rindex" | "count" => search(s, name, args),
        "encode" => {
            let [encoding, errors] = args.bind(name, ["encoding", "errors"], 0)?;
            encode(text, encoding, errors)
        }
        "translate" => made(translate(env, s, args)?),
        "maketrans" => make_translation(args),
        _ => classify(s, name).map(Value::Bool),
    }
}

pub(super) fn text_of(value: &Value) -> Outcome<String> {
    match value.defined()? {
        Value::Str(t) => Ok(t.as_str().to_owned()),
        other => Err(wrong(format!("expected str instance, {} found", other.type_name()))),
    }
}

fn one_text(name: &str, args: CallArgs) -> Outcome<String> {
    let [value] = args.bind(name, ["value"], 1)?;
    text_of(&value.unwrap_or_default())
}

fn integer(value: Option<Value>, otherwise: i128) -> Outcome<i128> {
    match value {
        None => Ok(otherwise),
        Some(v) => v
            .defined()?
            .as_int()
            .ok_or_else(|| wrong(format!("'{}' object cannot be interpreted as an integer", v.type_name()))),
    }
}

fn casefold(s: &str) -> String {
    s.to_lowercase().replace('ß', "ss").replace('ς', "σ")
}

fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    let first = chars.next().map(title_case).unwrap_or_default();
    first + &chars.as_str().to_lowercase()
}

fn title(s: &str) -> String {
    let mut inside = false;
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.push_str(&title_case(c));
        }
        inside = c.is_uppercase() || c.is_lowercase() || is_title(c);
    }
    out
}

/// The letters that are one upper and one lower letter at once, each after its upper form and before its lower one.
const TITLE: &str = "\u{1c5}\u{1c8}\u{1cb}\u{1f2}";

fn is_title(c: char) -> bool {
    TITLE.contains(c)
}

/// A character as it begins a word.
fn title_case(c: char) -> String {
    let near = |t: &char| (*t as u32).abs_diff(c as u32) <= 1;
    if let Some(title) = TITLE.chars().find(near) {
        return title.into();
    }
    let mut upper = c.to_uppercase();
    let first = upper.next();
    first.into_iter().chain(upper.flat_map(char::to_lowercase)).collect()
}

fn swap_case(c: char) -> Vec<char> {
    if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
}

fn strip<'a>(s: &'a str, name: &str, args: CallArgs) -> Outcome<&'a str> {
    let [chars] = args.bind(name, ["chars"], 0)?;
    let set: Option<Vec<char>> = match chars {
        None | Some(Value::None) => None,
        Some(v) => Some(text_of(&v).map_err(|_| wrong(format!("{name} arg must be None or str")))?.chars().collect()),
    };
    let gone = |c: char| set.as_ref().map_or_else(|| pytext::is_space(c), |set| set.contains(&c));
    let s = if name == "rstrip" { s } else { s.trim_start_matches(gone) };
    Ok(if name == "lstrip" { s } else { s.trim_end_matches(gone) })
}

fn split(text: &Text, name: &str, args: CallArgs) -> Outcome<Value> {
    let s = text.as_str();
    let part = |p: &str| Value::Str(Text::new(p).tainted_like(text));
    match name {
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            let keep = keep.map_or(Ok(false), |k| k.truthy())?;
            return Ok(Value::list(lines(s, keep).into_iter().map(part).collect()));
        }
        "partition" | "rpartition" => {
            let separator = one_text(name, args)?;
            if separator.is_empty() {
                return Err(wrong("empty separator"));
            }
            let found = if name == "partition" { s.find(&separator) } else { s.rfind(&separator) };
            let parts = match found {
                Some(at) => [&s[..at], separator.as_str(), &s[at + separator.len()..]],
                None if name == "partition" => [s, "", ""],
                None => ["", "", s],
            };
            return Ok(Value::tuple(parts.into_iter().map(part).collect()));
        }
        _ => {}
    }
    let [separator, limit] = args.bind(name, ["sep", "maxsplit"], 0)?;
    let limit = integer(limit, -1)?;
    let limit = usize::try_from(limit).ok();
    let separator = match separator {
        None | Some(Value::None) => None,
        Some(v) => Some(text_of(&v).map_err(|_| wrong(format!("must be str or None, not {}", v.type_name())))?),
    };
    let parts: Vec<&str> = match separator {
        Some(sep) if sep.is_empty() => return Err(wrong("empty separator")),
        Some(sep) if name == "split" => match limit {
            Some(n) => s.splitn(n.saturating_add(1), sep.as_str()).collect(),
            None => s.split(sep.as_str()).collect(),
        },
        Some(sep) => {
            let mut parts: Vec<&str> = match limit {
                Some(n) => s.rsplitn(n.saturating_add(1), sep.as_str()).collect(),
                None => s.rsplit(sep.as_str()).collect(),
            };
            parts.reverse();
            parts
        }
        None => words(s, limit, name == "rsplit"),
    };
    Ok(Value::list(parts.into_iter().map(part).collect()))
}

/// `split()` on runs of blanks, at most `limit` times, from the left or the right.
fn words(s: &str, limit: Option<usize>, from_right: bool) -> Vec<&str> {
    let limit = limit.unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut rest = s.trim_matches(pytext::is_space);
    while !rest.is_empty() {
        if out.len() == limit {
            // What is left keeps its blanks at the far end.
            let rest = if from_right { s_before(s, rest) } else { s_after(s, rest) };
            out.push(rest);
            break;
        }
        let cut = if from_right { rest.rfind(pytext::is_space) } else { rest.find(pytext::is_space) };
        let (word, left) = match (cut, from_right) {
            (None, _) => (rest, ""),
            (Some(at), false) => (&rest[..at], rest[at..].trim_start_matches(pytext::is_space)),
            (Some(at), true) => {
                let blank = rest[at..].chars().next().map_or(1, char::len_utf8);
                (&rest[at + blank..], rest[..at].trim_end_matches(pytext::is_space))
            }
        };
        out.push(word);
        rest = left;
    }
    if from_right {
        out.reverse();
    }
    out
}

/// `part`, a slice of `s`, to the end of `s`.
fn s_after<'a>(s: &'a str, part: &'a str) -> &'a str {
    let start = part.as_ptr().addr() - s.as_ptr().addr();
    &s[start..]
}

/// `part`, a slice of `s`, from the start of `s`.
fn s_before<'a>(s: &'a str, part: &'a str) -> &'a str {
    let end = part.as_ptr().addr() - s.as_ptr().addr() + part.len();
    &s[..end]
}

fn lines(s: &str, keep: bool) -> Vec<&str> {
    const ENDS: [char; 10] = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut out = Vec::new();
    let mut rest = s;
    while !rest.is_empty() {
        let Some(at) = rest.find(ENDS) else {
            out.push(rest);
            break;
        };
        let end = if rest[at..].starts_with("\r\n") { 2 } else { rest[at..].chars().next().map_or(1, char::len_utf8) };
        out.push(&rest[..if keep { at + end } else { at }]);
        rest = &rest[at + end..];
    }
    out
}

fn replace(env: &Env, s: &str, args: CallArgs) -> Outcome<String> {
    let [old, new, count] = args.bind("replace", ["old", "new", "count"], 2)?;
    let text = |v: Option<Value>, which: u8| {
        let v = v.unwrap_or_default();
        text_of(&v).map_err(|_| wrong(format!("replace() argument {which} must be str, not {}", v.type_name())))
    };
    let (old, new) = (text(old, 1)?, text(new, 2)?);
    let count = usize::try_from(integer(count, -1)?).unwrap_or(usize::MAX);
    let hits = if old.is_empty() { s.chars().count() + 1 } else { s.matches(&old).count() }.min(count);
    env.check_size(s.len().saturating_add(hits.saturating_mul(new.len())))?;
    Ok(s.replacen(&old, &new, count))
}

fn join(env: &Env, text: &Text, args: CallArgs) -> Outcome<Value> {
    let [items] = args.bind("join", ["iterable"], 1)?;
    let items = items.unwrap_or_default();
    if !items.is_iterable() && !items.is_undefined() {
        return Err(wrong("can only join an iterable"));
    }
    let mut out = Text::new("").tainted_like(text);
    let mut joined = String::new();
    for (at, item) in items.iterate(env)?.iter().enumerate() {
        let Value::Str(t) = item.defined()? else {
            return Err(wrong(format!("sequence item {at}: expected str instance, {} found", item.type_name())));
        };
        joined.push_str(if at > 0 { text.as_str() } else { "" });
        joined.push_str(t.as_str());
        out = out.tainted_like(t);
        env.check_size(joined.len())?;
    }
    Ok(Value::Str(Text::new(joined).tainted_like(&out)))
}

fn justify(env: &Env, s: &str, name: &str, args: CallArgs) -> Outcome<String> {
    if name == "expandtabs" {
        let [size] = args.bind(name, ["tabsize"], 0)?;
        let size = usize::try_from(integer(size, 8)?.max(0)).unwrap_or(usize::MAX);
        env.check_size(size.saturating_mul(s.matches('\t').count()))?;
        return Ok(expand_tabs(s, size));
    }
    let [width, fill] = args.bind(name, ["width", "fillchar"], 1)?;
    let width = usize::try_from(integer(width, 0)?.max(0)).unwrap_or(usize::MAX);
    env.check_size(width)?;
    let fill = match fill {
        None => ' ',
        Some(v) => {
            let text = text_of(&v)?;
            let mut chars = text.chars();
            match (chars.next(), chars.next()) {
                (Some(c), None) => c,
                _ => return Err(wrong("The fill character must be exactly one character long")),
            }
        }
    };
    let length = s.chars().count();
    let missing = width.saturating_sub(length);
    let run = |n: usize| fill.to_string().repeat(n);
    Ok(match name {
        "ljust" => format!("{s}{}", run(missing)),
        "rjust" => format!("{}{s}", run(missing)),
        "zfill" => {
            let zeros = "0".repeat(missing);
            match s.strip_prefix(['+', '-']) {
                Some(digits) => format!("{}{zeros}{digits}", &s[..1]),
                None => format!("{zeros}{s}"),
            }
        }
        _ => {
            // Python puts the odd one to the left where the width is odd.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{s}{}", run(left), run(missing - left))
        }
    })
}

fn expand_tabs(s: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' if size == 0 => {}
            '\t' => {
                let step = size - column % size;
                out.extend(std::iter::repeat_n(' ', step));
                column += step;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

fn search(s: &str, name: &str, args: CallArgs) -> Outcome<Value> {
    let [needle, start, end] = args.bind(name, ["sub", "start", "end"], 1)?;
    let needle = needle.unwrap_or_default();
    let chars: Vec<usize> = s.char_indices().map(|(at, _)| at).chain([s.len()]).collect();
    let length = chars.len() as i128 - 1;
    let bound = |v: Option<Value>, otherwise: i128| -> Outcome<i128> {
        let v = integer(v.filter(|v| !v.is_none()), otherwise)?;
        Ok(if v < 0 { (v + length).max(0) } else { v })
    };
    let (start, end) = (bound(start, 0)?, bound(end, length)?.min(length));
    let inside = (start <= end).then(|| &s[chars[start as usize]..chars[end as usize]]);
    if name == "startswith" || name == "endswith" {
        let candidates = match &needle {
            Value::Tuple(t) => t.to_vec(),
            other => vec![other.clone()],
        };
        for candidate in &candidates {
            let text = text_of(candidate).map_err(|e| match candidate {
                Value::Undefined(_) => e,
                _ => wrong(format!("{name} first arg must be str or a tuple of str, not {}", needle.type_name())),
            })?;
            let hit = |s: &str| if name == "startswith" { s.starts_with(&text) } else { s.ends_with(&text) };
            if inside.is_some_and(hit) {
                return Ok(Value::Bool(true));
            }
        }
        return Ok(Value::Bool(false));
    }
    let text = text_of(&needle).map_err(|e| match &needle {
        Value::Undefined(_) => e,
        _ => wrong(format!("must be str, not {}", needle.type_name())),
    })?;
    if name == "count" {
        let count = match inside {
            None => 0,
            Some(s) if text.is_empty() => s.chars().count() + 1,
            Some(s) => s.matches(&text).count(),
        };
        return Ok(Value::from(count));
    }
    let at = inside.and_then(|s| if name.starts_with('r') { s.rfind(&text) } else { s.find(&text) });
    match (at, inside) {
        (Some(at), Some(inside)) => Ok(Value::Int(start + inside[..at].chars().count() as i128)),
        _ if name.ends_with("index") => Err(wrong("substring not found")),
        _ => Ok(Value::Int(-1)),
    }
}

fn encode(text: &Text, encoding: Option<Value>, errors: Option<Value>) -> Outcome<Value> {
    let encoding = encoding.map_or(Ok("utf-8".to_owned()), |e| text_of(&e))?.to_lowercase().replace('_', "-");
    let errors = errors.map_or(Ok("strict".to_owned()), |e| text_of(&e))?;
    match encoding.as_str() {
        "utf-8" | "utf8" => Ok(Value::bytes(text.to_bytes())),
        "ascii" | "us-ascii" => narrow(text.as_str(), 0x80, &errors),
        "latin-1" | "latin1" | "iso-8859-1" => narrow(text.as_str(), 0x100, &errors),
        "utf-16-le" | "utf-16le" => {
            Ok(Value::bytes(text.as_str().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()))
        }
        other => Err(wrong(format!("unknown encoding: {other}"))),
    }
}

/// The characters below `end` as bytes; `errors` says what becomes of the others.
fn narrow(text: &str, end: u32, errors: &str) -> Outcome<Value> {
    let mut out = Vec::with_capacity(text.len());
    for c in text.chars() {
        match (u8::try_from(c as u32), errors) {
            (Ok(byte), _) if u32::from(byte) < end => out.push(byte),
            (_, "ignore") => {}
            (_, "replace") => out.push(b'?'),
            (_, "xmlcharrefreplace") => out.extend(format!("&#{};", c as u32).bytes()),
            (_, "backslashreplace") => out.extend(format::ascii(&c.to_string()).bytes()),
            _ => {
                return Err(wrong(format!("codec can't encode character {c:?}: ordinal not in range({end})")));
            }
        }
    }
    Ok(Value::bytes(out))
}

fn translate(env: &Env, s: &str, args: CallArgs) -> Outcome<String> {
    let [table] = args.bind("translate", ["table"], 1)?;
    let table = table.unwrap_or_default();
    let mut out = String::new();
    for c in s.chars() {
        match env.subscript(&table, &Value::Int(i128::from(c as u32)))? {
            None => out.push(c),
            Some(Value::None) => {}
            Some(Value::Str(t)) => out.push_str(t.as_str()),
            Some(Value::Int(i)) => out.push(u32::try_from(i).ok().and_then(char::from_u32).unwrap_or(c)),
            Some(_) => return Err(wrong("character mapping must return integer, None or str")),
        }
        env.check_size(out.len())?;
    }
    Ok(out)
}

fn make_translation(args: CallArgs) -> Outcome<Value> {
    let [from, to, gone] = args.bind("maketrans", ["x", "y", "z"], 1)?;
    let code = |c: char| Value::Int(i128::from(c as u32));
    let mut table = Dict::default();
    match (from.unwrap_or_default(), to) {
        (Value::Dict(d), None) => {
            for (k, v) in d.borrow().iter() {
                let key = match k {
                    Value::Str(t) if t.as_str().chars().count() == 1 => t.as_str().chars().map(code).next(),
                    Value::Int(_) => Some(k.clone()),
                    _ => None,
                };
                let key = key.ok_or_else(|| wrong("string keys in translate table must be of length 1"))?;
                table.insert(key, v.clone());
            }
        }
        (from, Some(to)) => {
            let (from, to) = (text_of(&from)?, text_of(&to)?);
            if from.chars().count() != to.chars().count() {
                return Err(wrong("the first two maketrans arguments must have equal length"));
            }
            table.extend(from.chars().zip(to.chars()).map(|(a, b)| (code(a), code(b))));
            if let Some(gone) = gone {
                table.extend(text_of(&gone)?.chars().map(|c| (code(c), Value::None)));
            }
        }
        _ => return Err(wrong("if you give only one argument to maketrans it must be a dict")),
    }
    Ok(Value::dict(table))
}

fn classify(s: &str, name: &str) -> Outcome<bool> {
    let all = |holds: fn(char) -> bool| !s.is_empty() && s.chars().all(holds);
    let cased = |c: char| c.is_uppercase() || c.is_lowercase();
    Ok(match name {
        "isdigit" => all(|c| {
            crate::vars::pyre::is_decimal(c)
                || (c.is_numeric() && !c.is_alphabetic() && c.to_digit(10).is_none() && "²³¹".contains(c))
        }),
        "isdecimal" => all(crate::vars::pyre::is_decimal),
        "isnumeric" => all(char::is_numeric),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(pytext::is_space),
        "isascii" => s.is_ascii(),
        "isprintable" => {
            let mut shown = String::new();
            crate::vars::repr_text(&mut shown, s);
            shown.len() == s.len() + 2 || !s.chars().any(|c| c.is_control())
        }
        "isupper" => s.chars().any(cased) && !s.chars().any(char::is_lowercase),
        "islower" => s.chars().any(cased) && !s.chars().any(char::is_uppercase),
        "istitle" => s.chars().any(cased) && title(s) == s,
        "isidentifier" => !s.starts_with(|c: char| c.is_numeric()) && all(|c| c.is_alphanumeric() || c == '_'),
        other => return Err(super::unknown("str", other)),
    })
}

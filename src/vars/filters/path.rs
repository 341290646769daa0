//! Filters on paths, of this system and of Windows.

use super::args::{class, given, like, none, soft};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};

/// `os.path.split`.
fn split(path: &str) -> (&str, &str) {
    let at = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(at);
    let trimmed = head.trim_end_matches('/');
    (if trimmed.is_empty() { head } else { trimmed }, tail)
}

pub fn basename(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("basename", args)?;
    let text = path(&value)?;
    Ok(like(&text, split(text.as_str()).1))
}

pub fn dirname(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("dirname", args)?;
    let text = path(&value)?;
    Ok(like(&text, split(text.as_str()).0))
}

fn path(value: &Value) -> Outcome<Text> {
    match value.defined()? {
        Value::Str(text) => Ok(text.clone()),
        other => {
            let name = other.type_name();
            Err(TemplateError::other(format!("expected str, bytes or os.PathLike object, not {name}")))
        }
    }
}

pub fn splitext(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("splitext", args)?;
    let text = path(&value)?;
    let name = split(text.as_str()).1;
    let stem = name.trim_start_matches('.');
    let at = match stem.rfind('.') {
        Some(dot) => text.as_str().len() - stem.len() + dot,
        None => text.as_str().len(),
    };
    let (root, extension) = text.as_str().split_at(at);
    Ok(Value::tuple(vec![like(&text, root), like(&text, extension)]))
}

/// `os.path.normpath`.
pub fn normalized(path: &str) -> String {
    let slashes = match path {
        p if p.starts_with("//") && !p.starts_with("///") => "//",
        p if p.starts_with('/') => "/",
        _ => "",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|p| !p.is_empty() && *p != ".") {
        let up = part == ".." && (!slashes.is_empty() || !parts.is_empty()) && parts.last() != Some(&"..");
        if !up {
            parts.push(part);
        } else {
            parts.pop();
        }
    }
    let joined = format!("{slashes}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

pub fn normpath(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("normpath", args)?;
    let text = path(&value)?;
    Ok(like(&text, normalized(text.as_str())))
}

/// An absolute path: relative ones start where this process works.
fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normalized(path);
    }
    let here = std::env::current_dir().map(|d| d.to_string_lossy().into_owned()).unwrap_or_default();
    normalized(&format!("{here}/{path}"))
}

pub fn realpath(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("realpath", args)?;
    let text = path(&value)?;
    let mut whole = absolute(text.as_str());
    let mut missing: Vec<String> = Vec::new();
    // What exists is resolved by the system; the rest is taken as it stands.
    loop {
        if let Ok(real) = std::fs::canonicalize(&whole) {
            let mut real = real.to_string_lossy().into_owned();
            for part in missing.iter().rev() {
                real = format!("{}/{part}", real.trim_end_matches('/'));
            }
            return Ok(like(&text, normalized(&real)));
        }
        let (head, tail) = split(&whole);
        if tail.is_empty() {
            return Ok(like(&text, absolute(text.as_str())));
        }
        missing.push(tail.to_owned());
        whole = head.to_owned();
    }
}

pub fn relpath(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [start] = args.bind("relpath", ["start"], 0)?;
    let text = path(&value)?;
    if text.as_str().is_empty() {
        return Err(TemplateError::other("no path specified"));
    }
    let start = start.map_or(Ok(".".to_owned()), |s| s.text())?;
    let (from, to) = (absolute(&start), absolute(text.as_str()));
    let parts = |p: &str| p.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(&from), parts(&to));
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut steps = vec!["..".to_owned(); from.len() - common];
    steps.extend(to[common..].iter().cloned());
    let joined = steps.join("/");
    Ok(like(&text, if joined.is_empty() { ".".to_owned() } else { joined }))
}

pub fn expanduser(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("expanduser", args)?;
    let text = path(&value)?;
    let Some(rest) = text.as_str().strip_prefix('~') else { return Ok(value) };
    let end = rest.find('/').unwrap_or(rest.len());
    let (user, tail) = rest.split_at(end);
    let home = if user.is_empty() { std::env::var("HOME").ok() } else { None };
    let Some(home) = home.or_else(|| home_of(if user.is_empty() { "root" } else { user })) else { return Ok(value) };
    let joined = format!("{}{tail}", home.trim_end_matches('/'));
    Ok(like(&text, if joined.is_empty() { "/".to_owned() } else { joined }))
}

/// The home directory that the system's own list of users gives.
fn home_of(user: &str) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let entry = users.lines().find(|l| l.split(':').next() == Some(user))?;
    entry.split(':').nth(5).map(str::to_owned)
}

pub fn expandvars(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("expandvars", args)?;
    let text = path(&value)?;
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let word = |s: &str| s.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(s.len());
        let (name, end) = match rest[1..].strip_prefix('{') {
            Some(inner) => match inner.find('}') {
                Some(close) => (&inner[..close], close + 3),
                None => ("", 1),
            },
            None => (&rest[1..1 + word(&rest[1..])], 1 + word(&rest[1..])),
        };
        match std::env::var(name).ok().filter(|_| !name.is_empty()) {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    Ok(like(&text, out))
}

pub fn path_join(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("path_join", args)?;
    let parts = match value.defined()? {
        Value::Str(_) => return Ok(value),
        v if v.is_list_like() => v.iterate(env)?,
        v => {
            let message = format!("|path_join expects string or sequence, got {} instead.", class(v));
            return Err(TemplateError::other(message));
        }
    };
    let mut joined = String::new();
    for (number, part) in parts.iter().enumerate() {
        let part = path(part)?;
        if number == 0 || part.as_str().starts_with('/') {
            part.as_str().clone_into(&mut joined);
        } else {
            if !joined.is_empty() && !joined.ends_with('/') {
                joined.push('/');
            }
            joined.push_str(part.as_str());
        }
    }
    if parts.is_empty() {
        return Err(TemplateError::other("join() missing 1 required positional argument: 'a'"));
    }
    Ok(Value::from(joined))
}

pub fn commonpath(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("commonpath", args)?;
    if !value.defined()?.is_list_like() {
        let message = format!("|path_join expects sequence, got {} instead.", class(&value));
        return Err(TemplateError::other(message));
    }
    let paths: Vec<String> =
        value.iterate(env)?.iter().map(|p| path(p).map(|t| t.as_str().to_owned())).collect::<Outcome<_>>()?;
    let Some(first) = paths.first() else {
        return Err(TemplateError::other("commonpath() arg is an empty sequence"));
    };
    let rooted = first.starts_with('/');
    if paths.iter().any(|p| p.starts_with('/') != rooted) {
        return Err(TemplateError::other("Can't mix absolute and relative paths"));
    }
    let parts =
        |p: &'_ String| p.split('/').filter(|s| !s.is_empty() && *s != ".").map(str::to_owned).collect::<Vec<_>>();
    let mut common = parts(first);
    for other in &paths[1..] {
        let shared = common.iter().zip(parts(other)).take_while(|(a, b)| **a == *b).count();
        common.truncate(shared);
    }
    Ok(Value::from(format!("{}{}", if rooted { "/" } else { "" }, common.join("/"))))
}

/// `ntpath.splitdrive`, drives and UNC shares.
fn split_drive(path: &str) -> (&str, &str) {
    let slash = |c: char| c == '/' || c == '\\';
    let bytes = path.as_bytes();
    if path.starts_with(slash) && path[1..].starts_with(slash) {
        let Some(host) = path[2..].find(slash).map(|i| i + 2) else { return (path, "") };
        return match path[host + 1..].find(slash) {
            Some(end) => path.split_at(host + 1 + end),
            None => (path, ""),
        };
    }
    if bytes.get(1) == Some(&b':') && bytes[0].is_ascii() {
        return path.split_at(2);
    }
    ("", path)
}

/// `ntpath.split`.
fn win_split(path: &str) -> (String, &str) {
    let (drive, rest) = split_drive(path);
    let at = rest.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let (head, tail) = rest.split_at(at);
    let trimmed = head.trim_end_matches(['/', '\\']);
    (format!("{drive}{}", if trimmed.is_empty() { head } else { trimmed }), tail)
}

pub fn win_basename(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("basename", args)?;
    let text = path(&value)?;
    Ok(like(&text, win_split(text.as_str()).1))
}

pub fn win_dirname(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("dirname", args)?;
    let text = path(&value)?;
    Ok(like(&text, win_split(text.as_str()).0))
}

pub fn win_splitdrive(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("splitdrive", args)?;
    let text = path(&value)?;
    let (drive, rest) = split_drive(text.as_str());
    Ok(Value::tuple(vec![like(&text, drive), like(&text, rest)]))
}

/// Files (not directories) that match a shell pattern, on the node or in the bundle.
pub fn fileglob(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("fileglob", args)?;
    let pattern = soft(&given(Some(value)))?;
    let found = crate::vars::glob::files(env, pattern.as_str())?;
    Ok(Value::list(found.into_iter().map(Value::from).collect()))
}

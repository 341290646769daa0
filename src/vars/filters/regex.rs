//! Filters of regular expressions: Python's `re` on text.

use super::args::{flag, given, like, soft, text};
use crate::vars::pyre::{Captures, Flags, Regex, Template, escape};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// Compiles a pattern given as an argument.
pub fn compile(pattern: &Value, ignore_case: Option<Value>, multi_line: Option<Value>) -> Outcome<Regex> {
    let flags = Flags { ignore_case: flag(ignore_case)?, multi_line: flag(multi_line)?, ..Flags::default() };
    let Value::Str(pattern) = pattern.defined()? else {
        return Err(TemplateError::other("first argument must be string or compiled pattern"));
    };
    Regex::new(pattern.as_str(), flags).map_err(TemplateError::other)
}

pub fn regex_replace(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["pattern", "replacement", "ignorecase", "multiline"];
    let [pattern, replacement, ignore_case, multi_line] = args.bind("regex_replace", names, 0)?;
    let subject = soft(&value)?;
    let regex = compile(&pattern.unwrap_or_else(|| Value::from("")), ignore_case, multi_line)?;
    let replacement = replacement.unwrap_or_else(|| Value::from(""));
    let Value::Str(replacement) = replacement.defined()? else {
        let name = replacement.type_name();
        return Err(TemplateError::other(format!("decoding to str: need a bytes-like object, {name} found")));
    };
    let template = Template::new(replacement.as_str(), &regex).map_err(TemplateError::other)?;
    let hits = subject.as_str().len().saturating_add(1);
    env.check_size(hits.saturating_mul(replacement.as_str().len()).min(hits.saturating_mul(64)))?;
    let out = regex.replace(subject.as_str(), &template, 0).map_err(TemplateError::other)?;
    env.check_size(out.len())?;
    Ok(like(&subject, out))
}

pub fn regex_findall(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [pattern, multi_line, ignore_case] = args.bind("regex_findall", ["regex", "multiline", "ignorecase"], 1)?;
    let subject = soft(&value)?;
    let regex = compile(&given(pattern), ignore_case, multi_line)?;
    let found = regex.find_all(subject.as_str()).map_err(TemplateError::other)?;
    env.charge(found.len() as u64)?;
    let group = |c: &Captures<'_>, n: usize| like(&subject, c.get(n).unwrap_or_default());
    let item = |c: &Captures<'_>| match regex.groups() {
        0 => group(c, 0),
        1 => group(c, 1),
        n => Value::tuple((1..=n).map(|i| group(c, i)).collect()),
    };
    Ok(Value::list(found.iter().map(item).collect()))
}

pub fn regex_search(_: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let subject = soft(&value)?;
    let (ignore_case, multi_line) = (args.take("ignorecase"), args.take("multiline"));
    let pattern = match args.take("regex") {
        Some(pattern) => pattern,
        None if args.positional.is_empty() => {
            return Err(TemplateError::other("regex_search() missing 1 required positional argument: 'regex'"));
        }
        None => args.positional.remove(0),
    };
    let mut wanted = Vec::new();
    for argument in &args.positional {
        wanted.push(wanted_group(text(argument, "startswith")?.as_str())?);
    }
    let regex = compile(&pattern, ignore_case, multi_line)?;
    let Some(captures) = regex.search(subject.as_str()).map_err(TemplateError::other)? else {
        return Ok(Value::None);
    };
    let group = |number: usize| captures.get(number).map_or(Value::None, |t| like(&subject, t));
    if wanted.is_empty() {
        return Ok(group(0));
    }
    let mut out = Vec::new();
    for name in wanted {
        // `\g<1>` names a group "1", which no pattern can have.
        let number = match &name {
            Group::Number(n) => Some(*n).filter(|n| *n <= regex.groups()),
            Group::Name(name) => regex.group_named(name),
        };
        out.push(group(number.ok_or_else(|| TemplateError::other("no such group"))?));
    }
    Ok(Value::list(out))
}

enum Group {
    Number(usize),
    Name(String),
}

/// `\1` or `\g<name>`.
fn wanted_group(argument: &str) -> Outcome<Group> {
    let no_match = || TemplateError::other("'NoneType' object has no attribute 'group'");
    if let Some(rest) = argument.strip_prefix("\\g") {
        let inner = rest.strip_prefix('<').and_then(|r| r.rsplit_once('>')).map(|(name, _)| name);
        let name = inner.filter(|n| !n.is_empty() && !n.contains(char::is_whitespace)).ok_or_else(no_match)?;
        return Ok(Group::Name(name.to_owned()));
    }
    let Some(digits) = argument.strip_prefix('\\') else {
        return Err(TemplateError::other("Unknown argument"));
    };
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().map(Group::Number).map_err(|_| no_match())
}

pub fn regex_escape(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [kind] = args.bind("regex_escape", ["re_type"], 0)?;
    let subject = soft(&value)?;
    let kind = kind.map_or(Ok("python".to_owned()), |k| k.text())?;
    match &*kind {
        "python" => Ok(like(&subject, escape(subject.as_str()))),
        "posix_basic" => {
            let mut out = String::new();
            for c in subject.as_str().chars() {
                if "].[^$*\\".contains(c) {
                    out.push('\\');
                }
                out.push(c);
            }
            Ok(like(&subject, out))
        }
        "posix_extended" => Err(TemplateError::other(format!("Regex type ({kind}) not yet implemented"))),
        _ => Err(TemplateError::other(format!("Invalid regex type ({kind})"))),
    }
}

//! `set_fact`: variables of this host; `set_stats`: figures for the recap, which a single node only reports;
//! `ping` and `wait_for_connection`, which a node answers itself.

use super::params::{Params, int, plain, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map, limits};
use crate::spec::Args;

/// Runs `set_fact`.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mut set = Map::default();
    for (key, value) in args.map().iter().filter(|(k, _)| k.as_str() != Some("cacheable")) {
        let name = name_of(ctx, key)?;
        let word = value.as_str().filter(|_| !ctx.templar.is_native()).map(str::to_ascii_lowercase);
        let value = match word.as_deref() {
            // Also where the author quoted it: Ansible cannot tell.
            Some("true" | "yes") => Data::Bool(true),
            Some("false" | "no") => Data::Bool(false),
            _ => value.clone(),
        };
        set.insert(Data::str(name), value);
    }
    if set.is_empty() {
        let none = "No key/value pairs provided, at least one is required for this action to succeed";
        return Err(Failure::refused(none));
    }
    let facts = if args.flag("cacheable") { set.clone() } else { Map::default() };
    Ok(Outcome { facts, set, ..Outcome::default() })
}

/// Runs `set_stats`: the data is checked and reported; there is no recap to add it to.
pub fn set_stats(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let given = match args.get("data") {
        None | Some(Data::Null) => Map::default(),
        Some(Data::Map(data)) => data.clone(),
        Some(_) => return Err(Failure::new("The 'data' option needs to be a dictionary/hash")),
    };
    let mut data = Map::default();
    for (key, value) in &given {
        data.insert(Data::str(name_of(ctx, key)?), value.clone());
    }
    let flag = |name: &str, default: bool| {
        Data::Bool(args.get(name).map_or(default, |given| crate::spec::boolean(given).unwrap_or(false)))
    };
    let stats = super::params::map([
        ("data", Data::Map(data)),
        ("per_host", flag("per_host", false)),
        ("aggregate", flag("aggregate", true)),
    ]);
    Ok(Outcome::default().with("ansible_stats", Data::Map(stats)))
}

/// Runs `wait_for_connection`: the node is this one, so there is nothing to wait for but the `delay`.
pub fn wait_for_connection(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    if ctx.check {
        return Ok(Outcome { skipped: true, ..Outcome::default() });
    }
    let delay = u64::try_from(args.int("delay").unwrap_or(0)).unwrap_or(0).min(limits::COMMAND.as_secs());
    std::thread::sleep(std::time::Duration::from_secs(delay));
    Ok(Outcome::default().with("elapsed", int(delay)))
}

/// The name, which may be a template, and must be one that a variable can have.
fn name_of(ctx: &Context, key: &Data) -> Result<String, Failure> {
    let name = match key {
        Data::Str(_) => ctx.templar.value(key).map_err(|e| Failure::new(e.to_string()))?,
        other => other.clone(),
    };
    let name = plain(&name);
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let rest = chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    if first && rest && !PYTHON_KEYWORDS.contains(&name.as_str()) {
        return Ok(name);
    }
    let wrong = format!(
        "The variable name '{name}' is not valid. Variables must start with a letter or underscore character, \
         and contain only letters, numbers and underscores."
    );
    Err(Failure::refused(wrong))
}

/// Words that Python keeps for itself cannot name variables.
const PYTHON_KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// A ping is answered with its data; `crash` is the one word that fails.
pub fn ping(_: &Context, args: &Args) -> Result<Outcome, Failure> {
    match args.text("data").unwrap_or_else(|| "pong".to_owned()) {
        // Ansible's module raises an exception, and what Python prints of it is the result.
        data if data == "crash" => Err(super::params::failure(
            "MODULE FAILURE\nSee stdout/stderr for the exact error",
            [("module_stdout", text("")), ("module_stderr", text("Exception: boom\n")), ("rc", int(1))],
        )),
        data => Ok(Outcome::default().with("ping", text(data))),
    }
}

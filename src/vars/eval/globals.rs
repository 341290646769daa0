//! The functions that every template has: Jinja2's, and Ansible's `lookup`, `query`, `now`, `undef`.

use crate::vars::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::object::{CallArgs, Function, Object};
use crate::vars::value::{Dict, Mapping, Range, Value};
use std::cell::Cell;
use std::rc::Rc;

/// Names of the functions.
pub const NAMES: &[&str] =
    &["cycler", "dict", "joiner", "lipsum", "lookup", "namespace", "now", "q", "query", "range", "undef"];

/// The function of that name.
pub fn find(name: &str) -> Option<Value> {
    let run: fn(&Env, CallArgs) -> Outcome<Value> = match name {
        "range" => range,
        "dict" => dict,
        "lipsum" => lipsum,
        "cycler" => |_, args| match args.positional.is_empty() {
            true => Err(TemplateError::other("at least one item has to be provided")),
            false => Ok(Value::object(Cycler { items: args.positional, at: Cell::new(0) })),
        },
        "joiner" => |_, args| {
            let [separator] = args.bind("joiner", ["sep"], 0)?;
            Ok(Value::object(Joiner {
                separator: separator.unwrap_or_else(|| Value::str(", ")),
                used: Cell::new(false),
            }))
        },
        "namespace" => |env, args| Ok(Value::object(Namespace(namespace_members(env, args)?))),
        "lookup" => |env, args| env.lookup_function(args),
        "query" | "q" => |env, args| env.lookup_function(args.with("wantlist", Value::Bool(true))),
        "now" => now,
        "undef" => |_, args| {
            let [hint] = args.bind("undef", ["hint"], 0)?;
            let hint = hint.filter(|h| !h.is_undefined() && !h.is_none()).map_or(Ok(String::new()), |h| h.text())?;
            let hint = if hint.is_empty() { "Mandatory variable has not been overridden".to_owned() } else { hint };
            Ok(Value::undefined_because(hint, None))
        },
        _ => return None,
    };
    let name = NAMES.iter().find(|n| **n == name)?;
    Some(Value::object(Function { name, run }))
}

fn range(_: &Env, args: CallArgs) -> Outcome<Value> {
    if !args.keyword.is_empty() {
        return Err(TemplateError::other("range() takes no keyword arguments"));
    }
    let mut numbers = Vec::new();
    for arg in &args.positional {
        let number = arg.defined()?.as_int().ok_or_else(|| {
            TemplateError::other(format!("'{}' object cannot be interpreted as an integer", arg.type_name()))
        })?;
        numbers.push(number);
    }
    let (start, stop, step) = match numbers.as_slice() {
        [] => return Err(TemplateError::other("range expected at least 1 argument, got 0")),
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        more => return Err(TemplateError::other(format!("range expected at most 3 arguments, got {}", more.len()))),
    };
    if step == 0 {
        return Err(TemplateError::other("range() arg 3 must not be zero"));
    }
    Ok(Value::Range(Rc::new(Range { start, stop, step })))
}

fn dict_members(env: &Env, args: CallArgs) -> Outcome<Dict> {
    let mut out = Dict::default();
    if args.positional.len() > 1 {
        let message = format!("dict expected at most 1 argument, got {}", args.positional.len());
        return Err(TemplateError::other(message));
    }
    if let Some(from) = args.positional.first() {
        if from.is_mapping() {
            for key in from.iterate(env)? {
                let value = env.getitem(from, &key)?;
                out.insert(key, value);
            }
        } else {
            for (at, pair) in from.iterate(env)?.iter().enumerate() {
                let pair = pair.iterate(env)?;
                let [key, value] = pair.as_slice() else {
                    let message =
                        format!("dictionary update sequence element #{at} has length {}; 2 is required", pair.len());
                    return Err(TemplateError::other(message));
                };
                Value::dict_insert(&mut out, key.clone(), value.clone())?;
            }
        }
    }
    for (k, v) in args.keyword {
        out.insert(Value::str(k), v);
    }
    Ok(out)
}

fn dict(env: &Env, args: CallArgs) -> Outcome<Value> {
    Ok(Value::dict(dict_members(env, args)?))
}

fn namespace_members(env: &Env, args: CallArgs) -> Outcome<Mapping> {
    Ok(Mapping::new(dict_members(env, args)?))
}

/// Filler text: fixed words, since what Jinja2 picks is random.
fn lipsum(env: &Env, args: CallArgs) -> Outcome<Value> {
    const WORDS: &str = "lorem ipsum dolor sit amet consectetuer adipiscing elit";
    let [n, html, min, _max] = args.bind("lipsum", ["n", "html", "min", "max"], 0)?;
    let count = |v: Option<Value>, otherwise| v.and_then(|v| v.as_int()).unwrap_or(otherwise).clamp(0, 1000) as usize;
    let (paragraphs, words) = (count(n, 5), count(min, 20));
    let html = html.map_or(Ok(true), |h| h.truthy())?;
    let mut text: Vec<String> = Vec::new();
    for _ in 0..paragraphs {
        env.charge(words as u64)?;
        let body = WORDS.split(' ').cycle().take(words).collect::<Vec<_>>().join(" ");
        text.push(if html { format!("<p>{body}.</p>") } else { format!("{body}.") });
    }
    Ok(Value::str(text.join(if html { "\n" } else { "\n\n" })))
}

fn now(env: &Env, args: CallArgs) -> Outcome<Value> {
    env.note_impure();
    let [utc, fmt] = args.bind("now", ["utc", "fmt"], 0)?;
    let utc = utc.map_or(Ok(false), |u| u.truthy())?;
    let now = env.now(utc)?;
    match fmt {
        Some(format) if format.truthy()? => crate::vars::methods::strftime(&now, &format.text()?).map(Value::from),
        _ => Ok(Value::Time(now)),
    }
}

/// `namespace()`.
struct Namespace(Mapping);

impl Object for Namespace {
    fn type_name(&self) -> &'static str {
        "Namespace"
    }
    fn repr(&self) -> String {
        let members = Value::dict(self.0.borrow().clone());
        format!("<Namespace {}>", members.repr().unwrap_or_default())
    }
    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        Ok(self.0.borrow().get(&crate::vars::TextKey(name)).cloned())
    }
    fn setattr(&self, name: &str, value: Value) -> Outcome<()> {
        let old = self.0.borrow_mut().insert(Value::str(name), value);
        drop(old);
        Ok(())
    }
}

/// `cycler(...)`.
struct Cycler {
    items: Vec<Value>,
    at: Cell<usize>,
}

impl Object for Cycler {
    fn type_name(&self) -> &'static str {
        "Cycler"
    }
    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        Ok(match name {
            "current" => Some(self.items[self.at.get()].clone()),
            "items" => Some(Value::tuple(self.items.clone())),
            "pos" => Some(Value::from(self.at.get())),
            _ => None,
        })
    }
    fn methods(&self) -> &'static [&'static str] {
        &["next", "reset"]
    }
    fn method(&self, _: &Env, name: &str, _: CallArgs) -> Option<Outcome<Value>> {
        match name {
            "next" => {
                let at = self.at.get();
                self.at.set((at + 1) % self.items.len());
                Some(Ok(self.items[at].clone()))
            }
            "reset" => {
                self.at.set(0);
                Some(Ok(Value::None))
            }
            _ => None,
        }
    }
}

/// `joiner(separator)`.
struct Joiner {
    separator: Value,
    used: Cell<bool>,
}

impl Object for Joiner {
    fn type_name(&self) -> &'static str {
        "Joiner"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, _: &Env, _: CallArgs) -> Outcome<Value> {
        Ok(if self.used.replace(true) { self.separator.clone() } else { Value::str("") })
    }
}

//! Methods of `list`, `tuple`, `dict` and `set`, those that change them included.

use super::unknown;
use crate::sys::order;
use crate::vars::env::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::object::CallArgs;
use crate::vars::value::{Dict, List, Mapping, Set, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// Methods of lists.
pub const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
/// Methods of tuples and ranges.
pub const TUPLE: &[&str] = &["count", "index"];
/// Methods of dictionaries.
pub const DICT: &[&str] =
    &["clear", "copy", "fromkeys", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"];
/// Methods of sets.
pub const SET: &[&str] = &[
    "add",
    "clear",
    "copy",
    "difference",
    "discard",
    "intersection",
    "isdisjoint",
    "issubset",
    "issuperset",
    "pop",
    "remove",
    "symmetric_difference",
    "union",
    "update",
];

fn wrong(message: impl Into<String>) -> TemplateError {
    TemplateError::other(message)
}

fn one(name: &str, args: CallArgs) -> Outcome<Value> {
    let given = args.positional.len();
    match args.bind(name, ["value"], 1) {
        Ok([value]) => Ok(value.unwrap_or_default()),
        Err(_) => Err(wrong(format!("{name}() takes exactly one argument ({given} given)"))),
    }
}

fn index(value: Option<Value>, otherwise: i128) -> Outcome<i128> {
    match value {
        None => Ok(otherwise),
        Some(v) => v
            .defined()?
            .as_int()
            .ok_or_else(|| wrong(format!("'{}' object cannot be interpreted as an integer", v.type_name()))),
    }
}

/// The position of an item that is equal.
fn position(items: &[Value], wanted: &Value) -> Outcome<Option<usize>> {
    for (at, item) in items.iter().enumerate() {
        if item.equals(wanted)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Calls a method of a list.
pub fn call_list(env: &Env, list: &Rc<List>, name: &str, args: CallArgs) -> Outcome<Value> {
    env.charge(1)?;
    match name {
        "append" => {
            let value = one(name, args)?;
            list.borrow_mut().push(value);
        }
        "extend" => {
            let more = one(name, args)?.iterate(env)?;
            env.check_size((list.borrow().len() + more.len()).saturating_mul(16))?;
            list.borrow_mut().extend(more);
        }
        "insert" => {
            let [at, value] = args.bind(name, ["index", "object"], 2)?;
            let at = index(at, 0)?;
            let mut items = list.borrow_mut();
            let len = items.len() as i128;
            let at = if at < 0 { (at + len).max(0) } else { at.min(len) };
            items.insert(at as usize, value.unwrap_or_default());
        }
        "pop" => {
            let [at] = args.bind(name, ["index"], 0)?;
            let at = index(at, -1)?;
            let mut items = list.borrow_mut();
            let len = items.len() as i128;
            if len == 0 {
                return Err(wrong("pop from empty list"));
            }
            let at = if at < 0 { at + len } else { at };
            if !(0..len).contains(&at) {
                return Err(wrong("pop index out of range"));
            }
            return Ok(items.remove(at as usize));
        }
        "remove" => {
            let value = one(name, args)?;
            let items = list.borrow().clone();
            let at = position(&items, &value)?.ok_or_else(|| wrong("list.remove(x): x not in list"))?;
            drop(list.borrow_mut().remove(at));
        }
        "clear" => {
            let old = std::mem::take(&mut *list.borrow_mut());
            drop(old);
        }
        "reverse" => list.borrow_mut().reverse(),
        "sort" => sort(env, list, args)?,
        "copy" => return Ok(Value::list(list.borrow().clone())),
        _ => {
            let items = list.borrow().clone();
            return search(&items, name, args, "list");
        }
    }
    Ok(Value::None)
}

fn sort(env: &Env, list: &Rc<List>, mut args: CallArgs) -> Outcome<()> {
    let reverse = args.take("reverse").map_or(Ok(false), |r| r.truthy())?;
    let key = args.take("key").filter(|k| !k.is_none());
    if !args.is_empty() {
        return Err(wrong("sort() takes no positional arguments"));
    }
    let items = list.borrow().clone();
    env.charge(items.len() as u64)?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let by = match &key {
            Some(key) => env.call(key, CallArgs::of(vec![item.clone()]))?,
            None => item.clone(),
        };
        keyed.push((by, item));
    }
    // Mistakes are looked for first: sort_by needs an answer for every pair.
    for pair in keyed.windows(2) {
        pair[0].0.order(&pair[1].0, "<")?;
    }
    order::by(&mut keyed, |a, b| {
        let order = a.0.order(&b.0, "<").ok().flatten().unwrap_or(std::cmp::Ordering::Equal);
        if reverse { order.reverse() } else { order }
    });
    *list.borrow_mut() = keyed.into_iter().map(|(_, item)| item).collect();
    Ok(())
}

/// Calls a method of a tuple or range.
pub fn call_tuple(env: &Env, receiver: &Value, name: &str, args: CallArgs) -> Outcome<Value> {
    search(&receiver.iterate(env)?, name, args, receiver.type_name())
}

fn search(items: &[Value], name: &str, args: CallArgs, of: &str) -> Outcome<Value> {
    match name {
        "count" => {
            let value = one(name, args)?;
            let mut count = 0usize;
            for item in items {
                count += usize::from(item.equals(&value)?);
            }
            Ok(Value::from(count))
        }
        "index" => {
            let [value, start, end] = args.bind(name, ["value", "start", "stop"], 1)?;
            let value = value.unwrap_or_default();
            let len = items.len() as i128;
            let clamp = |i: i128| if i < 0 { (i + len).max(0) } else { i.min(len) } as usize;
            let (start, end) = (clamp(index(start, 0)?), clamp(index(end, len)?));
            let found = match items.get(start..end) {
                Some(part) => position(part, &value)?,
                None => None,
            };
            let missing = || wrong(format!("{} is not in {of}", value.repr().unwrap_or_default()));
            found.map(|at| Value::from(at + start)).ok_or_else(missing)
        }
        other => Err(unknown(of, other)),
    }
}

/// Calls a method of a dictionary.
pub fn call_dict(env: &Env, dict: &Rc<Mapping>, name: &str, args: CallArgs) -> Outcome<Value> {
    env.charge(1)?;
    match name {
        "get" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            key.check_key()?;
            let found = dict.borrow().get(&key).cloned();
            Ok(found.or(default).unwrap_or_default())
        }
        "keys" => Ok(Value::view("dict_keys", dict.borrow().keys().cloned().collect())),
        "values" => Ok(Value::view("dict_values", dict.borrow().values().cloned().collect())),
        "items" => {
            let pairs = dict.borrow().iter().map(|(k, v)| Value::tuple(vec![k.clone(), v.clone()])).collect();
            Ok(Value::view("dict_items", pairs))
        }
        "copy" => Ok(Value::dict(dict.borrow().clone())),
        "setdefault" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            key.check_key()?;
            Ok(dict.borrow_mut().entry(key).or_insert(default.unwrap_or_default()).clone())
        }
        "pop" => {
            let [key, default] = args.bind(name, ["key", "default"], 1)?;
            let key = key.unwrap_or_default();
            key.check_key()?;
            let taken = dict.borrow_mut().shift_remove(&key);
            match taken.or(default) {
                Some(value) => Ok(value),
                None => Err(wrong(format!("KeyError: {}", key.repr()?))),
            }
        }
        "popitem" => match dict.borrow_mut().pop() {
            Some((k, v)) => Ok(Value::tuple(vec![k, v])),
            None => Err(wrong("'popitem(): dictionary is empty'")),
        },
        "update" if args.positional.len() > 1 => {
            Err(wrong(format!("update expected at most 1 argument, got {}", args.positional.len())))
        }
        "update" => {
            let more = updates(env, args)?;
            dict.borrow_mut().extend(more);
            Ok(Value::None)
        }
        "clear" => {
            let old = std::mem::take(&mut *dict.borrow_mut());
            drop(old);
            Ok(Value::None)
        }
        "fromkeys" => {
            let [keys, value] = args.bind(name, ["iterable", "value"], 1)?;
            let value = value.unwrap_or_default();
            let mut out = Dict::default();
            for key in keys.unwrap_or_default().iterate(env)? {
                Value::dict_insert(&mut out, key, value.clone())?;
            }
            Ok(Value::dict(out))
        }
        other => Err(unknown("dict", other)),
    }
}

fn updates(env: &Env, args: CallArgs) -> Outcome<Dict> {
    let mut out = Dict::default();
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
                    return Err(wrong(message));
                };
                Value::dict_insert(&mut out, key.clone(), value.clone())?;
            }
        }
    }
    out.extend(args.keyword.into_iter().map(|(k, v)| (Value::str(k), v)));
    Ok(out)
}

/// Calls a method of a set.
pub fn call_set(env: &Env, set: &Rc<RefCell<Set>>, name: &str, args: CallArgs) -> Outcome<Value> {
    env.charge(1)?;
    let mine = || set.borrow().clone();
    let mut others = Vec::new();
    if !matches!(name, "add" | "remove" | "discard") {
        for arg in &args.positional {
            let mut other = Set::new();
            for item in arg.iterate(env)? {
                item.check_key()?;
                other.insert(item);
            }
            others.push(other);
        }
    }
    let in_all = |v: &Value| others.iter().all(|o| o.contains(v));
    let in_any = |v: &Value| others.iter().any(|o| o.contains(v));
    match name {
        "add" => {
            let value = one(name, args)?;
            value.check_key()?;
            set.borrow_mut().insert(value);
            Ok(Value::None)
        }
        "remove" | "discard" => {
            let value = one(name, args)?;
            value.check_key()?;
            let gone = set.borrow_mut().shift_remove(&value);
            if gone || name == "discard" { Ok(Value::None) } else { Err(wrong(format!("KeyError: {}", value.repr()?))) }
        }
        "pop" => set.borrow_mut().shift_remove_index(0).ok_or_else(|| wrong("'pop from an empty set'")),
        "clear" => {
            let old = std::mem::take(&mut *set.borrow_mut());
            drop(old);
            Ok(Value::None)
        }
        "update" => {
            set.borrow_mut().extend(others.into_iter().flatten());
            Ok(Value::None)
        }
        "copy" => Value::set(mine()),
        "union" => Value::set(mine().into_iter().chain(others.into_iter().flatten())),
        "intersection" => Value::set(mine().into_iter().filter(in_all)),
        "difference" => Value::set(mine().into_iter().filter(|v| !in_any(v))),
        "symmetric_difference" => {
            let mine = mine();
            let other = others.pop().unwrap_or_default();
            let left = mine.iter().filter(|v| !other.contains(*v)).cloned();
            let right = other.iter().filter(|v| !mine.contains(*v)).cloned();
            Value::set(left.chain(right).collect::<Vec<_>>())
        }
        "issubset" => Ok(Value::Bool(mine().iter().all(in_all))),
        "issuperset" => Ok(Value::Bool(others.iter().all(|o| o.is_subset(&set.borrow())))),
        "isdisjoint" => Ok(Value::Bool(!mine().iter().any(in_any))),
        other => Err(unknown("set", other)),
    }
}

//! Lookups that arrange the values they are given.

use super::options::Options;
use crate::vars::filters::dict::members;
use crate::vars::filters::number::bounded;
use crate::vars::filters::sequence::system_choice;
use crate::vars::{CallArgs, Dict, Env, Outcome, TemplateError, Value};

/// One level of lists taken apart.
fn flat(env: &Env, terms: Vec<Value>) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for term in terms {
        match term {
            Value::List(_) | Value::Tuple(_) => out.extend(term.iterate(env)?),
            other => out.push(other),
        }
    }
    Ok(out)
}

/// A term as the list it stands for: text and what cannot be iterated is a list of one.
fn listed(env: &Env, term: &Value) -> Outcome<Vec<Value>> {
    match term.defined()? {
        Value::Str(_) => Ok(vec![term.clone()]),
        t if t.is_iterable() => t.iterate(env),
        t => Ok(vec![t.clone()]),
    }
}

fn no_options(args: &CallArgs, _: &str) -> Outcome<()> {
    // Plugins without options of their own let any pass.
    args.keyword.iter().try_for_each(|(_, v)| v.defined().map(|_| ()))
}

pub fn items(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    no_options(&args, "items")?;
    flat(env, args.positional)
}

pub fn list(_: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    no_options(&args, "list")?;
    Ok(args.positional)
}

pub fn indexed_items(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let items = flat(env, args.positional)?;
    Ok(items.into_iter().enumerate().map(|(i, item)| Value::tuple(vec![Value::from(i), item])).collect())
}

pub fn dict(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for term in &args.positional {
        if !term.defined()?.is_mapping() {
            return Err(TemplateError::other("with_dict expects a dict"));
        }
        for (key, value) in members(env, term)? {
            out.push(Value::record([("key", key), ("value", value)]));
        }
    }
    Ok(out)
}

pub fn random_choice(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    if args.positional.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![system_choice(env, &args.positional)?])
}

/// Every combination of one item of each list, the first list turning slowest.
fn combinations(env: &Env, lists: &[Vec<Value>]) -> Outcome<Vec<Vec<Value>>> {
    let total = lists.iter().try_fold(1usize, |n, l| n.checked_mul(l.len())).unwrap_or(usize::MAX);
    bounded(env, total.saturating_mul(lists.len()) as i128)?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in lists {
        rows = rows
            .iter()
            .flat_map(|row| list.iter().map(move |item| row.iter().cloned().chain([item.clone()]).collect()))
            .collect();
    }
    Ok(rows)
}

pub fn nested(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    if args.positional.is_empty() {
        return Err(TemplateError::other("with_nested requires at least one element in the nested list"));
    }
    let lists: Vec<Vec<Value>> = args.positional.iter().map(|t| listed(env, t)).collect::<Outcome<_>>()?;
    let rows = match lists.as_slice() {
        // A single list's items are taken apart themselves.
        [only] => only.iter().map(|item| flat(env, listed(env, item)?)).collect::<Outcome<Vec<_>>>()?,
        _ => combinations(env, &lists)?.into_iter().map(|row| flat(env, row)).collect::<Outcome<Vec<_>>>()?,
    };
    Ok(rows.into_iter().map(Value::list).collect())
}

pub fn cartesian(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    if args.positional.is_empty() {
        return Err(TemplateError::other("with_cartesian requires at least one element in each list"));
    }
    let lists: Vec<Vec<Value>> = args.positional.iter().map(|t| listed(env, t)).collect::<Outcome<_>>()?;
    combinations(env, &lists)?.into_iter().map(|row| flat(env, row).map(Value::list)).collect()
}

pub fn together(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    if args.positional.is_empty() {
        return Err(TemplateError::other("with_together requires at least one element in each list"));
    }
    let lists: Vec<Vec<Value>> = args.positional.iter().map(|t| listed(env, t)).collect::<Outcome<_>>()?;
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    let row = |i: usize| lists.iter().map(|l| l.get(i).cloned().unwrap_or_default()).collect();
    (0..length).map(|i| flat(env, row(i)).map(Value::list)).collect()
}

/// All levels of lists taken apart; text that says null is left out.
pub fn flattened(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let nested = Value::list(args.positional);
    env.filter("flatten", nested, CallArgs::none())?.iterate(env)
}

pub fn subelements(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, _) = Options::split(args, "subelements");
    let refused = |why: &str| {
        Err(TemplateError::other(format!("subelements lookup expects a list of two or three items, {why}")))
    };
    let (first, path, flags) = match terms.as_slice() {
        [first, path] => (first, path, None),
        [first, path, flags] => (first, path, Some(flags)),
        _ => return refused(""),
    };
    let elements = match first.defined()? {
        Value::List(list) => list.borrow().clone(),
        Value::Dict(_) if is_skipped(first)? => return Ok(Vec::new()),
        Value::Dict(dict) => dict.borrow().values().cloned().collect(),
        // What is no list is one of one element, which then is no dictionary.
        other => vec![other.clone()],
    };
    let Value::Str(path) = path.defined()? else {
        return refused("first a dict or a list, second a string pointing to the subkey");
    };
    let skip_missing = match flags.map(Value::defined).transpose()? {
        None => false,
        Some(Value::Dict(_)) => flags
            .and_then(|f| f.member("skip_missing"))
            .map_or(Ok(false), |v| crate::vars::filters::logic::is_true(&v))?,
        Some(_) => return refused("the optional third item must be a dict with flags ('skip_missing',)"),
    };
    let keys: Vec<&str> = path.as_str().split('.').collect();
    let mut out = Vec::new();
    for element in elements {
        if !matches!(element, Value::Dict(_)) {
            let message = format!("subelements lookup expects a dictionary, got '{}'", element.text()?);
            return Err(TemplateError::other(message));
        }
        if is_skipped(&element)? {
            continue;
        }
        // The list is taken out of the element that its items come with.
        let (rest, list) = without(&element, &keys, skip_missing)?;
        env.charge(list.len() as u64)?;
        out.extend(list.into_iter().map(|item| Value::tuple(vec![rest.clone(), item])));
    }
    Ok(out)
}

fn is_skipped(value: &Value) -> Outcome<bool> {
    match value.member("skipped") {
        None | Some(Value::Bool(false)) => Ok(false),
        Some(_) => Ok(true),
    }
}

/// The list at `keys`, and the element without it.
fn without(element: &Value, keys: &[&str], skip_missing: bool) -> Outcome<(Value, Vec<Value>)> {
    let nothing = || Ok((element.clone(), Vec::new()));
    let (Value::Dict(dict), Some((key, rest))) = (element, keys.split_first()) else { return nothing() };
    let Some(member) = element.member(key) else {
        if skip_missing {
            return nothing();
        }
        let message = format!("could not find '{key}' key in iterated item '{}'", element.text()?);
        return Err(TemplateError::other(message));
    };
    let mut copy: Dict = dict.borrow().clone();
    if rest.is_empty() {
        let Value::List(list) = &member else {
            let message = format!("the key {key} should point to a list, got '{}'", member.text()?);
            return Err(TemplateError::other(message));
        };
        let items = list.borrow().clone();
        copy.shift_remove(&Value::from(*key));
        return Ok((Value::dict(copy), items));
    }
    if !matches!(member, Value::Dict(_)) {
        if skip_missing {
            return nothing();
        }
        let message = format!("the key {key} should point to a dictionary, got '{}'", member.text()?);
        return Err(TemplateError::other(message));
    }
    let (inner, items) = without(&member, rest, skip_missing)?;
    copy.insert(Value::from(*key), inner);
    Ok((Value::dict(copy), items))
}

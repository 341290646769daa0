//! Filters on dictionaries.

use super::args::{class, flag, given, none, unless_none};
use super::attribute::fold_case;
use super::order::sorted;
use crate::plan::limits;
use crate::vars::{CallArgs, Dict, Env, Outcome, TemplateError, TextKey, Value, too_deep};

/// A mapping's members, also those of `hostvars` and the like.
pub fn members(env: &Env, value: &Value) -> Outcome<Vec<(Value, Value)>> {
    if let Value::Dict(dict) = value {
        return Ok(dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect());
    }
    value.iterate(env)?.into_iter().map(|key| env.getitem(value, &key).map(|v| (key, v))).collect()
}

pub fn items(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_items", args)?;
    if value.is_undefined() {
        return Ok(Value::view("generator", Vec::new()));
    }
    if !value.is_mapping() {
        return Err(TemplateError::other("Can only get item pairs from a mapping."));
    }
    let pairs = members(env, &value)?.into_iter().map(|(k, v)| Value::tuple(vec![k, v])).collect();
    Ok(Value::view("generator", pairs))
}

pub fn dictsort(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [case_sensitive, by, reverse] = args.bind("do_dictsort", ["case_sensitive", "by", "reverse"], 0)?;
    let by = by.map_or(Ok("key".to_owned()), |b| b.text())?;
    if by != "key" && by != "value" {
        return Err(TemplateError::other("You can only sort by either \"key\" or \"value\""));
    }
    if !value.defined()?.is_mapping() {
        return Err(TemplateError::other(format!("'{}' object has no attribute 'items'", value.type_name())));
    }
    let (case_sensitive, reverse) = (flag(case_sensitive)?, flag(reverse)?);
    let mut pairs = members(env, &value)?;
    if reverse {
        pairs.reverse();
    }
    let mut pairs = sorted(pairs, |(k, v)| {
        let key = if by == "key" { k } else { v }.clone();
        Ok(if case_sensitive { key } else { fold_case(key) })
    })?;
    if reverse {
        pairs.reverse();
    }
    Ok(Value::list(pairs.into_iter().map(|(k, v)| Value::tuple(vec![k, v])).collect()))
}

pub fn dict2items(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["key_name", "value_name"];
    let [key_name, value_name] = args.bind("dict_to_list_of_dict_key_value_elements", names, 0)?;
    let key_name = key_name.unwrap_or_else(|| Value::from("key"));
    let value_name = value_name.unwrap_or_else(|| Value::from("value"));
    if !value.defined()?.is_mapping() {
        let message = format!("dict2items requires a dictionary, got {} instead.", class(&value));
        return Err(TemplateError::other(message));
    }
    let mut out = Vec::new();
    for (k, v) in members(env, &value)? {
        let mut pair = Dict::default();
        Value::dict_insert(&mut pair, key_name.clone(), k)?;
        Value::dict_insert(&mut pair, value_name.clone(), v)?;
        out.push(Value::dict(pair));
    }
    Ok(Value::list(out))
}

pub fn items2dict(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["key_name", "value_name"];
    let [key_name, value_name] = args.bind("list_of_dict_key_value_elements_to_dict", names, 0)?;
    let key_name = key_name.unwrap_or_else(|| Value::from("key"));
    let value_name = value_name.unwrap_or_else(|| Value::from("value"));
    if !value.defined()?.is_list_like() && !matches!(value, Value::View(_)) {
        let message = format!("items2dict requires a list, got {} instead.", class(&value));
        return Err(TemplateError::other(message));
    }
    let mut out = Dict::default();
    for item in value.iterate(env)? {
        if !item.is_mapping() {
            let message = format!("items2dict requires a list of dictionaries, got {} instead.", value.text()?);
            return Err(TemplateError::other(message));
        }
        let (key, member) = (env.subscript(&item, &key_name)?, env.subscript(&item, &value_name)?);
        let (Some(key), Some(member)) = (key, member) else {
            return Err(TemplateError::other(format!(
                "items2dict requires each dictionary in the list to contain the keys '{}' and '{}', got {} instead.",
                key_name.text()?,
                value_name.text()?,
                value.text()?
            )));
        };
        Value::dict_insert(&mut out, key, member)?;
    }
    Ok(Value::dict(out))
}

/// What `combine` does with two lists under one key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListMerge {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendRp,
    PrependRp,
}

struct Merge<'a, 'e> {
    env: &'a Env<'e>,
    recursive: bool,
    lists: ListMerge,
    depth: usize,
}

pub fn combine(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let recursive = flag(args.take("recursive"))?;
    let lists = match args.take("list_merge") {
        None => "replace".to_owned(),
        Some(mode) => mode.text()?,
    };
    if !args.keyword.is_empty() {
        return Err(TemplateError::other("'recursive' and 'list_merge' are the only valid keyword arguments"));
    }
    let mut terms = Vec::new();
    for term in std::iter::once(value).chain(args.positional) {
        match term.defined()? {
            Value::None => {}
            Value::Str(t) if t.as_str() == "None" || t.as_str() == "null" => {}
            Value::List(_) | Value::Tuple(_) => terms.extend(term.iterate(env)?.into_iter().filter(|t| !t.is_none())),
            _ => terms.push(term),
        }
    }
    for term in &terms {
        check_defined(term, 0)?;
    }
    let Some(mut result) = terms.pop() else { return Ok(Value::dict(Dict::default())) };
    if terms.is_empty() {
        return Ok(result);
    }
    let lists = match &*lists {
        "replace" => ListMerge::Replace,
        "keep" => ListMerge::Keep,
        "append" => ListMerge::Append,
        "prepend" => ListMerge::Prepend,
        "append_rp" => ListMerge::AppendRp,
        "prepend_rp" => ListMerge::PrependRp,
        _ => {
            return Err(TemplateError::other(
                "merge_hash: 'list_merge' argument can only be equal to 'replace', 'keep', 'append', 'prepend', \
                 'append_rp' or 'prepend_rp'",
            ));
        }
    };
    let mut merge = Merge { env, recursive, lists, depth: 0 };
    for term in terms.iter().rev() {
        result = merge.two(term, &result)?;
    }
    Ok(result)
}

/// Something undefined anywhere in a container is an error.
fn check_defined(value: &Value, depth: usize) -> Outcome<()> {
    if depth > limits::DEPTH {
        return Err(too_deep());
    }
    match value.defined()? {
        Value::List(list) => list.borrow().iter().try_for_each(|v| check_defined(v, depth + 1)),
        Value::Dict(dict) => dict.borrow().values().try_for_each(|v| check_defined(v, depth + 1)),
        _ => Ok(()),
    }
}

impl Merge<'_, '_> {
    /// `y` over `x`.
    fn two(&mut self, x: &Value, y: &Value) -> Outcome<Value> {
        let (Value::Dict(low), Value::Dict(high)) = (x, y) else {
            let shown = |v: &Value| super::json::dumps(v, &super::json::Style::default()).or_else(|_| v.text());
            return Err(TemplateError::other(format!(
                "failed to combine variables, expected dicts but got a '{}' and a '{}': \n{}\n{}",
                x.type_name(),
                y.type_name(),
                shown(x)?,
                shown(y)?
            )));
        };
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err(too_deep());
        }
        let mut merged: Dict = low.borrow().clone();
        self.env.charge(merged.len() as u64)?;
        for (key, over) in high.borrow().iter() {
            let under = merged.get(key).cloned();
            let value = match &under {
                None => over.clone(),
                Some(under) => self.members(under, over)?,
            };
            merged.insert(key.clone(), value);
        }
        self.depth -= 1;
        Ok(Value::dict(merged))
    }

    fn members(&mut self, under: &Value, over: &Value) -> Outcome<Value> {
        if let (true, Value::Dict(_), Value::Dict(_)) = (self.recursive, under, over) {
            return self.two(under, over);
        }
        let (Value::List(low), Value::List(high)) = (under, over) else { return Ok(over.clone()) };
        let (low, high) = (low.borrow(), high.borrow());
        let joined = |a: &[Value], b: &[Value]| Value::list(a.iter().chain(b).cloned().collect());
        Ok(match self.lists {
            ListMerge::Replace => over.clone(),
            ListMerge::Keep => under.clone(),
            ListMerge::Append => joined(&low, &high),
            ListMerge::Prepend => joined(&high, &low),
            ListMerge::AppendRp => joined(&self.without(&low, &high)?, &high),
            ListMerge::PrependRp => joined(&high, &self.without(&low, &high)?),
        })
    }

    fn without(&self, list: &[Value], absent: &[Value]) -> Outcome<Vec<Value>> {
        let mut kept = Vec::new();
        for item in list {
            self.env.charge(absent.len() as u64)?;
            let mut found = false;
            for other in absent {
                found |= item.equals(other)?;
            }
            if !found {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }
}

pub fn extract(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [container, more] = args.bind("extract", ["container", "morekeys"], 1)?;
    let mut keys = vec![value];
    match unless_none(more) {
        None => {}
        Some(Value::List(list)) => keys.extend(list.borrow().iter().cloned()),
        Some(key) => keys.push(key),
    }
    let mut found = given(container);
    for key in &keys {
        found = env.getitem(&found, key)?;
    }
    Ok(found)
}

pub fn subelements(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [path, skip_missing] = args.bind("subelements", ["subelements", "skip_missing"], 1)?;
    let elements = match value.defined()? {
        Value::Dict(dict) => dict.borrow().values().cloned().collect(),
        Value::List(list) => list.borrow().clone(),
        _ => return Err(TemplateError::other("obj must be a list of dicts or a nested dict")),
    };
    let path = match given(path) {
        Value::List(list) => list.borrow().clone(),
        Value::Str(text) => text.as_str().split('.').map(Value::from).collect(),
        _ => return Err(TemplateError::other("subelements must be a list or a string")),
    };
    let skip_missing = flag(skip_missing)?;
    let mut out = Vec::new();
    for element in elements {
        let values = inner_list(env, &element, &path, skip_missing)?;
        env.charge(values.len() as u64)?;
        out.extend(values.into_iter().map(|v| Value::tuple(vec![element.clone(), v])));
    }
    Ok(Value::list(out))
}

fn inner_list(env: &Env, element: &Value, path: &[Value], skip_missing: bool) -> Outcome<Vec<Value>> {
    let mut values = element.clone();
    for key in path {
        if !values.is_mapping() {
            let message = format!("the key {} should point to a dictionary, got '{}'", key.text()?, values.text()?);
            return Err(TemplateError::other(message));
        }
        match env.subscript(&values, key)? {
            Some(found) => values = found,
            None if skip_missing => return Ok(Vec::new()),
            None => {
                let message = format!("could not find {} key in iterated item {}", key.repr()?, values.repr()?);
                return Err(TemplateError::other(message));
            }
        }
    }
    match &values {
        Value::List(list) => Ok(list.borrow().clone()),
        other => {
            let last = path.last().map_or(Ok(String::new()), Value::repr)?;
            Err(TemplateError::other(format!("the key {last} should point to a list, got {}", other.repr()?)))
        }
    }
}

pub fn rekey_on_member(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [key, duplicates] = args.bind("rekey_on_member", ["key", "duplicates"], 1)?;
    let key = given(key);
    let duplicates = duplicates.map_or(Ok("error".to_owned()), |d| d.text())?;
    if duplicates != "error" && duplicates != "overwrite" {
        let message = format!("duplicates parameter to rekey_on_member has unknown value: {duplicates}");
        return Err(TemplateError::other(message));
    }
    key.defined()?;
    let items = match value.defined()? {
        v if v.is_mapping() => members(env, v)?.into_iter().map(|(_, v)| v).collect(),
        Value::Str(_) | Value::Bytes(_) => return Err(TemplateError::other("Type is not a valid list, set, or dict")),
        v if v.is_iterable() => v.iterate(env)?,
        _ => return Err(TemplateError::other("Type is not a valid list, set, or dict")),
    };
    let mut out = Dict::default();
    for item in items {
        if !item.is_mapping() {
            return Err(TemplateError::other("List item is not a valid dict"));
        }
        let Some(name) = env.subscript(&item, &key)? else {
            return Err(TemplateError::other(format!("Key {} was not found", key.text()?)));
        };
        name.check_key()?;
        if out.contains_key(&name) && duplicates == "error" {
            let message = format!("Key {} is not unique, cannot correctly turn into dict", name.text()?);
            return Err(TemplateError::other(message));
        }
        out.insert(name, item);
    }
    Ok(Value::dict(out))
}

/// `{key: value}`, of community.general.
pub fn dict_kv(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [key] = args.bind("dict_kv", ["key"], 1)?;
    let mut out = Dict::default();
    Value::dict_insert(&mut out, given(key), value)?;
    Ok(Value::dict(out))
}

/// Pairs, or a dictionary's keys and values, as a dictionary: `dict` of community.general.
pub fn dict(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("dict", args)?;
    let mut out = Dict::default();
    for pair in value.iterate(env)? {
        let pair = pair.iterate(env)?;
        let [key, member] = pair.as_slice() else {
            let message = format!("dictionary update sequence element has length {}; 2 is required", pair.len());
            return Err(TemplateError::other(message));
        };
        Value::dict_insert(&mut out, key.clone(), member.clone())?;
    }
    Ok(Value::dict(out))
}

/// How often each item occurs: `counter` of community.general.
pub fn counter(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("counter", args)?;
    if matches!(value.defined()?, Value::Str(_)) || !(value.is_list_like() || matches!(value, Value::View(_))) {
        let message = format!(
            "Argument for community.general.counter must be a sequence (string or list). {} is not.",
            value.text()?
        );
        if !matches!(value, Value::Str(_)) {
            return Err(TemplateError::other(message));
        }
    }
    let mut out = Dict::default();
    for item in value.iterate(env)? {
        item.check_key()?;
        let count = out.get(&item).and_then(Value::as_int).unwrap_or(0);
        out.insert(item, Value::Int(count + 1));
    }
    Ok(Value::dict(out))
}

/// The user module's parameters, and nothing else that an entry of a list of users may hold.
const USER: [&str; 39] = [
    "name",
    "uid",
    "comment",
    "hidden",
    "non_unique",
    "seuser",
    "group",
    "groups",
    "append",
    "shell",
    "home",
    "skeleton",
    "password",
    "state",
    "create_home",
    "move_home",
    "system",
    "force",
    "remove",
    "login_class",
    "generate_ssh_key",
    "ssh_key_bits",
    "ssh_key_type",
    "ssh_key_file",
    "ssh_key_comment",
    "ssh_key_passphrase",
    "update_password",
    "expires",
    "password_lock",
    "local",
    "profile",
    "authorization",
    "role",
    "umask",
    "password_expire_max",
    "password_expire_min",
    "password_expire_warn",
    "user",
    "createhome",
];

pub fn filter_user_params(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("filter_user_params", args)?;
    let Value::Dict(dict) = value.defined()? else {
        return Err(TemplateError::other(format!("'{}' object has no attribute 'items'", value.type_name())));
    };
    let dict = dict.borrow();
    let known = dict.keys().filter(|k| k.as_str().is_some_and(|k| USER.contains(&k)));
    let kept = known.filter_map(|k| Some((k.clone(), dict.get(&TextKey(k.as_str()?))?.clone())));
    Ok(Value::dict(kept.collect()))
}

//! Jinja's filters on lists and whatever else can be iterated.

use super::args::{count, flag, given, integer, none, soft, unless_none};
use super::attribute::{KeyOf, Path, fold_case};
use super::order::{less, sorted};
use crate::vars::random::{Source, System};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

pub fn list(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_list", args)?;
    value.iterate(env).map(Value::list)
}

pub fn length(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("len", args)?;
    value.length(env).map(Value::from)
}

pub fn first(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_first", args)?;
    let first = value.iterate(env)?.into_iter().next();
    Ok(first.unwrap_or_else(|| Value::undefined_because("No first item, sequence was empty.", None)))
}

pub fn last(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_last", args)?;
    if let Value::View(view) = &value
        && !view.kind.starts_with("dict_")
    {
        return Err(TemplateError::other(format!("'{}' object is not reversible", view.kind)));
    }
    if matches!(value, Value::Set(_)) {
        return Err(TemplateError::other("'set' object is not reversible"));
    }
    let last = value.iterate(env)?.pop();
    Ok(last.unwrap_or_else(|| Value::undefined_because("No last item, sequence was empty.", None)))
}

pub fn join(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [separator, attribute] = args.bind("do_join", ["d", "attribute"], 0)?;
    let separator = separator.map_or(Ok(String::new()), |s| s.text())?;
    let path = Path::new(attribute.as_ref())?;
    let mut tainted = false;
    let mut out = String::new();
    for (number, item) in value.iterate(env)?.iter().enumerate() {
        if number > 0 {
            out.push_str(&separator);
        }
        let text = soft(&path.get(env, item, None)?)?;
        tainted |= text.is_tainted();
        out.push_str(text.as_str());
        env.check_size(out.len())?;
    }
    Ok(if tainted { Value::tainted(out) } else { Value::from(out) })
}

pub fn batch(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [size, fill] = args.bind("do_batch", ["linecount", "fill_with"], 1)?;
    let size = size.map_or(Ok(0), |s| integer(Some(s), 0))?;
    let items = value.iterate(env)?;
    // Python starts a batch when the one before has exactly that many: none ever has a negative number.
    let size = if size < 0 { items.len().max(1) } else { count(size) };
    if size == 0 && !items.is_empty() {
        let mut batches = vec![Value::list(Vec::new())];
        batches.push(Value::list(items));
        return Ok(Value::view("generator", batches));
    }
    let mut batches: Vec<Vec<Value>> = items.chunks(size.max(1)).map(<[Value]>::to_vec).collect();
    if let (Some(fill), Some(last)) = (unless_none(fill), batches.last_mut()) {
        env.check_size(size)?;
        env.charge(size as u64)?;
        last.resize(size, fill);
    }
    Ok(Value::view("generator", batches.into_iter().map(Value::list).collect()))
}

pub fn slice(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [slices, fill] = args.bind("do_slice", ["slices", "fill_with"], 1)?;
    let slices = count(integer(slices, 0)?);
    if slices == 0 {
        return Err(TemplateError::other("integer division or modulo by zero"));
    }
    env.charge(slices as u64)?;
    let items = value.iterate(env)?;
    let (each, extra) = (items.len() / slices, items.len() % slices);
    let fill = unless_none(fill);
    let mut rest = items.as_slice();
    let mut out = Vec::new();
    for number in 0..slices {
        let (part, tail) = rest.split_at(each + usize::from(number < extra));
        rest = tail;
        let mut part = part.to_vec();
        if number >= extra {
            part.extend(fill.clone());
        }
        out.push(Value::list(part));
    }
    Ok(Value::view("generator", out))
}

pub fn sum(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [attribute, start] = args.bind("do_sum", ["attribute", "start"], 0)?;
    let path = Path::new(attribute.as_ref())?;
    let mut total = start.unwrap_or(Value::Int(0));
    if matches!(total, Value::Str(_)) {
        return Err(TemplateError::other("sum() can't sum strings [use ''.join(seq) instead]"));
    }
    for item in value.iterate(env)? {
        let item = path.get(env, &item, None)?;
        total = add(env, &total, &item)?;
    }
    Ok(total)
}

fn add(env: &Env, a: &Value, b: &Value) -> Outcome<Value> {
    let (a, b) = (a.defined()?, b.defined()?);
    if let (Some(x), Some(y)) = (a.as_int(), b.as_int()) {
        return x.checked_add(y).map(Value::Int).ok_or_else(|| TemplateError::other("the sum is too large"));
    }
    if let (Some(x), Some(y)) = (a.as_float(), b.as_float()) {
        return Ok(Value::Float(x + y));
    }
    match (a, b) {
        (Value::List(x), Value::List(y)) => {
            let joined: Vec<Value> = x.borrow().iter().chain(y.borrow().iter()).cloned().collect();
            env.charge(joined.len() as u64)?;
            Ok(Value::list(joined))
        }
        (Value::Tuple(x), Value::Tuple(y)) => Ok(Value::tuple(x.iter().chain(y.iter()).cloned().collect())),
        (Value::Delta(x), Value::Delta(y)) => Ok(Value::Delta(x.saturating_add(*y))),
        _ => Err(TemplateError::other(format!(
            "unsupported operand type(s) for +: '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))),
    }
}

pub fn min(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    extreme(env, &value, args.bind("do_min", ["case_sensitive", "attribute"], 0)?, less)
}

pub fn max(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let more = |a: &Value, b: &Value| Ok(a.order(b, ">")? == Some(std::cmp::Ordering::Greater));
    extreme(env, &value, args.bind("do_max", ["case_sensitive", "attribute"], 0)?, more)
}

fn extreme(
    env: &Env,
    value: &Value,
    [case_sensitive, attribute]: [Option<Value>; 2],
    better: fn(&Value, &Value) -> Outcome<bool>,
) -> Outcome<Value> {
    let key = KeyOf::new(attribute.as_ref(), case_sensitive)?;
    let mut best: Option<(Value, Value)> = None;
    for item in value.iterate(env)? {
        let candidate = key.key(env, &item)?;
        let replace = match &best {
            None => true,
            Some((best, _)) => better(&candidate, best)?,
        };
        if replace {
            best = Some((candidate, item));
        }
    }
    Ok(match best {
        Some((_, item)) => item,
        None => Value::undefined_because("No aggregated item, sequence was empty.", None),
    })
}

pub fn sort(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["reverse", "case_sensitive", "attribute"];
    let [reverse, case_sensitive, attribute] = args.bind("do_sort", names, 0)?;
    let paths = Path::several(attribute.as_ref())?;
    let (reverse, case_sensitive) = (flag(reverse)?, flag(case_sensitive)?);
    let mut items = value.iterate(env)?;
    env.charge(items.len() as u64)?;
    let keys = |item: &Value| {
        let mut keys = Vec::with_capacity(paths.len());
        for path in &paths {
            let key = path.get(env, item, None)?;
            keys.push(if case_sensitive { key } else { fold_case(key) });
        }
        Ok(Value::list(keys))
    };
    // Equal items keep their order, also when it is reversed.
    if reverse {
        items.reverse();
    }
    let mut items = sorted(items, keys)?;
    if reverse {
        items.reverse();
    }
    Ok(Value::list(items))
}

pub fn groupby(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["attribute", "default", "case_sensitive"];
    let [attribute, default, case_sensitive] = args.bind("sync_do_groupby", names, 1)?;
    let key = KeyOf::new(attribute.as_ref(), case_sensitive)?.or(default);
    let items = sorted(value.iterate(env)?, |item| key.key(env, item))?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for item in items {
        let this = key.key(env, &item)?;
        match groups.last_mut() {
            Some((group, members)) if group.equals(&this)? => members.push(item),
            _ => groups.push((this, vec![item])),
        }
    }
    let mut out = Vec::with_capacity(groups.len());
    for (group, members) in groups {
        let grouper = match members.first() {
            Some(first) if !key.minds_case() => key.plain(env, first)?,
            _ => group,
        };
        out.push(super::group::group(grouper, Value::list(members)));
    }
    Ok(Value::list(out))
}

pub fn map(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    if !value.truthy()? {
        return Ok(Value::view("generator", Vec::new()));
    }
    let mut out = Vec::new();
    if args.positional.is_empty() {
        let Some(attribute) = args.take("attribute") else {
            return Err(TemplateError::other("map requires a filter argument"));
        };
        let default = unless_none(args.take("default"));
        if let Some((name, _)) = args.keyword.first() {
            return Err(TemplateError::other(format!("Unexpected keyword argument '{name}'")));
        }
        let path = Path::new(Some(&attribute))?;
        for item in value.iterate(env)? {
            env.charge(1)?;
            out.push(path.get(env, &item, default.as_ref())?);
        }
    } else {
        let name = args.positional.remove(0).text()?;
        for item in value.iterate(env)? {
            env.charge(1)?;
            out.push(env.filter(&name, item, args.clone())?);
        }
    }
    Ok(Value::view("generator", out))
}

pub fn select(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    chosen(env, &value, args, Choice { keep: true, by_attribute: false })
}

pub fn reject(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    chosen(env, &value, args, Choice { keep: false, by_attribute: false })
}

pub fn selectattr(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    chosen(env, &value, args, Choice { keep: true, by_attribute: true })
}

pub fn rejectattr(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    chosen(env, &value, args, Choice { keep: false, by_attribute: true })
}

struct Choice {
    /// Which answer of the test keeps an item.
    keep: bool,
    by_attribute: bool,
}

fn chosen(env: &Env, value: &Value, mut args: CallArgs, choice: Choice) -> Outcome<Value> {
    if !value.truthy()? {
        return Ok(Value::view("generator", Vec::new()));
    }
    let mut path = Path::new(None)?;
    if choice.by_attribute {
        if args.positional.is_empty() {
            return Err(TemplateError::other("Missing parameter for attribute name"));
        }
        path = Path::new(Some(&args.positional.remove(0)))?;
    }
    let test = if args.positional.is_empty() { None } else { Some(args.positional.remove(0).text()?) };
    let mut out = Vec::new();
    for item in value.iterate(env)? {
        env.charge(1)?;
        let subject = path.get(env, &item, None)?;
        let answer = match &test {
            Some(test) => env.test(test, subject, args.clone())?,
            None => subject.truthy()?,
        };
        if answer == choice.keep {
            out.push(item);
        }
    }
    Ok(Value::view("generator", out))
}

pub fn default(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [default, boolean] = args.bind("do_default", ["default_value", "boolean"], 0)?;
    if value.is_undefined() || (flag(boolean)? && !value.truthy()?) {
        return Ok(default.unwrap_or_else(|| Value::from("")));
    }
    Ok(value)
}

/// Jinja's own `random`, which Ansible's hides unless it is called by Jinja's name.
pub fn choice(env: &Env, items: &[Value], source: &mut impl Source) -> Outcome<Value> {
    env.charge(1)?;
    if items.is_empty() {
        return Err(TemplateError::other("Cannot choose from an empty sequence"));
    }
    let at = source.below(items.len() as u128).map_err(|e| TemplateError::other(e.to_string()))?;
    Ok(items[at as usize].clone())
}

/// Draws from the kernel's numbers.
pub fn system_choice(env: &Env, items: &[Value]) -> Outcome<Value> {
    choice(env, items, &mut System)
}

pub fn attr(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [name] = args.bind("do_attr", ["name"], 1)?;
    let name = given(name);
    let Value::Str(text) = name.defined()? else {
        return Err(TemplateError::other("attribute name must be string"));
    };
    if value.is_undefined() {
        return Ok(value);
    }
    let found = env.attribute(&value, text.as_str())?;
    Ok(found.unwrap_or_else(|| {
        let message = format!("'{} object' has no attribute '{}'", value.type_name(), text.as_str());
        Value::undefined_because(message, Some(text.as_str()))
    }))
}

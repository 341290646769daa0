//! Set theory, combinations and zips. Sets of integers come in Python's order; those of text have none that could be
//! kept, and come in that of the input.

use super::args::{flag, given, integer, unless_none};
use super::attribute::KeyOf;
use super::number::bounded;
use crate::vars::hashset::{Operator, combined};
use crate::vars::{CallArgs, Env, Outcome, Set, TemplateError, Value};

/// The items as a set; `None` where one cannot be hashed.
fn hashed(items: &[Value]) -> Outcome<Option<Set>> {
    let mut set = Set::new();
    for item in items {
        item.defined()?;
        if item.check_key().is_err() {
            return Ok(None);
        }
        set.insert(item.clone());
    }
    Ok(Some(set))
}

/// Whether `list` has `item`, by equality alone.
fn within(env: &Env, list: &[Value], item: &Value) -> Outcome<bool> {
    env.charge(list.len() as u64)?;
    for candidate in list {
        if candidate.equals(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The items without repetitions, where some cannot be hashed.
fn distinct(env: &Env, items: Vec<Value>) -> Outcome<Vec<Value>> {
    let mut out: Vec<Value> = Vec::new();
    for item in items {
        if !within(env, &out, &item)? {
            out.push(item);
        }
    }
    Ok(out)
}

struct Pair {
    a: Vec<Value>,
    b: Vec<Value>,
    sets: Option<(Set, Set)>,
}

fn pair(env: &Env, name: &str, value: &Value, args: CallArgs) -> Outcome<Pair> {
    let [b] = args.bind(name, ["b"], 1)?;
    let (a, b) = (value.iterate(env)?, given(b).iterate(env)?);
    let sets = match (hashed(&a)?, hashed(&b)?) {
        (Some(x), Some(y)) => Some((x, y)),
        _ => None,
    };
    Ok(Pair { a, b, sets })
}

pub fn union(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let Pair { a, b, sets } = pair(env, "union", &value, args)?;
    let items = match sets {
        Some((x, y)) => match combined(&x, &y, Operator::Union) {
            Some(items) => items,
            None => x.union(&y).cloned().collect(),
        },
        None => distinct(env, a.into_iter().chain(b).collect())?,
    };
    Ok(Value::list(items))
}

pub fn intersect(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let Pair { a, b, sets } = pair(env, "intersect", &value, args)?;
    let items = match sets {
        Some((x, y)) => match combined(&x, &y, Operator::Intersection) {
            Some(items) => items,
            None => x.intersection(&y).cloned().collect(),
        },
        None => {
            let mut common = Vec::new();
            for item in a {
                if within(env, &b, &item)? {
                    common.push(item);
                }
            }
            distinct(env, common)?
        }
    };
    Ok(Value::list(items))
}

pub fn difference(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let Pair { a, b, sets } = pair(env, "difference", &value, args)?;
    let items = match sets {
        Some((x, y)) => match combined(&x, &y, Operator::Difference) {
            Some(items) => items,
            None => x.difference(&y).cloned().collect(),
        },
        None => distinct(env, without(env, a, &b)?)?,
    };
    Ok(Value::list(items))
}

fn without(env: &Env, a: Vec<Value>, b: &[Value]) -> Outcome<Vec<Value>> {
    let mut rest = Vec::new();
    for item in a {
        if !within(env, b, &item)? {
            rest.push(item);
        }
    }
    Ok(rest)
}

pub fn symmetric_difference(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let Pair { a, b, sets } = pair(env, "symmetric_difference", &value, args)?;
    let items = match sets {
        Some((x, y)) => match combined(&x, &y, Operator::Symmetric) {
            Some(items) => items,
            None => x.symmetric_difference(&y).cloned().collect(),
        },
        None => {
            let mut either = without(env, a.clone(), &b)?;
            either.extend(without(env, b, &a)?);
            distinct(env, either)?
        }
    };
    Ok(Value::list(items))
}

pub fn unique(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [case_sensitive, attribute] = args.bind("unique", ["case_sensitive", "attribute"], 0)?;
    let strict = matches!(case_sensitive, Some(Value::Bool(false)));
    let by_attribute = attribute.as_ref().map_or(Ok(false), Value::truthy)?;
    let key = KeyOf::new(attribute.as_ref(), case_sensitive)?;
    let items = value.iterate(env)?;
    let mut seen = Set::new();
    let mut out = Vec::new();
    for item in &items {
        let this = key.key(env, item)?;
        this.defined()?;
        if this.check_key().is_err() {
            if strict || by_attribute {
                return Err(TemplateError::other(
                    "Jinja2's unique filter failed and we cannot fall back to Ansible's version as it does not \
                     support the parameters supplied",
                ));
            }
            return distinct(env, items).map(Value::list);
        }
        if seen.insert(this) {
            out.push(item.clone());
        }
    }
    Ok(Value::list(out))
}

pub fn product(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let repeat = integer(args.take("repeat"), 1)?;
    if let Some((name, _)) = args.keyword.first() {
        return Err(TemplateError::other(format!("product() got an unexpected keyword argument '{name}'")));
    }
    if repeat < 0 {
        return Err(TemplateError::other("repeat argument cannot be negative"));
    }
    let mut pools = vec![value.iterate(env)?];
    for pool in &args.positional {
        pools.push(pool.iterate(env)?);
    }
    let pools: Vec<&Vec<Value>> = (0..bounded(env, repeat)?).flat_map(|_| pools.iter()).collect();
    let total = pools.iter().try_fold(1usize, |n, p| n.checked_mul(p.len())).unwrap_or(usize::MAX);
    bounded(env, total.saturating_mul(pools.len().max(1)) as i128)?;
    let mut rows = vec![Vec::new()];
    for pool in pools {
        let mut longer = Vec::with_capacity(rows.len() * pool.len());
        for row in &rows {
            for item in pool {
                let mut row = row.clone();
                row.push(item.clone());
                longer.push(row);
            }
        }
        rows = longer;
    }
    Ok(Value::view("product", rows.into_iter().map(Value::tuple).collect()))
}

pub fn permutations(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [r] = args.bind("permutations", ["r"], 0)?;
    let items = value.iterate(env)?;
    let r = size(unless_none(r), items.len())?;
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let choose = Choose { env, items: &items, r, ordered: true };
    choose.extend(&mut row, &mut rows)?;
    Ok(Value::view("permutations", rows))
}

pub fn combinations(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [r] = args.bind("combinations", ["r"], 1)?;
    let items = value.iterate(env)?;
    let r = size(r, 0)?;
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let choose = Choose { env, items: &items, r, ordered: false };
    choose.extend(&mut row, &mut rows)?;
    Ok(Value::view("combinations", rows))
}

fn size(r: Option<Value>, default: usize) -> Outcome<usize> {
    let r = integer(r, default as i128)?;
    usize::try_from(r).map_err(|_| TemplateError::other("r must be non-negative"))
}

struct Choose<'a, 'e> {
    env: &'a Env<'e>,
    items: &'a [Value],
    r: usize,
    /// Permutations mind the order, combinations go upwards only.
    ordered: bool,
}

impl Choose<'_, '_> {
    fn extend(&self, row: &mut Vec<usize>, rows: &mut Vec<Value>) -> Outcome<()> {
        if row.len() == self.r {
            self.env.charge(self.r as u64 + 1)?;
            self.env.check_size(rows.len().saturating_mul(self.r + 1))?;
            rows.push(Value::tuple(row.iter().map(|i| self.items[*i].clone()).collect()));
            return Ok(());
        }
        if self.r > self.items.len() {
            return Ok(());
        }
        let start = if self.ordered { 0 } else { row.last().map_or(0, |last| last + 1) };
        for at in start..self.items.len() {
            if !self.ordered || !row.contains(&at) {
                row.push(at);
                self.extend(row, rows)?;
                row.pop();
            }
        }
        Ok(())
    }
}

pub fn zip(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let strict = flag(args.take("strict"))?;
    if let Some((name, _)) = args.keyword.first() {
        return Err(TemplateError::other(format!("zip() got an unexpected keyword argument '{name}'")));
    }
    let lists = columns(env, &value, &args)?;
    let length = lists.iter().map(Vec::len).min().unwrap_or(0);
    if strict && lists.iter().any(|l| l.len() != length) {
        return Err(TemplateError::other("zip() arguments have different lengths"));
    }
    let rows = (0..length).map(|i| Value::tuple(lists.iter().map(|l| l[i].clone()).collect())).collect();
    Ok(Value::view("zip", rows))
}

pub fn zip_longest(env: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let fill = args.take("fillvalue").unwrap_or_default();
    if !args.keyword.is_empty() {
        return Err(TemplateError::other("zip_longest() got an unexpected keyword argument"));
    }
    let lists = columns(env, &value, &args)?;
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    bounded(env, length.saturating_mul(lists.len()) as i128)?;
    let cell = |list: &Vec<Value>, i: usize| list.get(i).unwrap_or(&fill).clone();
    let rows = (0..length).map(|i| Value::tuple(lists.iter().map(|l| cell(l, i)).collect())).collect();
    Ok(Value::view("zip_longest", rows))
}

fn columns(env: &Env, value: &Value, args: &CallArgs) -> Outcome<Vec<Vec<Value>>> {
    std::iter::once(value).chain(&args.positional).map(|v| v.iterate(env)).collect()
}

/// Lists in lists, `levels` deep; nulls are left out unless they are asked for.
pub fn flatten(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [levels, skip_nulls] = args.bind("flatten", ["levels", "skip_nulls"], 0)?;
    let levels = unless_none(levels).map_or(Ok(None), |l| integer(Some(l), 0).map(Some))?;
    let skip_nulls = skip_nulls.map_or(Ok(true), |s| s.truthy())?;
    let mut out = Vec::new();
    let mut rule = Flatten { env, skip_nulls, depth: 0 };
    rule.list(&value.iterate(env)?, levels, &mut out)?;
    Ok(Value::list(out))
}

struct Flatten<'a, 'e> {
    env: &'a Env<'e>,
    skip_nulls: bool,
    depth: usize,
}

impl Flatten<'_, '_> {
    fn list(&mut self, items: &[Value], levels: Option<i128>, out: &mut Vec<Value>) -> Outcome<()> {
        self.depth += 1;
        if self.depth > crate::plan::limits::DEPTH {
            return Err(crate::vars::too_deep());
        }
        self.env.charge(items.len() as u64)?;
        for item in items {
            let null = item.is_none() || item.as_str().is_some_and(|t| t == "None" || t == "null");
            if self.skip_nulls && null {
                continue;
            }
            if !matches!(item, Value::List(_) | Value::Tuple(_)) {
                out.push(item.clone());
                continue;
            }
            let inner = item.iterate(self.env)?;
            match levels {
                None => self.list(&inner, None, out)?,
                Some(n) if n >= 1 => self.list(&inner, Some(n - 1), out)?,
                Some(_) => out.push(item.clone()),
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

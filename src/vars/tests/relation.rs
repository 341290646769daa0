//! Tests of a value against others: order, membership, patterns, versions, URLs.

use crate::vars::filters::args::{flag, given, none, soft, unless_none};
use crate::vars::filters::encode::url_parts;
use crate::vars::filters::regex::compile;
use crate::vars::version::{Scheme, compare};
use crate::vars::{CallArgs, Env, Outcome, Set, TemplateError, Value};
use std::cmp::Ordering;

pub fn eq(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [other] = args.bind("eq", ["b"], 1)?;
    value.equals(&given(other))
}

pub fn ne(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    eq(env, value, args).map(|equal| !equal)
}

fn order(value: &Value, args: CallArgs, operator: &str, accept: fn(Ordering) -> bool) -> Outcome<bool> {
    let [other] = args.bind(operator, ["b"], 1)?;
    Ok(value.order(&given(other), operator)?.is_some_and(accept))
}

pub fn lt(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    order(&value, args, "<", Ordering::is_lt)
}

pub fn le(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    order(&value, args, "<=", Ordering::is_le)
}

pub fn gt(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    order(&value, args, ">", Ordering::is_gt)
}

pub fn ge(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    order(&value, args, ">=", Ordering::is_ge)
}

pub fn within(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [sequence] = args.bind("test_in", ["seq"], 1)?;
    given(sequence).contains(env, &value)
}

pub fn contains(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [item] = args.bind("contains", ["value"], 1)?;
    value.contains(env, &given(item))
}

pub fn sameas(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [other] = args.bind("test_sameas", ["other"], 1)?;
    Ok(value.is_same(&given(other)))
}

/// Python's `value % divisor`.
fn remainder(value: &Value, divisor: &Value) -> Outcome<f64> {
    let (a, b) = (value.defined()?, divisor.defined()?);
    if let (Some(a), Some(b)) = (a.as_int(), b.as_int()) {
        return match b {
            0 => Err(TemplateError::other("integer modulo by zero")),
            b => Ok(a.checked_rem(b).map_or(0.0, |r| r as f64)),
        };
    }
    match (a.as_float(), b.as_float()) {
        (Some(_), Some(0.0)) => Err(TemplateError::other("float modulo")),
        (Some(a), Some(b)) => Ok(a.rem_euclid(b)),
        _ if matches!(a, Value::Str(_)) => {
            Err(TemplateError::other("not all arguments converted during string formatting"))
        }
        _ => Err(TemplateError::other(format!(
            "unsupported operand type(s) for %: '{}' and '{}'",
            a.type_name(),
            b.type_name()
        ))),
    }
}

pub fn odd(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("test_odd", args)?;
    Ok(remainder(&value, &Value::Int(2))?.abs() == 1.0)
}

pub fn even(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("test_even", args)?;
    Ok(remainder(&value, &Value::Int(2))? == 0.0)
}

pub fn divisibleby(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [number] = args.bind("test_divisibleby", ["num"], 1)?;
    Ok(remainder(&value, &given(number))? == 0.0)
}

pub fn nan(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("isnotanumber", args)?;
    Ok(matches!(value.defined()?, Value::Float(f) if f.is_nan()))
}

pub fn any(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("any", args)?;
    for item in value.iterate(env)? {
        if item.truthy()? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn all(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("all", args)?;
    for item in value.iterate(env)? {
        if !item.truthy()? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set(env: &Env, value: &Value) -> Outcome<Set> {
    let mut set = Set::new();
    for item in value.iterate(env)? {
        item.check_key()?;
        set.insert(item);
    }
    Ok(set)
}

pub fn subset(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [other] = args.bind("issubset", ["b"], 1)?;
    Ok(set(env, &value)?.is_subset(&set(env, &given(other))?))
}

pub fn superset(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [other] = args.bind("issuperset", ["b"], 1)?;
    Ok(set(env, &value)?.is_superset(&set(env, &given(other))?))
}

/// Where a pattern has to match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Anywhere,
    Start,
    Whole,
}

fn pattern(value: &Value, args: [Option<Value>; 3], place: Place) -> Outcome<bool> {
    let text = soft(value)?;
    let [pattern, ignore_case, multi_line] = args;
    let regex = compile(&pattern.unwrap_or_else(|| Value::from("")), ignore_case, multi_line)?;
    let found = match place {
        Place::Anywhere => regex.search(text.as_str()),
        Place::Start | Place::Whole => regex.match_start(text.as_str()),
    };
    let found = found.map_err(TemplateError::other)?;
    Ok(found.is_some_and(|c| place != Place::Whole || c.span().1 == text.as_str().len()))
}

pub fn matches(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    pattern(&value, args.bind("match", ["pattern", "ignorecase", "multiline"], 0)?, Place::Start)
}

pub fn search(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    pattern(&value, args.bind("search", ["pattern", "ignorecase", "multiline"], 0)?, Place::Anywhere)
}

pub fn regex(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let names = ["pattern", "ignorecase", "multiline", "match_type"];
    let [expression, ignore_case, multi_line, place] = args.bind("regex", names, 0)?;
    let place = match place.map_or(Ok("search".to_owned()), |p| p.text())?.as_str() {
        "search" => Place::Anywhere,
        "match" => Place::Start,
        "fullmatch" => Place::Whole,
        _ => return Err(TemplateError::other("'str' object is not callable")),
    };
    pattern(&value, [expression, ignore_case, multi_line], place)
}

/// Text that says yes or no, as module arguments do; other values stay as they are.
fn converted(value: Value) -> Value {
    let word = match &value {
        Value::Str(text) => text.as_str().trim().to_lowercase(),
        Value::Float(f) if *f == 1.0 => "1".to_owned(),
        Value::Float(f) if *f == 0.0 => "0".to_owned(),
        _ => return value,
    };
    match &*word {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => Value::Bool(true),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => Value::Bool(false),
        _ => value,
    }
}

pub fn truthy(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [convert] = args.bind("truthy", ["convert_bool"], 0)?;
    value.defined()?;
    if flag(convert)? { converted(value).truthy() } else { value.truthy() }
}

pub fn falsy(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    truthy(env, value, args).map(|truthy| !truthy)
}

fn is_uri(env: &Env, value: &Value, schemes: Option<Value>) -> Outcome<bool> {
    let Value::Str(text) = value.defined()? else { return Ok(value.is_none()) };
    let Ok(url) = url_parts(text.as_str()) else { return Ok(false) };
    match unless_none(schemes) {
        Some(schemes) if schemes.truthy()? => schemes.contains(env, &Value::from(url.scheme)),
        _ => Ok(true),
    }
}

pub fn uri(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [schemes] = args.bind("is_uri", ["schemes"], 0)?;
    is_uri(env, &value, schemes)
}

pub fn url(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let [schemes] = args.bind("is_url", ["schemes"], 0)?;
    if !is_uri(env, &value, schemes)? {
        return Ok(false);
    }
    let parts = value.as_str().and_then(|text| url_parts(text).ok());
    Ok(parts.is_some_and(|url| !url.netloc.is_empty() || url.scheme == "file"))
}

pub fn urn(env: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    none("is_urn", args)?;
    is_uri(env, &value, Some(Value::list(vec![Value::from("urn")])))
}

pub fn version(_: &Env, value: Value, args: CallArgs) -> Outcome<bool> {
    let names = ["version", "operator", "strict", "version_type"];
    let [other, operator, strict, kind] = args.bind("version_compare", names, 1)?;
    let (other, strict, kind) = (given(other), unless_none(strict), unless_none(kind));
    let failed = |message: &str| Err(TemplateError::other(message));
    if strict.is_some() && kind.is_some() {
        return failed("Cannot specify both 'strict' and 'version_type'");
    }
    if !value.truthy()? {
        return failed("Input version value cannot be empty");
    }
    if !other.truthy()? {
        return failed("Version parameter to compare against cannot be empty");
    }
    let scheme = match kind.map(|k| k.text()).transpose()?.as_deref() {
        _ if flag(strict)? => Scheme::Strict,
        None | Some("" | "loose") => Scheme::Loose,
        Some("strict") => Scheme::Strict,
        Some("semver" | "semantic") => Scheme::Semantic,
        Some("pep440") => Scheme::Pep440,
        Some(other) => {
            return failed(&format!(
                "Invalid version type ({other}). Must be one of 'loose', 'strict', 'semver', 'semantic', 'pep440'"
            ));
        }
    };
    let operator = operator.map_or(Ok("eq".to_owned()), |o| o.text())?;
    let accept: fn(Ordering) -> bool = match &*operator {
        "==" | "=" | "eq" => Ordering::is_eq,
        "<" | "lt" => Ordering::is_lt,
        "<=" | "le" => Ordering::is_le,
        ">" | "gt" => Ordering::is_gt,
        ">=" | "ge" => Ordering::is_ge,
        "!=" | "<>" | "ne" => Ordering::is_ne,
        _ => {
            return failed(&format!(
                "Invalid operator type ({operator}). Must be one of '==', '=', 'eq', '<', 'lt', '<=', 'le', '>', 'gt', \
                 '>=', 'ge', '!=', '<>', 'ne'"
            ));
        }
    };
    match compare(soft(&value)?.as_str(), soft(&other)?.as_str(), scheme) {
        Ok(order) => Ok(accept(order)),
        Err(e) => Err(TemplateError::other(format!("Version comparison failed: {e}"))),
    }
}

//! JMESPath's functions.

use super::eval::{Argument, Evaluator, is_number};
use super::parse::Node;
use crate::vars::filters::json::{Style, dumps};
use crate::vars::filters::number::{parse_float, parse_int};
use crate::vars::filters::order::{less, sorted};
use crate::vars::{Dict, Outcome, TemplateError, Value};

fn failed(message: String) -> TemplateError {
    TemplateError::other(format!("JMESPathError in json_query filter plugin:\n{message}"))
}

/// JMESPath's name of a type.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::None | Value::Undefined(_) => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        _ => "object",
    }
}

/// A call's arguments, with the checks of their types.
struct Call<'c, 'n> {
    name: &'c str,
    arguments: &'c [Argument<'n>],
}

impl<'n> Call<'_, 'n> {
    fn count(&self, least: usize, most: usize) -> Outcome<()> {
        let given = self.arguments.len();
        if (least..=most).contains(&given) {
            return Ok(());
        }
        let plural = if least == 1 { "argument" } else { "arguments" };
        let expected = if most > least { format!("at least {least} {plural}") } else { format!("{least} {plural}") };
        Err(failed(format!("Expected {expected} for function {}(), received {given}", self.name)))
    }

    fn value(&self, at: usize, types: &[&str]) -> Outcome<&Value> {
        let Some(Argument::Value(value)) = self.arguments.get(at) else {
            return Err(failed(format!("In function {}(), invalid type for value: <expression>", self.name)));
        };
        if types.is_empty() || types.contains(&kind(value)) {
            return Ok(value);
        }
        let shown = value.repr()?;
        let actual = kind(value);
        let expected: Vec<String> = types.iter().map(|t| format!("'{t}'")).collect();
        Err(failed(format!(
            "In function {}(), invalid type for value: {shown}, expected one of: [{}], received: \"{actual}\"",
            self.name,
            expected.join(", ")
        )))
    }

    fn reference(&self, at: usize) -> Outcome<&'n Node> {
        match self.arguments.get(at) {
            Some(Argument::Reference(node)) => Ok(node),
            _ => Err(failed(format!("In function {}(), expected an expression", self.name))),
        }
    }

    fn text(&self, at: usize) -> Outcome<String> {
        self.value(at, &["string"])?.text()
    }

    fn list(&self, at: usize) -> Outcome<Vec<Value>> {
        Ok(items(self.value(at, &["array"])?))
    }

    fn number(&self, at: usize) -> Outcome<&Value> {
        self.value(at, &["number"])
    }

    /// A list whose items are all of one type out of these.
    fn uniform(&self, types: &[&str]) -> Outcome<Vec<Value>> {
        let list = self.list(0)?;
        self.all_of(&list, types)?;
        Ok(list)
    }

    fn all_of(&self, list: &[Value], types: &[&str]) -> Outcome<()> {
        let first = list.first().map(kind);
        for item in list {
            if !types.contains(&kind(item)) || Some(kind(item)) != first {
                let shown = item.repr()?;
                return Err(failed(format!("In function {}(), invalid type for value: {shown}", self.name)));
            }
        }
        Ok(())
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.borrow().clone(),
        _ => Vec::new(),
    }
}

fn total(list: &[Value]) -> Value {
    let whole = list.iter().try_fold(0i128, |sum, v| match v {
        Value::Int(i) => sum.checked_add(*i),
        _ => None,
    });
    whole.map_or_else(|| Value::Float(list.iter().filter_map(Value::as_float).sum()), Value::Int)
}

/// Calls the function `name`.
pub fn call(with: &Evaluator<'_, '_>, name: &str, arguments: &[Argument<'_>]) -> Outcome<Value> {
    let call = Call { name, arguments };
    let (least, most) = match name {
        "contains" | "ends_with" | "join" | "map" | "max_by" | "min_by" | "sort_by" | "starts_with" => (2, 2),
        "merge" => (0, usize::MAX),
        "not_null" => (1, usize::MAX),
        _ => (1, 1),
    };
    if !KNOWN.contains(&name) {
        return Err(failed(format!("Unknown function: {name}()")));
    }
    call.count(least, most)?;
    match name {
        "map" | "max_by" | "min_by" | "sort_by" => by_reference(with, &call),
        "abs" | "avg" | "ceil" | "floor" | "sum" | "to_number" => numeric(&call),
        "contains" | "ends_with" | "join" | "starts_with" | "reverse" | "length" => of_text(with, &call),
        _ => general(&call),
    }
}

const KNOWN: [&str; 26] = [
    "abs",
    "avg",
    "ceil",
    "contains",
    "ends_with",
    "floor",
    "join",
    "keys",
    "length",
    "map",
    "max",
    "max_by",
    "merge",
    "min",
    "min_by",
    "not_null",
    "reverse",
    "sort",
    "sort_by",
    "starts_with",
    "sum",
    "to_array",
    "to_number",
    "to_string",
    "type",
    "values",
];

fn numeric(call: &Call<'_, '_>) -> Outcome<Value> {
    Ok(match call.name {
        "abs" => match call.number(0)? {
            Value::Int(i) => Value::Int(i.saturating_abs()),
            other => Value::Float(other.as_float().unwrap_or(0.0).abs()),
        },
        "avg" => match call.uniform(&["number"])?.as_slice() {
            [] => Value::None,
            list => Value::Float(total(list).as_float().unwrap_or(0.0) / list.len() as f64),
        },
        "ceil" | "floor" => match call.number(0)? {
            Value::Float(f) if f.is_finite() => {
                Value::Int(if call.name == "ceil" { f.ceil() } else { f.floor() } as i128)
            }
            other => other.clone(),
        },
        "sum" => total(&call.uniform(&["number"])?),
        _ => match call.value(0, &[])? {
            number if is_number(number) => number.clone(),
            Value::Str(text) => match (parse_int(text.as_str(), 10), parse_float(text.as_str())) {
                (Some(i), _) => Value::Int(i),
                (None, Some(f)) => Value::Float(f),
                (None, None) => Value::None,
            },
            _ => Value::None,
        },
    })
}

fn of_text(with: &Evaluator<'_, '_>, call: &Call<'_, '_>) -> Outcome<Value> {
    Ok(match call.name {
        "contains" => {
            let subject = call.value(0, &["array", "string"])?;
            let item = call.value(1, &[])?;
            match (subject, item) {
                (Value::Str(_), Value::Str(_)) | (Value::List(_), _) => Value::Bool(subject.contains(with.env, item)?),
                _ => {
                    let message = "Error in jmespath.search in json_query filter plugin:\n'in <string>' requires string as left operand, not ";
                    return Err(TemplateError::other(format!("{message}{}", item.type_name())));
                }
            }
        }
        "ends_with" => Value::Bool(call.text(0)?.ends_with(&call.text(1)?)),
        "starts_with" => Value::Bool(call.text(0)?.starts_with(&call.text(1)?)),
        "join" => {
            let list = items(call.value(1, &["array"])?);
            call.all_of(&list, &["string"])?;
            let parts: Vec<String> = list.iter().map(Value::text).collect::<Outcome<_>>()?;
            Value::from(parts.join(&call.text(0)?))
        }
        "reverse" => match call.value(0, &["array", "string"])? {
            Value::Str(text) => Value::from(text.as_str().chars().rev().collect::<String>()),
            other => Value::list(items(other).into_iter().rev().collect()),
        },
        _ => Value::from(call.value(0, &["string", "array", "object"])?.length(with.env)?),
    })
}

fn general(call: &Call<'_, '_>) -> Outcome<Value> {
    Ok(match call.name {
        "keys" | "values" => {
            let Value::Dict(dict) = call.value(0, &["object"])? else { return Ok(Value::None) };
            let dict = dict.borrow();
            let part: Vec<Value> = match call.name {
                "keys" => dict.keys().cloned().collect(),
                _ => dict.values().cloned().collect(),
            };
            Value::list(part)
        }
        "max" | "min" => {
            let mut list = sorted(call.uniform(&["number", "string"])?, |v| Ok(v.clone()))?;
            if call.name == "min" {
                list.reverse();
            }
            list.pop().unwrap_or_default()
        }
        "sort" => Value::list(sorted(call.uniform(&["number", "string"])?, |v| Ok(v.clone()))?),
        "merge" => {
            let mut merged = Dict::default();
            for at in 0..call.arguments.len() {
                if let Value::Dict(dict) = call.value(at, &["object"])? {
                    merged.extend(dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())));
                }
            }
            Value::dict(merged)
        }
        "not_null" => {
            for at in 0..call.arguments.len() {
                let value = call.value(at, &[])?;
                if !value.is_none() {
                    return Ok(value.clone());
                }
            }
            Value::None
        }
        "to_array" => match call.value(0, &[])? {
            list @ Value::List(_) => list.clone(),
            other => Value::list(vec![other.clone()]),
        },
        "to_string" => match call.value(0, &[])? {
            text @ Value::Str(_) => text.clone(),
            other => {
                let style = Style { item: ",".to_owned(), key: ":".to_owned(), ..Style::default() };
                Value::from(dumps(other, &style)?)
            }
        },
        _ => Value::from(kind(call.value(0, &[])?)),
    })
}

fn by_reference(with: &Evaluator<'_, '_>, call: &Call<'_, '_>) -> Outcome<Value> {
    if call.name == "map" {
        let node = call.reference(0)?;
        let list = call.list(1)?;
        return Ok(Value::list(list.iter().map(|v| with.eval(node, v)).collect::<Outcome<_>>()?));
    }
    let (list, node) = (call.list(0)?, call.reference(1)?);
    let keys: Vec<Value> = list.iter().map(|v| with.eval(node, v)).collect::<Outcome<_>>()?;
    call.all_of(&keys, &["number", "string"])?;
    let pairs: Vec<(Value, Value)> = keys.into_iter().zip(list).collect();
    if call.name == "sort_by" {
        let sorted = sorted(pairs, |(key, _)| Ok(key.clone()))?;
        return Ok(Value::list(sorted.into_iter().map(|(_, v)| v).collect()));
    }
    let mut best: Option<(Value, Value)> = None;
    for (key, value) in pairs {
        let better = match &best {
            None => true,
            Some((other, _)) if call.name == "min_by" => less(&key, other)?,
            Some((other, _)) => less(other, &key)?,
        };
        if better {
            best = Some((key, value));
        }
    }
    Ok(best.map(|(_, v)| v).unwrap_or_default())
}

//! Jinja's `pprint`: a value's text over several lines where one of 80 columns does not hold it.

use super::args::none;
use super::order::sorted;
use crate::plan::limits;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value, too_deep};

const WIDTH: usize = 80;

pub fn pprint(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("do_pprint", args)?;
    Ok(Value::from(shown(&ordered(&value, 0)?, 0, 0)?))
}

/// The same value with its dictionaries' members in order of their keys.
fn ordered(value: &Value, depth: usize) -> Outcome<Value> {
    if depth > limits::DEPTH {
        return Err(too_deep());
    }
    let inner = |v: &Value| ordered(v, depth + 1);
    Ok(match value.defined()? {
        Value::Dict(dict) => {
            let members: Vec<(Value, Value)> = dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
            // Keys that have no order stay as they are.
            let members = sorted(members.clone(), |(k, _)| Ok(k.clone())).unwrap_or(members);
            let members = members.into_iter().map(|(k, v)| Ok((k, inner(&v)?)));
            Value::dict(members.collect::<Outcome<_>>()?)
        }
        Value::List(list) => Value::list(list.borrow().iter().map(inner).collect::<Outcome<_>>()?),
        Value::Tuple(tuple) => Value::tuple(tuple.iter().map(inner).collect::<Outcome<_>>()?),
        other => other.clone(),
    })
}

fn shown(value: &Value, indent: usize, behind: usize) -> Outcome<String> {
    let line = value.repr()?;
    if line.len() > limits::RENDERED {
        return Err(TemplateError::other("the result of the template is too large"));
    }
    if line.chars().count() + indent + behind <= WIDTH {
        return Ok(line);
    }
    let between = format!(",\n{}", " ".repeat(indent + 1));
    let each = |items: &[Value]| {
        let last = items.len().saturating_sub(1);
        let one = |(i, v): (usize, &Value)| shown(v, indent + 1, if i == last { behind + 1 } else { 1 });
        Ok::<_, TemplateError>(items.iter().enumerate().map(one).collect::<Outcome<Vec<_>>>()?.join(&between))
    };
    Ok(match value {
        Value::List(list) => format!("[{}]", each(&list.borrow())?),
        Value::Tuple(tuple) => format!("({})", each(tuple)?),
        Value::Dict(dict) => {
            let dict = dict.borrow();
            let last = dict.len().saturating_sub(1);
            let mut members = Vec::new();
            for (i, (key, member)) in dict.iter().enumerate() {
                let key = key.repr()?;
                let room = if i == last { behind + 1 } else { 1 };
                let member = shown(member, indent + key.chars().count() + 3, room)?;
                members.push(format!("{key}: {member}"));
            }
            format!("{{{}}}", members.join(&between))
        }
        _ => line,
    })
}

//! What a JMESPath expression gives for a value.

use super::function;
use super::parse::Node;
use crate::vars::{Dict, Env, Outcome, TemplateError, Value};
use std::cmp::Ordering;

/// Evaluates expressions.
pub struct Evaluator<'a, 'e> {
    /// Counts the work.
    pub env: &'a Env<'e>,
}

/// An argument of a function: a value, or an expression to apply later.
pub enum Argument<'n> {
    /// A value.
    Value(Value),
    /// `&expression`
    Reference(&'n Node),
}

/// Empty text, lists and dictionaries, null and false; zero is true.
pub fn is_false(value: &Value) -> bool {
    match value {
        Value::None | Value::Bool(false) | Value::Undefined(_) => true,
        Value::Str(text) => text.as_str().is_empty(),
        Value::List(list) => list.borrow().is_empty(),
        Value::Dict(dict) => dict.borrow().is_empty(),
        _ => false,
    }
}

/// The items of a list; anything else is none.
fn list(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::List(list) => Some(list.borrow().clone()),
        _ => None,
    }
}

impl Evaluator<'_, '_> {
    /// The value of `node` for `value`.
    pub fn eval(&self, node: &Node, value: &Value) -> Outcome<Value> {
        self.env.charge(1)?;
        Ok(match node {
            Node::Field(name) => value.member(name).unwrap_or_default(),
            Node::Current => value.clone(),
            Node::Literal(literal) => literal.clone(),
            Node::Index(index) => list(value).and_then(|l| item(&l, *index)).unwrap_or_default(),
            Node::Slice(bounds) => match list(value) {
                Some(_) => self.slice(value, bounds)?,
                None => Value::None,
            },
            Node::Chain(left, right) => self.eval(right, &self.eval(left, value)?)?,
            Node::Projection(left, right) => match list(&self.eval(left, value)?) {
                Some(items) => self.project(&items, right)?,
                None => Value::None,
            },
            Node::Values(left, right) => match self.eval(left, value)? {
                Value::Dict(dict) => {
                    let items: Vec<Value> = dict.borrow().values().cloned().collect();
                    self.project(&items, right)?
                }
                _ => Value::None,
            },
            Node::Flatten(inner) => match list(&self.eval(inner, value)?) {
                Some(items) => Value::list(items.iter().flat_map(|i| list(i).unwrap_or(vec![i.clone()])).collect()),
                None => Value::None,
            },
            Node::Filter(left, right, condition) => match list(&self.eval(left, value)?) {
                Some(items) => {
                    let mut kept = Vec::new();
                    for item in items {
                        if !is_false(&self.eval(condition, &item)?) {
                            kept.push(item);
                        }
                    }
                    self.project(&kept, right)?
                }
                None => Value::None,
            },
            Node::Compare(sign, left, right) => compare(sign, &self.eval(left, value)?, &self.eval(right, value)?)?,
            Node::Or(left, right) => match self.eval(left, value)? {
                found if is_false(&found) => self.eval(right, value)?,
                found => found,
            },
            Node::And(left, right) => match self.eval(left, value)? {
                found if is_false(&found) => found,
                _ => self.eval(right, value)?,
            },
            Node::Not(inner) => Value::Bool(is_false(&self.eval(inner, value)?)),
            Node::List(_) | Node::Dict(_) if value.is_none() => Value::None,
            Node::List(items) => Value::list(items.iter().map(|n| self.eval(n, value)).collect::<Outcome<_>>()?),
            Node::Dict(members) => {
                let mut dict = Dict::default();
                for (name, node) in members {
                    dict.insert(Value::from(name.as_str()), self.eval(node, value)?);
                }
                Value::dict(dict)
            }
            Node::Call(name, arguments) => {
                let mut given = Vec::new();
                for argument in arguments {
                    given.push(match argument {
                        Node::Reference(inner) => Argument::Reference(inner),
                        other => Argument::Value(self.eval(other, value)?),
                    });
                }
                function::call(self, name, &given)?
            }
            Node::Reference(_) => return Err(TemplateError::other("an expression reference is only an argument")),
        })
    }

    fn project(&self, items: &[Value], right: &Node) -> Outcome<Value> {
        let mut out = Vec::new();
        for item in items {
            let found = self.eval(right, item)?;
            if !found.is_none() {
                out.push(found);
            }
        }
        Ok(Value::list(out))
    }

    fn slice(&self, value: &Value, bounds: &[Option<i64>; 3]) -> Outcome<Value> {
        let bound = |b: Option<i64>| b.map_or(Value::None, |n| Value::Int(i128::from(n)));
        let [start, stop, step] = bounds.map(bound);
        self.env.slice(value, [&start, &stop, &step])
    }
}

fn item(list: &[Value], index: i64) -> Option<Value> {
    let at = if index < 0 { index + list.len() as i64 } else { index };
    list.get(usize::try_from(at).ok()?).cloned()
}

/// True and false are no numbers here.
pub fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Float(_))
}

fn equal(a: &Value, b: &Value) -> Outcome<bool> {
    let mixed = |x: &Value, y: &Value| is_number(x) && matches!(y, Value::Bool(_));
    if mixed(a, b) || mixed(b, a) {
        return Ok(false);
    }
    a.equals(b)
}

fn compare(sign: &str, a: &Value, b: &Value) -> Outcome<Value> {
    let accept: fn(Ordering) -> bool = match sign {
        "==" => return equal(a, b).map(Value::Bool),
        "!=" => return equal(a, b).map(|e| Value::Bool(!e)),
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        _ => Ordering::is_ge,
    };
    let comparable = |v: &Value| is_number(v) || matches!(v, Value::Str(_));
    if !comparable(a) || !comparable(b) {
        return Ok(Value::None);
    }
    let order = a.order(b, sign).map_err(|e| {
        TemplateError::other(format!("Error in jmespath.search in json_query filter plugin:\n{}", e.message))
    })?;
    Ok(Value::Bool(order.is_some_and(accept)))
}

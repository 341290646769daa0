//! What is looked for in an expression without evaluating it: constants, arguments, the parts that it is made of.

use super::{Argument, Expr, Kind, Part};
use crate::vars::registry;
use crate::vars::value::Value;

/// The text that an expression is, where it is one.
pub fn constant(e: &Expr) -> Option<&str> {
    match &e.kind {
        Kind::Const(Value::Str(t)) => Some(t.as_str()),
        _ => None,
    }
}

/// The argument at a position.
pub fn positional(args: &[Argument], at: usize) -> Option<&Expr> {
    args.iter().filter(|a| matches!(a.part, Part::Positional)).nth(at).map(|a| &a.value)
}

/// The argument of a name.
pub fn named<'a>(args: &'a [Argument], name: &str) -> Option<&'a Expr> {
    args.iter().find(|a| matches!(&a.part, Part::Named(n) if &**n == name)).map(|a| &a.value)
}

/// The container and member of `key | extract(container, member)` and `keys | map('extract', container, member)`.
pub fn extracted<'a>(filter: &str, args: &'a [Argument]) -> Option<(&'a Expr, Option<&'a Expr>)> {
    let at = match filter {
        "extract" => 0,
        "map" if positional(args, 0).and_then(constant).map(registry::short_name) == Some("extract") => 1,
        _ => return None,
    };
    Some((positional(args, at)?, positional(args, at + 1)))
}

/// The parts of an expression that makes a new value of them; others have none.
pub fn parts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => items.iter().collect(),
        Kind::Dict(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).collect(),
        Kind::Negative(a) | Kind::Positive(a) => vec![a],
        Kind::Binary(_, a, b) => vec![a, b],
        Kind::Slice(a, bounds) => std::iter::once(&**a).chain(bounds.iter().flatten().map(|b| &**b)).collect(),
        _ => Vec::new(),
    }
}

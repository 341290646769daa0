//! JMESPath, as the json_query filter of community.general takes it: an expression over plain values.

mod eval;
mod function;
mod lex;
mod parse;
#[cfg(test)]
mod tests;

use super::{Env, Outcome, TemplateError, Value};

/// Bytes of an expression.
const LONGEST: usize = 64 << 10;

/// `jmespath.search(expression, data)`.
pub fn search(env: &Env, expression: &str, data: &Value) -> Outcome<Value> {
    if expression.len() > LONGEST {
        return Err(TemplateError::other("the JMESPath expression is too long"));
    }
    let failed = |e: String| TemplateError::other(format!("JMESPathError in json_query filter plugin:\n{e}"));
    let tree = parse::parse(expression).map_err(failed)?;
    eval::Evaluator { env }.eval(&tree, data)
}

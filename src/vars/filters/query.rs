//! The json_query filter of community.general.

use super::args::{given, text};
use crate::vars::{CallArgs, Env, Outcome, Value, jmespath};

pub fn json_query(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [expression] = args.bind("json_query", ["expr"], 1)?;
    let expression = given(expression);
    jmespath::search(env, text(&expression, "split")?.as_str(), value.defined()?)
}

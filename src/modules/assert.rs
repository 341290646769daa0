//! `assert`: conditions that must hold.

use super::params::text;
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Key};
use crate::spec::Args;

/// Runs the module. `that` is evaluated as written, one condition at a time, and the first that is false ends it.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let message = |names: &[&str], default: &str| -> Result<Data, Failure> {
        match names.iter().find_map(|n| args.get(n)) {
            None | Some(Data::Null) => Ok(text(default)),
            Some(Data::List(lines)) if lines.iter().any(|l| l.text_bytes().is_none()) => Err(Failure::raised(format!(
                "Type of one of the elements in {} list is not string type",
                names.join(" or ")
            ))),
            Some(value) if value.text_bytes().is_some() || matches!(value, Data::List(_)) => Ok(value.clone()),
            Some(value) => Err(Failure::raised(format!(
                "Incorrect type for {}, expected a string or list and got <class '{}'>",
                names.join(" or "),
                value.type_name()
            ))),
        }
    };
    let fail_msg = message(&["fail_msg", "msg"], "Assertion failed")?;
    let success_msg = message(&["success_msg"], "All assertions passed")?;
    let that = ctx.raw.get(&Key("that")).or_else(|| args.get("that")).cloned();
    let that = match that.ok_or_else(|| Failure::raised("conditional required in \"that\" string"))? {
        // A text may name the variable that holds the conditions.
        whole @ Data::Str(_) => ctx.templar.value(&whole).map_err(|e| Failure::raised(e.to_string()))?,
        other => other,
    };
    let that = match that {
        Data::List(list) => list,
        one => vec![one],
    };
    for condition in that {
        let holds = ctx.templar.condition(&condition).map_err(|e| Failure::raised(e.of_condition(&condition)))?;
        if !holds {
            let outcome = shown(Outcome { failed: true, ..Outcome::default() }, args);
            return Ok(outcome.with("evaluated_to", false).with("assertion", condition.clone()).with("msg", fail_msg));
        }
    }
    Ok(shown(Outcome::default(), args).with("msg", success_msg))
}

/// Unless it is to be quiet, its result is always shown.
fn shown(outcome: Outcome, args: &Args) -> Outcome {
    let quiet = matches!(args.get("quiet"), Some(Data::Bool(true)));
    if quiet { outcome } else { outcome.with(super::ALWAYS_SHOWN, true) }
}

//! `debug`: shows a message or a variable.

use super::params::{Params, plain, text};
use super::{ALWAYS_SHOWN, Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use crate::vars::ErrorKind;

/// Runs the module. A boot has no `-v`, so there a `verbosity` above 0 skips it.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let verbosity = match ctx.templar.value(&Data::str("{{ ansible_verbosity }}")) {
        Ok(Data::Int(verbosity)) => verbosity,
        _ => 0,
    };
    if args.int("verbosity").map_or(0, i128::from) > verbosity {
        let outcome = Outcome { skipped: true, ..Outcome::default() };
        return Ok(outcome.with("skipped_reason", text("Verbosity threshold not met.")));
    }
    let Some(var) = args.value("var").filter(|v| v.truthy()) else {
        let msg = args.value("msg").cloned().unwrap_or_else(|| text("Hello world!"));
        return Ok(Outcome::default().with(ALWAYS_SHOWN, true).with("msg", msg));
    };
    if args.get("msg").is_some() && ctx.raw.get(&crate::plan::Key("msg")).is_some() {
        return Err(Failure::new("parameters are mutually exclusive: msg|var"));
    }
    let key = match var {
        Data::List(_) => "<class 'list'>".to_owned(),
        Data::Map(_) => "<class 'dict'>".to_owned(),
        name => plain(name),
    };
    let value = match var.as_str() {
        Some(name) => match ctx.templar.value(&Data::Str(format!("{{{{{name}}}}}"))) {
            Ok(value) => value,
            Err(e) if e.kind == ErrorKind::Undefined => text("VARIABLE IS NOT DEFINED!"),
            Err(e) => return Err(Failure::new(e.to_string())),
        },
        None => var.clone(),
    };
    Ok(Outcome::default().with(ALWAYS_SHOWN, true).with(&key, value))
}

//! `ansible.posix.at`: a job for atd, once. A node's boot has no use for it, so it is for `apply` only.

use crate::modules::exec;
use crate::modules::params::{Params, change, failure, int, text};
use crate::modules::{Context, Failure, Outcome};
use crate::spec::Args;
use std::ffi::OsString;
use std::io::Write;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let at = exec::program(ctx, "at")?;
    let (command, script) = (args.text("command"), args.text("script_file"));
    let state = args.text("state").unwrap_or_default();
    let (count, units) = (args.int("count"), args.text("units"));
    if state == "present" && (count.is_none() || units.is_none()) {
        return Err(Failure::new("present state requires count and units"));
    }
    let made = match &command {
        Some(command) => Some(temporary(command)?),
        None => None,
    };
    let script = match &made {
        Some(file) => file.path().to_string_lossy().into_owned(),
        None => script.unwrap_or_default(),
    };
    let mut outcome = Outcome::default();
    outcome = outcome.with("state", text(state.as_str()));
    if state == "absent" || args.flag("unique") {
        let jobs = matching(ctx, &at, &script)?;
        if state == "absent" {
            for job in &jobs {
                if !ctx.check {
                    demand(exec::change(ctx, vec![at.clone(), "-r".into(), job.into()])?)?;
                }
                outcome.changed = true;
                outcome.changes.push(change("removed", format!("job {job}")));
            }
            return Ok(outcome);
        }
        if !jobs.is_empty() {
            return Ok(outcome);
        }
    }
    let (count, units) = (count.unwrap_or_default(), units.unwrap_or_default());
    if !ctx.check {
        let when = ["-f", &script, "now", "+", &count.to_string(), &units].map(OsString::from);
        demand(exec::change(ctx, std::iter::once(at).chain(when).collect())?)?;
    }
    outcome.changed = true;
    outcome.changes.push(change("command", "at"));
    Ok(outcome.with("script_file", text(script)).with("count", int(count)).with("units", text(units)))
}

/// The command in a file of its own, gone when it is dropped: atd keeps a copy.
fn temporary(command: &str) -> Result<tempfile::NamedTempFile, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("writing the command to a file: {e}"));
    let mut file = tempfile::Builder::new().prefix("at").tempfile().map_err(failed)?;
    writeln!(file, "{command}").map_err(failed)?;
    Ok(file)
}

/// The jobs that hold the text of a script.
fn matching(ctx: &Context, at: &OsString, script: &str) -> Result<Vec<String>, Failure> {
    let wanted = std::fs::read_to_string(script).map_err(|e| Failure::new(format!("reading {script}: {e}")))?;
    let queue = demand(exec::look(ctx, vec![exec::program(ctx, "atq")?])?)?;
    let mut found = Vec::new();
    for job in queue.lines().filter_map(|l| l.split_whitespace().next()) {
        let shown = demand(exec::look(ctx, vec![at.clone(), "-c".into(), job.into()])?)?;
        if shown.contains(wanted.trim()) {
            found.push(job.to_owned());
        }
    }
    Ok(found)
}

fn demand(ran: exec::Ran) -> Result<String, Failure> {
    match ran.rc {
        0 => Ok(ran.out()),
        rc => Err(failure(
            ran.err().trim().to_owned(),
            [("rc", int(rc)), ("stdout", text(ran.out())), ("stderr", text(ran.err()))],
        )),
    }
}

//! `pause`: waits. Nobody answers a prompt on a node, so only a time makes it wait, and never longer than a bound.

use super::params::{Params, int, text};
use super::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use crate::sys::clock;
use std::time::{Duration, Instant};

/// A boot that stands still longer than this is a mistake.
const LONGEST: Duration = Duration::from_secs(3600);

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let (seconds, unit) = match (args.float("minutes"), args.float("seconds")) {
        (Some(_), Some(_)) => return Err(Failure::new("parameters are mutually exclusive: minutes|seconds")),
        (Some(minutes), None) => (Some(minutes.trunc() * 60.0), "minutes"),
        (None, Some(seconds)) => (Some(seconds.trunc()), "seconds"),
        (None, None) => (None, "minutes"),
    };
    let started = clock::now();
    let clock_started = Instant::now();
    let mut outcome = Outcome::default();
    match seconds {
        Some(seconds) => {
            let wait = Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(Duration::MAX);
            if wait > LONGEST {
                let msg =
                    format!("pausing for {} seconds: more than the {} allowed", wait.as_secs(), LONGEST.as_secs());
                return Err(Failure::new(msg));
            }
            if !ctx.check {
                std::thread::sleep(wait);
            }
        }
        None => {
            let warning = text("Not waiting for response to prompt as stdin is not interactive");
            outcome = outcome.with("warnings", Data::List(vec![warning]));
        }
    }
    let took = clock_started.elapsed().as_secs_f64();
    let ended = clock::now();
    let shown = if unit == "minutes" { took / 60.0 } else { took };
    let shown = (shown * 100.0).round() / 100.0;
    Ok(outcome
        .with("rc", int(0))
        .with("stderr", text(""))
        .with("stdout", text(format!("Paused for {shown:?} {unit}")))
        .with("start", text(clock::local(started.0).with_micros(started.1)))
        .with("stop", text(clock::local(ended.0).with_micros(ended.1)))
        .with("delta", int(took as i64))
        .with("echo", args.choice("echo").unwrap_or(true))
        .with("user_input", text("")))
}

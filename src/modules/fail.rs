//! `fail`: ends with the author's message.

use super::params::text;
use super::{Context, Failure, Outcome};
use crate::spec::Args;

/// Runs the module.
pub fn run(_: &Context, args: &Args) -> Result<Outcome, Failure> {
    let msg = args.get("msg").cloned().unwrap_or_else(|| text("Failed as requested from task"));
    Ok(Outcome { failed: true, ..Outcome::default() }.with("msg", msg))
}

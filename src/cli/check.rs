//! `check`: whether a source can be built, and everything that is wrong with it.

use super::origin::{Findings, Origin, Outcome};
use super::{Exit, Ui};

/// Check a playbook and its roles, and show everything that is wrong with them
///
/// Exits with 0 where it can be built, 1 where there are warnings and --strict is given, 2 where there are errors.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    origin: Origin,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let (diagnostics, exit) = match args.origin.compile(ui)? {
        Outcome::Compiled(compiled) => (compiled.warnings, Exit::Done),
        Outcome::Refused(diagnostics, exit) => (diagnostics, exit),
    };
    let findings = Findings::new(&diagnostics);
    ui.result(&findings, &format!("{}: {}", args.origin.name(), findings.counts()))?;
    Ok(exit)
}

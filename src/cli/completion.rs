//! `completion`: a shell's completion script, on standard output.

use super::{Cli, Exit, Ui};
use clap::CommandFactory;
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "compute-init", &mut script);
    ui.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

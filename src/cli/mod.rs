//! The builder's command line: arguments, progress, reports, exit codes. One file per command; a command reads its
//! arguments, calls the room that does the work, and prints what came of it. No work is done here.
//!
//! To add a command: write `cli/NAME.rs` with `Args` and `run`, name it in `Command` and in `dispatch`.

mod apply;
mod build;
mod check;
mod completion;
mod console;
mod doctor;
mod enrol;
mod explain;
mod export;
mod fake;
mod initramfs;
mod inspect;
mod install;
mod inventory;
mod keygen;
mod nodes;
mod origin;
mod reexport;
mod render;
mod serve;
mod stats;
mod status;
mod tour;
mod ui;
mod vault;
mod verify;
mod version;

pub use ui::{Exit, Ui};

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Compile Ansible roles into a signed bundle that configures a Slurm compute node at boot.
#[derive(Parser)]
#[command(name = "compute-init", version, max_term_width = 100, after_help = EXIT_CODES)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    ui: ui::Options,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 an error of this machine, or warnings with --strict; 2 mistakes in the
source or on the command line; 3 a task failed; 4 something was not reached in time; 5 a bundle
or key was refused.
`compute-init explain CODE` says more about a code in brackets.";

#[derive(Subcommand)]
enum Command {
    #[command(name = "try")]
    Tour(tour::Args),
    Apply(apply::Args),
    Plan(apply::PlanArgs),
    Render(render::Args),
    Keygen(keygen::Args),
    Check(check::Args),
    Build(build::Args),
    Verify(verify::Args),
    Inspect(inspect::Args),
    Install(install::Args),
    Initramfs(initramfs::Args),
    Doctor(doctor::Args),
    Enrol(enrol::Args),
    Export(export::Args),
    Serve(serve::Args),
    Nodes(nodes::Args),
    Status(status::Args),
    Explain(explain::Args),
    Completion(completion::Args),
    Version(version::Args),
}

fn dispatch(command: &Command, ui: &Ui) -> anyhow::Result<Exit> {
    match command {
        Command::Tour(args) => tour::run(args, ui),
        Command::Apply(args) => apply::run(args, ui),
        Command::Plan(args) => apply::plan(args, ui),
        Command::Render(args) => render::run(args, ui),
        Command::Keygen(args) => keygen::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Build(args) => build::run(args, ui),
        Command::Verify(args) => verify::run(args, ui),
        Command::Inspect(args) => inspect::run(args, ui),
        Command::Install(args) => install::run(args, ui),
        Command::Initramfs(args) => initramfs::run(args, ui),
        Command::Doctor(args) => doctor::run(args, ui),
        Command::Enrol(args) => enrol::run(args, ui),
        Command::Export(args) => export::run(args, ui),
        Command::Serve(args) => serve::run(args, ui),
        Command::Nodes(args) => nodes::run(args, ui),
        Command::Status(args) => status::run(args, ui),
        Command::Explain(args) => explain::run(args, ui),
        Command::Completion(args) => completion::run(args, ui),
        Command::Version(args) => version::run(args, ui),
    }
}

/// Reads the arguments, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let ui = Ui::new(&cli.ui);
    let exit = dispatch(&cli.command, &ui).unwrap_or_else(|error| ui.failed(&error));
    ExitCode::from(exit.code())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}

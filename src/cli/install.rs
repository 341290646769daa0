//! `install`: puts bundle, executor, keys and units into a root file system, or takes them away.

use super::{Exit, Ui, verify};
use crate::image::{self, Change, Install, Mode, Report, Root};
use anyhow::{Context, bail};
use std::fmt::Write;
use std::path::PathBuf;

/// Install a bundle, the executor and its units into a root file system
///
/// The bundle must be signed by one of the keys given here or already trusted by the root. Every change is atomic, and
/// a second run changes nothing. The bundle that was current before stays for --rollback.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The bundle's archive
    #[arg(required_unless_present_any = ["uninstall", "rollback"])]
    bundle: Option<PathBuf>,
    /// The root file system: a mounted image, a directory, or /
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// A public key for the root's trust.d (NAME.pem); may be repeated
    #[arg(long, value_name = "FILE")]
    trust: Vec<PathBuf>,
    /// The executor [default: compute-init-boot beside this program]
    #[arg(long, value_name = "FILE")]
    executor: Option<PathBuf>,
    /// Install this program too, for `compute-init status` on the node
    #[arg(long)]
    with_command: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go back to the bundle before the current one
    #[arg(long, conflicts_with_all = ["bundle", "trust", "executor", "uninstall"])]
    rollback: bool,
    /// Take everything away but configuration and keys
    #[arg(long, conflicts_with_all = ["bundle", "trust", "executor"])]
    uninstall: bool,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let root = Root::open(&args.root)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Make };
    let mut watch = |change: &Change| ui.progress(&format!("{} {}", change.what, change.path));
    let report = match &args.bundle {
        _ if args.uninstall => image::uninstall(&root, mode, &mut watch)?,
        _ if args.rollback => image::rollback(&root, mode, &mut watch)?,
        Some(bundle) => {
            let ourselves = std::env::current_exe().context("looking for this program")?;
            let executor = match &args.executor {
                Some(path) => path.clone(),
                None => ourselves.with_file_name("compute-init-boot"),
            };
            if !executor.is_file() {
                bail!("the executor is not at {}: say where it is with --executor", executor.display());
            }
            let trust = verify::named_keys(&args.trust)?;
            let command = args.with_command.then_some(ourselves.as_path());
            let what = Install { bundle, executor: &executor, command, trust: &trust };
            image::install(&root, &what, mode, &mut watch)?
        }
        None => bail!("no bundle is given"),
    };
    ui.result(&report, &describe(&report, &root, mode))?;
    Ok(Exit::Done)
}

fn describe(report: &Report, root: &Root, mode: Mode) -> String {
    let mut text = String::new();
    if let (Some(bundle), Some(signer)) = (&report.bundle, &report.signer) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "bundle   {bundle}\nsigner   {signer}");
    }
    let changes = match (report.changes.len(), mode) {
        (0, _) => "nothing to change".to_owned(),
        (n, Mode::Make) => format!("{n} changes made"),
        (n, Mode::DryRun) => format!("{n} changes would be made; nothing was done"),
    };
    text + &format!("root     {}: {changes}", root.path().display())
}

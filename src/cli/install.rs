//! `install`: puts bundle, executor, keys and units into a root file system, or takes them away.

use super::{Exit, Ui, verify};
use crate::boot::config;
use crate::image::{self, Change, Install, Mode, Report, Root};
use crate::plan::limits;
use crate::sys::file::read_bounded;
use anyhow::{Context, anyhow, bail};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

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
    /// The executor [default: compute-init-boot beside this program, or else this machine's own]
    #[arg(long, value_name = "FILE")]
    executor: Option<PathBuf>,
    /// The node's configuration; it is checked, and one that the root has is kept beside it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Install this program too, for `compute-init status` on the node
    #[arg(long)]
    with_command: bool,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go back to the bundle before the current one
    #[arg(long, conflicts_with_all = ["bundle", "trust", "executor", "config", "uninstall"])]
    rollback: bool,
    /// Take everything away but configuration and keys
    #[arg(long, conflicts_with_all = ["bundle", "trust", "executor", "config"])]
    uninstall: bool,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let root = Root::open(&args.root)?;
    let mode = if args.dry_run { Mode::DryRun } else { Mode::Make };
    let config = match configuration(args, &root)? {
        Ok(config) => config,
        Err(mistakes) => return Ok(mistaken(&mistakes, ui)),
    };
    let mut watch = |change: &Change| ui.progress(&format!("{} {}", change.what, change.path));
    let report = match &args.bundle {
        _ if args.uninstall => image::uninstall(&root, mode, &mut watch)?,
        _ if args.rollback => image::rollback(&root, mode, &mut watch)?,
        Some(bundle) => {
            let executor = executor(args.executor.as_deref())?;
            let trust = verify::named_keys(&args.trust)?;
            let command = args.with_command.then(std::env::current_exe).transpose();
            let command = command.context("looking for this program")?;
            let command = command.as_deref();
            let what = Install { bundle, executor: &executor, command, trust: &trust, config: config.as_deref() };
            image::install(&root, &what, mode, &mut watch)?
        }
        None => bail!("no bundle is given"),
    };
    ui.result(&report, &describe(&report, &root, mode))?;
    Ok(Exit::Done)
}

/// The executor that is given; else the one beside this program, or else the one of the node that this runs on.
pub(super) fn executor(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let places = match given {
        Some(path) => vec![path.to_owned()],
        None => {
            let program = std::env::current_exe().context("looking for this program")?;
            vec![program.with_file_name("compute-init-boot"), Path::new("/").join(image::EXECUTOR)]
        }
    };
    first_file(&places)
}

fn first_file(places: &[PathBuf]) -> anyhow::Result<PathBuf> {
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let names: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
    bail!("the executor is not at {}: say where it is with --executor", names.join(", nor at "))
}

/// A configuration's text, or all mistakes in it.
pub(super) fn read_configuration(path: &Path) -> anyhow::Result<Result<Vec<u8>, Vec<String>>> {
    let text = read_bounded(path, limits::CONFIG).with_context(|| format!("reading {}", path.display()))?;
    Ok(config::parse(&path.display().to_string(), &text).map(|_| text))
}

/// Says what is wrong with a configuration.
pub(super) fn mistaken(mistakes: &[String], ui: &Ui) -> Exit {
    ui.failed(&anyhow!("the node would refuse its configuration:\n  {}", mistakes.join("\n  ")));
    Exit::Source
}

/// The configuration that is given; the mistakes in it, or in the one that the root has and keeps.
fn configuration(args: &Args, root: &Root) -> anyhow::Result<Result<Option<Vec<u8>>, Vec<String>>> {
    if args.uninstall || args.rollback {
        return Ok(Ok(None));
    }
    if let Some(path) = &args.config {
        return Ok(read_configuration(path)?.map(Some));
    }
    let name = format!("/{}", image::CONFIG);
    match root.resolve(image::CONFIG).and_then(|path| read_bounded(&path, limits::CONFIG)) {
        Ok(text) => Ok(config::parse(&name, &text).map(|_| None)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Ok(None)),
        Err(e) => Err(e).with_context(|| format!("reading {name}")),
    }
}

fn describe(report: &Report, root: &Root, mode: Mode) -> String {
    let mut text = String::new();
    if let (Some(bundle), Some(signer)) = (&report.bundle, &report.signer) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "bundle   {bundle}\nsigner   {signer}");
    }
    for (path, to) in report.changes.iter().filter_map(|c| Some((&c.path, c.to.as_ref()?))) {
        let _ = writeln!(text, "moved    {path} to {to}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "note     {note}");
    }
    let changes = match (report.changes.len(), mode) {
        (0, _) => "nothing to change".to_owned(),
        (1, Mode::Make) => "1 change made".to_owned(),
        (n, Mode::Make) => format!("{n} changes made"),
        (n, Mode::DryRun) => format!("{n} changes would be made; nothing was done"),
    };
    text + &format!("root     {}: {changes}", root.path().display())
}

#[cfg(test)]
mod tests {
    use super::{executor, first_file};

    #[test]
    fn the_executor_is_beside_the_program_or_where_a_node_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let (beside, nodes) = (dir.path().join("beside"), dir.path().join("nodes"));
        let places = [beside.clone(), nodes.clone()];
        let none = first_file(&places).unwrap_err().to_string();
        assert!(none.contains("beside, nor at ") && none.contains("--executor"), "{none}");
        std::fs::write(&nodes, "").unwrap();
        assert_eq!(first_file(&places).unwrap(), nodes);
        std::fs::write(&beside, "").unwrap();
        assert_eq!(first_file(&places).unwrap(), beside);
        // Only what is given counts where something is.
        assert!(executor(Some(&dir.path().join("none"))).is_err());
    }
}

//! `try`: the tour. The shipped roles and a sample cluster, built, signed, installed and booted twice in a root that is
//! thrown away, then a report of what happened.

use super::{Exit, Ui, install};
use crate::bundle::{SigningKey, assemble};
use crate::compile;
use crate::image::sandbox::Sandbox;
use crate::image::{self, Install, Mode, Root};
use crate::plan::status::{State, Status};
use crate::source::shipped;
use anyhow::{Context, bail};
use serde::Serialize;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Take the tour: build, sign, install and boot the shipped roles in a sandbox
///
/// Works on a throw-away overlay of this machine's root file system, in a mount namespace of its own, with a sample
/// cluster and a throw-away key. Nothing of it reaches the machine. Commands that need a running systemd, storage
/// servers or Slurm are answered by stand-ins and listed. Needs root.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Print what the executor says, too
    #[arg(short, long)]
    verbose: bool,
    /// The executor [default: compute-init-boot beside this program, or else this machine's own]
    #[arg(long, value_name = "FILE")]
    executor: Option<PathBuf>,
}

/// The host of the sample cluster that the sandbox plays.
const HOST: &str = "compute-0";
const STAND_IN: &[u8] = include_bytes!("../../templates/sample/stand-in");
/// What the sample's control node and metadata service would serve.
const OUTSIDE: &[(&str, &[u8])] = &[
    ("metadata.json", include_bytes!("../../templates/sample/metadata.json")),
    ("export/hosts", include_bytes!("../../templates/sample/export/hosts")),
    ("export/manila_share_info.yml", include_bytes!("../../templates/sample/export/manila_share_info.yml")),
    (
        "export/hostvars/compute-0/hostvars.yml",
        include_bytes!("../../templates/sample/export/hostvars/compute-0/hostvars.yml"),
    ),
    (
        "export/hostvars/control-0/hostvars.yml",
        include_bytes!("../../templates/sample/export/hostvars/control-0/hostvars.yml"),
    ),
];

/// One boot of the tour.
#[derive(Serialize)]
struct Boot {
    status: Status,
    /// Commands that stand-ins answered.
    not_run: Vec<Vec<String>>,
}

/// What the tour shows in the end.
#[derive(Serialize)]
struct Report {
    bundle: String,
    bundle_bytes: u64,
    executor_bytes: u64,
    added: Vec<String>,
    boots: Vec<Boot>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    if !nix::unistd::geteuid().is_root() {
        bail!("try makes a mount namespace and an overlay: run it as root, for example with sudo");
    }
    let executor = install::executor(args.executor.as_deref())?;
    let work = tempfile::Builder::new().prefix("compute-init-try.").tempdir().context("making a scratch directory")?;
    // The sandbox removes it: a recursive removal would walk into the mounts.
    let work = work.keep();
    ui.progress("making a sandbox: an overlay of / in a mount namespace of its own");
    let mut sandbox = Sandbox::enter(&work).context("making the sandbox")?;
    sandbox.complete().context("completing the sandbox")?;
    sandbox.stand_in(STAND_IN).context("placing stand-ins")?;
    for (path, bytes) in OUTSIDE {
        let path = sandbox.outside.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&sandbox.outside)).context("placing the sample cluster")?;
        fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    }
    let archive = bundle(&sandbox, ui)?;
    ui.progress("installing bundle, executor, key and unit");
    let trust = [("try.pem".to_owned(), archive.key.public())];
    let what = Install { bundle: &archive.path, executor: &executor, command: None, trust: &trust, config: None };
    let root = Root::open(&sandbox.root)?;
    let installed = image::install(&root, &what, Mode::Make, &mut |_| {}).context("installing into the sandbox")?;
    let mut boots = Vec::new();
    for name in ["first", "second"] {
        ui.progress(&format!("{name} boot of {HOST}"));
        boots.push(boot(&sandbox, &executor, args)?);
    }
    let size = |path: &Path| fs::metadata(path).map(|m| m.len()).unwrap_or_default();
    let report = Report {
        bundle: installed.bundle.unwrap_or_default(),
        bundle_bytes: size(&archive.path),
        executor_bytes: size(&executor),
        added: std::mem::take(&mut sandbox.added),
        boots,
    };
    let text = describe(&report);
    ui.result(&report, &text)?;
    let good = report.boots.iter().all(|b| b.status.state == State::Ready)
        && report.boots.last().is_some_and(|b| b.status.recap.changed == 0);
    Ok(if good { Exit::Done } else { Exit::Failed })
}

/// A bundle and the key that signed it.
struct Archive {
    path: PathBuf,
    key: SigningKey,
}

fn bundle(sandbox: &Sandbox, ui: &Ui) -> anyhow::Result<Archive> {
    ui.progress("compiling the shipped roles");
    let compiled = match compile::compile(&shipped::tree(), shipped::PLAYBOOK, &compile::Options::default()) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            ui.diagnostics(&diagnostics.0);
            bail!("the shipped roles do not compile");
        }
    };
    ui.progress("signing the bundle with a throw-away key");
    let files = compiled.files.iter().map(|(path, file)| (path.clone(), file.bytes.to_vec())).collect();
    let mut sealed = assemble(&compiled.plan, &files).context("assembling the bundle")?;
    let key = SigningKey::generate().context("making a key")?;
    sealed.sign(&key);
    let path = sandbox.outside.join("bundle.tar.gz");
    fs::write(&path, sealed.archive(0).context("packing the bundle")?).context("writing the bundle")?;
    Ok(Archive { path, key })
}

fn boot(sandbox: &Sandbox, executor: &Path, args: &Args) -> anyhow::Result<Boot> {
    let output = Command::new(executor)
        .args(["--json", "--host", HOST, "--root"])
        .arg(&sandbox.root)
        .arg("--metadata")
        .arg(sandbox.outside.join("metadata.json"))
        .arg("--export")
        .arg(sandbox.outside.join("export"))
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .with_context(|| format!("running {}", executor.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if args.verbose {
        eprint!("{said}");
    }
    let status = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the executor ended with {}: {said}", output.status))?;
    Ok(Boot { status, not_run: sandbox.take_commands() })
}

fn describe(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut text, report);
    text
}

fn write_report(out: &mut String, report: &Report) -> std::fmt::Result {
    writeln!(out, "\nbundle    {} ({} kB)", report.bundle, report.bundle_bytes / 1000)?;
    writeln!(out, "executor  {:.1} MB, static", report.executor_bytes as f64 / 1e6)?;
    if !report.added.is_empty() {
        writeln!(out, "added     {} (an image has them, this machine has not)", report.added.join(", "))?;
    }
    for (boot, name) in report.boots.iter().zip(["first boot", "second boot"]) {
        let status = &boot.status;
        writeln!(out, "\n{name}: {}, {} changed", status.state, status.recap.changed)?;
        if status.state != State::Ready {
            writeln!(out, "  {}", status.message)?;
        }
        for stage in &status.stages {
            writeln!(out, "  {:<8} {:>8.1} ms  {}", stage.name, stage.ms, stage.note)?;
        }
        let own = status.elapsed_ms - status.commands_ms;
        writeln!(
            out,
            "  {:<8} {:>8.1} ms  of which {:.1} ms are the executor's own",
            "in all", status.elapsed_ms, own
        )?;
        write_changes(out, status)?;
        write_commands(out, &boot.not_run)?;
    }
    Ok(())
}

pub(super) fn write_changes(out: &mut String, status: &Status) -> std::fmt::Result {
    let changed: Vec<_> = status.tasks.iter().filter(|t| t.result != "ok" && t.result != "skipped").collect();
    if !changed.is_empty() {
        writeln!(out, "  what changed:")?;
    }
    for task in changed {
        let role = task.role.as_deref().unwrap_or("-");
        let word = if task.result == "changed" { String::new() } else { format!(" [{}]", task.result) };
        writeln!(out, "    {role}: {}{word}", task.task)?;
        if let Some(message) = &task.message {
            writeln!(out, "      {message}")?;
        }
        for change in &task.changes {
            let look =
                [change.mode.as_deref(), change.owner.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
            writeln!(out, "{}", format!("      {:<10} {:<42} {look}", change.what, change.target).trim_end())?;
        }
    }
    Ok(())
}

fn write_commands(out: &mut String, commands: &[Vec<String>]) -> std::fmt::Result {
    if commands.is_empty() {
        return writeln!(out, "  commands that a sandbox cannot run: none");
    }
    writeln!(out, "  commands that a sandbox cannot run (a stand-in answered):")?;
    for command in commands {
        writeln!(out, "    {}", command.join(" "))?;
    }
    Ok(())
}

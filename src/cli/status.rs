//! `status`: what happened at boot, on this node, from `/run/compute-init/status.json`.

use super::{Exit, Ui};
use crate::plan::status::{State, Status};
use anyhow::{Context, bail};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often `--wait` looks.
const INTERVAL: Duration = Duration::from_millis(200);

/// Show what happened at boot, on this node
///
/// Exits with the code of the state it shows: 0 ready (or nothing to do), 3 failed, 4 unreachable, 5 refused.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Wait until the boot has ended, at most SECONDS
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "600")]
    wait: Option<u64>,
    /// Show every task, also those that changed nothing
    #[arg(short, long)]
    all: bool,
    /// The file to read
    #[arg(long, value_name = "FILE", default_value = "/run/compute-init/status.json")]
    file: PathBuf,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let status = match args.wait {
        Some(seconds) => wait(&args.file, Duration::from_secs(seconds))?,
        None => read(&args.file)?.with_context(|| {
            format!("{} is missing: nothing has run since this machine started", args.file.display())
        })?,
    };
    ui.result(&status, &describe(&status, args.all))?;
    Ok(match status.state {
        State::Ready | State::Disabled | State::NotCompute | State::Unconfigured => Exit::Done,
        State::Running => Exit::Machine,
        State::Failed => Exit::Failed,
        State::Unreachable => Exit::Unreachable,
        State::Refused => Exit::Refused,
    })
}

fn read(file: &Path) -> anyhow::Result<Option<Status>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("reading {}", file.display())),
    };
    let status = serde_json::from_slice(&bytes).with_context(|| format!("reading {}", file.display()))?;
    Ok(Some(status))
}

fn wait(file: &Path, limit: Duration) -> anyhow::Result<Status> {
    let deadline = Instant::now() + limit;
    loop {
        let status = read(file)?;
        if let Some(status) = status.filter(|s| s.state != State::Running) {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            bail!("the boot has not ended within {} seconds ({})", limit.as_secs(), file.display());
        }
        std::thread::sleep(INTERVAL);
    }
}

fn describe(status: &Status, all: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_status(&mut text, status, all);
    text
}

/// What a boot took, and the share of it that is ours: what is neither in commands nor in the two stages that wait for
/// somebody else's answer.
fn time(status: &Status) -> String {
    let waits = status.stages.iter().filter(|stage| matches!(stage.name.as_str(), "gate" | "mount"));
    let (all, commands, waited) = (status.elapsed_ms, status.commands_ms, waits.map(|stage| stage.ms).sum::<f64>());
    let own = (all - commands - waited).max(0.0);
    let share = if all > 0.0 { 100.0 * own / all } else { 0.0 };
    format!(
        "{all:.0} ms from start to {}: commands {commands:.0} ms, metadata and mount {waited:.0} ms, our own {own:.0} ms ({share:.0} %)",
        status.state
    )
}

fn write_status(out: &mut String, status: &Status, all: bool) -> std::fmt::Result {
    writeln!(out, "{}: {}", status.state, status.message)?;
    if let Some(hint) = &status.hint {
        writeln!(out, "  hint: {hint}")?;
    }
    for (name, value) in
        [("host", &status.host), ("bundle", &status.bundle), ("signer", &status.signer), ("export", &status.generation)]
    {
        if let Some(value) = value {
            writeln!(out, "{name:8} {value}")?;
        }
    }
    writeln!(out, "time     {}", time(status))?;
    writeln!(out, "\nstages")?;
    for stage in &status.stages {
        writeln!(out, "  {:8} {:>9.1} ms  {}", stage.name, stage.ms, stage.note)?;
    }
    let shown = |result: &str| all || !matches!(result, "ok" | "skipped");
    let tasks: Vec<_> = status.tasks.iter().filter(|t| shown(&t.result)).collect();
    if !tasks.is_empty() {
        writeln!(out, "\ntasks")?;
    }
    for task in tasks {
        let role = task.role.as_ref().map(|r| format!("{r} : ")).unwrap_or_default();
        writeln!(out, "  {:8} {:>9.1} ms  {role}{}  ({})", task.result, task.ms, task.task, task.place)?;
        for change in &task.changes {
            let mode = change.mode.as_ref().map(|m| format!(" {m}")).unwrap_or_default();
            let owner = change.owner.as_ref().map(|o| format!(" {o}")).unwrap_or_default();
            writeln!(out, "             {} {}{mode}{owner}", change.what, change.target)?;
        }
        if let Some(message) = &task.message {
            writeln!(out, "             {message}")?;
        }
    }
    let r = &status.recap;
    writeln!(
        out,
        "\nok={} changed={} failed={} skipped={} rescued={} ignored={}",
        r.ok, r.changed, r.failed, r.skipped, r.rescued, r.ignored
    )
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::plan::status::Status;

    fn status(elapsed: f64, commands: f64, state: &str) -> Status {
        let text = format!(
            r#"{{"format": 1, "state": "{state}", "message": "m", "version": "1", "started": 0.0, "elapsed_ms": {elapsed},
            "commands_ms": {commands}, "stages": [{{"name": "mount", "ms": 100.0, "note": ""}}], "tasks": [],
            "recap": {{"ok": 0, "changed": 0, "failed": 0, "skipped": 0, "rescued": 0, "ignored": 0}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_share_that_is_ours_is_shown() {
        let ready = describe(&status(2000.0, 1500.0, "ready"), false);
        assert!(
            ready.contains(
                "2000 ms from start to ready: commands 1500 ms, metadata and mount 100 ms, our own 400 ms (20 %)"
            ),
            "{ready}"
        );
        let running = describe(&status(0.0, 0.0, "running"), false);
        assert!(running.contains("our own 0 ms (0 %)"), "{running}");
    }
}

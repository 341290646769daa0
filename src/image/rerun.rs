//! Runs the executor again after a fake build: on a root directory, or on this machine, through systemd where that can
//! be. What the executor says goes to standard error as it comes.

use super::{EXECUTOR, Error, Root};
use crate::plan::status::Status;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The executor's search path, as the unit has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The unit that boots do.
const UNIT: &str = "compute-init.service";
/// Between two looks at the journal while the unit runs.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a boot by hand is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Instance metadata: a file or a URL.
    pub metadata: Option<String>,
    /// The control export: a directory or a URL.
    pub export: Option<String>,
    /// The node's short host name.
    pub node: Option<String>,
}

/// How a boot ended.
#[derive(Debug)]
pub struct Rerun {
    /// The executor's exit code.
    pub code: u8,
    /// What `status.json` says.
    pub status: Option<Status>,
}

impl Given {
    /// The executor's arguments.
    pub fn arguments(&self) -> Vec<String> {
        let flags = [("--metadata", &self.metadata), ("--export", &self.export), ("--host", &self.node)];
        let given = flags.into_iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        given.flat_map(|(flag, value)| [flag.to_owned(), value.clone()]).collect()
    }
}

/// Runs the root's own executor. On this machine it is the unit that is restarted, unless something is given that the
/// unit does not know.
pub fn rerun(root: &Root, given: &Given) -> Result<Rerun, Error> {
    let here = root.path() == Path::new("/");
    if here && Path::new("/run/systemd/system").is_dir() && *given == Given::default() {
        return restart();
    }
    let executor = root.resolve(EXECUTOR).map_err(Error::io("looking for", root.path().join(EXECUTOR)))?;
    let mut command = Command::new(&executor);
    command.arg("--json").args(given.arguments());
    if !here {
        // What lies in a directory is no node that Slurm could be told of.
        command.arg("--no-resume").arg("--root").arg(root.path());
    }
    let output = command.env_clear().env("PATH", PATH).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(Error::io("running", &executor))?;
    let status = serde_json::from_slice(&output.stdout).ok();
    Ok(Rerun { code: code(&output.status), status })
}

fn restart() -> Result<Rerun, Error> {
    systemctl(&["daemon-reload"])?.wait().map_err(Error::io("running", "systemctl"))?;
    let mut journal = Journal::from_now();
    // A unit that fails makes this fail: how it failed is asked afterwards.
    let mut restarting = systemctl(&["restart", UNIT])?;
    while restarting.try_wait().map_err(Error::io("running", "systemctl"))?.is_none() {
        std::thread::sleep(LOOK_AGAIN);
        journal.show();
    }
    // journald has what the unit wrote before it ended, and now we have it, too.
    let _ = Command::new("journalctl").arg("--sync").stdin(Stdio::null()).stderr(Stdio::null()).status();
    journal.show();
    let shown = Command::new("systemctl").args(["show", "--property=ExecMainStatus", "--value", UNIT]).output();
    let shown = shown.map_err(Error::io("running", "systemctl"))?;
    let code = String::from_utf8_lossy(&shown.stdout).trim().parse().unwrap_or(u8::MAX);
    let file = PathBuf::from("/run/compute-init/status.json");
    let status = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(Rerun { code, status })
}

fn systemctl(words: &[&str]) -> Result<Child, Error> {
    let started = Command::new("systemctl").args(words).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map_err(Error::io("running", "systemctl"))
}

/// The unit's lines in the journal from some point on. Without journalctl there are none. It is read again and again
/// and not followed: who follows has to be stopped, and may not have come to the end then.
struct Journal {
    cursor: Option<String>,
}

impl Journal {
    fn from_now() -> Journal {
        Journal { cursor: Journal::read(&["--lines=1"]).and_then(|text| Journal::split(&text).1) }
    }

    /// Writes what is new to standard error.
    fn show(&mut self) {
        let Some(cursor) = &self.cursor else { return };
        let after = format!("--after-cursor={cursor}");
        let Some(text) = Journal::read(&["--unit", UNIT, &after]) else { return };
        let (lines, cursor) = Journal::split(&text);
        self.cursor = cursor.or(self.cursor.take());
        // Nobody may be there to read it.
        let _ = io::stderr().write_all(lines.as_bytes());
    }

    fn read(more: &[&str]) -> Option<String> {
        let words = ["--quiet", "--no-pager", "--output=cat", "--show-cursor"];
        let output = Command::new("journalctl").args(words).args(more).stdin(Stdio::null()).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The lines, and the cursor that stands behind them.
    fn split(text: &str) -> (String, Option<String>) {
        let (mut lines, mut cursor) = (String::new(), None);
        for line in text.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix("-- cursor: ") {
                Some(found) => cursor = Some(found.to_owned()),
                None => lines.extend([line, "\n"]),
            }
        }
        (lines, cursor)
    }
}

/// As shells have it: a signal's number comes after 128.
fn code(status: &std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Given, Journal, code};
    use std::process::Command;

    #[test]
    fn what_is_given_becomes_arguments() {
        assert!(Given::default().arguments().is_empty());
        let given = Given { export: Some("/srv/x y".into()), node: Some("n0".into()), ..Given::default() };
        assert_eq!(given.arguments(), ["--export", "/srv/x y", "--host", "n0"]);
    }

    #[test]
    fn a_cursor_is_told_from_lines() {
        let split = |text: &str| Journal::split(text);
        assert_eq!(
            split("a\n\nb -- cursor: x\n-- cursor: s=1;i=2\n"),
            ("a\nb -- cursor: x\n".into(), Some("s=1;i=2".into()))
        );
        assert_eq!(split(""), (String::new(), None));
    }

    #[test]
    fn signals_are_told_from_codes() {
        let run = |script: &str| code(&Command::new("sh").args(["-c", script]).status().unwrap());
        assert_eq!((run("exit 0"), run("exit 5"), run("kill -9 $$")), (0, 5, 137));
    }
}

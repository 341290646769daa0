//! Runs the executor again after a fake build: on a root directory, or on this machine, through systemd where that can
//! be. What the executor says goes to standard error as it comes.

use super::{EXECUTOR, Error, Root};
use crate::plan::status::Status;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The executor's search path, as the unit has it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The unit that boots do.
const UNIT: &str = "compute-init.service";
/// Time for journald to hand on the last lines.
const LAST_LINES: Duration = Duration::from_millis(150);

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
    systemctl(&["daemon-reload"])?;
    let mut journal = follow();
    let restarted = systemctl(&["restart", UNIT]);
    std::thread::sleep(LAST_LINES);
    if let Some(journal) = &mut journal {
        // It may have ended by itself; then there is nothing to stop.
        let _ = journal.kill();
        let _ = journal.wait();
    }
    restarted?;
    let shown = Command::new("systemctl").args(["show", "--property=ExecMainStatus", "--value", UNIT]).output();
    let shown = shown.map_err(Error::io("running", "systemctl"))?;
    let code = String::from_utf8_lossy(&shown.stdout).trim().parse().unwrap_or(u8::MAX);
    let file = PathBuf::from("/run/compute-init/status.json");
    let status = std::fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(Rerun { code, status })
}

/// A unit that fails makes `systemctl restart` fail: how it failed is asked afterwards.
fn systemctl(words: &[&str]) -> Result<(), Error> {
    let run = Command::new("systemctl").args(words).stdin(Stdio::null()).stderr(Stdio::null()).status();
    run.map(drop).map_err(Error::io("running", "systemctl"))
}

/// The unit's lines in the journal from here on, to standard error. Without journalctl there are none.
fn follow() -> Option<Child> {
    let words = ["--follow", "--lines=0", "--output=cat", "--quiet", "--unit", UNIT];
    Command::new("journalctl").args(words.map(OsStr::new)).stdin(Stdio::null()).stdout(std::io::stderr()).spawn().ok()
}

/// As shells have it: a signal's number comes after 128.
fn code(status: &std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Given, code};
    use std::process::Command;

    #[test]
    fn what_is_given_becomes_arguments() {
        assert!(Given::default().arguments().is_empty());
        let given = Given { export: Some("/srv/x y".into()), node: Some("n0".into()), ..Given::default() };
        assert_eq!(given.arguments(), ["--export", "/srv/x y", "--host", "n0"]);
    }

    #[test]
    fn signals_are_told_from_codes() {
        let run = |script: &str| code(&Command::new("sh").args(["-c", script]).status().unwrap());
        assert_eq!((run("exit 0"), run("exit 5"), run("kill -9 $$")), (0, 5, 137));
    }
}

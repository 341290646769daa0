//! What a boot reports: states, exit codes, `status.json`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a boot ended. `docs/boot.md` shows the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// A boot is under way.
    Running,
    /// Switched off by metadata, the command line or configuration.
    Disabled,
    /// Metadata does not make this machine a compute node.
    NotCompute,
    /// The control export, or this host's entry in it, is not there yet.
    Unconfigured,
    /// Metadata, the export or slurmctld could not be reached within the deadline; tried again in the background.
    Unreachable,
    /// The bundle or the export was refused; the node is untouched.
    Refused,
    /// A task failed; Slurm was told.
    Failed,
    /// The node is as the roles want it.
    Ready,
}

/// Exit code of an error of the machine before a state could be told.
pub const EXIT_MACHINE: u8 = 1;
/// Exit code of a command line that can't be read.
pub const EXIT_USAGE: u8 = 2;
/// Exit code of an executor that leaves the work to one that is running already.
pub const EXIT_BUSY: u8 = 6;

impl State {
    /// The executor's exit code for the state. [`EXIT_USAGE`], [`EXIT_BUSY`] and 101 (a crash) are never states.
    pub fn exit_code(self) -> u8 {
        match self {
            State::Ready | State::Disabled | State::NotCompute | State::Unconfigured => 0,
            State::Running => EXIT_MACHINE,
            State::Failed => 3,
            State::Unreachable => 4,
            State::Refused => 5,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Disabled => "disabled",
            State::NotCompute => "not-compute",
            State::Unconfigured => "unconfigured",
            State::Unreachable => "unreachable",
            State::Refused => "refused",
            State::Failed => "failed",
            State::Ready => "ready",
        })
    }
}

/// `/run/compute-init/status.json`. Never holds a secret: names, digests, counts and times only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// Version of this document.
    pub format: u32,
    /// How it ended.
    pub state: State,
    /// One sentence for a person.
    pub message: String,
    /// What to do about it, where something is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The executor's version.
    pub version: String,
    /// Digest of the bundle's manifest.
    #[serde(default)]
    pub bundle: Option<String>,
    /// Name of the key file in trust.d that verified it.
    #[serde(default)]
    pub signer: Option<String>,
    /// The staged generation of the export.
    #[serde(default)]
    pub generation: Option<String>,
    /// The node's short host name.
    #[serde(default)]
    pub host: Option<String>,
    /// Start, seconds since the epoch.
    pub started: f64,
    /// Wall time in all, milliseconds.
    pub elapsed_ms: f64,
    /// Time spent in commands and other waits, milliseconds; the rest is the executor's own.
    pub commands_ms: f64,
    /// The stages that ran.
    pub stages: Vec<StageReport>,
    /// The tasks that ran, in order.
    pub tasks: Vec<TaskReport>,
    /// The counts of the last line of a play.
    pub recap: Recap,
}

/// A stage of the boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageReport {
    /// `verify`, `gate`, `mount`, `stage`, `overlay`, `apply`, `resume`.
    pub name: String,
    /// Milliseconds.
    pub ms: f64,
    /// What it found, in a few words.
    pub note: String,
}

/// A task, or one item of its loop.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskReport {
    /// The role it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Its name.
    pub task: String,
    /// `path:line` of its source.
    pub place: String,
    /// `ok`, `changed`, `skipped`, `failed`, `ignored`, `rescued`.
    pub result: String,
    /// Milliseconds.
    pub ms: f64,
    /// What it changed: paths, and commands it ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The error, censored under `no_log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// One thing that a task changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `created`, `content`, `mode`, `owner`, `removed`, `state`, `command`, ...
    pub what: String,
    /// The path, unit, user or program.
    pub target: String,
    /// Permission bits after, octal, where it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `user:group` after, where it is a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// Ansible's PLAY RECAP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recap {
    /// Tasks that ended well, changed ones included.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Tasks whose conditions were false.
    pub skipped: u32,
    /// Blocks that were rescued.
    pub rescued: u32,
    /// Failures that were ignored.
    pub ignored: u32,
}

//! Running commands: argument lists (never shell strings of ours), deadlines, bounded output, and a record.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

mod record;
mod sandbox;
mod system;

pub use record::{Record, Recorder};
pub use sandbox::{Canned, SandboxRunner};
pub use system::SystemRunner;

/// Where programs are looked for when nobody says otherwise.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A command to run.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// The program and its arguments. A program without a slash is looked for in PATH of `env`, else ours.
    pub argv: Vec<OsString>,
    /// Variables added to a clean environment (PATH, HOME, LANG are set).
    pub env: Vec<(OsString, OsString)>,
    /// Working directory; `/` where there is none.
    pub cwd: Option<PathBuf>,
    /// Bytes for standard input.
    pub stdin: Vec<u8>,
    /// umask, where it is not ours.
    pub umask: Option<u32>,
    /// Who runs it, where it is not us: uid, gid, supplementary groups.
    pub user: Option<(u32, u32, Vec<u32>)>,
    /// How long it may take; `limits::COMMAND` where it is `None`.
    pub timeout: Option<Duration>,
    /// Kept out of the record except for its program's name.
    pub secret: bool,
    /// It gets a session of its own, without a terminal: what would ask there reads standard input.
    pub detached: bool,
    /// It only looks (getent, systemctl show, visudo -c): run in check mode too, and left out of the list of changes.
    pub read_only: bool,
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Exit code; minus the signal's number where a signal ended it.
    pub rc: i32,
    /// Standard output, cut at `limits::COMMAND_OUTPUT`.
    pub stdout: Vec<u8>,
    /// Standard error, cut likewise.
    pub stderr: Vec<u8>,
}

/// Why a command did not end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// There is no such program.
    NotFound(String),
    /// It could not be started.
    Spawn(String, String),
    /// It ran past its deadline and was killed with its children.
    Timeout(String, Duration),
}

/// Runs commands.
pub trait Runner {
    /// Runs `command` to its end or its deadline.
    fn run(&self, command: &Command) -> Result<Output, CommandError>;
    /// The full path of a program in PATH.
    fn which(&self, program: &str) -> Option<PathBuf>;
}

impl Command {
    /// A command with these words and nothing else set.
    pub fn new<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>) -> Command {
        Command { argv: argv.into_iter().map(|a| a.as_ref().to_owned()).collect(), ..Command::default() }
    }

    /// The same command, marked as one that only looks.
    pub fn read_only(mut self) -> Command {
        self.read_only = true;
        self
    }

    /// The program's name without its directory, for records and messages.
    pub fn program(&self) -> String {
        let first = self.argv.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default().to_owned()
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            CommandError::NotFound(program) => write!(f, "{program}: no such program"),
            CommandError::Spawn(program, why) => write!(f, "starting {program}: {why}"),
            CommandError::Timeout(program, limit) => {
                write!(f, "{program} ran longer than {} s and was killed", limit.as_secs_f32())
            }
        }
    }
}

impl std::error::Error for CommandError {}

//! Why no generation was written. The one that is served stays as it is, whatever went wrong.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why no generation was written.
#[derive(Debug)]
pub enum WriteError {
    /// The file system.
    Io {
        /// What was being done, as a gerund.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// Another export is running: its process, where that is known.
    Busy(PathBuf, Option<u32>),
    /// Hosts whose secrets cannot be sealed, and why: all of them at once.
    Recipients(Vec<String>),
    /// Something in the export that this layout cannot hold.
    Content(String),
    /// What is there already cannot be gone on from.
    Before(String),
}

impl WriteError {
    /// Says of an error what was being done.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriteError {
        let path = path.to_owned();
        move |source| WriteError::Io { doing, path, source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            WriteError::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room there; the generation that is served is untouched")
                }
                io::ErrorKind::ReadOnlyFilesystem => Some("export to a file system that can be written"),
                io::ErrorKind::PermissionDenied => {
                    Some("run as the owner of the export, on the machine whose disk it is: NFS squashes root")
                }
                _ => None,
            },
            WriteError::Busy(..) => Some("wait until it is through, then export again"),
            WriteError::Recipients(_) => {
                Some("compute-init enrol makes identities and recipients; --unsealed exports secrets as they are")
            }
            WriteError::Content(_) => None,
            WriteError::Before(_) => Some("move the directory away to start anew; nodes take it by its higher serial"),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            WriteError::Io { doing, path, source } => write!(f, "{doing} {}: {source}", path.display()),
            WriteError::Busy(dir, pid) => {
                write!(f, "another export to {} is running", dir.display())?;
                pid.map_or(Ok(()), |pid| write!(f, " (process {pid})"))
            }
            WriteError::Recipients(hosts) => {
                write!(f, "secrets of {} cannot be sealed: ", count(hosts.len(), "host"))?;
                let shown: Vec<&str> = hosts.iter().take(20).map(String::as_str).collect();
                write!(f, "{}", shown.join("; "))?;
                if hosts.len() > shown.len() { write!(f, "; and {} more", hosts.len() - shown.len()) } else { Ok(()) }
            }
            WriteError::Content(why) | WriteError::Before(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for WriteError {}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

//! One executor at a time: a lock that the kernel lets go of when its holder dies.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {
    _held: Flock<File>,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds it: its id, where it could be read.
    Held(Option<u32>),
    /// The file can't be used.
    Io(io::Error),
}

impl Lock {
    /// Takes the lock at `path`, or says at once who holds it.
    pub fn take(path: &Path) -> Result<Lock, LockError> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC);
        let file = options.open(path).map_err(LockError::Io)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut held) => {
                // The holder's id is for people; the lock is what counts.
                let _ = held.set_len(0);
                let _ = writeln!(*held, "{}", std::process::id());
                Ok(Lock { _held: held })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut text = String::new();
                let _ = file.seek(SeekFrom::Start(0));
                let _ = (&file).take(32).read_to_string(&mut text);
                Err(LockError::Held(text.trim().parse().ok()))
            }
            Err((_, e)) => Err(LockError::Io(e.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lock, LockError};

    #[test]
    fn a_second_holder_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::take(&path).unwrap();
        match Lock::take(&path) {
            Err(LockError::Held(Some(pid))) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::take(&path).unwrap();
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("lock")).unwrap();
        assert!(matches!(Lock::take(&dir.path().join("lock")), Err(LockError::Io(_))));
    }
}

//! One executor at a time: a lock that the kernel lets go of when its holder dies.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lock is waited for whose holder is dead already: what it was starting then ends, or lets go, within moments.
const LINGERING: Duration = Duration::from_secs(2);

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
        let mut file = options.open(path).map_err(LockError::Io)?;
        let patience = Instant::now() + LINGERING;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut held) => {
                    // The holder's id is for people; the lock is what counts.
                    let _ = held.set_len(0);
                    let _ = writeln!(*held, "{}", std::process::id());
                    return Ok(Lock { _held: held });
                }
                Err((busy, Errno::EWOULDBLOCK)) => {
                    file = busy;
                    let holder = named(&mut file);
                    if !holder.is_some_and(is_gone) || Instant::now() >= patience {
                        return Err(LockError::Held(holder));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((_, e)) => return Err(LockError::Io(e.into())),
            }
        }
    }
}

/// Who holds the lock, as its file tells.
fn named(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let _ = file.seek(SeekFrom::Start(0));
    let _ = file.take(32).read_to_string(&mut text);
    text.trim().parse().ok()
}

fn is_gone(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| nix::sys::signal::kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH))
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

    /// What a killed executor had just started may hold its lock for a moment.
    #[test]
    fn a_lock_of_the_dead_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        dead.wait().unwrap();
        let first = Lock::take(&path).unwrap();
        std::fs::write(&path, dead.id().to_string()).unwrap();
        let letting_go = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            drop(first);
        });
        Lock::take(&path).unwrap();
        letting_go.join().unwrap();
    }

    #[test]
    fn a_link_in_its_place_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/null", dir.path().join("lock")).unwrap();
        assert!(matches!(Lock::take(&dir.path().join("lock")), Err(LockError::Io(_))));
    }
}

//! Work in a forked child that can be killed: for calls that may hang (mount, reads over NFS) and for reads as
//! another user. Parent and child talk over a socket; a child never outlives its parent.

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a killed child may take to die; one that hangs in the kernel is left behind.
const DEATH: Duration = Duration::from_millis(500);

/// Runs `work` in a process that outlives this one: of a session of its own, with nothing for input and output.
#[cfg(feature = "builder")]
pub fn detach(work: impl FnOnce()) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    #[expect(unsafe_code, reason = "the children only run `work` and leave through _exit")]
    // SAFETY: as in `Child::spawn`.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => {
            waitpid(child, None)?;
            Ok(())
        }
        ForkResult::Child => {
            // The second fork gives the process to init, so that nobody has to wait for it.
            #[expect(unsafe_code, reason = "the children only run `work` and leave through _exit")]
            // SAFETY: as above; _exit takes no pointer and does not return.
            unsafe {
                let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
                if nix::unistd::setsid().is_ok()
                    && matches!(nix::unistd::fork(), Ok(ForkResult::Child))
                    && let Ok(null) = null
                {
                    for stream in 0..=2 {
                        nix::libc::dup2(null.as_raw_fd(), stream);
                    }
                    work();
                }
                nix::libc::_exit(0)
            }
        }
    }
}

/// A child at work. Dropping it kills it.
#[derive(Debug)]
pub struct Child {
    pid: Option<Pid>,
    socket: UnixStream,
    deadline: Instant,
}

impl Child {
    /// Forks a child that runs `work` with its end of the socket, then exits.
    pub fn spawn(work: impl FnOnce(UnixStream)) -> io::Result<Child> {
        let (ours, theirs) = UnixStream::pair()?;
        let parent = nix::unistd::getpid();
        #[expect(unsafe_code, reason = "the child only runs `work` and leaves through _exit")]
        // SAFETY: the executor has one thread; in tests with more, glibc keeps its allocator usable after fork.
        match unsafe { nix::unistd::fork() }? {
            ForkResult::Parent { child } => {
                drop(theirs);
                Ok(Child { pid: Some(child), socket: ours, deadline: Instant::now() + Duration::from_secs(60) })
            }
            ForkResult::Child => {
                drop(ours);
                let alive = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).is_ok();
                // The parent may have died before the signal was set.
                if alive && nix::unistd::getppid() == parent {
                    work(theirs);
                }
                #[expect(unsafe_code, reason = "the parent's destructors and buffers are not ours to run")]
                // SAFETY: _exit takes no pointer and does not return.
                unsafe {
                    nix::libc::_exit(0)
                }
            }
        }
    }

    /// Until when reads and writes may wait.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Child {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(self.left()?))?;
        self.socket.read(buffer).map_err(late)
    }
}

impl Write for Child {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(buffer).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(pid) = self.pid.take() else { return };
        let _ = kill(pid, Signal::SIGKILL);
        let until = Instant::now() + DEATH;
        while let Ok(WaitStatus::StillAlive) = waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            if Instant::now() > until {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn late(e: io::Error) -> io::Error {
    if e.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { e }
}

/// Becomes this user and group for good, with no other groups and no way back.
pub fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    nix::unistd::setgroups(&[])?;
    nix::unistd::setresgid(gid, gid, gid)?;
    nix::unistd::setresuid(uid, uid, uid)?;
    if !uid.is_root() && nix::unistd::setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        return Err(io::Error::other("privileges came back after they were dropped"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Child;
    use std::io::{ErrorKind, Read, Write};
    use std::time::{Duration, Instant};

    #[test]
    fn parent_and_child_talk() {
        let mut child = Child::spawn(|mut socket| {
            let mut word = [0; 4];
            socket.read_exact(&mut word).unwrap();
            word.reverse();
            socket.write_all(&word).unwrap();
        })
        .unwrap();
        child.write_all(b"abcd").unwrap();
        let mut answer = String::new();
        child.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "dcba");
    }

    #[test]
    fn a_child_that_hangs_is_left_at_the_deadline() {
        let start = Instant::now();
        let mut child = Child::spawn(|_socket| std::thread::sleep(Duration::from_secs(30))).unwrap();
        child.set_deadline(Instant::now() + Duration::from_millis(50));
        let e = child.read(&mut [0; 1]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::TimedOut);
        drop(child);
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

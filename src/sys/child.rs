//! Work in a forked child that can be killed: for calls that may hang (mount, reads over NFS) and for reads as
//! another user. Parent and child talk over a socket; a child never outlives its parent.

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Gid, Pid, Uid};
use std::fs::{File, OpenOptions, read_dir};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// How long a killed child may take to die; one that hangs in the kernel is left behind.
const DEATH: Duration = Duration::from_millis(500);

/// Runs `work` in a process that outlives this one: of a session of its own, with nothing for input and output.
#[cfg(feature = "builder")]
pub fn detach(work: impl FnOnce()) -> io::Result<()> {
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
                let null = null();
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
    /// Forks a child that runs `work` with its end of the socket, then exits. Of what the parent has open it keeps
    /// `keep` alone: a child that hangs in the kernel and is left behind holds no lock of the parent's, and nobody who
    /// reads the parent's output waits for it.
    pub fn spawn(keep: Option<RawFd>, work: impl FnOnce(UnixStream)) -> io::Result<Child> {
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
                    shed([Some(theirs.as_raw_fd()), keep]);
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

fn null() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Closes what the parent had open, but for `keep`. Standard streams lead nowhere from here on.
fn shed(keep: [Option<RawFd>; 2]) {
    let listed = read_dir("/proc/self/fd").map(|all| all.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()));
    // Without /proc there are at least the low ones, and nobody opens many.
    let open: Vec<RawFd> = listed.map_or_else(|_| (0..256).collect(), Iterator::collect);
    let null = null().map(IntoRawFd::into_raw_fd);
    for fd in open.into_iter().filter(|fd| !keep.contains(&Some(*fd))) {
        #[expect(unsafe_code, reason = "these belong to values of the parent, which this process never drops")]
        // SAFETY: both take numbers only; whatever the child opens later it opens after this.
        unsafe {
            match null {
                Ok(null) if fd <= 2 => nix::libc::dup2(null, fd),
                _ => nix::libc::close(fd),
            };
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
    use crate::sys::lock::Lock;
    use std::io::{BufRead, ErrorKind, Read, Write};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    #[test]
    fn parent_and_child_talk() {
        let mut child = Child::spawn(None, |mut socket| {
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
        let mut child = Child::spawn(None, |_socket| std::thread::sleep(Duration::from_secs(30))).unwrap();
        child.set_deadline(Instant::now() + Duration::from_millis(50));
        let e = child.read(&mut [0; 1]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::TimedOut);
        drop(child);
        assert!(start.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_child_holds_nothing_of_its_parents_but_what_it_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        let kept = std::fs::File::create(dir.path().join("kept")).unwrap();
        let lock = Lock::take(&dir.path().join("lock")).unwrap();
        let mut child = Child::spawn(Some(kept.as_raw_fd()), |mut socket| {
            let all = std::fs::read_dir("/proc/self/fd").unwrap();
            let leads = |e: std::fs::DirEntry| std::fs::read_link(e.path()).unwrap_or_default().display().to_string();
            let open: Vec<String> = all.map(|e| leads(e.unwrap())).collect();
            socket.write_all(format!("{}\n", open.join(" ")).as_bytes()).unwrap();
            std::thread::sleep(Duration::from_secs(30));
        })
        .unwrap();
        child.set_deadline(Instant::now() + Duration::from_secs(10));
        let mut open = String::new();
        std::io::BufReader::new(&mut child).read_line(&mut open).unwrap();
        let words: Vec<&str> = open.split_whitespace().collect();
        assert!(words.starts_with(&["/dev/null"; 3]) && !words.iter().any(|word| word.starts_with("pipe:")), "{open}");
        assert!(words.iter().any(|word| word.ends_with("/kept")) && !open.contains("/lock"), "{open}");
        // It hangs: neither its parent's lock nor who reads the parent's output waits for it.
        drop(lock);
        Lock::take(&dir.path().join("lock")).unwrap();
        drop(writer);
        assert_eq!((&reader).read(&mut [0; 1]).unwrap(), 0);
    }
}

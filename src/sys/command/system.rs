//! Runs commands on this machine. Each gets its own process group, so that a deadline ends its children too.

use super::{Command, CommandError, Output, PATH, Runner};
use crate::plan::limits;
use crate::sys::identity;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a group may take to end after TERM before it gets KILL.
const GRACE: Duration = Duration::from_secs(2);
/// How often an ended child is looked for while a daemon of its holds its pipes open.
const TICK: Duration = Duration::from_millis(25);

/// Runs commands with a clean environment.
#[derive(Clone, Debug)]
pub struct SystemRunner {
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
}

impl Default for SystemRunner {
    fn default() -> SystemRunner {
        SystemRunner::new()
    }
}

impl SystemRunner {
    /// A runner whose commands see PATH, HOME and LANG only.
    pub fn new() -> SystemRunner {
        let path = std::env::var_os("PATH").filter(|p| !p.is_empty()).unwrap_or_else(|| PATH.into());
        let home = std::env::var_os("HOME").filter(|h| !h.is_empty()).unwrap_or_else(|| "/root".into());
        SystemRunner::with_environment([
            ("PATH".into(), path),
            ("HOME".into(), home),
            ("LANG".into(), "C.UTF-8".into()),
        ])
    }

    /// A runner whose commands see exactly these variables (`compute-init apply` hands over its own).
    pub fn with_environment(environment: impl IntoIterator<Item = (OsString, OsString)>) -> SystemRunner {
        SystemRunner { environment: environment.into_iter().collect(), directory: "/".into() }
    }

    /// Where commands run that name no directory of their own; `/` otherwise.
    pub fn in_directory(mut self, directory: &Path) -> SystemRunner {
        directory.clone_into(&mut self.directory);
        self
    }

    fn path<'a>(&'a self, env: &'a [(OsString, OsString)]) -> &'a OsStr {
        let last = |list: &'a [(OsString, OsString)]| list.iter().rev().find(|(k, _)| k == "PATH").map(|(_, v)| v);
        last(env).or_else(|| last(&self.environment)).map_or(OsStr::new(PATH), OsString::as_os_str)
    }

    fn spawn(&self, command: &Command) -> Result<Child, CommandError> {
        let program = command.argv.first().ok_or_else(|| CommandError::NotFound(String::new()))?;
        let shown = program.to_string_lossy().into_owned();
        let full = if program.as_bytes().contains(&b'/') {
            PathBuf::from(program)
        } else {
            search(self.path(&command.env), program).ok_or_else(|| CommandError::NotFound(shown.clone()))?
        };
        let mut child = std::process::Command::new(&full);
        child.arg0(program).args(&command.argv[1..]).env_clear();
        child.envs(self.environment.iter().map(|(k, v)| (k, v))).envs(command.env.iter().map(|(k, v)| (k, v)));
        // A child that is to run where we are, as who we are, is spawned without a copy of our memory.
        let directory = command.cwd.as_deref().unwrap_or(&self.directory);
        if !std::env::current_dir().is_ok_and(|here| here == directory) {
            child.current_dir(directory);
        }
        child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !command.detached {
            child.process_group(0);
        }
        become_other(&mut child, command);
        child.spawn().map_err(|e| match e.kind() {
            ErrorKind::NotFound if !full.exists() => CommandError::NotFound(shown),
            _ => CommandError::Spawn(shown, e.to_string()),
        })
    }
}

impl Runner for SystemRunner {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let limit = command.timeout.unwrap_or(limits::COMMAND);
        let deadline = Instant::now() + limit;
        let mut child = self.spawn(command)?;
        let shown = || command.argv[0].to_string_lossy().into_owned();
        let mut pipes = Pipes::of(&mut child, command.stdin.clone());
        let end_of = ending(&child);
        let status = match converse(&mut child, &mut pipes, end_of.as_ref(), deadline) {
            Ok(status) => status,
            Err(why) => {
                end(&mut child);
                return Err(CommandError::Spawn(shown(), why.to_string()));
            }
        };
        match status {
            Some(status) => Ok(Output { rc: code(status), stdout: pipes.stdout, stderr: pipes.stderr }),
            None => {
                end(&mut child);
                Err(CommandError::Timeout(shown(), limit))
            }
        }
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            return executable(Path::new(program)).then(|| program.into());
        }
        let ours = search(self.path(&[]), OsStr::new(program));
        // Administrators' tools are found from a PATH without sbin too, as Ansible does.
        ours.or_else(|| search(OsStr::new("/sbin:/usr/sbin:/usr/local/sbin"), OsStr::new(program)))
    }
}

/// Makes the child another user, with a umask of its own, before it runs the program.
#[expect(unsafe_code, reason = "what happens between fork and exec can only be said in an unsafe closure")]
fn become_other(child: &mut std::process::Command, command: &Command) {
    let (user, umask, detached) = (command.user.clone(), command.umask, command.detached);
    // A thread that is another user for its files must not hand half of that user on to a program.
    let assumed = identity::is_assumed();
    if user.is_none() && umask.is_none() && !assumed && !detached {
        return;
    }
    let switch = move || -> io::Result<()> {
        if detached {
            nix::unistd::setsid()?;
        }
        if assumed {
            identity::regain()?;
        }
        if let Some(mask) = umask {
            nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(mask));
        }
        if let Some((uid, gid, groups)) = &user {
            // SAFETY: the pointer and the length are those of one live vector of gid_t.
            if unsafe { nix::libc::setgroups(groups.len(), groups.as_ptr()) } != 0 {
                return Err(io::Error::last_os_error());
            }
            nix::unistd::setgid((*gid).into())?;
            nix::unistd::setuid((*uid).into())?;
        }
        Ok(())
    };
    // SAFETY: the closure makes system calls only; it allocates nothing and takes no lock.
    unsafe { child.pre_exec(switch) };
}

/// The child's ends of the three pipes, and what passed through them.
struct Pipes {
    input: Option<ChildStdin>,
    pending: Vec<u8>,
    written: usize,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Pipes {
    fn of(child: &mut Child, pending: Vec<u8>) -> Pipes {
        let input = child.stdin.take().filter(|_| !pending.is_empty());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let ends = [input.as_ref().map(AsFd::as_fd), out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)];
        ends.into_iter().flatten().for_each(non_blocking);
        Pipes { input, pending, written: 0, out, err, stdout: Vec::new(), stderr: Vec::new() }
    }

    fn open(&self) -> bool {
        self.out.is_some() || self.err.is_some()
    }

    /// Waits up to `wait` for one of the pipes. Whether there was something.
    fn wait(&self, wait: Duration) -> io::Result<bool> {
        let mut fds = Vec::with_capacity(3);
        fds.extend(self.input.as_ref().map(|f| PollFd::new(f.as_fd(), PollFlags::POLLOUT)));
        fds.extend(self.out.as_ref().map(|f| PollFd::new(f.as_fd(), PollFlags::POLLIN)));
        fds.extend(self.err.as_ref().map(|f| PollFd::new(f.as_fd(), PollFlags::POLLIN)));
        wait_for(&mut fds, wait)
    }

    fn exchange(&mut self) {
        if let Some(input) = &mut self.input {
            match input.write(&self.pending[self.written..]) {
                Ok(n) => self.written += n,
                Err(e) if again(&e) => {}
                // The program does not want the rest; that is its right.
                Err(_) => self.written = self.pending.len(),
            }
            if self.written >= self.pending.len() {
                self.input = None;
            }
        }
        drain(&mut self.out, &mut self.stdout);
        drain(&mut self.err, &mut self.stderr);
    }
}

/// Reads what is there; what is beyond the bound is read and dropped, so that the program never blocks on us.
fn drain<R: Read>(from: &mut Option<R>, into: &mut Vec<u8>) {
    let mut buffer = [0; 16384];
    while let Some(pipe) = from {
        match pipe.read(&mut buffer) {
            Ok(0) => *from = None,
            Ok(n) => into.extend_from_slice(&buffer[..n.min(limits::COMMAND_OUTPUT - into.len())]),
            Err(e) if again(&e) => return,
            Err(_) => *from = None,
        }
    }
}

fn again(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn non_blocking(fd: BorrowedFd) {
    if let Ok(flags) = fcntl(fd, FcntlArg::F_GETFL) {
        // A pipe end that stays blocking would only cost the deadline, which `poll` guards already.
        let _ = fcntl(fd, FcntlArg::F_SETFL(OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK));
    }
}

/// A descriptor that is readable once the child has ended: pidfd_open(2), where the kernel has it (5.3, and earlier in
/// those of distributions).
#[expect(unsafe_code, reason = "the C library of older systems has no function for this call")]
fn ending(child: &Child) -> Option<OwnedFd> {
    // SAFETY: the call takes two numbers; the descriptor that it returns is new and nobody else's. It closes on exec.
    unsafe {
        let fd = nix::libc::syscall(nix::libc::SYS_pidfd_open, nix::libc::c_long::from(child.id()), 0_i64);
        i32::try_from(fd).ok().filter(|fd| *fd >= 0).map(|fd| OwnedFd::from_raw_fd(fd))
    }
}

/// Feeds and reads the child until it ended (`Some`) or the deadline passed (`None`).
fn converse(
    child: &mut Child,
    pipes: &mut Pipes,
    end_of: Option<&OwnedFd>,
    deadline: Instant,
) -> io::Result<Option<ExitStatus>> {
    let left = || deadline.saturating_duration_since(Instant::now());
    while pipes.open() {
        if left().is_zero() {
            return Ok(None);
        }
        let ready = pipes.wait(left().min(TICK))?;
        pipes.exchange();
        // A daemon that the command left behind may hold its pipes for ever; the command is over all the same.
        if !ready && let Some(status) = child.try_wait()? {
            pipes.exchange();
            return Ok(Some(status));
        }
    }
    pipes.input = None;
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if left().is_zero() {
            return Ok(None);
        }
        match end_of {
            Some(fd) => wait_for(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], left())?,
            None => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(TICK);
                false
            }
        };
    }
}

/// Waits up to `wait`, in whole milliseconds upwards. Whether there was something, or a signal.
fn wait_for(fds: &mut [PollFd], wait: Duration) -> io::Result<bool> {
    let wait = wait.max(Duration::from_millis(1));
    match poll(fds, PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(true),
        Err(e) => Err(e.into()),
    }
}

/// Ends the child's whole group: first asked, then killed.
fn end(child: &mut Child) {
    let group = Pid::from_raw(child.id().cast_signed());
    let _ = killpg(group, Signal::SIGTERM);
    let until = Instant::now() + GRACE;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().unwrap_or(0))
}

/// The first executable `program` in a PATH.
pub(super) fn search(path: &OsStr, program: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path).map(|dir| dir.join(program)).find(|p| executable(p))
}

fn executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(argv: &[&str], change: impl FnOnce(&mut Command)) -> Result<Output, CommandError> {
        let mut command = Command::new(argv);
        change(&mut command);
        SystemRunner::new().run(&command)
    }

    #[test]
    fn large_input_and_output_do_not_deadlock() {
        let big = vec![b'x'; 3 << 20];
        let out = run(&["cat"], |c| c.stdin = big.clone()).unwrap();
        assert_eq!((out.rc, out.stdout.len()), (0, big.len()));
    }

    #[test]
    fn input_that_nobody_reads_is_no_error() {
        let out = run(&["true"], |c| c.stdin = vec![b'x'; 3 << 20]).unwrap();
        assert_eq!(out.rc, 0);
    }

    #[test]
    fn output_is_cut_at_its_bound() {
        let out = run(&["head", "-c", "17825792", "/dev/zero"], |_| {}).unwrap();
        assert_eq!((out.rc, out.stdout.len()), (0, limits::COMMAND_OUTPUT));
    }

    #[test]
    fn a_deadline_ends_the_children_too() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch {0}) & trap '' TERM; sleep 30", mark.display());
        let started = Instant::now();
        let end = run(&["sh", "-c", &script], |c| c.timeout = Some(Duration::from_millis(200)));
        assert_eq!(end.unwrap_err(), CommandError::Timeout("sh".into(), Duration::from_millis(200)));
        assert!(started.elapsed() < Duration::from_secs(8));
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!mark.exists(), "a child outlived the deadline");
    }

    #[test]
    fn a_daemon_left_behind_does_not_hold_us() {
        let started = Instant::now();
        let out = run(&["sh", "-c", "sleep 5 & echo started"], |_| {}).unwrap();
        assert_eq!(out.stdout, b"started\n");
        assert!(started.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn the_environment_is_clean() {
        let out = run(&["env"], |c| c.env.push(("ANSWER".into(), "42".into()))).unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        let mut names: Vec<&str> = text.lines().filter_map(|l| l.split_once('=')).map(|(k, _)| k).collect();
        names.sort_unstable();
        assert_eq!(names, ["ANSWER", "HOME", "LANG", "PATH"]);
    }

    #[test]
    fn a_signal_is_a_negative_code() {
        assert_eq!(run(&["sh", "-c", "kill -9 $$"], |_| {}).unwrap().rc, -9);
    }

    #[test]
    fn missing_and_broken_programs_are_told_apart() {
        assert_eq!(run(&["no-such-program"], |_| {}), Err(CommandError::NotFound("no-such-program".into())));
        assert_eq!(run(&["/no/such/program"], |_| {}), Err(CommandError::NotFound("/no/such/program".into())));
        assert!(matches!(run(&["/etc/passwd"], |_| {}), Err(CommandError::Spawn(..))));
        assert!(matches!(run(&[], |_| {}), Err(CommandError::NotFound(_))));
        assert!(matches!(run(&["true"], |c| c.cwd = Some("/no/such/dir".into())), Err(CommandError::Spawn(..))));
    }

    #[test]
    fn another_user_gets_that_users_ids_and_umask() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let out = run(&["sh", "-c", "id -u; id -g; id -G; umask"], |c| {
            c.user = Some((65534, 65533, vec![65533, 4242]));
            c.umask = Some(0o027);
        });
        assert_eq!(String::from_utf8(out.unwrap().stdout).unwrap(), "65534\n65533\n65533 4242\n0027\n");
    }
}

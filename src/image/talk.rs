//! Talks with a program of this machine (ssh, srun, clush) while somebody watches: its lines as they come, and an end to it
//! when its time is up. It must not run what is to stay within a node's bounds: `sys::command` does that.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of one line; what is longer comes in pieces.
const LINE: u64 = 1 << 20;
/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long a program may be silent before it is looked at whether it has ended.
const SILENCE: Duration = Duration::from_secs(1);
/// How long after its end what it said is still listened to, where its output stays open.
const LINGER: Duration = Duration::from_secs(5);
/// How often a program is looked at that is about to end.
const TICK: Duration = Duration::from_millis(2);

/// Until when something may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    limit: Duration,
    until: Instant,
}

impl Deadline {
    /// So long from now on.
    pub(super) fn of(limit: Duration) -> Deadline {
        Deadline { limit, until: Instant::now() + limit }
    }

    pub(super) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} s (--deadline)", self.limit.as_secs_f32())
    }
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, with this code; -1 where a signal ended it.
    Code(i32),
    /// Its time was up, and it was ended.
    Late,
}

/// Runs `command`, gives it `input`, and hands on each line that it says.
pub(super) fn talk(
    mut command: Command,
    input: Vec<u8>,
    deadline: &Deadline,
    say: &mut dyn FnMut(Stream, &str),
) -> io::Result<Ended> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read to the end says so with the exit code.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    let (to, heard) = sync_channel(64);
    if let Some(out) = child.stdout.take() {
        listen(Stream::Out, out, to.clone());
    }
    if let Some(err) = child.stderr.take() {
        listen(Stream::Err, err, to);
    }
    let mut ended = None;
    loop {
        let left = deadline.left();
        match heard.recv_timeout(left.min(if ended.is_none() { SILENCE } else { LINGER })) {
            Ok((stream, line)) if !left.is_zero() => {
                say(stream, &line);
                continue;
            }
            // It has closed its output, and is about to end.
            Err(RecvTimeoutError::Disconnected) => match child.try_wait()? {
                Some(status) => return Ok(Ended::Code(status.code().unwrap_or(-1))),
                None => thread::sleep(TICK),
            },
            _ => match ended {
                // What it left behind holds its output open, and had a while to say something after its end.
                Some(code) => return Ok(Ended::Code(code)),
                None => ended = child.try_wait()?.map(|status| status.code().unwrap_or(-1)),
            },
        }
        if left.is_zero() {
            // A thread that still reads is left to the pipe's end.
            return end(&mut child).map(|()| Ended::Late);
        }
    }
}

fn listen(stream: Stream, from: impl Read + Send + 'static, to: SyncSender<(Stream, String)>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.by_ref().take(LINE).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            if to.send((stream, text)).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// Asks the program to end, then makes it. It alone: in a group of its own it would not hear Ctrl-C either.
fn end(child: &mut Child) -> io::Result<()> {
    let pid = Pid::from_raw(child.id().cast_signed());
    let until = Instant::now() + GRACE;
    let mut signal = Some(Signal::SIGTERM);
    while child.try_wait()?.is_none() {
        if let Some(signal) = signal.take() {
            kill(pid, signal)?;
        }
        if Instant::now() > until {
            child.kill()?;
            child.wait()?;
            return Ok(());
        }
        thread::sleep(TICK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Deadline, Ended, Stream, talk};
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn shell(script: &str, input: &str, limit: Duration) -> (Ended, Vec<(Stream, String)>) {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let mut said = Vec::new();
        let input = input.as_bytes().to_vec();
        let mut say = |stream, line: &str| said.push((stream, line.to_owned()));
        let ended = talk(command, input, &Deadline::of(limit), &mut say).unwrap();
        (ended, said)
    }

    #[test]
    fn what_is_said_is_told_with_its_stream_and_the_code() {
        let (ended, said) =
            shell("read x; echo \"got $x\"; echo no >&2; printf end; exit 3", "word\n", Duration::from_secs(60));
        let of = |wanted| said.iter().filter(|(s, _)| *s == wanted).map(|(_, l)| l.as_str()).collect::<Vec<_>>();
        assert_eq!((ended, of(Stream::Out), of(Stream::Err)), (Ended::Code(3), vec!["got word", "end"], vec!["no"]));
        assert_eq!(shell("kill -9 $$", "", Duration::from_secs(60)).0, Ended::Code(-1));
    }

    #[test]
    fn what_hangs_is_ended() {
        let start = Instant::now();
        // Silent, talking for ever, deaf to TERM, and with its output closed.
        for script in [
            "exec sleep 300",
            "while :; do echo x; sleep 0.01; done",
            "trap '' TERM; echo deaf; while :; do sleep 1; done",
            "exec sleep 300 > /dev/null 2>&1",
        ] {
            assert_eq!(shell(script, "", Duration::from_millis(300)).0, Ended::Late, "{script}");
        }
        // What it left behind and holds its output is not waited for.
        assert_eq!(shell("sleep 60 & exit 7", "", Duration::from_secs(600)).0, Ended::Code(7));
        assert!(start.elapsed() < Duration::from_secs(240));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let limit = Deadline::of(Duration::from_secs(60));
        assert!(talk(Command::new("/none/there"), Vec::new(), &limit, &mut |_, _| ()).is_err());
    }
}

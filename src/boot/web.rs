//! An export on a web server or an object store: `http://` by our own client, `https://` by the node's curl, for the
//! executor carries no TLS. What comes is verified all the same.

use super::session::Backoff;
use crate::bundle::generation::Fetch;
use crate::sys::command::{Command, CommandError, Runner};
use crate::sys::http::{HttpError, Request};
use crate::sys::resolve;
use std::io;
use std::time::{Duration, Instant};

/// Time for one answer, so that several are tried within the deadline.
const ANSWER: Duration = Duration::from_secs(15);

/// A place on the web, reached until a deadline.
pub struct Web<'a> {
    base: String,
    runner: &'a dyn Runner,
    until: Instant,
}

/// One answer: the file, or that there is none; an error that another try may not meet; one that it will.
enum Answer {
    There(Vec<u8>),
    Absent,
    Again(String),
    Never(io::Error),
}

impl<'a> Web<'a> {
    /// Files beneath the URL `base`, asked for until `until`.
    pub fn new(base: &str, runner: &'a dyn Runner, until: Instant) -> Web<'a> {
        Web { base: base.trim_end_matches('/').to_owned(), runner, until }
    }

    fn ask(&self, path: &str, limit: u64) -> Answer {
        let url = format!("{}/{path}", self.base);
        let deadline = self.until.min(Instant::now() + ANSWER);
        if url.starts_with("https://") {
            self.by_curl(&url, limit, deadline)
        } else {
            self.plainly(&url, limit, deadline)
        }
    }

    fn plainly(&self, url: &str, limit: u64, deadline: Instant) -> Answer {
        let mut request = Request::get(url, deadline, limit);
        request.headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        let resolve = |name: &str| resolve::addresses(name, self.runner, Duration::from_secs(5));
        match request.send(&resolve) {
            Ok(response) => by_status(response.status, response.body),
            Err(HttpError::TooLarge(..)) => Answer::Never(io::Error::from_raw_os_error(nix::libc::EFBIG)),
            Err(e @ HttpError::Url(..)) => Answer::Never(io::Error::new(io::ErrorKind::InvalidInput, e.to_string())),
            Err(e) => Answer::Again(e.to_string()),
        }
    }

    fn by_curl(&self, url: &str, limit: u64, deadline: Instant) -> Answer {
        let left = deadline.saturating_duration_since(Instant::now());
        // On its input, not in its arguments, which every user of the node can read: a URL may hold a password.
        let config = format!(
            "url = \"{}\"\nproto = \"=https\"\nsilent\nshow-error\ngloboff\nmax-time = {}\nmax-filesize = {limit}\n\
             header = \"Cache-Control: no-cache\"\nwrite-out = \"\\n%{{http_code}}\"\n",
            url.replace('\\', "\\\\").replace('"', "\\\""),
            left.as_secs().max(1)
        );
        let command = Command {
            stdin: config.into_bytes(),
            timeout: Some(left + Duration::from_secs(1)),
            secret: true,
            read_only: true,
            ..Command::new(["curl", "--disable", "--config", "-"])
        };
        match self.runner.run(&command) {
            Err(CommandError::NotFound(_)) => {
                let why = "the node has no curl, which https:// needs";
                Answer::Never(io::Error::new(io::ErrorKind::Unsupported, why))
            }
            Err(e) => Answer::Again(e.to_string()),
            // 63: larger than max-filesize.
            Ok(output) if output.rc == 63 => Answer::Never(io::Error::from_raw_os_error(nix::libc::EFBIG)),
            Ok(output) if output.rc != 0 => {
                let said = String::from_utf8_lossy(&output.stderr);
                Answer::Again(said.lines().next().unwrap_or("curl failed").chars().take(200).collect())
            }
            Ok(output) => {
                let Some(at) = output.stdout.iter().rposition(|b| *b == b'\n') else {
                    return Answer::Again("curl said nothing".to_owned());
                };
                let status = std::str::from_utf8(&output.stdout[at + 1..]).ok().and_then(|s| s.parse().ok());
                let mut body = output.stdout;
                body.truncate(at);
                if body.len() as u64 > limit {
                    return Answer::Never(io::Error::from_raw_os_error(nix::libc::EFBIG));
                }
                by_status(status.unwrap_or(0), body)
            }
        }
    }
}

fn by_status(status: u16, body: Vec<u8>) -> Answer {
    match status {
        200 => Answer::There(body),
        404 | 410 => Answer::Absent,
        401 | 403 => {
            Answer::Never(io::Error::new(io::ErrorKind::PermissionDenied, format!("the server answers {status}")))
        }
        _ => Answer::Again(format!("the server answers {status}")),
    }
}

impl Fetch for Web<'_> {
    /// Asks until there is an answer or the deadline is over, with growing pauses in which chance has a part.
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10), self.until);
        loop {
            match self.ask(path, limit) {
                Answer::There(bytes) => return Ok(Some(bytes)),
                Answer::Absent => return Ok(None),
                Answer::Never(e) => return Err(e),
                Answer::Again(why) if !backoff.wait() => return Err(io::Error::new(io::ErrorKind::TimedOut, why)),
                Answer::Again(_) => {}
            }
        }
    }
}

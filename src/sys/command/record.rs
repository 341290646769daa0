//! Remembers what was run, for reports. Arguments of secret commands are never kept.

use super::{Command, CommandError, Output, Runner};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A command that was run.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its words; of a secret command the program's only.
    pub argv: Vec<String>,
    /// Its exit code; `None` where it did not end.
    pub rc: Option<i32>,
    /// Milliseconds it took.
    pub ms: f64,
    /// It only looked.
    pub read_only: bool,
    /// It was really run here; a sandbox answers for some instead.
    pub ran: bool,
}

impl Record {
    pub(super) fn of(command: &Command) -> Record {
        let shown = if command.secret { 1 } else { command.argv.len() };
        let mut argv: Vec<String> = command.argv.iter().take(shown).map(|a| a.to_string_lossy().into_owned()).collect();
        if command.argv.len() > shown {
            argv.push("[arguments hidden]".to_owned());
        }
        Record { argv, rc: None, ms: 0.0, read_only: command.read_only, ran: true }
    }
}

/// A runner that keeps a record of what another one ran.
pub struct Recorder<'a> {
    inner: &'a dyn Runner,
    records: RefCell<Vec<Record>>,
    spent: Cell<Duration>,
}

impl<'a> Recorder<'a> {
    /// Records what `inner` runs.
    pub fn new(inner: &'a dyn Runner) -> Recorder<'a> {
        Recorder { inner, records: RefCell::default(), spent: Cell::default() }
    }

    /// What was run since the last call.
    pub fn take(&self) -> Vec<Record> {
        self.records.take()
    }

    /// Time spent in commands in all.
    pub fn spent(&self) -> Duration {
        self.spent.get()
    }
}

impl Runner for Recorder<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let started = Instant::now();
        let result = self.inner.run(command);
        let took = started.elapsed();
        self.spent.set(self.spent.get() + took);
        let rc = result.as_ref().ok().map(|o| o.rc);
        self.records.borrow_mut().push(Record { rc, ms: took.as_secs_f64() * 1e3, ..Record::of(command) });
        result
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        self.inner.which(program)
    }
}

#[cfg(test)]
mod tests {
    use super::super::SystemRunner;
    use super::*;

    #[test]
    fn keeps_words_codes_and_time_but_no_secrets() {
        let system = SystemRunner::new();
        let recorder = Recorder::new(&system);
        recorder.run(&Command::new(["sh", "-c", "exit 3"]).read_only()).unwrap();
        recorder.run(&Command { secret: true, ..Command::new(["echo", "hunter2"]) }).unwrap();
        recorder.run(&Command::new(["no-such-program"])).unwrap_err();
        assert!(recorder.spent() > Duration::ZERO);
        let records = recorder.take();
        let seen: Vec<_> = records.iter().map(|r| (r.argv.join(" "), r.rc, r.read_only)).collect();
        assert_eq!(
            seen,
            [
                ("sh -c exit 3".to_owned(), Some(3), true),
                ("echo [arguments hidden]".to_owned(), Some(0), false),
                ("no-such-program".to_owned(), None, false)
            ]
        );
        assert!(recorder.take().is_empty());
    }
}

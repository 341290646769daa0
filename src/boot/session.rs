//! What all stages share: flags, configuration, the runner, the status under way, and lines for the journal.

use super::config::Config;
use super::options::Options;
use super::report::Sender;
use super::stop::Stop;
use crate::plan::status::{Recap, StageReport, State, Status};
use crate::sys::command::{Command, CommandError, Output, Recorder, Runner};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A boot under way.
pub struct Session<'a> {
    /// The command line.
    pub options: &'a Options,
    /// The configuration.
    pub config: Config,
    /// Runs commands, and adds up their time.
    pub runner: &'a Recorder<'a>,
    /// The node's short host name.
    pub host: String,
    /// What `status.json` will say.
    pub status: Status,
    /// What a report to the control node is made with, once a generation was staged.
    pub sender: Option<Sender>,
    started: Instant,
    out: &'a mut dyn Write,
}

impl<'a> Session<'a> {
    /// A boot that starts now.
    pub fn new(
        options: &'a Options,
        config: Config,
        host: String,
        runner: &'a Recorder<'a>,
        out: &'a mut dyn Write,
    ) -> Session<'a> {
        let status = Status {
            format: 1,
            state: State::Running,
            message: "a boot is under way".to_owned(),
            hint: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bundle: None,
            signer: None,
            generation: None,
            host: Some(host.clone()),
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()),
            elapsed_ms: 0.0,
            commands_ms: 0.0,
            stages: Vec::new(),
            tasks: Vec::new(),
            recap: Recap::default(),
        };
        Session { options, config, runner, host, status, sender: None, started: Instant::now(), out }
    }

    /// Runs one stage, and reports its time and what it found.
    pub fn stage<T>(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Session<'a>) -> Result<(T, String), Stop>,
    ) -> Result<T, Stop> {
        let start = Instant::now();
        let result = work(self);
        let ms = millis(start.elapsed());
        let note = match &result {
            Ok((_, note)) => note.clone(),
            Err(stop) => stop.message.clone(),
        };
        self.line(&format!("{name:<8}{:>9}  {note}", show(ms)));
        self.status.stages.push(StageReport { name: name.to_owned(), ms, note });
        result.map(|(value, _)| value)
    }

    /// A line for people. A journal that is gone must not end a boot.
    pub fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
        let _ = self.out.flush();
    }

    /// Whether this boot leaves a report: checks and what an initramfs applies leave none, for the boot itself follows.
    pub fn reports(&self) -> bool {
        !self.options.check && !self.options.early
    }

    /// Where lines go, for what ends before there is a status.
    pub fn out(&mut self) -> &mut dyn Write {
        self.out
    }

    /// Fills in how it ended.
    pub fn finish(&mut self, state: State, message: String, hint: Option<String>) {
        self.status.state = state;
        self.status.message = message;
        self.status.hint = hint;
        self.status.elapsed_ms = millis(self.started.elapsed());
        self.status.commands_ms = millis(self.runner.spent());
    }

    /// The last lines: what `systemctl status` shows.
    pub fn conclusion(&mut self) {
        let status = &self.status;
        let recap = status.recap;
        let times: Vec<String> = status.stages.iter().map(|s| format!("{} {}", s.name, show(s.ms))).collect();
        let mut lines = vec![format!("stages   {}", times.join(", "))];
        if status.stages.iter().any(|s| s.name == "apply") {
            lines.push(format!(
                "recap    ok={} changed={} failed={} skipped={} rescued={} ignored={}",
                recap.ok, recap.changed, recap.failed, recap.skipped, recap.rescued, recap.ignored
            ));
        }
        let elapsed = show(status.elapsed_ms);
        lines.push(format!(
            "{}: {} (in {elapsed}, commands {})",
            status.state,
            status.message,
            show(status.commands_ms)
        ));
        if let Some(hint) = &status.hint {
            lines.push(format!("hint: {hint}"));
        }
        for line in lines {
            self.line(&line);
        }
    }

    /// The directory for staged generations.
    pub fn staged_dir(&self) -> PathBuf {
        self.config.state_dir.join("staged")
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Milliseconds as people read them.
fn show(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.1}ms") } else { format!("{:.2}s", ms / 1000.0) }
}

/// A runner whose commands all end before a common deadline.
pub struct Bounded<'a> {
    inner: &'a dyn Runner,
    until: Instant,
}

impl<'a> Bounded<'a> {
    /// Commands of `inner`, none past `until`.
    pub fn new(inner: &'a dyn Runner, until: Instant) -> Bounded<'a> {
        Bounded { inner, until }
    }
}

impl Runner for Bounded<'_> {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(CommandError::Timeout(command.program(), Duration::ZERO));
        }
        let own = command.timeout.unwrap_or(crate::plan::limits::COMMAND);
        self.inner.run(&Command { timeout: Some(own.min(left)), ..command.clone() })
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        self.inner.which(program)
    }
}

/// Waits that grow, with some chance in them so that a whole cluster does not knock at once.
pub struct Backoff {
    next: Duration,
    most: Duration,
    until: Instant,
}

impl Backoff {
    /// Waits from `first` up to `most`, until the deadline.
    pub fn new(first: Duration, most: Duration, until: Instant) -> Backoff {
        Backoff { next: first, most, until }
    }

    /// When it ends.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Waits; false where the deadline would pass.
    pub fn wait(&mut self) -> bool {
        let left = self.until.saturating_duration_since(Instant::now());
        let pause = self.next.mul_f64(0.75 + chance() / 2.0);
        if pause >= left {
            return false;
        }
        std::thread::sleep(pause);
        self.next = (self.next * 2).min(self.most);
        true
    }
}

/// From 0 to 1, so that nodes differ: from the clock's last digits and our id. Nothing secret depends on it.
pub fn chance() -> f64 {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    f64::from((nanos ^ std::process::id().wrapping_mul(2_654_435_761)) % 1024) / 1024.0
}

//! The sixth stage: run the plan on this node, and tell the journal what changes.

use super::overlay::Scope;
use super::session::{Bounded, Session};
use super::stop::Stop;
use crate::apply::{self, Blobs, Event, FactSource, Listener, Outcome, Report, TaskStart};
use crate::bundle::Verified;
use crate::modules;
use crate::plan::status::Recap;
use crate::plan::{Data, FileRef};
use std::io;
use std::rc::Rc;
use std::time::Instant;

/// The tag of tasks that an initramfs can do: files that need no service.
const EARLY: &str = "stage:initramfs";

/// The proof that every task ended well; made nowhere else.
pub struct Applied(());

/// Files of the bundle, verified again as they are read.
struct Files<'a>(&'a Verified);

impl Blobs for Files<'_> {
    fn read(&self, path: &str, file: &FileRef) -> io::Result<Vec<u8>> {
        self.0.file(file).map_err(|e| io::Error::other(format!("{path}: {e}")))
    }
}

/// Runs the plan.
pub fn run(session: &mut Session, scope: Scope, facts: Rc<dyn FactSource>) -> Result<(Applied, String), Stop> {
    let Scope { verified, inventory, extra, trial } = scope;
    let until = Instant::now() + session.config.deadlines.apply;
    let runner = Bounded::new(session.runner, until);
    let early = session.options.early;
    let options = apply::Options {
        tags: if early { vec![EARLY.to_owned()] } else { Vec::new() },
        // Nothing runs yet that could be told of a change.
        no_handlers: early,
        check: session.options.check,
        diff: session.options.diff,
        extra,
        deadline: Some(until),
        verbosity: session.options.verbose,
        ..apply::Options::default()
    };
    let world = apply::World {
        plan: verified.plan(),
        blobs: &Files(&verified),
        modules: modules::on_node,
        runner: &runner,
        facts,
        inventory: &inventory,
        options: &options,
        #[cfg(feature = "builder")]
        later: None,
        #[cfg(feature = "builder")]
        elsewhere: None,
        #[cfg(feature = "builder")]
        growing: None,
    };
    let report = apply::run(&world, &mut Journal { session, task: None });
    drop(trial);
    finish(session, report)
}

fn finish(session: &mut Session, report: Report) -> Result<(Applied, String), Stop> {
    let recap = report.recap;
    session.status.recap = recap;
    session.status.tasks = report.tasks;
    let Some(failed) = report.failed else {
        let would = if session.options.check { "would change" } else { "changed" };
        let note = format!("{} tasks ok, {} {would}", recap.ok, recap.changed);
        return Ok((Applied(()), note));
    };
    let role = failed.role.as_deref().map(|r| format!("role {r}: ")).unwrap_or_default();
    let message = failed.message.lines().next().unwrap_or("").chars().take(300).collect::<String>();
    Err(Stop::failed(format!("{role}task {} failed at {}: {message}", failed.task, failed.place))
        .hint("mend the variables or the role, then restart compute-init.service")
        .reason(format!("{role}task {} failed", failed.task)))
}

/// Lines for the journal: a line per changed or failed task; more with `-v`.
struct Journal<'s, 'a> {
    session: &'s mut Session<'a>,
    task: Option<String>,
}

impl Listener for Journal<'_, '_> {
    fn play(&mut self, _: &str) {}

    fn task(&mut self, task: &TaskStart) {
        let role = task.role.map(|r| format!("{r}: ")).unwrap_or_default();
        self.task = Some(format!("{role}{}", task.name));
    }

    fn result(&mut self, event: &Event) {
        if self.session.options.diff {
            for diff in event.diff {
                let text = apply::diff::unified(diff);
                text.lines().for_each(|line| self.session.line(line));
            }
        }
        // Items are told as one; their labels may hold what is in their variables.
        if event.item.is_some() && !event.aggregate {
            return;
        }
        let shown = match event.outcome {
            Outcome::Changed | Outcome::Failed | Outcome::Ignored => true,
            Outcome::Ok => self.session.options.verbose > 0,
            Outcome::Skipped => self.session.options.verbose > 1,
        };
        if shown {
            let task = self.task.as_deref().unwrap_or("?");
            let line = format!("  {:<8} {task}", event.outcome.word());
            self.session.line(&line);
        }
    }

    fn retry(&mut self, left: u64) {
        if self.session.options.verbose > 0 {
            let task = self.task.as_deref().unwrap_or("?");
            let line = format!("  retrying {task} ({left} left)");
            self.session.line(&line);
        }
    }

    fn warning(&mut self, text: &str) {
        self.session.line(&format!("  warning  {text}"));
    }

    fn no_hosts(&mut self) {}

    fn included(&mut self, file: &str, _: Option<&Data>) {
        if self.session.options.verbose > 1 {
            self.session.line(&format!("  included {file}"));
        }
    }

    fn recap(&mut self, _: &Recap) {}
}

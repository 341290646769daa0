//! What a run tells while it goes on, and what it leaves behind.

use crate::modules::Diff;
use crate::plan::status::{Recap, TaskReport};
use crate::plan::{Data, Map};

/// A task (or handler) that starts.
#[derive(Debug)]
pub struct TaskStart<'a> {
    /// The role it belongs to.
    pub role: Option<&'a str>,
    /// Its name, templated as far as possible.
    pub name: &'a str,
    /// The author gave the name; else it is the action's.
    pub named: bool,
    /// `path:line:column`.
    pub place: &'a str,
    /// It is a handler.
    pub handler: bool,
}

/// How a task, or one item of its loop, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing had to change.
    Ok,
    /// Something changed.
    Changed,
    /// Its conditions were false.
    Skipped,
    /// It failed.
    Failed,
    /// It failed, and the author said to go on.
    Ignored,
}

impl Outcome {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Changed => "changed",
            Outcome::Skipped => "skipped",
            Outcome::Failed => "failed",
            Outcome::Ignored => "ignored",
        }
    }
}

/// A result, as far as it may be shown: under `no_log` there is nothing in it but its outcome.
#[derive(Debug)]
pub struct Event<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The label of a loop's item; `None` for a task without a loop, or for its aggregate.
    pub item: Option<&'a Data>,
    /// This is the whole of a loop: its items were told before.
    pub aggregate: bool,
    /// The result.
    pub result: &'a Map,
    /// The module that gave it.
    pub action: &'a str,
    /// Differences, in diff mode.
    pub diff: &'a [Diff],
    /// The name under which delegate_to named this host.
    pub delegated: Option<&'a str>,
}

/// Hears what happens.
pub trait Listener {
    /// A play starts.
    fn play(&mut self, name: &str);
    /// A task starts.
    fn task(&mut self, task: &TaskStart);
    /// A task, an item, or the whole of a loop ended.
    fn result(&mut self, event: &Event);
    /// An attempt of `until` did not succeed yet.
    fn retry(&mut self, left: u64);
    /// Something the author should know.
    fn warning(&mut self, text: &str);
    /// A file was included, for an item of a loop where there is one.
    fn included(&mut self, file: &str, item: Option<&Data>);
    /// A play has nothing to do with this host.
    fn no_hosts(&mut self);
    /// The plays are over.
    fn recap(&mut self, recap: &Recap);
    /// A task is run as a user (`-vvvv`).
    #[cfg(feature = "builder")]
    fn becoming(&mut self, _user: &str) {}
    /// A task that would be met, with its tags (`--list-tasks`).
    #[cfg(feature = "builder")]
    fn listed(&mut self, _task: &TaskStart, _tags: &[String]) {}
}

/// A listener that keeps silent.
#[derive(Debug, Default)]
pub struct Quiet;

impl Listener for Quiet {
    fn play(&mut self, _: &str) {}
    fn task(&mut self, _: &TaskStart) {}
    fn result(&mut self, _: &Event) {}
    fn retry(&mut self, _: u64) {}
    fn warning(&mut self, _: &str) {}
    fn included(&mut self, _: &str, _: Option<&Data>) {}
    fn no_hosts(&mut self) {}
    fn recap(&mut self, _: &Recap) {}
}

/// The task that ended the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Its role.
    pub role: Option<String>,
    /// Its name.
    pub task: String,
    /// `path:line:column`.
    pub place: String,
    /// What went wrong; censored under `no_log`.
    pub message: String,
}

/// What a run leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The counts.
    pub recap: Recap,
    /// Every task that ran, in order.
    pub tasks: Vec<TaskReport>,
    /// The failure that ended the run.
    pub failed: Option<Failed>,
    /// It ends the run of the other hosts too (`any_errors_fatal`).
    pub for_all: bool,
    /// Registered results and set_facts, for callers that look at them.
    pub registered: Map,
}

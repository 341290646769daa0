//! The output of `apply`: what ansible-playbook's default callback prints, line for line where scripts look at it.

use super::stats::Stats;
use crate::apply::{Event, Listener, Outcome, TaskStart, diff::unified};
use crate::modules::ALWAYS_SHOWN;
use crate::plan::status::Recap;
use crate::plan::{Data, Key, Map};
use crate::vars::vault::Keyring;
use crate::vars::{JsonStyle, Value, json_text};
use std::io::{self, Write};
use std::rc::Rc;

/// Prints plays, tasks and results.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    host: String,
    /// The task that runs, with its role.
    title: String,
    retried: String,
    verbosity: u8,
    diff: bool,
    /// What must not be shown of results and differences.
    keyring: Rc<Keyring>,
    /// What `set_stats` collects, where it is shown.
    stats: Option<Stats>,
    /// The first write that failed; nothing is printed after it.
    error: Option<io::Error>,
}

/// Keys that a `debug` of a variable does not show (ansible-core's callback/__init__.py).
const HIDDEN_IN_DEBUG: &[&str] = &["changed", "failed", "skipped", "invocation", "skip_reason"];

impl<'a> Console<'a> {
    /// A console that prints to `out`.
    pub fn new(out: &'a mut dyn Write) -> Console<'a> {
        Console {
            out,
            host: String::new(),
            title: String::new(),
            retried: String::new(),
            verbosity: 0,
            diff: false,
            keyring: Rc::default(),
            stats: None,
            error: None,
        }
    }

    /// The host that results are from.
    pub fn about(&mut self, host: &str) {
        host.clone_into(&mut self.host);
    }

    /// A play begins, whichever hosts it has.
    pub fn begin_play(&mut self, name: &str) {
        self.banner(&format!("PLAY [{name}]"));
    }

    /// The play has no hosts.
    pub fn no_hosts_matched(&mut self) {
        self.line("skipping: no hosts matched");
    }

    /// The counts of every host.
    pub fn recaps(&mut self, recaps: &[(String, Recap)]) {
        self.banner("PLAY RECAP");
        for (host, recap) in recaps {
            self.line(&format!(
                "{host:<26} : ok={:<4} changed={:<4} unreachable=0    failed={:<4} skipped={:<4} rescued={:<4} ignored={:<4}",
                recap.ok, recap.changed, recap.failed, recap.skipped, recap.rescued, recap.ignored
            ));
        }
        self.line("");
        let stats = self.stats.as_ref().map(Stats::lines).unwrap_or_default();
        if !stats.is_empty() {
            self.banner("CUSTOM STATS: ");
            stats.iter().for_each(|line| self.line(&self.keyring.masked(line)));
            self.line("");
        }
    }

    /// `show_custom_stats`.
    pub fn with_stats(mut self) -> Console<'a> {
        self.stats = Some(Stats::default());
        self
    }

    /// `-v` and `--diff`.
    pub fn showing(mut self, verbosity: u8, diff: bool) -> Console<'a> {
        self.verbosity = verbosity;
        self.diff = diff;
        self
    }

    /// Secrets that this keyring opened are masked in what is shown of tasks.
    pub fn masking(mut self, keyring: &Rc<Keyring>) -> Console<'a> {
        self.keyring = Rc::clone(keyring);
        self
    }

    /// The write that failed, if one did.
    pub fn finish(self) -> io::Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    fn line(&mut self, text: &str) {
        if self.error.is_none() {
            self.error = writeln!(self.out, "{text}").err();
        }
    }

    /// A playbook begins.
    pub fn playbook(&mut self, name: &str, plays: usize) {
        if self.verbosity > 1 {
            let base = name.rsplit('/').next().unwrap_or(name);
            self.banner(&format!("PLAYBOOK: {base}"));
            self.line(&format!("{plays} plays in {name}"));
        }
    }

    /// What a task changed, where the run or the task itself is in diff mode: a module gives none otherwise.
    fn differences(&mut self, event: &Event) {
        if event.result.get(&Key("changed")).is_some_and(|changed| !changed.truthy()) {
            return;
        }
        for diff in event.diff {
            let text = self.keyring.masked(&unified(diff));
            if !text.is_empty() {
                self.line(text.trim_end_matches('\n'));
                self.line("");
            }
        }
    }

    fn banner(&mut self, text: &str) {
        let stars = 79usize.saturating_sub(text.chars().count()).max(3);
        self.line(&format!("\n{text} {}", "*".repeat(stars)));
    }

    /// Whether the result's content is shown, not only its outcome.
    fn verbose(&self, event: &Event) -> bool {
        let always = event.result.contains_key(&Key(ALWAYS_SHOWN));
        (self.verbosity > 0 || (always && event.outcome != Outcome::Skipped)) && !event.aggregate
    }

    fn dump(&self, event: &Event) -> String {
        let mut shown = event.result.clone();
        shown.retain(|k, _| k.as_str().is_none_or(|k| !k.starts_with("_ansible_") && k != "failed" && k != "skipped"));
        let always = event.result.contains_key(&Key(ALWAYS_SHOWN));
        let debug = short(event.action) == "debug";
        if self.verbosity < 3 {
            for hidden in ["invocation", "diff", "exception"] {
                shown.shift_remove(&Key(hidden));
            }
        }
        if debug && event.result.contains_key(&Key("msg")) {
            shown.retain(|k, _| matches!(k.as_str(), Some("msg" | "exception" | "warnings" | "deprecations")));
        } else if debug {
            shown.retain(|k, _| k.as_str().is_none_or(|k| !HIDDEN_IN_DEBUG.contains(&k)));
        }
        self.keyring.masked(&json(&shown, always || self.verbosity > 2))
    }
}

/// The module's last name.
fn short(action: &str) -> &str {
    action.rsplit('.').next().unwrap_or(action)
}

/// JSON as Python's `json.dumps(sort_keys=True, ensure_ascii=False)` spaces it.
fn json(map: &Map, indented: bool) -> String {
    let mut style = JsonStyle { sort_keys: true, ensure_ascii: false, ..JsonStyle::default() };
    if indented {
        style.indent = Some("    ".to_owned());
        ",".clone_into(&mut style.item);
    }
    json_text(&Value::from_data(&Data::Map(map.clone())), &style).unwrap_or_else(|e| format!("({e})"))
}

/// Python's `str()` of a value.
fn label(data: &Data) -> String {
    Value::from_data(data).text().unwrap_or_else(|e| format!("({e})"))
}

impl Listener for Console<'_> {
    fn play(&mut self, name: &str) {
        self.begin_play(name);
    }

    fn task(&mut self, task: &TaskStart) {
        let prefix = if task.handler { "RUNNING HANDLER" } else { "TASK" };
        let role = task.role.map(|r| format!("{r} : ")).unwrap_or_default();
        self.title = format!("{role}{}", task.name);
        self.banner(&format!("{prefix} [{}]", self.title));
        // Where a task is tried again, Ansible names its role only if the author gave no name.
        self.retried = if task.named { task.name.to_owned() } else { self.title.clone() };
        if self.verbosity > 1 {
            self.line(&format!("task path: {}", task.place));
        }
    }

    fn result(&mut self, event: &Event) {
        if let (Some(stats), Some(Data::Map(returned))) = (&mut self.stats, event.result.get(&Key("ansible_stats"))) {
            stats.add(&self.host, returned);
        }
        self.differences(event);
        let host = match event.delegated {
            Some(name) => format!("{} -> {name}", self.host),
            None => self.host.clone(),
        };
        let item = event.item.map(|i| format!(" => (item={})", self.keyring.masked(&label(i)))).unwrap_or_default();
        let failed = matches!(event.outcome, Outcome::Failed | Outcome::Ignored);
        if failed && event.item.is_some() {
            self.line(&format!(
                "failed: [{host}] (item={}) => {}",
                event.item.map(|i| self.keyring.masked(&label(i))).unwrap_or_default(),
                self.dump(event)
            ));
            return;
        }
        // A debug's aggregate is cut down to its message before Ansible looks for items.
        if failed && event.aggregate && short(event.action) != "debug" {
            if event.outcome == Outcome::Ignored {
                self.line("...ignoring");
            }
            return;
        }
        if failed {
            self.line(&format!("fatal: [{host}]: FAILED! => {}", self.dump(event)));
            if event.outcome == Outcome::Ignored {
                self.line("...ignoring");
            }
            return;
        }
        // The whole of a loop says nothing that its items did not say, unless nothing ran at all.
        if event.aggregate && event.outcome != Outcome::Skipped {
            return;
        }
        let word = match event.outcome {
            Outcome::Changed => "changed",
            Outcome::Skipped => "skipping",
            Outcome::Ok | Outcome::Failed | Outcome::Ignored => "ok",
        };
        let content = if self.verbose(event) { format!(" => {}", self.dump(event)) } else { String::new() };
        let skipped_item = event.outcome == Outcome::Skipped && !item.is_empty();
        self.line(&format!("{word}: [{host}]{item}{content}{}", if skipped_item { " " } else { "" }));
    }

    fn retry(&mut self, left: u64) {
        let (host, title) = (self.host.clone(), self.retried.clone());
        self.line(&format!("FAILED - RETRYING: [{host}]: {title} ({left} retries left)."));
    }

    fn warning(&mut self, text: &str) {
        warn(text);
    }

    fn included(&mut self, file: &str, item: Option<&Data>) {
        let (host, item) = (
            self.host.clone(),
            item.map(|i| format!(" => (item={})", self.keyring.masked(&label(i)))).unwrap_or_default(),
        );
        self.line(&format!("included: {file} for {host}{item}"));
    }

    fn no_hosts(&mut self) {
        self.no_hosts_matched();
    }

    fn becoming(&mut self, user: &str) {
        let host = self.host.clone();
        self.line(&format!("<{host}> BECOME {user}, in this process (Ansible: sudo -H -S -n -u {user})"));
    }

    fn recap(&mut self, recap: &Recap) {
        self.recaps(&[(self.host.clone(), *recap)]);
    }
}

/// Says something on standard error, broken into lines as ansible-playbook breaks it where there is no terminal.
pub fn warn(text: &str) {
    let mut line = String::new();
    for word in format!("[WARNING]: {text}").split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > 79 {
            eprintln!("{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    eprintln!("{line}");
}

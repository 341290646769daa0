//! `cron`: jobs and variables in a user's crontab, or in a file of /etc/cron.d.
//!
//! `table` edits the text; users' crontabs are read and written by the system's `crontab`, files atomically.

mod table;

use super::exec;
use super::params::{Params, change, list, map, output_text, text};
use super::{Context, Diff, Failure, Outcome, paths};
use crate::plan::limits::RENDERED;
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::command::Command;
use crate::sys::file::{Look, read_bounded, replace};
use crate::vars::{Text, text_to_bytes};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use table::{Place, Table};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let job = Job::checked(args)?;
    let crontab = Crontab {
        ctx,
        program: exec::program(ctx, "crontab")?,
        user: args.text("user"),
        file: args.text("cron_file").filter(|f| !f.is_empty()).map(|f| Path::new("/etc/cron.d").join(f)),
    };
    let before = crontab.read()?;
    let mut table = Table::parse(&before);
    let present = args.text("state").as_deref() != Some("absent");
    let original = table.clone();
    let mut changed = job.put(args, &mut table, present)?;
    let mut result = Map::default();
    if !args.flag("env") && !present && changed && table.is_blank() && crontab.file.is_some() {
        return crontab.remove(args, &before);
    }
    // A last line without an end is no line for cron.
    changed |= !before.is_empty() && !before.ends_with(['\r', '\n']);
    let after = table.render();
    let mut outcome = Outcome { changed, ..Outcome::default() };
    if changed {
        if args.flag("backup") && !ctx.check {
            result.insert(Data::str("backup_file"), paths::shown(&back_up(&original.render())?));
        }
        if !ctx.check {
            crontab.write(&after)?;
        }
        outcome.changes.push(change("content", crontab.shown()));
        if ctx.diff {
            crontab.show(&mut outcome, &mut result, (&before, &after));
        }
    }
    result.extend(map([
        ("jobs", list(table.jobs())),
        ("envs", list(table.variables())),
        ("warnings", list(job.warnings)),
    ]));
    if let Some(file) = args.text("cron_file").filter(|f| !f.is_empty()) {
        result.insert(Data::str("cron_file"), text(file));
    }
    Ok(Outcome { result, ..outcome })
}

/// What the task asks for, where it makes sense.
struct Job {
    name: String,
    job: Option<String>,
    warnings: Vec<String>,
}

impl Job {
    fn checked(args: &Args) -> Result<Job, Failure> {
        let refused = |msg: &str| Err(Failure::new(msg));
        let file = args.text("cron_file").filter(|f| !f.is_empty());
        let mut warnings = Vec::new();
        if let Some(file) = &file {
            if file == "/etc/crontab" {
                return refused("Will not manage /etc/crontab via cron_file, see documentation.");
            }
            let base = file.rsplit('/').next().unwrap_or_default();
            if base.is_empty() || !base.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
                warnings.push(format!(
                    "Filename portion of cron_file (\"{base}\") should consist solely of upper- and lower-case letters, \
                     digits, underscores, and hyphens"
                ));
            }
        }
        let timed =
            ["minute", "hour", "day", "month", "weekday"].iter().any(|t| args.text(t).is_some_and(|v| v != "*"));
        if args.text("special_time").is_some() && timed {
            return refused("You must specify time and date fields or special time.");
        }
        let job = args.text("job");
        if args.text("state").as_deref() != Some("absent") {
            if file.is_some() && args.text("user").is_none() {
                return refused("To use cron_file=... parameter you must specify user=... as well");
            }
            if job.is_none() {
                return refused("You must specify 'job' to install a new cron job or variable");
            }
            let placed = args.text("insertafter").is_some() || args.text("insertbefore").is_some();
            if placed && !args.flag("env") {
                return refused("Insertafter and insertbefore parameters are valid only with env=yes");
            }
        }
        let name = args.text("name").unwrap_or_default();
        if args.flag("env") && name.contains(' ') {
            return refused("Invalid name for environment variable");
        }
        // A line break would begin a line of its own: another job, or another user's.
        if name.contains(['\r', '\n']) {
            return refused("a job's name is one line");
        }
        Ok(Job { name, job, warnings })
    }

    /// Edits the table; whether that changed it.
    fn put(&self, args: &Args, table: &mut Table, present: bool) -> Result<bool, Failure> {
        let job = self.job.as_deref().unwrap_or_default();
        match (args.flag("env"), present) {
            (true, true) => {
                let place = match (args.text("insertafter"), args.text("insertbefore")) {
                    (Some(name), _) => Place::After(name),
                    (None, Some(name)) => Place::Before(name),
                    (None, None) => Place::First,
                };
                let missing = |name| Failure::new(format!("Variable named '{name}' not found."));
                table.set_variable(&self.name, job, &place).map_err(missing)
            }
            (true, false) => Ok(table.remove_variable(&self.name)),
            (false, true) => Ok(table.set_job(&self.name, &line(args, job)?)),
            (false, false) => Ok(table.remove_job(&self.name)),
        }
    }
}

/// The line of a job: when, who where it is a file of the system, and what.
fn line(args: &Args, job: &str) -> Result<String, Failure> {
    let job = job.trim_matches(['\r', '\n']);
    if job.contains(['\r', '\n']) {
        return Err(Failure::new("a job is one line; put several commands into a script"));
    }
    let field = |name: &str| args.text(name).unwrap_or_else(|| "*".to_owned());
    let when = match args.text("special_time") {
        Some(special) => format!("@{special}"),
        None => ["minute", "hour", "day", "month", "weekday"].map(field).join(" "),
    };
    let who = args.text("cron_file").filter(|f| !f.is_empty()).and_then(|_| args.text("user"));
    let who = who.map(|user| format!(" {user}")).unwrap_or_default();
    let off = if args.flag("disabled") { "#" } else { "" };
    Ok(format!("{off}{when}{who} {job}"))
}

struct Crontab<'a> {
    ctx: &'a Context<'a>,
    program: std::ffi::OsString,
    user: Option<String>,
    file: Option<PathBuf>,
}

impl Crontab<'_> {
    fn read(&self) -> Result<String, Failure> {
        let decoded = |bytes: &[u8]| Text::from_bytes(bytes).as_str().to_owned();
        if let Some(file) = &self.file {
            return match read_bounded(file, RENDERED as u64) {
                Ok(bytes) => Ok(decoded(&bytes)),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(String::new()),
                Err(e) => Err(Failure::new(format!("reading {}: {e}", file.display()))),
            };
        }
        let mut argv = self.argv();
        argv.push("-l".into());
        let ran = exec::look(self.ctx, argv)?;
        // 1: there is none yet.
        if !matches!(ran.rc, 0 | 1) {
            return Err(Failure::new(format!("Unable to read crontab: {}", ran.err().trim_end())));
        }
        Ok(without_header(&decoded(&ran.stdout)))
    }

    fn write(&self, content: &str) -> Result<(), Failure> {
        let bytes = text_to_bytes(content);
        if let Some(file) = &self.file {
            let written = Look::of_or_fresh(file).and_then(|look| replace(file, &bytes, &look));
            return written.map_err(|e| Failure::new(format!("writing {}: {e}", file.display())));
        }
        let mut argv = self.argv();
        argv.push("-".into());
        let ran = exec::run(self.ctx, Command { argv, stdin: bytes, ..Command::default() })?;
        if ran.rc == 0 { Ok(()) } else { Err(Failure::new(ran.err())) }
    }

    /// `crontab`, with `-u` for another user than the one that the task runs as.
    fn argv(&self) -> Vec<std::ffi::OsString> {
        let own = self.ctx.become_user.unwrap_or("root");
        let mut argv = vec![self.program.clone()];
        if let Some(user) = self.user.as_deref().filter(|user| *user != own) {
            argv.extend(["-u".into(), user.into()]);
        }
        argv
    }

    /// Takes away a file in which nothing is left.
    fn remove(&self, args: &Args, before: &str) -> Result<Outcome, Failure> {
        let Some(file) = &self.file else { return Ok(Outcome::default()) };
        let changed = match self.ctx.check {
            true => file.is_file(),
            false => std::fs::remove_file(file).is_ok(),
        };
        let mut outcome = Outcome { changed, ..Outcome::default() };
        outcome.result = map([("diff", Data::Map(Map::default())), ("state", text("absent"))]);
        outcome.result.insert(Data::str("cron_file"), text(args.text("cron_file").unwrap_or_default()));
        if changed {
            outcome.changes.push(change("removed", self.shown()));
        }
        if self.ctx.diff {
            let mut result = std::mem::take(&mut outcome.result);
            self.show(&mut outcome, &mut result, (before, ""));
            outcome.result = result;
        }
        Ok(outcome)
    }

    fn shown(&self) -> String {
        match (&self.file, &self.user) {
            (Some(file), _) => file.display().to_string(),
            (None, Some(user)) => format!("crontab for user \"{user}\""),
            (None, None) => "crontab".to_owned(),
        }
    }

    fn show(&self, outcome: &mut Outcome, result: &mut Map, (before, after): (&str, &str)) {
        let gone = after.is_empty() && self.file.is_some();
        let diff = Diff {
            before_header: self.shown(),
            after_header: if gone { "/dev/null".to_owned() } else { self.shown() },
            before: text_to_bytes(before),
            after: text_to_bytes(after),
            prepared: None,
        };
        let shown = map([
            ("before", output_text(diff.before.clone())),
            ("after", output_text(diff.after.clone())),
            ("before_header", text(diff.before_header.as_str())),
            ("after_header", text(diff.after_header.as_str())),
        ]);
        result.insert(Data::str("diff"), Data::Map(shown));
        outcome.diff.push(diff);
    }
}

/// A crontab without the three lines that `crontab -l` of some systems puts before it.
fn without_header(text: &str) -> String {
    let of_tool = |line: &str| {
        line.starts_with("# DO NOT EDIT THIS FILE - edit the master and reinstall.")
            || line.strip_prefix("# (").is_some_and(|rest| {
                let closed = |word: &str| rest.find(word).is_some_and(|at| rest[at..].contains(')'));
                (rest.starts_with("/tmp/") && closed("installed on")) || closed("version")
            })
    };
    let lines = text.split_inclusive('\n').enumerate();
    lines.filter(|(n, line)| *n > 2 || !of_tool(line)).map(|(_, line)| line).collect()
}

/// A copy of the crontab as it was, for the user's eyes only.
fn back_up(content: &str) -> Result<PathBuf, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("making a backup of the crontab: {e}"));
    let path = super::tempfile::create(Path::new("/tmp"), ("crontab", ""), false).map_err(failed)?;
    std::fs::write(&path, text_to_bytes(content)).map_err(failed)?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::super::recorded::{commands, result, with_tools};
    use super::without_header;
    use serde_json::json;

    #[test]
    fn the_tools_own_lines_are_no_lines_of_the_crontab() {
        let header = "# DO NOT EDIT THIS FILE - edit the master and reinstall.\n# (/tmp/x installed on Mon)\n# (Cron version 3)\n";
        assert_eq!(without_header(&format!("{header}# (Cron version 3)\nx\n")), "# (Cron version 3)\nx\n");
        assert_eq!(without_header("# mine\nx"), "# mine\nx");
    }

    #[test]
    fn a_users_crontab_is_read_and_written_by_the_systems_tool() {
        let answers = json!([{"argv": ["crontab", "-u", "ada", "-l"], "rc": 0, "stdout": "X=\"1\"\n"}]);
        let args = json!({"name": "n", "job": "date", "user": "ada", "minute": "5"});
        let (outcome, tools) = commands("cron", &args, &answers, false);
        let outcome = outcome.expect("a job");
        assert!(outcome.changed);
        assert_eq!((result(&outcome, "jobs"), result(&outcome, "envs")), (json!(["n"]), json!(["X"])));
        let calls = tools.calls.borrow();
        assert_eq!(calls.len(), 2);
        assert_eq!(calls[1].stdin, b"X=\"1\"\n#Ansible: n\n5 * * * * date\n");
        drop(calls);
        // Check mode looks, and no more.
        let (outcome, tools) = commands("cron", &args, &answers, true);
        assert!(outcome.expect("a job").changed);
        assert_eq!(tools.calls.borrow().len(), 1);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (args, said) in [
            (json!({"name": "n"}), "You must specify 'job' to install a new cron job or variable"),
            (json!({"name": "n", "job": "x", "cron_file": "f"}), "To use cron_file=... parameter you must specify"),
            (
                json!({"name": "n", "job": "x", "cron_file": "/etc/crontab", "user": "u"}),
                "Will not manage /etc/crontab",
            ),
            (json!({"name": "n", "job": "x", "special_time": "daily", "hour": "1"}), "You must specify time and date"),
            (json!({"name": "n", "job": "x", "insertafter": "A"}), "Insertafter and insertbefore parameters are valid"),
            (json!({"name": "a b", "job": "x", "env": true}), "Invalid name for environment variable"),
            (json!({"name": "A", "job": "x", "env": true, "insertafter": "B"}), "Variable named 'B' not found."),
            (json!({"name": "n\nm", "job": "x"}), "a job's name is one line"),
            (json!({"name": "n", "job": "x\ny"}), "a job is one line"),
        ] {
            let (outcome, _) = with_tools("cron", args, json!([]), false);
            let msg = outcome.map(|_| ()).expect_err("a refusal").msg;
            assert!(msg.starts_with(said), "{msg}");
        }
        let (outcome, _) =
            with_tools("cron", json!({"name": "n", "job": "x"}), json!([{"argv": ["crontab", "-l"], "rc": 2}]), false);
        assert!(outcome.is_err());
    }
}

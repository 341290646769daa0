//! `command`, `shell` and `raw`: the author's own commands.
//!
//! A shell is started for `shell` and `raw` only, because there the author wrote shell text.

use super::exec::{self, Ran};
use super::params::{Params, change, failure, int, output_text, text};
use super::{Context, Failure, Outcome, words};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::clock;
use crate::sys::command::Command;
use crate::vars::glob_matches;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// `command`: a program and its arguments.
pub fn command(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mut warnings = Vec::new();
    if let Some(executable) = args.text("executable") {
        warnings.push(text(format!(
            "As of Ansible 2.4, the parameter 'executable' is no longer supported with the 'command' module. \
             Not using '{executable}'."
        )));
    }
    let line = free_form(args);
    let argv: Vec<OsString> = match (&line, args.get("argv")) {
        (Some(_), Some(_)) => return Err(no_command("only command or argv can be given, not both")),
        (None, None) => return Err(no_command("no command given")),
        (Some(line), None) => {
            let words =
                words::split(line.as_bytes()).map_err(|e| Failure::new(format!("splitting the command: {e}")))?;
            words.into_iter().map(OsString::from_vec).collect()
        }
        (None, Some(argv)) => argv.as_list().unwrap_or_default().iter().map(super::params::os_text).collect(),
    };
    let shown = Data::List(argv.iter().map(|a| output_text(a.as_bytes().to_vec())).collect());
    let expand = args.choice("expand_argument_vars").unwrap_or(true);
    let argv = if expand { argv.iter().map(|a| exec::expand(ctx, a)).collect() } else { argv };
    let mut outcome = Job { ctx, args, argv, shown }.run()?;
    if !warnings.is_empty() {
        outcome.result.insert(Data::str("warnings"), Data::List(warnings));
    }
    Ok(outcome)
}

/// `shell`: text for a shell.
pub fn shell(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let line = match (free_form(args), args.get("argv").and_then(Data::as_list)) {
        (Some(_), Some(_)) => return Err(no_command("only command or argv can be given, not both")),
        (Some(line), None) => line,
        (None, Some(argv)) => {
            let quoted: Vec<Vec<u8>> =
                argv.iter().map(|a| words::quote(super::params::os_text(a).as_bytes())).collect();
            OsString::from_vec(quoted.join(&b' '))
        }
        (None, None) => return Err(no_command("no command given")),
    };
    let program = args.os("executable").unwrap_or_else(|| "/bin/sh".into());
    let shown = output_text(line.as_bytes().to_vec());
    Job { ctx, args, argv: vec![program, "-c".into(), line], shown }.run()
}

/// `raw`: text for a shell, without any of the checks.
pub fn raw(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    if ctx.check {
        return Ok(Outcome { skipped: true, ..Outcome::default() });
    }
    let Some(line) = free_form(args) else { return Err(no_command("no command given")) };
    let program = args.os("executable").unwrap_or_else(|| "/bin/sh".into());
    let ran = exec::run(ctx, Command { argv: vec![program.clone(), "-c".into(), line], ..Command::default() })?;
    let (rc, target) = (ran.rc, program.to_string_lossy().into_owned());
    let mut outcome = Outcome { changed: true, changes: vec![change("command", target)], ..Outcome::default() }
        .with("rc", int(rc))
        .with("stdout", output_text(ran.stdout))
        .with("stderr", output_text(ran.stderr));
    if rc != 0 {
        outcome.failed = true;
        outcome = outcome.with("msg", text("non-zero return code"));
    }
    Ok(outcome)
}

/// The free-form text, or `cmd`, unless it is blank.
fn free_form(args: &Args) -> Option<OsString> {
    let line = args.os("_raw_params").or_else(|| args.os("cmd"))?;
    (!line.as_bytes().trim_ascii().is_empty()).then_some(line)
}

fn no_command(msg: &str) -> Failure {
    failure(
        msg,
        [
            ("rc", int(256)),
            ("cmd", Data::Null),
            ("stdout", text("")),
            ("stderr", text("")),
            ("start", Data::Null),
            ("end", Data::Null),
            ("delta", Data::Null),
        ],
    )
}

/// One command with its conditions.
struct Job<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    argv: Vec<OsString>,
    /// `cmd` of the result.
    shown: Data,
}

impl Job<'_> {
    fn run(self) -> Result<Outcome, Failure> {
        let cwd = self.directory()?;
        if let Some(outcome) = self.not_needed(cwd.as_deref()) {
            return Ok(outcome);
        }
        if self.ctx.check {
            return Ok(self.would_run());
        }
        let target = self.argv.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default();
        let started = clock::now();
        let command = Command { argv: self.argv.clone(), cwd, stdin: self.stdin(), ..Command::default() };
        let ran = exec::run(self.ctx, command).map_err(|mut f| {
            f.result.insert(Data::str("cmd"), self.shown.clone());
            f
        })?;
        let ended = clock::now();
        let mut result = self.result(&ran);
        times(&mut result, started, ended);
        let mut outcome =
            Outcome { changed: true, result, changes: vec![change("command", target)], ..Outcome::default() };
        if ran.rc != 0 {
            outcome.failed = true;
            outcome = outcome.with("msg", text("non-zero return code"));
        }
        Ok(outcome)
    }

    /// `chdir`, which must be a directory even where the command is not run.
    fn directory(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(path) = self.args.os("chdir").map(PathBuf::from) else { return Ok(None) };
        let problem = match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => return Ok(Some(path)),
            Ok(_) => "[Errno 20] Not a directory".to_owned(),
            Err(e) => match e.raw_os_error() {
                Some(2) => "[Errno 2] No such file or directory".to_owned(),
                Some(13) => "[Errno 13] Permission denied".to_owned(),
                _ => e.to_string(),
            },
        };
        let msg = format!("Unable to change directory before execution: {problem}: b'{}'", path.display());
        Err(failure(msg, [("rc", Data::Null), ("cmd", self.shown.clone()), ("stdout", text("")), ("stderr", text(""))]))
    }

    /// `creates` and `removes`: whether the command has done its work before.
    fn not_needed(&self, cwd: Option<&Path>) -> Option<Outcome> {
        let verb = if self.ctx.check { "Would" } else { "Did" };
        let (msg, out) = if let Some(creates) = self.args.text("creates").filter(|p| any(p, cwd)) {
            (format!("{verb} not run command since '{creates}' exists"), format!("skipped, since {creates} exists"))
        } else if let Some(removes) = self.args.text("removes").filter(|p| !p.is_empty() && !any(p, cwd)) {
            (
                format!("{verb} not run command since '{removes}' does not exist"),
                format!("skipped, since {removes} does not exist"),
            )
        } else {
            return None;
        };
        let ran = Ran { rc: 0, stdout: out.into_bytes(), stderr: Vec::new() };
        let mut result = self.result(&ran);
        result.insert(Data::str("msg"), text(msg));
        Some(Outcome { result, ..Outcome::default() })
    }

    fn would_run(&self) -> Outcome {
        let conditional = self.args.get("creates").is_some() || self.args.get("removes").is_some();
        let mut result = self.result(&Ran::default());
        result.insert(Data::str("msg"), text("Command would have run if not in check mode"));
        Outcome { changed: conditional, skipped: !conditional, result, ..Outcome::default() }
    }

    fn stdin(&self) -> Vec<u8> {
        let mut bytes = self.args.os("stdin").map(OsString::into_vec).unwrap_or_default();
        if !bytes.is_empty() && self.args.choice("stdin_add_newline").unwrap_or(true) {
            bytes.push(b'\n');
        }
        bytes
    }

    fn result(&self, ran: &Ran) -> Map {
        let strip = self.args.choice("strip_empty_ends").unwrap_or(true);
        let stream = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            while strip && matches!(bytes.last(), Some(b'\r' | b'\n')) {
                bytes.pop();
            }
            output_text(bytes)
        };
        super::params::map([
            ("stdout", stream(&ran.stdout)),
            ("stderr", stream(&ran.stderr)),
            ("rc", int(ran.rc)),
            ("cmd", self.shown.clone()),
            ("start", Data::Null),
            ("end", Data::Null),
            ("delta", Data::Null),
            ("msg", text("")),
        ])
    }
}

/// `start`, `end` and `delta` as Python prints them.
fn times(result: &mut Map, started: (i64, u32), ended: (i64, u32)) {
    let micros = (ended.0 - started.0) * 1_000_000 + i64::from(ended.1) - i64::from(started.1);
    let micros = micros.max(0);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let delta = if fraction == 0 { clock } else { format!("{clock}.{fraction:06}") };
    result.insert(Data::str("start"), text(clock::local(started.0).with_micros(started.1)));
    result.insert(Data::str("end"), text(clock::local(ended.0).with_micros(ended.1)));
    result.insert(Data::str("delta"), text(delta));
}

/// Whether anything matches `pattern` as Python's `glob` reads it.
pub(super) fn any(pattern: &str, cwd: Option<&Path>) -> bool {
    let base = cwd.unwrap_or(Path::new("/"));
    let full = base.join(pattern);
    if !pattern.contains(['*', '?', '[']) {
        return full.symlink_metadata().is_ok();
    }
    let text = full.to_string_lossy();
    // A slash at the end is for directories only.
    let end = text.ends_with('/').then_some(".");
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).chain(end).collect();
    any_beneath(Path::new("/"), &parts)
}

fn any_beneath(directory: &Path, parts: &[&str]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return directory.symlink_metadata().is_ok() };
    if !part.contains(['*', '?', '[']) {
        return any_beneath(&directory.join(part), rest);
    }
    let Ok(entries) = directory.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let visible = part.starts_with('.') || !text.starts_with('.');
        visible && glob_matches(part, &text) && any_beneath(&directory.join(&name), rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_pythons_glob_finds() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(root.path().join("a/.hidden")).expect("directories");
        std::fs::write(root.path().join("a/x[1].conf"), "").expect("a file");
        std::os::unix::fs::symlink("/no/such", root.path().join("a/dangling")).expect("a link");
        for found in ["a/*.conf", "?/x[[]1].conf", "*/dang*", "**/x*", "a/.h*", "[!b]/", "*/dangling"] {
            assert!(any(found, Some(root.path())), "{found}");
        }
        for missing in ["a/*hidden", "*.conf", "a/x[1].con?", "a/x*/", "b/*", "a/x*/y", "a/[x"] {
            assert!(!any(missing, Some(root.path())), "{missing}");
        }
    }
}

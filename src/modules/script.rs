//! `script`: a file of the role, run here. Its bytes go to a private file that is gone afterwards.
//!
//! The interpreter is read from its first line and started directly, so that it works where /tmp is mounted noexec;
//! a shell is started only where the author's arguments need one.

use super::params::{Params, change, int, output_text, text};
use super::private::Private;
use super::{Context, Failure, Outcome, exec, words};
use crate::spec::Args;
use crate::sys::command::Command;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let line = args.text("_raw_params").or_else(|| args.text("cmd"));
    let line = line.ok_or_else(|| Failure::new("one of the following is required: _raw_params, cmd"))?;
    let skipped = |msg: String| Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg));
    if let Some(creates) = args.text("creates").filter(|p| Path::new(p).exists()) {
        return Ok(skipped(format!("{creates} exists, matching creates option")));
    }
    if let Some(removes) = args.text("removes").filter(|p| !Path::new(p).exists()) {
        return Ok(skipped(format!("{removes} does not exist, matching removes option")));
    }
    if let Some(chdir) = args.text("chdir").filter(|p| !p.starts_with('/')) {
        let msg = format!("chdir {chdir} must be an absolute path for a Unix-aware remote node");
        return Err(Failure::new(msg));
    }
    let parts =
        words::split(line.trim().as_bytes()).map_err(|e| Failure::new(format!("splitting the command: {e}")))?;
    let name = parts.first().map(|p| String::from_utf8_lossy(p).into_owned()).unwrap_or_default();
    let path = ctx.files.find("files", &name).map_err(|tried| {
        Failure::new(format!("Could not find or access '{name}'\nSearched in:\n\t{}", tried.join("\n\t")))
    })?;
    let body = ctx.files.read_plain(&path).map_err(|e| Failure::new(format!("reading {path}: {e}")))?;
    if ctx.check {
        if args.get("creates").is_some() || args.get("removes").is_some() {
            return Ok(Outcome { changed: true, ..Outcome::default() });
        }
        return Ok(skipped("Check mode is not supported for this task.".to_owned()));
    }
    let file = Private::new(ctx, &body, &name)?;
    let interpreter = match args.text("executable") {
        Some(executable) => words::split(executable.as_bytes()).unwrap_or_default(),
        None => interpreter(&body),
    };
    let argv = command(&file, interpreter, (line.trim(), &parts));
    let command = Command { argv, cwd: args.os("chdir").map(PathBuf::from), ..Command::default() };
    let ran = exec::run(ctx, command)?;
    drop(file);
    let mut outcome = Outcome { changed: true, changes: vec![change("command", name)], ..Outcome::default() }
        .with("rc", int(ran.rc))
        .with("stdout", output_text(ran.stdout))
        .with("stderr", output_text(ran.stderr));
    if ran.rc != 0 {
        outcome.failed = true;
        outcome = outcome.with("msg", text("non-zero return code"));
    }
    Ok(outcome)
}

/// The words of a script's first line; a shell where it has none.
fn interpreter(body: &[u8]) -> Vec<Vec<u8>> {
    let first = body.split(|b| *b == b'\n').next().unwrap_or_default();
    match first.strip_prefix(b"#!") {
        Some(rest) => {
            let rest = rest.trim_ascii();
            // The kernel hands over all that follows the interpreter as one argument.
            let at = rest.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(rest.len());
            let argument = rest[at..].trim_ascii();
            let mut words = vec![rest[..at].to_vec()];
            if !argument.is_empty() {
                words.push(argument.to_vec());
            }
            words
        }
        None if body.starts_with(b"\x7fELF") => Vec::new(),
        None => vec![b"/bin/sh".to_vec()],
    }
}

fn command(file: &Private, interpreter: Vec<Vec<u8>>, (line, parts): (&str, &[Vec<u8>])) -> Vec<OsString> {
    let script = file.path.as_os_str().as_bytes().to_vec();
    let rest = after_first_word(line.as_bytes());
    let needs_shell = rest.iter().any(|b| b"$`|&;<>()*?[~#\n".contains(b));
    if !needs_shell {
        let words = interpreter.into_iter().chain([script]).chain(parts.iter().skip(1).cloned());
        return words.map(OsString::from_vec).collect();
    }
    let mut text: Vec<u8> = interpreter.iter().flat_map(|w| [words::quote(w), vec![b' ']].concat()).collect();
    text.extend(words::quote(&script));
    text.extend_from_slice(rest);
    vec!["/bin/sh".into(), "-c".into(), OsString::from_vec(text)]
}

/// What follows the first word of a line, which may be quoted.
fn after_first_word(line: &[u8]) -> &[u8] {
    let (mut quote, mut escaped) = (None, false);
    let end = line.iter().position(|b| {
        match (quote, b) {
            _ if escaped => escaped = false,
            (None | Some(b'"'), b'\\') => escaped = true,
            (None, b'\'' | b'"') => quote = Some(*b),
            (Some(q), b) if q == *b => quote = None,
            (None, b) if b.is_ascii_whitespace() => return true,
            _ => {}
        }
        false
    });
    end.map_or(&[], |end| &line[end..])
}

//! Runs a module's commands as Ansible's `run_command` does: full path of the program, `~` and `$NAME` expanded in
//! every argument, the task's environment and user. No shell here.

use super::accounts::Accounts;
use super::params::{failure, int, text};
use super::{Context, Failure};
use crate::sys::command::{Command, CommandError};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// How a command ended.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Exit code.
    pub rc: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Ran {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// The full path of a program that the module cannot do without.
pub fn program(ctx: &Context, name: &str) -> Result<OsString, Failure> {
    ctx.runner.which(name).map(Into::into).ok_or_else(|| {
        let path = variable(ctx, b"PATH").unwrap_or_default();
        let path = String::from_utf8_lossy(&path).into_owned();
        Failure::new(format!("Failed to find required executable \"{name}\" in paths: {path}"))
    })
}

/// Runs a command that changes something. Never called in check mode.
pub fn change(ctx: &Context, argv: Vec<OsString>) -> Result<Ran, Failure> {
    run(ctx, Command { argv: expand_all(ctx, argv), ..Command::default() })
}

/// Runs a command that only looks; in check mode too.
pub fn look(ctx: &Context, argv: Vec<OsString>) -> Result<Ran, Failure> {
    run(ctx, Command { argv: expand_all(ctx, argv), read_only: true, ..Command::default() })
}

/// [`change`], for a command that must end well.
pub fn checked(ctx: &Context, argv: Vec<OsString>) -> Result<Ran, Failure> {
    let shown = argv.clone();
    ended_well(&shown, change(ctx, argv)?)
}

/// [`look`], for a command that must end well.
pub fn checked_look(ctx: &Context, argv: Vec<OsString>) -> Result<Ran, Failure> {
    let shown = argv.clone();
    ended_well(&shown, look(ctx, argv)?)
}

/// What Ansible's `run_command` with `check_rc` says of a command that failed.
fn ended_well(argv: &[OsString], ran: Ran) -> Result<Ran, Failure> {
    if ran.rc == 0 {
        return Ok(ran);
    }
    let cmd: Vec<String> = argv.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let (out, err) = (text(ran.out()), text(ran.err()));
    let details = [("cmd", text(cmd.join(" "))), ("rc", int(ran.rc)), ("stdout", out), ("stderr", err)];
    Err(failure(ran.err().trim_end(), details))
}

/// Runs `command` with the task's environment and as its user.
pub fn run(ctx: &Context, mut command: Command) -> Result<Ran, Failure> {
    let mut env: Vec<(OsString, OsString)> = Vec::new();
    if let Some(name) = ctx.become_user.filter(|_| command.user.is_none()) {
        let accounts = Accounts::new(ctx, Path::new("/"));
        let user = accounts.user(name)?.ok_or_else(|| Failure::new(format!("there is no user {name:?} to become")))?;
        let groups = accounts.groups_of(&user)?;
        command.user = Some((user.uid, user.gid, groups));
        env.push(("HOME".into(), user.home.clone().into()));
        env.push(("USER".into(), user.name.clone().into()));
        env.push(("LOGNAME".into(), user.name.clone().into()));
        env.push(("SHELL".into(), user.shell.clone().into()));
    }
    env.extend(ctx.environment.iter().map(|(k, v)| (k.into(), v.into())));
    env.append(&mut command.env);
    command.env = env;
    let output = ctx.runner.run(&command).map_err(|e| not_run(&command, e))?;
    Ok(Ran { rc: output.rc, stdout: output.stdout, stderr: output.stderr })
}

/// The failure of a command that did not end, in the words that roles test for.
fn not_run(command: &Command, error: CommandError) -> Failure {
    let shown = if command.secret {
        text(command.argv.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_default())
    } else {
        let words: Vec<String> = command.argv.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        text(words.join(" "))
    };
    let (rc, msg) = match error {
        CommandError::NotFound(name) => (2, format!("[Errno 2] No such file or directory: b'{name}'")),
        CommandError::Spawn(name, why) if why.contains("ermission denied") => {
            (13, format!("[Errno 13] Permission denied: b'{name}'"))
        }
        CommandError::Spawn(name, why) => (257, format!("starting {name}: {why}")),
        CommandError::Timeout(name, limit) => {
            (124, format!("{name} was still running after {} seconds and was ended", limit.as_secs()))
        }
    };
    failure(msg, [("rc", int(rc)), ("stdout", text("")), ("stderr", text("")), ("cmd", shown)])
}

fn expand_all(ctx: &Context, argv: Vec<OsString>) -> Vec<OsString> {
    argv.into_iter().map(|a| expand(ctx, &a)).collect()
}

/// Python's `expanduser(expandvars(word))`.
pub fn expand(ctx: &Context, word: &OsStr) -> OsString {
    let bytes = word.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match (bytes[i] == b'$').then(|| variable_name(&bytes[i + 1..])).flatten() {
            Some((name, length)) => {
                match variable(ctx, name) {
                    Some(value) => out.extend_from_slice(&value),
                    None => out.extend_from_slice(&bytes[i..i + 1 + length]),
                }
                i += 1 + length;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    expand_home(ctx, out)
}

/// The name after a `$`, and how many bytes it takes with its braces.
fn variable_name(rest: &[u8]) -> Option<(&[u8], usize)> {
    if rest.first() == Some(&b'{') {
        let end = rest.iter().position(|b| *b == b'}')?;
        return Some((&rest[1..end], end + 1));
    }
    let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(rest.len());
    (end > 0).then(|| (&rest[..end], end))
}

/// A variable of the environment in which the task runs.
pub fn variable(ctx: &Context, name: &[u8]) -> Option<Vec<u8>> {
    if let Some((_, value)) = ctx.environment.iter().rev().find(|(k, _)| k.as_bytes() == name) {
        return Some(value.as_bytes().to_vec());
    }
    std::env::var_os(OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}

fn expand_home(ctx: &Context, word: Vec<u8>) -> OsString {
    if word.first() != Some(&b'~') {
        return OsString::from_vec(word);
    }
    let end = word.iter().position(|b| *b == b'/').unwrap_or(word.len());
    let name = String::from_utf8_lossy(&word[1..end]).into_owned();
    let home = if name.is_empty() && ctx.become_user.is_none() {
        variable(ctx, b"HOME").or_else(|| Some(b"/root".to_vec()))
    } else {
        let who = if name.is_empty() { ctx.become_user.unwrap_or("root") } else { &name };
        let accounts = Accounts::new(ctx, Path::new("/"));
        accounts.user(who).ok().flatten().map(|u| u.home.into_bytes())
    };
    match home {
        Some(mut home) => {
            while home.len() > 1 && home.ends_with(b"/") {
                home.pop();
            }
            home.extend_from_slice(&word[end..]);
            OsString::from_vec(home)
        }
        None => OsString::from_vec(word),
    }
}

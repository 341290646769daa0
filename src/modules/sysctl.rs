//! `sysctl`: kernel parameters, in a file and in force.

use super::exec;
use super::params::{Params, change};
use super::{Context, Diff, Failure, Outcome};
use crate::spec::Args;
use crate::sys::command::Command;
use std::ffi::OsString;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let name = args.text("name").unwrap_or_default().trim().to_owned();
    let absent = args.text("state").as_deref() == Some("absent");
    if name.is_empty() {
        return Err(Failure::new("name cannot be blank"));
    }
    let value = args.text("value").map(|v| plain_value(&v)).unwrap_or_default();
    if !absent && args.get("value").is_none() {
        return Err(Failure::new("value cannot be None"));
    }
    if !absent && value.is_empty() {
        return Err(Failure::new("value cannot be blank"));
    }
    let file = args.text("sysctl_file").unwrap_or_else(|| "/etc/sysctl.conf".to_owned());
    let sysctl = Sysctl { ctx, program: exec::program(ctx, "sysctl")?, ignore: args.flag("ignoreerrors") };
    let current = sysctl.current(&name)?;
    let old = match std::fs::read(&file) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(Failure::new(format!("Failed to open {file}: {e}"))),
    };
    let in_file = in_file(&old, &name);
    let new = rewritten(&old, &name, (!absent).then_some(value.as_str()));
    let reload = args.choice("reload").unwrap_or(true);
    let differs = !current.as_deref().is_some_and(|c| same_words(c, &value));
    let write = match (&in_file, absent) {
        (None, true) => false,
        (Some(text), true) => !text.is_empty(),
        (now, false) => now.as_deref() != Some(&value),
    };
    // Ansible asks whether the value is in force only where it would reload anyway.
    let mut changed = write || (!absent && in_file.as_deref() == Some(&value) && reload && differs);
    let set = args.flag("sysctl_set") && !absent && differs;
    changed |= set;
    let mut outcome = Outcome { changed, ..Outcome::default() };
    if write {
        outcome.changes.push(change("content", &file));
        if ctx.diff {
            let (before, after) = (old.into_bytes(), new.clone().into_bytes());
            let header = || file.clone();
            outcome.diff.push(Diff { before_header: header(), after_header: header(), before, after, prepared: None });
        }
    }
    if set {
        outcome.changes.push(change("state", &name));
    }
    if !ctx.check {
        if set && current.is_some() {
            sysctl.set(&name, &value)?;
        }
        if write {
            store(&file, new.as_bytes()).map_err(|e| Failure::new(format!("Failed to write to file {file}: {e}")))?;
        }
        if changed && reload {
            sysctl.reload(&file)?;
        }
    }
    Ok(outcome)
}

/// Booleans as the kernel writes them.
fn plain_value(value: &str) -> String {
    match value.to_lowercase().as_str() {
        "y" | "yes" | "on" | "1" | "true" | "t" | "1.0" => "1".to_owned(),
        "n" | "no" | "off" | "0" | "false" | "f" | "0.0" => "0".to_owned(),
        _ => value.trim().to_owned(),
    }
}

fn same_words(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// A line's key and value, unless it is blank, a comment or something else.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    line.split_once('=').map(|(k, v)| (k.trim(), v.trim()))
}

/// The last value that the file gives.
fn in_file(text: &str, name: &str) -> Option<String> {
    text.lines().filter_map(setting).filter(|(k, _)| *k == name).map(|(_, v)| v.to_owned()).next_back()
}

/// The file with the value in it, or without it. A key stands once, where it stood first, as Ansible leaves it.
fn rewritten(text: &str, name: &str, value: Option<&str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut push = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    for line in text.lines() {
        let Some((key, now)) = setting(line) else {
            push(line.trim());
            continue;
        };
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        match (key == name, value) {
            (true, Some(value)) => push(&format!("{key}={value}")),
            (true, None) => {}
            (false, _) => push(&format!("{key}={now}")),
        }
    }
    if let Some(value) = value.filter(|_| !seen.contains(&name)) {
        push(&format!("{name}={value}"));
    }
    out
}

fn store(path: &str, bytes: &[u8]) -> std::io::Result<()> {
    use crate::sys::file::{Look, replace};
    let real = Path::new(path).canonicalize().unwrap_or_else(|_| path.into());
    replace(&real, bytes, &Look::of_or_fresh(&real)?)
}

struct Sysctl<'a> {
    ctx: &'a Context<'a>,
    program: OsString,
    ignore: bool,
}

impl Sysctl<'_> {
    fn run(&self, words: Vec<OsString>, read_only: bool) -> Result<exec::Ran, Failure> {
        let argv = std::iter::once(self.program.clone()).chain(words).collect();
        let env = ["LANG", "LC_ALL", "LC_MESSAGES"].map(|n| (n.into(), "C".into())).to_vec();
        exec::run(self.ctx, Command { argv, env, read_only, ..Command::default() })
    }

    fn current(&self, name: &str) -> Result<Option<String>, Failure> {
        let ran = self.run(vec!["-e".into(), "-n".into(), name.into()], true)?;
        Ok((ran.rc == 0).then(|| ran.out()))
    }

    fn set(&self, name: &str, value: &str) -> Result<(), Failure> {
        let mut words: Vec<OsString> = Vec::new();
        if self.ignore {
            words.push("-e".into());
        }
        words.extend(["-w".into(), format!("{name}={value}").into()]);
        let ran = self.run(words, false)?;
        match ran.rc != 0 || refused(&ran.err()) {
            true => Err(Failure::new(format!("setting {name} failed: {}{}", ran.out(), ran.err()))),
            false => Ok(()),
        }
    }

    fn reload(&self, file: &str) -> Result<(), Failure> {
        let mut words: Vec<OsString> = Vec::new();
        if self.ignore {
            words.push("-e".into());
        }
        words.extend(["-p".into(), file.into()]);
        let ran = self.run(words, false)?;
        match ran.rc != 0 || refused(&ran.err()) {
            true => Err(Failure::new(format!("Failed to reload sysctl: {}{}", ran.out(), ran.err()))),
            false => Ok(()),
        }
    }
}

/// sysctl ends well even where the kernel refused a value.
fn refused(err: &str) -> bool {
    err.lines().any(|l| {
        l.starts_with("sysctl: setting key \"")
            && (l.ends_with("\": Invalid argument") || l.ends_with("\": Read-only file system"))
    })
}

#[cfg(test)]
mod tests {
    use super::{in_file, plain_value, refused, rewritten};

    #[test]
    fn rewrites_one_key_and_drops_its_repetitions() {
        let old = "# net\n\nnet.a = 1\nvm.b=2\nnet.a=3\n; off\nodd line\n";
        assert_eq!(rewritten(old, "net.a", Some("5")), "# net\n\nnet.a=5\nvm.b=2\n; off\nodd line\n");
        assert_eq!(rewritten(old, "vm.b", None), "# net\n\nnet.a=1\n; off\nodd line\n");
        assert_eq!(rewritten("", "x", Some("1 2")), "x=1 2\n");
        assert_eq!(in_file(old, "net.a").as_deref(), Some("3"));
        assert_eq!(in_file(old, "; off"), None);
    }

    #[test]
    fn knows_what_the_kernel_refused() {
        assert!(refused("x\nsysctl: setting key \"a.b\": Invalid argument\n"));
        assert!(!refused("sysctl: cannot stat /proc/sys/a/b\n"));
        assert_eq!(plain_value("Yes"), "1");
        assert_eq!(plain_value(" 4096 "), "4096");
    }
}

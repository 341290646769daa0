//! `ansible.posix.patch`: the node's own patch, run once to see whether its work is done already, and once to do it.

use super::params::{Params, change};
use super::private::Private;
use super::{Context, Failure, Outcome, exec, paths};
use crate::spec::Args;
use nix::unistd::AccessFlags;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let named = args.os("src").unwrap_or_default();
    // What a role brings lies in the bundle: patch needs it as a file.
    let held = if args.flag("remote_src") { None } else { Some(from_role(ctx, &named)?) };
    let src = held.as_ref().map_or_else(|| PathBuf::from(&named), |file| file.path.clone());
    if !paths::may(&src, AccessFlags::R_OK) {
        return Err(Failure::new(format!("src {} doesn't exist or not readable", src.display())));
    }
    let dest = args.os("dest").map(PathBuf::from).filter(|d| !d.as_os_str().is_empty());
    if let Some(dest) = dest.as_deref().filter(|d| !paths::may(d, AccessFlags::W_OK)) {
        return Err(Failure::new(format!("dest {} doesn't exist or not writable", dest.display())));
    }
    let base = args.os("basedir").map(PathBuf::from).filter(|b| !b.as_os_str().is_empty());
    if let Some(base) = base.as_deref().filter(|b| !b.exists()) {
        return Err(Failure::new(format!("basedir {} doesn't exist", base.display())));
    }
    let directory = base.unwrap_or_else(|| dest.as_deref().map(paths::dirname).unwrap_or_default());
    let program = ctx.runner.which("patch").ok_or_else(|| Failure::new("patch command not found"))?;
    let src = std::path::absolute(&src).map_err(|e| Failure::new(format!("finding {}: {e}", src.display())))?;
    let task = Task { ctx, args, program: program.into_os_string(), src, directory, dest };
    task.run()
}

fn from_role(ctx: &Context, named: &OsString) -> Result<Private, Failure> {
    let named = named.to_string_lossy();
    let found = ctx.files.find("files", &named).map_err(|tried| super::copy::not_found(&named, &tried))?;
    let bytes = ctx.files.read_plain(&found).map_err(|e| Failure::new(format!("reading {found}: {e}")))?;
    Private::new(ctx, &bytes, "patch")
}

struct Task<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    program: OsString,
    src: PathBuf,
    directory: PathBuf,
    dest: Option<PathBuf>,
}

impl Task<'_> {
    fn run(&self) -> Result<Outcome, Failure> {
        let present = self.args.text("state").as_deref() != Some("absent");
        // Undoing what is to be done works only where it was done.
        let done = exec::look(self.ctx, self.argv(&["--dry-run"], present))?;
        if done.rc == 0 {
            return Ok(Outcome::default());
        }
        let mut first = vec!["--batch", "--reject-file=-"];
        if self.ctx.check {
            first.push("--dry-run");
        }
        let argv = self.argv(&first, !present);
        let ran = if self.ctx.check { exec::look(self.ctx, argv)? } else { exec::change(self.ctx, argv)? };
        if ran.rc != 0 {
            return Err(Failure::new(if ran.stderr.is_empty() { ran.out() } else { ran.err() }));
        }
        let target = self.dest.as_deref().unwrap_or(&self.directory);
        Ok(Outcome { changed: true, changes: vec![change("content", target.to_string_lossy())], ..Outcome::default() })
    }

    fn argv(&self, first: &[&str], reverse: bool) -> Vec<OsString> {
        let with = |option: &str, path: &Path| {
            let mut word = OsString::from(option);
            word.push(path);
            word
        };
        let mut argv = vec![self.program.clone(), "--quiet".into(), "--forward".into()];
        argv.extend(first.iter().map(OsString::from));
        argv.push(format!("--strip={}", self.args.int("strip").unwrap_or(0)).into());
        argv.push(with("--directory=", &self.directory));
        argv.push(with("--input=", &self.src));
        for (name, option) in [("binary", "--binary"), ("ignore_whitespace", "--ignore-whitespace")] {
            if self.args.flag(name) {
                argv.push(option.into());
            }
        }
        if let Some(dest) = &self.dest {
            argv.push(dest.into());
        }
        if self.args.flag("backup") && first.contains(&"--batch") {
            argv.extend(["--backup".into(), "--version-control=numbered".into()]);
        }
        if reverse {
            argv.push("--reverse".into());
        }
        argv
    }
}

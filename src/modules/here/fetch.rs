//! `ansible.builtin.fetch`: a copy of a file in a directory of this host's name. For `apply`: a node at boot has nobody to
//! fetch anything for, so the builder refuses it.

use crate::modules::params::{Params, change, failure, int, map, text};
use crate::modules::{Context, Failure, Outcome, digest, paths};
use crate::plan::limits::EXPORT_FILE;
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::file::{Look, read_bounded, replace};
use crate::sys::identity::as_ourselves;
use std::path::{Component, Path, PathBuf};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    if ctx.check {
        let msg = "check mode not (yet) supported for this module";
        return Ok(Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg)));
    }
    let source = PathBuf::from(crate::modules::exec::expand(ctx, &args.os("src").unwrap_or_default()));
    let strict = args.choice("fail_on_missing").unwrap_or(true);
    let missing = |msg: &str, rest: Map| match strict {
        true => Err(Failure { result: rest, ..Failure::new(msg) }),
        false => Ok(Outcome { result: rest, ..Outcome::default() }.with("msg", text(msg))),
    };
    if source.is_dir() {
        let ignored = if strict { "" } else { ", not transferring, ignored" };
        let msg = format!("remote file is a directory, fetch cannot work on directories{ignored}");
        return missing(&msg, Map::default());
    }
    if !source.exists() {
        let file = if strict { Map::default() } else { map([("file", paths::shown(&source))]) };
        return missing("the remote file does not exist, not transferring, ignored", file);
    }
    let content = read_bounded(&source, EXPORT_FILE);
    let content = match content {
        Ok(content) => content,
        Err(e) => return missing(&format!("reading {}: {e}", source.display()), Map::default()),
    };
    // The file is the task's user's to read, the copy this program's to keep.
    as_ourselves(|| keep(ctx, args, &source, &content))
}

/// Puts the content where the copy goes.
fn keep(ctx: &Context, args: &Args, source: &Path, content: &[u8]) -> Result<Outcome, Failure> {
    let dest = destination(ctx, args, source)?;
    let (checksum, md5) = (digest::sha1(content), digest::md5(content));
    let common = [("md5sum", text(md5)), ("dest", paths::shown(&dest)), ("checksum", text(&checksum))];
    let mut result = map(common);
    if crate::sys::file::holds(&dest, content) {
        result.insert(Data::str("file"), paths::shown(source));
        return Ok(Outcome { result, ..Outcome::default() });
    }
    let failed = |e: std::io::Error| Failure::new(format!("Failed to fetch the file: {e}"));
    std::fs::create_dir_all(paths::dirname(&dest)).map_err(failed)?;
    Look::of_or_fresh(&dest).and_then(|look| replace(&dest, content, &look)).map_err(failed)?;
    result.insert(Data::str("remote_md5sum"), Data::Null);
    result.insert(Data::str("remote_checksum"), text(checksum));
    let changes = vec![change("content", dest.to_string_lossy())];
    Ok(Outcome { changed: true, result, changes, ..Outcome::default() })
}

/// Where the copy goes: beneath a directory of the host's name, or as the task says.
fn destination(ctx: &Context, args: &Args, source: &Path) -> Result<PathBuf, Failure> {
    let given = PathBuf::from(args.os("dest").unwrap_or_default());
    if !args.flag("flat") {
        let host = ctx.templar.value(&Data::str("{{ inventory_hostname }}"));
        let host = host.map_err(|e| Failure::new(e.to_string()))?;
        let host = host.as_str().unwrap_or("localhost").to_owned();
        let below: PathBuf = source.components().filter(|c| matches!(c, Component::Normal(_))).collect();
        return absolute(&given.join(host).join(below));
    }
    if !paths::ends_in_slash(&given) {
        if given.is_dir() {
            let msg =
                "dest is an existing directory, use a trailing slash if you want to fetch src into that directory";
            return Err(Failure::new(msg));
        }
        return absolute(&given);
    }
    let dest = given.join(paths::basename(source));
    if dest.is_dir() {
        let shown = dest.display();
        let hint = "use another path that does not point to an existing directory";
        let msg = format!("calculated dest '{shown}' is an existing directory, {hint}");
        return Err(failure(msg, [("rc", int(1))]));
    }
    absolute(&dest)
}

/// Absolute and without `.` and `..`; a path relative to the playbook's directory, which is the current one.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    let full = std::path::absolute(path).map_err(|e| Failure::new(format!("finding {}: {e}", path.display())))?;
    let mut out = PathBuf::new();
    for component in full.components() {
        match component {
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    Ok(out)
}

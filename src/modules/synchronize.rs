//! `synchronize`: rsync between two places of this node. A place on another machine is refused: nobody logs in
//! anywhere while a node boots.

use super::params::{Params, change, int, text};
use super::words::quote;
use super::{Context, Diff, Failure, Outcome, exec};
use crate::plan::Data;
use crate::spec::Args;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Stands before every line of rsync's that tells a change.
const CHANGED: &str = "<<CHANGED>>";

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let (src, dest) = (place(args, "src")?, place(args, "dest")?);
    let mut argv = vec![exec::program(ctx, "rsync")?];
    argv.extend(options(ctx, args).into_iter().map(OsString::from));
    let links = args.texts("link_dest").unwrap_or_default();
    argv.extend(link_options(&links, &dest)?.into_iter().map(OsString::from));
    argv.extend([format!("--out-format={CHANGED}%i %n%L").into(), src, dest.clone()]);
    let shown: Vec<String> = argv.iter().map(shown).collect();
    let shown = shown.join(" ");
    // With --dry-run rsync only looks.
    let ran = if ctx.check { exec::look(ctx, argv)? } else { exec::change(ctx, argv)? };
    if ran.rc != 0 {
        let failure = Failure::new(ran.err());
        return Err(Failure {
            result: [("rc", int(ran.rc)), ("cmd", text(shown))].into_iter().map(|(k, v)| (Data::str(k), v)).collect(),
            ..failure
        });
    }
    let out = ran.out();
    let changed = match links.is_empty() {
        true => out.contains(CHANGED),
        // A leading dot is a link to what is there already.
        false => !out.contains(&format!("{CHANGED}.")),
    };
    let clean = out.replace(CHANGED, "");
    let lines = clean.split('\n').filter(|l| !l.is_empty()).map(text).collect();
    let changes = if changed { vec![change("file", dest.to_string_lossy())] } else { Vec::new() };
    let diff = Diff { prepared: Some(clean.clone()), ..Diff::default() };
    let diff = if ctx.diff { vec![diff] } else { Vec::new() };
    let mut outcome = Outcome { changed, changes, diff, ..Outcome::default() };
    if let Some(diff) = outcome.diff.first() {
        outcome.result.insert(Data::str("diff"), super::difference::returned(diff));
    }
    Ok(outcome
        .with("msg", text(clean))
        .with("rc", int(0))
        .with("cmd", text(shown))
        .with("stdout_lines", Data::List(lines)))
}

/// A place on this node.
fn place(args: &Args, name: &str) -> Result<OsString, Failure> {
    let given = args.os(name).unwrap_or_default();
    if given.as_bytes().contains(&b':') {
        let shown = given.to_string_lossy();
        return Err(Failure::new(format!("synchronize {name}: {shown} is on another machine; a node copies locally")));
    }
    if !given.as_bytes().starts_with(b"/") {
        let shown = given.to_string_lossy();
        return Err(Failure::new(format!(
            "synchronize {name}: {shown} is no absolute path; use copy for files of a role"
        )));
    }
    Ok(given)
}

fn options(ctx: &Context, args: &Args) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    let mut add = |on: bool, option: &str| {
        if on {
            options.push(option.to_owned());
        }
    };
    add(args.flag("delay_updates"), "--delay-updates");
    add(args.flag("delay_updates"), "-F");
    add(args.flag("compress"), "--compress");
    let timeout = args.int("rsync_timeout").unwrap_or(0);
    add(timeout != 0, &format!("--timeout={timeout}"));
    add(ctx.check, "--dry-run");
    add(args.flag("delete"), "--delete-after");
    add(args.flag("existing_only"), "--existing");
    add(args.flag("checksum"), "--checksum");
    add(args.flag("copy_links"), "--copy-links");
    let archive = args.flag("archive");
    add(archive, "--archive");
    for part in ["recursive", "links", "perms", "times", "owner", "group"] {
        match args.choice(part) {
            Some(false) if archive => add(true, &format!("--no-{part}")),
            Some(true) if !archive => add(true, &format!("--{part}")),
            _ => {}
        }
    }
    add(args.flag("dirs"), "--dirs");
    for own in args.texts("rsync_opts").unwrap_or_default() {
        add(true, &own);
    }
    add(args.flag("partial"), "--partial");
    options
}

/// Hard links to what lies elsewhere; rsync calls them a change only when it is talkative.
fn link_options(links: &[String], dest: &OsString) -> Result<Vec<String>, Failure> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let mut options = vec!["-H".to_owned(), "-vv".to_owned()];
    let into = super::paths::dirname(Path::new(dest));
    for link in links {
        if into.to_string_lossy().starts_with(link.as_str()) {
            let dest = dest.to_string_lossy();
            return Err(Failure::new(format!(
                "Hardlinking into a subdirectory of the source would cause recursion. {} and {dest}",
                into.display()
            )));
        }
        options.push(format!("--link-dest={link}"));
    }
    Ok(options)
}

/// A word as the result shows it.
fn shown(word: &OsString) -> String {
    match word.to_str().and_then(|w| w.strip_prefix("--out-format=")) {
        Some(format) => format!("--out-format={}", String::from_utf8_lossy(&quote(format.as_bytes()))),
        None if word.as_bytes().starts_with(b"/") => String::from_utf8_lossy(&quote(word.as_bytes())).into_owned(),
        None => word.to_string_lossy().into_owned(),
    }
}

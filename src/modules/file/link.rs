//! `state: link` and `state: hard`.

use super::times::Times;
use super::{Request, State, add_warnings, done, initial_diff};
use crate::modules::attributes::AttrDiff;
use crate::modules::install::same_inode;
use crate::modules::params::{map, text};
use crate::modules::{Context, Failure, Outcome, paths};
use crate::plan::Data;
use crate::sys::file::{replace_hard_link, replace_link};
use std::io;
use std::path::{Path, PathBuf};

/// A symbolic link at `path` that holds `src`.
pub fn symbolic(ctx: &Context, request: &Request, times: &Times) -> Result<Outcome, Failure> {
    let path = &request.path;
    let before = State::of(path)?;
    let src = match &request.src {
        // Following an existing link without `src` is about its own target.
        None if request.follow && path.exists() => std::fs::read_link(path).ok(),
        src => src.clone(),
    };
    may_convert(request, before, src.as_deref())?;
    let mut diff = initial_diff(path, State::Link, before);
    let mut changed = before != State::Link;
    match (&src, before) {
        (None, State::Link) => {}
        (None, _) => return Err(Failure::new("src is required for creating new symlinks")),
        (Some(src), State::Link) => changed = note_other_target(path, src, &mut diff),
        (Some(_), _) => {}
    }
    if let Some(src) = src.as_deref().filter(|_| changed && !ctx.check) {
        place(path, src, before).map_err(|e| {
            let what = if before == State::Absent { "linking" } else { "replacing" };
            request.failed(format!("Error while {what}: {e}"))
        })?;
    }
    let shown = src.as_deref().map_or(Data::Null, paths::shown);
    if ctx.check && !path.exists() {
        return Ok(with_src(done(ctx, "dest", path, changed, diff), shown));
    }
    let wanted = request.wanted(path);
    let mut warnings = Vec::new();
    if request.follow && path.is_symlink() && !wanted.path.exists() {
        warnings.push(
            "Cannot set fs attributes on a non-existent symlink target. follow should be set to False to avoid this."
                .to_owned(),
        );
    } else {
        changed |= wanted.apply(ctx, &mut diff)?;
        changed |= times.apply(ctx, &wanted.path, &mut diff)?;
    }
    let mut outcome = with_src(done(ctx, "dest", path, changed, diff), shown);
    add_warnings(&mut outcome.result, warnings);
    Ok(outcome)
}

fn with_src(mut outcome: Outcome, src: Data) -> Outcome {
    outcome.result.insert(Data::str("src"), src);
    outcome
}

/// Refuses to put a link where something stands that `force` does not give away.
fn may_convert(request: &Request, before: State, src: Option<&Path>) -> Result<(), Failure> {
    let path = &request.path;
    if let Some(src) = src.filter(|_| !request.force) {
        let base = if !path.is_symlink() && path.is_dir() { path.clone() } else { paths::dirname(path) };
        let absolute = base.join(src);
        if !absolute.exists() {
            let msg = format!(
                "src file does not exist, use \"force=yes\" if you really want to create the link: {}",
                absolute.display()
            );
            let mut failure = request.failed(msg);
            failure.result.extend(map([("src", paths::shown(src))]));
            return Err(failure);
        }
    }
    let name = path.display();
    match before {
        State::Directory if !request.force => {
            Err(request.failed(format!("refusing to convert from directory to symlink for {name}")))
        }
        State::Directory if !super::recurse::entries(path).is_empty() => {
            Err(request.failed(format!("the directory {name} is not empty, refusing to convert it")))
        }
        State::File | State::Hard if !request.force => {
            Err(request.failed(format!("refusing to convert from {} to symlink for {name}", before.name())))
        }
        _ => Ok(()),
    }
}

/// Notes that the link at `path` holds something else than `src`. Whether it does.
fn note_other_target(path: &Path, src: &Path, diff: &mut AttrDiff) -> bool {
    let old = std::fs::read_link(path).unwrap_or_default();
    // Compared as text: `a` and `./a` are two links.
    if old.as_os_str() == src.as_os_str() {
        return false;
    }
    diff.note("src", paths::shown(&old), paths::shown(src));
    true
}

fn place(path: &Path, src: &Path, before: State) -> io::Result<()> {
    match before {
        State::Absent => std::os::unix::fs::symlink(src, path),
        State::Directory => {
            std::fs::remove_dir(path)?;
            replace_link(path, src.as_os_str())
        }
        _ => replace_link(path, src.as_os_str()),
    }
}

/// A hard link at `path` to the file `src`.
pub fn hard(ctx: &Context, request: &Request, times: &Times) -> Result<Outcome, Failure> {
    let path = &request.path;
    let before = State::of(path)?;
    let Some(src) = request.src.as_deref() else {
        if before != State::Hard {
            return Err(Failure::new("src is required for creating new hardlinks"));
        }
        return finish(ctx, request, times, (false, initial_diff(path, State::Hard, before)));
    };
    let Ok(target) = src.metadata() else { return Err(request.failed_link("src does not exist")) };
    let mut diff = initial_diff(path, State::Hard, before);
    let same = path.metadata().is_ok_and(|m| same_inode(&m, &target));
    let refuse = |msg: &str| if request.force { Ok(true) } else { Err(request.failed_link(msg)) };
    let changed = match before {
        State::Absent => true,
        State::Link => note_other_target(path, src, &mut diff),
        State::Hard if same => false,
        State::Hard => refuse("Cannot link, different hard link exists at destination")?,
        State::Directory if same => {
            return Ok(Outcome { result: map([("path", paths::shown(path))]), ..Outcome::default() });
        }
        State::Directory => refuse("Cannot link: different hard link exists at destination")?,
        State::File | State::Touch => refuse("Cannot link, file exists at destination")?,
    };
    if changed && !ctx.check {
        let linked = match before {
            State::Absent => std::fs::hard_link(src, path),
            _ => replace_hard_link(path, src),
        };
        let what = if before == State::Absent { "linking" } else { "replacing" };
        linked.map_err(|e| request.failed(format!("Error while {what}: {e}")))?;
    }
    finish(ctx, request, times, (changed, diff))
}

fn finish(ctx: &Context, request: &Request, times: &Times, so_far: (bool, AttrDiff)) -> Result<Outcome, Failure> {
    let ((mut changed, mut diff), path) = (so_far, &request.path);
    if !ctx.check || path.exists() {
        let wanted = request.wanted(path);
        changed |= wanted.apply(ctx, &mut diff)?;
        changed |= times.apply(ctx, &wanted.path, &mut diff)?;
    }
    let src = request.src.as_ref().map_or(text(""), |s: &PathBuf| paths::shown(s));
    let src = if request.src.is_some() { src } else { Data::Null };
    Ok(with_src(done(ctx, "dest", path, changed, diff), src))
}

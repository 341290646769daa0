//! A directory of the role: every file, then every directory, so that empty ones are made too.

use super::super::attributes::Wanted;
use super::super::file::{self, Request, State};
use super::super::params::Params;
use super::super::{Context, Failure, Outcome, paths};
use super::{Copy, joined, read_source, several};
use crate::plan::Data;
use crate::plan::limits::{DEPTH, EXPORT_FILES};
use crate::spec::Args;
use std::path::{Path, PathBuf};

/// The directory that is copied.
pub struct Top {
    /// Its path.
    pub path: String,
    /// `src` ends in a slash: what is in it is copied, and not the directory.
    pub slash: bool,
}

/// What lies below a directory: paths, and what they are called below the destination.
#[derive(Default)]
struct Found {
    files: Vec<(String, PathBuf)>,
    directories: Vec<PathBuf>,
}

/// Copies the directory.
pub fn copy(ctx: &Context, args: &Args, top: &Top, dest: PathBuf) -> Result<Outcome, Failure> {
    let dest = paths::with_slash(&dest);
    let trimmed = top.path.trim_end_matches('/');
    let base = if top.slash { PathBuf::new() } else { PathBuf::from(paths::basename(Path::new(trimmed))) };
    let mut found = Found::default();
    gather(ctx, trimmed, &base, &mut found, 0)?;
    let mut outcome = Outcome::default();
    let mut single = None;
    let copy = Copy { args, dest: dest.clone(), follow: found.directories.is_empty() && args.flag("follow") };
    for (path, name) in &found.files {
        let source = read_source(ctx, args, path, name.clone())?;
        if let Some(one) = copy.one(ctx, &source)? {
            single = Some(add(&mut outcome, one));
        }
    }
    for name in &found.directories {
        let made = make_directory(ctx, args, &dest.join(name))?;
        single = Some(add(&mut outcome, made));
    }
    match single.filter(|_| found.files.len() == 1) {
        Some(mut result) => {
            if let (Some(path), None) =
                (result.get(&crate::plan::Key("path")).cloned(), result.get(&crate::plan::Key("dest")))
            {
                result.insert(Data::str("dest"), path);
            }
            Ok(Outcome { result, ..outcome })
        }
        None => {
            let shown = if top.slash { format!("{trimmed}/") } else { trimmed.to_owned() };
            Ok(several(&dest, super::text(shown), outcome))
        }
    }
}

/// Adds one file's outcome; its result is given back.
fn add(all: &mut Outcome, one: Outcome) -> crate::plan::Map {
    all.changed |= one.changed;
    all.changes.extend(one.changes);
    all.diff.extend(one.diff);
    one.result
}

fn make_directory(ctx: &Context, args: &Args, path: &Path) -> Result<Outcome, Failure> {
    let mut common = Wanted::from_args(ctx, args, path);
    common.path = path.to_owned();
    common.mode = args.value("directory_mode").cloned();
    let mut request = Request::new(path, common);
    request.state = Some(State::Directory);
    request.follow = true;
    file::ensure(ctx, request)
}

fn gather(ctx: &Context, path: &str, name: &Path, found: &mut Found, depth: usize) -> Result<(), Failure> {
    let unreadable = |e: std::io::Error| Failure::new(format!("reading the directory {path}: {e}"));
    if depth > DEPTH {
        return Err(Failure::new(format!("{path} lies more than {DEPTH} directories deep")));
    }
    for (entry, is_directory) in ctx.files.list(path).map_err(unreadable)? {
        let (below, called) = (format!("{path}/{entry}"), joined(name, entry.as_bytes()));
        if is_directory {
            found.directories.push(called.clone());
            gather(ctx, &below, &called, found, depth + 1)?;
        } else {
            found.files.push((below, called));
        }
        if found.files.len() + found.directories.len() > EXPORT_FILES * 16 {
            return Err(Failure::new(format!("{path} has too many files")));
        }
    }
    Ok(())
}

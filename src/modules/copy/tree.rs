//! A directory of the role: every file, then every directory, so that empty ones are made too.

use super::super::attributes::Wanted;
use super::super::file::{self, Request, State};
use super::super::params::Params;
use super::super::{Context, Failure, Outcome, paths};
use super::{Copy, joined, read_source, several};
use crate::plan::Data;
use crate::plan::limits::{DEPTH, EXPORT_FILES};
use crate::spec::Args;
use std::ffi::OsString;
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
    /// What links say, where they are copied as links.
    links: Vec<(OsString, PathBuf)>,
}

/// Copies the directory.
pub fn copy(ctx: &Context, args: &Args, top: &Top, dest: PathBuf) -> Result<Outcome, Failure> {
    let dest = paths::with_slash(&dest);
    let trimmed = top.path.trim_end_matches('/');
    let base = if top.slash { PathBuf::new() } else { PathBuf::from(paths::basename(Path::new(trimmed))) };
    let mut found = Found::default();
    let walk = Walk { ctx, follow: args.choice("local_follow").unwrap_or(true) };
    let top_id = ctx.files.node(trimmed).and_then(|node| node.id);
    walk.gather(trimmed, &base, &mut found, &top_id.into_iter().collect::<Vec<_>>())?;
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
    for (target, name) in &found.links {
        let made = make_link(ctx, args, (target, &dest.join(name)), found.directories.is_empty())?;
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

/// A link as it stands in the source; links at the destination are followed where no directories are copied.
fn make_link(ctx: &Context, args: &Args, (target, path): (&OsString, &Path), follow: bool) -> Result<Outcome, Failure> {
    let mut common = Wanted::from_args(ctx, args, path);
    common.mode = common.mode.filter(|mode| mode.as_str() != Some("preserve"));
    let mut request = Request::new(path, common);
    request.src = Some(PathBuf::from(target));
    request.state = Some(State::Link);
    request.force = true;
    request.follow = follow && args.choice("follow").unwrap_or(true);
    file::ensure(ctx, request)
}

struct Walk<'a> {
    ctx: &'a Context<'a>,
    /// `local_follow`: links are copied as what they lead to, unless that is around what is copied already.
    follow: bool,
}

impl Walk<'_> {
    /// Lists what is below `path`, what is in it before what is deeper; `around` are the directories that lead there.
    fn gather(&self, path: &str, name: &Path, found: &mut Found, around: &[(u64, u64)]) -> Result<(), Failure> {
        let unreadable = |e: std::io::Error| Failure::new(format!("reading the directory {path}: {e}"));
        let mut deeper = Vec::new();
        for (entry, is_directory) in self.ctx.files.list(path).map_err(unreadable)? {
            let (below, called) = (format!("{path}/{entry}"), joined(name, entry.as_bytes()));
            let node = self.ctx.files.node(&below);
            let link = node.as_ref().and_then(|n| n.link.clone());
            let id = node.as_ref().and_then(|n| n.id);
            let real = || node.as_ref().map_or_else(|| below.clone(), |n| n.real.clone());
            let is_file = || link.is_none() || std::fs::metadata(real()).is_ok_and(|m| m.is_file());
            let circle = id.is_some_and(|id| around.contains(&id));
            match link {
                Some(target) if !self.follow || circle => found.links.push((target, called)),
                _ if is_directory => {
                    found.directories.push(called.clone());
                    let around: Vec<(u64, u64)> = around.iter().copied().chain(id).collect();
                    if around.len() > DEPTH || called.components().count() > DEPTH {
                        return Err(Failure::new(format!("{path} lies more than {DEPTH} directories deep")));
                    }
                    deeper.push((real(), called, around));
                }
                _ if is_file() => found.files.push((if link.is_some() { real() } else { below }, called)),
                Some(target) => found.links.push((target, called)),
                None => found.files.push((below, called)),
            }
            if found.files.len() + found.directories.len() + found.links.len() > EXPORT_FILES * 16 {
                return Err(Failure::new(format!("{path} has too many files")));
            }
        }
        deeper.iter().try_for_each(|(path, name, around)| self.gather(path, name, found, around))
    }
}

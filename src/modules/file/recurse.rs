//! `recurse`: the same attributes for everything below a directory.

use super::Request;
use super::times::Times;
use crate::modules::attributes::AttrDiff;
use crate::modules::{Context, Failure, paths};
use crate::plan::Data;
use crate::plan::limits::DEPTH;
use crate::sys::order;
use std::path::{Path, PathBuf};

/// Sets the attributes of everything below `path`; links are changed themselves, and with `follow` what they lead to.
pub fn apply(ctx: &Context, request: &Request, times: &Times, path: &Path) -> Result<bool, Failure> {
    Walk { ctx, request, times }.below(path, 0)
}

struct Walk<'a> {
    ctx: &'a Context<'a>,
    request: &'a Request,
    times: &'a Times,
}

impl Walk<'_> {
    fn below(&self, path: &Path, followed: usize) -> Result<bool, Failure> {
        if followed > DEPTH {
            let msg = format!("Could not recursively set attributes on {}. Links lead in a circle", path.display());
            return Err(Failure::new(msg));
        }
        let mut changed = false;
        let mut directories = vec![path.to_owned()];
        while let Some(directory) = directories.pop() {
            for (entry, is_directory) in entries(&directory) {
                changed |= self.one(&entry)?;
                if entry.is_symlink() {
                    if self.request.follow {
                        changed |= self.target(&directory, &entry, followed)?;
                    }
                } else if is_directory {
                    directories.push(entry);
                }
            }
        }
        Ok(changed)
    }

    fn target(&self, directory: &Path, link: &Path, followed: usize) -> Result<bool, Failure> {
        let Ok(to) = std::fs::read_link(link) else { return Ok(false) };
        let target = directory.join(to);
        if !target.exists() {
            return Ok(false);
        }
        let below = if target.is_dir() { self.below(&target, followed + 1)? } else { false };
        Ok(self.one(&target)? | below)
    }

    fn one(&self, path: &Path) -> Result<bool, Failure> {
        let mut unseen = AttrDiff::default();
        let changed = self.request.common.of(path).apply(self.ctx, &mut unseen)?;
        Ok(self.times.apply(self.ctx, path, &mut unseen)? | changed)
    }
}

/// What lies directly in a directory, sorted, each with whether it is a directory itself. One that cannot be read is
/// empty, as `os.walk` has it.
pub fn entries(directory: &Path) -> Vec<(PathBuf, bool)> {
    let read = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<_> = read.map(|e| (e.path(), e.file_type().is_ok_and(|t| t.is_dir()))).collect();
    order::ascending(&mut found);
    found
}

/// The directories and files below a directory, for the diff of its removal.
pub fn listing(path: &Path) -> Data {
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    let mut todo = vec![path.to_owned()];
    while let Some(directory) = todo.pop() {
        for (entry, is_directory) in entries(&directory) {
            if is_directory || entry.is_dir() {
                directories.push(paths::shown(&entry));
            } else {
                files.push(paths::shown(&entry));
            }
            if is_directory {
                todo.push(entry);
            }
        }
    }
    let pairs = [("directories", Data::List(directories)), ("files", Data::List(files))];
    Data::Map(crate::modules::params::map(pairs))
}

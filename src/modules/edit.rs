//! What the modules that change lines of a file have in common: read it, put the new content in place, then see to the
//! file's attributes, and say all of it in the way they do.

use super::attributes::{AttrDiff, Wanted, described};
use super::install::{Install, refused_in_words, unsafe_writes};
use super::params::{Params, failure, int, map, output_text, text};
use super::{Change, Context, Diff, Failure, difference, paths};
use crate::plan::limits::RENDERED;
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::file::read_bounded;
use std::path::{Path, PathBuf};

/// A file that is edited.
pub struct Edit<'a> {
    /// The context.
    pub ctx: &'a Context<'a>,
    /// The task's arguments.
    pub args: &'a Args,
    /// `path`.
    pub path: PathBuf,
    /// What it holds; `None` where it is not there.
    pub before: Option<Vec<u8>>,
}

/// What was done to it.
#[derive(Default)]
pub struct Done {
    /// Anything was different.
    pub changed: bool,
    /// The module's message, with what it says of attributes.
    pub msg: String,
    /// The backup.
    pub backup: Option<PathBuf>,
    /// What attributes were different; `None` where they were not looked at.
    pub attributes: Option<AttrDiff>,
    /// For the report.
    pub changes: Vec<Change>,
}

impl<'a> Edit<'a> {
    /// Reads the file at `path`.
    pub fn open(ctx: &'a Context<'a>, args: &'a Args) -> Result<Edit<'a>, Failure> {
        let path = PathBuf::from(args.os("path").unwrap_or_default());
        if path.is_dir() {
            let msg = format!("Path {} is a directory !", path.display());
            return Err(failure(msg, [("rc", int(256))]));
        }
        let before = match path.exists() {
            true => Some(read(&path)?),
            false => None,
        };
        Ok(Edit { ctx, args, path, before })
    }

    /// The failure of a file that is not there and may not be made; `kind` is what the module calls it.
    pub fn missing(&self, kind: &str) -> Failure {
        failure(format!("{kind} {} does not exist !", self.path.display()), [("rc", int(257))])
    }

    /// Makes the directory that a new file goes to.
    pub fn make_parent(&self) -> Result<(), Failure> {
        let parent = paths::dirname(&self.path);
        if self.ctx.check || parent.as_os_str().is_empty() || parent.exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&parent).map_err(|e| Failure::new(format!("Error creating {} ({e})", parent.display())))
    }

    /// Puts `after` in place where `changed`, then sees to the attributes.
    pub fn finish(&self, after: &[u8], changed: bool, msg: &str) -> Result<Done, Failure> {
        let mut done = Done { changed, msg: msg.to_owned(), ..Done::default() };
        let mut diff = AttrDiff::default();
        let wanted = Wanted::from_args(self.ctx, self.args, &self.path);
        let mut attributes = false;
        if changed {
            let what = if self.before.is_some() { "content" } else { "created" };
            if !self.ctx.check {
                let installed = self.install(after, &wanted)?;
                attributes = installed.attributes;
                diff = installed.diff;
                done.backup = installed.backup;
            }
            done.changes.push(described(self.ctx, what, &self.path));
        }
        if self.ctx.check && !self.path.exists() {
            return Ok(done);
        }
        attributes |= wanted.apply(self.ctx, &mut diff)?;
        if attributes {
            if done.changed {
                done.msg.push_str(" and ");
            }
            done.msg.push_str("ownership, perms or SE linux context changed");
            done.changed = true;
            done.changes.extend(diff.changes(self.ctx, &self.path));
        }
        done.attributes = Some(diff);
        Ok(done)
    }

    fn install(&self, after: &[u8], wanted: &Wanted) -> Result<super::install::Installed, Failure> {
        let target = paths::realpath(&self.path);
        // What is wanted of a link is not wanted of the file behind it, which keeps its looks.
        let wanted = match self.path.is_symlink() {
            true => Wanted { path: target, ..Wanted::default() },
            false => wanted.of(target),
        };
        Install {
            wanted: &wanted,
            validate: self.args.text("validate").filter(|v| !v.is_empty()),
            backup: false,
            unsafe_writes: unsafe_writes(self.ctx, self.args),
            refused: refused_in_words,
        }
        .run_with_backup(self.ctx, &mut &after[..], self.args.flag("backup").then_some(&self.path))
    }

    /// The content's two sides under their headers; empty where nobody asked for a diff.
    pub fn content_diff(&self, after: &[u8]) -> Diff {
        let header = format!("{} (content)", self.path.display());
        let mut diff = Diff { before_header: header.clone(), after_header: header, ..Diff::default() };
        if self.ctx.diff {
            diff.before = self.before.clone().unwrap_or_default();
            diff.after = after.to_vec();
        }
        diff
    }

    /// The attributes' two sides as they are returned.
    pub fn attribute_diff(&self, diff: AttrDiff) -> Map {
        let header = format!("{} (file attributes)", self.path.display());
        let mut map = diff.into_map();
        map.extend(super::params::map([("before_header", text(header.as_str())), ("after_header", text(header))]));
        map
    }

    /// Both diffs, as lineinfile and blockinfile return them, and for the report.
    pub fn diffs(&self, after: &[u8], attributes: Option<AttrDiff>) -> (Data, Vec<Diff>) {
        let content = self.content_diff(after);
        let shown = returned(&content);
        let Some(attributes) = attributes else {
            return (shown, vec![content]);
        };
        let any = !attributes.after.is_empty();
        let attributes = self.attribute_diff(attributes);
        let mut all = vec![content];
        if any {
            all.push(difference::of_attributes(&attributes));
        }
        (Data::List(vec![shown, Data::Map(attributes)]), all)
    }
}

/// A content diff with both sides there, empty or not.
fn returned(diff: &Diff) -> Data {
    Data::Map(map([
        ("before", output_text(diff.before.clone())),
        ("after", output_text(diff.after.clone())),
        ("before_header", text(diff.before_header.as_str())),
        ("after_header", text(diff.after_header.as_str())),
    ]))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_bounded(path, RENDERED as u64).map_err(|e| Failure::new(format!("reading {}: {e}", path.display())))
}

/// The lines of `content` with their ends, as Python's `readlines` has them.
pub fn lines(content: &[u8]) -> Vec<Vec<u8>> {
    content.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

/// A line without the `\r` and `\n` at its end.
pub fn bare(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |i| i + 1);
    &line[..end]
}

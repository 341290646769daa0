//! Puts new content in the place of a file: checked by the task's `validate` first, backed up where that is asked for,
//! then atomically, with its final owner, mode and context from the first moment it has its name.

use super::attributes::{self, AttrDiff, Wanted};
use super::exec::{self, Ran};
use super::params::{Params, text};
use super::{Context, Failure, words};
use crate::plan::{Data, Key};
use crate::spec::Args;
use crate::sys::clock;
use crate::sys::file::{Look, Staged};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How a file is to be replaced.
pub struct Install<'a> {
    /// What it is to look like; its `path` is where the content goes, links not followed.
    pub wanted: &'a Wanted,
    /// `validate`.
    pub validate: Option<String>,
    /// `backup`.
    pub backup: bool,
    /// `unsafe_writes`.
    pub unsafe_writes: bool,
    /// What a refusal by `validate` looks like.
    pub refused: fn(&Ran) -> Failure,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Installed {
    /// The backup, where one was made.
    pub backup: Option<PathBuf>,
    /// Owner, mode or context are not what they were, or what a new file has by itself.
    pub attributes: bool,
    /// What of them differs.
    pub diff: AttrDiff,
}

/// Whether a file that cannot be replaced may be overwritten: `unsafe_writes`, else what the environment says.
pub fn unsafe_writes(ctx: &Context, args: &Args) -> bool {
    if args.flag("unsafe_writes") || ctx.raw.contains_key(&Key("unsafe_writes")) {
        return args.flag("unsafe_writes");
    }
    let word = exec::variable(ctx, b"ANSIBLE_UNSAFE_WRITES").map(|word| String::from_utf8_lossy(&word).into_owned());
    word.is_some_and(|word| crate::spec::boolean(&Data::str(word)) == Ok(true))
}

impl Install<'_> {
    /// Puts `content` in place. On any failure the old file is as it was.
    pub fn run(&self, ctx: &Context, content: &mut dyn Read) -> Result<Installed, Failure> {
        self.run_with_backup(ctx, content, self.backup.then_some(&self.wanted.path))
    }

    /// [`Install::run`] with a backup of `original`, which may be a link to what is replaced.
    pub fn run_with_backup(
        &self,
        ctx: &Context,
        content: &mut dyn Read,
        original: Option<&PathBuf>,
    ) -> Result<Installed, Failure> {
        let path = &self.wanted.path;
        let could_not = |e: io::Error| Failure::new(format!("could not write {}: {e}", path.display()));
        // A link here is one that is not followed: what takes its place is a new file.
        let existed = path.exists() && !path.is_symlink();
        let mut base = if existed { Look::of(path) } else { Look::fresh(path) }.map_err(could_not)?;
        if !existed {
            base.context = attributes::default_context(ctx, path);
        }
        let mut diff = AttrDiff::default();
        let look = self.wanted.look(ctx, &base, &mut diff).map_err(|f| attributes::with_path_info(ctx, f))?;
        let attributes = look != base;
        let mut staged = match Staged::beside(path) {
            // The directory takes no new file, but the old one may be written.
            Err(_) if self.unsafe_writes && existed => Staged::apart_from(path),
            staged => staged,
        }
        .map_err(could_not)?;
        staged.fill(content).map_err(could_not)?;
        if let Some(command) = &self.validate {
            staged.dress(&look).map_err(could_not)?;
            self.validate(ctx, command, staged.path())?;
        }
        let backup = original.filter(|o| o.exists()).map(|o| back_up(o)).transpose()?;
        staged.dress(&look).map_err(could_not)?;
        self.commit(staged, &look).map_err(could_not)?;
        Ok(Installed { backup, attributes, diff })
    }

    fn commit(&self, staged: Staged, look: &Look) -> io::Result<()> {
        if !self.unsafe_writes {
            return staged.commit();
        }
        // A file that is a mount of its own (/etc/hosts in a container) cannot be renamed over.
        match staged.try_commit()? {
            None => Ok(()),
            Some(staged) => staged.overwrite(look),
        }
    }

    fn validate(&self, ctx: &Context, command: &str, path: &Path) -> Result<(), Failure> {
        let ran = exec::look(ctx, validator(command, path)?)?;
        if ran.rc == 0 { Ok(()) } else { Err((self.refused)(&ran)) }
    }
}

/// The words of a `validate` command for a file.
fn validator(command: &str, path: &Path) -> Result<Vec<OsString>, Failure> {
    if !command.contains("%s") {
        return Err(Failure::new(format!("validate must contain %s: {command}")));
    }
    let split = words::split(command.as_bytes()).map_err(|e| Failure::new(format!("validate: {e}: {command}")))?;
    Ok(split.into_iter().map(|word| filled(&word, path.as_os_str().as_bytes())).collect())
}

/// Python's `%` with one file name: `%s` is the name, `%%` a percent sign.
fn filled(word: &[u8], name: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(word.len() + name.len());
    let mut rest = word;
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail.first()) {
            (b'%', Some(b's')) => {
                out.extend_from_slice(name);
                rest = &tail[1..];
            }
            (b'%', Some(b'%')) => {
                out.push(b'%');
                rest = &tail[1..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(out)
}

/// What copy says when `validate` refuses.
pub fn refused_with_output(ran: &Ran) -> Failure {
    let failure = Failure::new("failed to validate");
    let result = super::params::map([
        ("exit_status", super::params::int(ran.rc)),
        ("stdout", text(ran.out())),
        ("stderr", text(ran.err())),
    ]);
    Failure { result, ..failure }
}

/// What the modules that edit say when `validate` refuses.
pub fn refused_in_words(ran: &Ran) -> Failure {
    Failure::new(format!("failed to validate: rc:{} error:{}", ran.rc, ran.err()))
}

/// Copies a file beside itself under Ansible's name for backups, with its times, owner and mode.
pub fn back_up(path: &Path) -> Result<PathBuf, Failure> {
    let now = clock::local(clock::now().0);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(
        ".{}.{:04}-{:02}-{:02}@{:02}:{:02}:{:02}~",
        std::process::id(),
        now.year,
        now.month,
        now.day,
        now.hour,
        now.minute,
        now.second
    ));
    let backup = PathBuf::from(name);
    copy_with_times(path, &backup).map_err(|e| {
        Failure::new(format!("Could not make backup of {} to {}: {e}", path.display(), backup.display()))
    })?;
    Ok(backup)
}

fn copy_with_times(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = std::fs::File::open(from)?;
    let meta = file.metadata()?;
    let mut staged = Staged::beside(to)?;
    staged.fill(&mut file)?;
    staged.dress(&Look::of(from)?)?;
    staged.set_times(&times(&meta)?)?;
    staged.commit()
}

fn times(meta: &Metadata) -> io::Result<std::fs::FileTimes> {
    Ok(std::fs::FileTimes::new().set_accessed(meta.accessed()?).set_modified(meta.modified()?))
}

/// Whether two files are one.
pub fn same_inode(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

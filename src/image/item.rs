//! One thing that is to be in a root file system: whether it is there, and making it so. Every item is made in one
//! step that either happened or did not.

use super::release::Release;
use super::{Error, Root};
use crate::sys::file::{self, Look};
use std::borrow::Cow;
use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Whether things are made, or only said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are made.
    Make,
    /// They are only said.
    DryRun,
}

/// What happened, or would happen, to a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// `create`, `update`, `remove`, `move`.
    pub what: &'static str,
    /// The path, inside the root.
    pub path: String,
    /// Where it is kept, if it was moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What files that are put aside end in.
const ASIDE: &str = ".before-compute-init";
/// Files of one name that are kept beside each other.
const KEPT: u32 = 9;

/// Something that is to be there, or not.
pub(super) enum Item<'a> {
    /// A directory; the mode of one that exists is kept.
    Directory { path: &'a str, mode: u32 },
    /// A file with this content and mode.
    File { path: String, mode: u32, bytes: Cow<'a, [u8]> },
    /// A file that is the administrator's once it is there.
    Default { path: &'a str, bytes: &'a [u8] },
    /// A symbolic link.
    Link { path: String, target: String },
    /// What is at `path` and is not ours is put aside.
    Aside { path: Cow<'a, str>, ours: Ours<'a> },
    /// What was put aside comes back.
    Back { path: Cow<'a, str> },
    /// The unpacked bundle.
    Release(&'a Release<'a>),
    /// A file or link that is gone.
    Absent { path: String },
    /// A directory tree that is gone.
    AbsentTree { path: String },
}

/// How we know what we put at a path ourselves.
#[derive(Clone, Copy)]
pub(super) enum Ours<'a> {
    /// It is a link.
    Link,
    /// It is these bytes, or has this text in it.
    Marked(&'a [u8], &'static str),
    /// It is one of these texts.
    OneOf([&'a [u8]; 2]),
    /// Nothing at it is.
    Nothing,
}

impl Ours<'_> {
    pub(super) fn holds(self, place: &Path, meta: &std::fs::Metadata) -> Result<bool, Error> {
        Ok(match self {
            Ours::Link => !meta.is_file(),
            Ours::Nothing => false,
            _ if !meta.is_file() => false,
            Ours::OneOf(texts) => texts.iter().any(|text| file::holds(place, text)),
            Ours::Marked(bytes, mark) => {
                let found = std::fs::read(place).map_err(Error::io("reading", place))?;
                found == bytes || found.windows(mark.len()).any(|part| part == mark.as_bytes())
            }
        })
    }
}

/// The name under which `path` is kept.
pub(super) fn aside(path: &str) -> String {
    format!("{path}{ASIDE}")
}

/// A name under which `path` can be kept: what was kept before stays.
fn free_name(root: &Root, path: &str) -> Result<String, Error> {
    let numbered = (2..=KEPT).map(|n| format!("{}.{n}", aside(path)));
    for name in std::iter::once(aside(path)).chain(numbered) {
        if lstat(&place(root, &name)?)?.is_none() {
            return Ok(name);
        }
    }
    Err(Error::Crowded(root.path().join(path)))
}

impl Item<'_> {
    /// What has to change for it to be so.
    pub(super) fn change(&self, root: &Root) -> Result<Option<Change>, Error> {
        let change = |what, path: &str| Some(Change { what, path: format!("/{path}"), to: None });
        let moved =
            |path: &str, to: &str| Some(Change { what: "move", path: format!("/{path}"), to: Some(format!("/{to}")) });
        Ok(match self {
            Item::Directory { path, .. } => match self::resolve(root, path)? {
                real if real.is_dir() => None,
                _ => change("create", path),
            },
            Item::File { path, mode, bytes } => {
                let place = self::place(root, path)?;
                match lstat(&place)? {
                    None => change("create", path),
                    Some(meta) if is_as_wanted(&meta, &place, *mode, bytes) => None,
                    Some(_) => change("update", path),
                }
            }
            Item::Default { path, .. } => match lstat(&place(root, path)?)? {
                Some(_) => None,
                None => change("create", path),
            },
            Item::Link { path, target } => match std::fs::read_link(place(root, path)?) {
                Ok(found) if found == Path::new(target) => None,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => change("create", path),
                _ => change("update", path),
            },
            Item::Aside { path, ours } => {
                let place = place(root, path)?;
                match lstat(&place)? {
                    Some(meta) if !ours.holds(&place, &meta)? => moved(path, &free_name(root, path)?),
                    _ => None,
                }
            }
            Item::Back { path } => {
                let kept = aside(path);
                let there = lstat(&place(root, &kept)?)?.is_some();
                if there { moved(&kept, path) } else { None }
            }
            Item::Release(release) => release.change(root)?,
            Item::Absent { path } | Item::AbsentTree { path } => match lstat(&place(root, path)?)? {
                Some(_) => change("remove", path),
                None => None,
            },
        })
    }

    /// Files beside it that an interrupted run left.
    pub(super) fn leftovers(&self, root: &Root) -> Result<Vec<String>, Error> {
        let path = match self {
            Item::File { path, .. } | Item::Link { path, .. } => path.as_str(),
            Item::Default { path, .. } => path,
            _ => return Ok(Vec::new()),
        };
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        // A directory that cannot be listed is met again when something is written into it.
        let Ok(entries) = std::fs::read_dir(resolve(root, dir)?) else { return Ok(Vec::new()) };
        let names = entries.flatten().map(|entry| entry.file_name());
        let ours = names.filter(|found| file::is_temporary(found, name.as_ref()));
        Ok(ours.filter_map(|found| Some(format!("{dir}/{}", found.to_str()?))).collect())
    }

    /// Makes it so.
    pub(super) fn make(&self, root: &Root) -> Result<(), Error> {
        match self {
            Item::Directory { path, mode } => make_directory(root, path, *mode),
            Item::File { path, mode, bytes } => write(root, path, *mode, bytes),
            Item::Default { path, bytes } => write(root, path, 0o644, bytes),
            Item::Link { path, target } => {
                let place = place(root, path)?;
                file::replace_link(&place, target.as_ref()).map_err(Error::io("linking", place))
            }
            Item::Aside { path, .. } => rename(root, path, &free_name(root, path)?),
            Item::Back { path } => rename(root, &aside(path), path),
            Item::Release(release) => release.make(root),
            Item::Absent { path } => {
                let place = place(root, path)?;
                std::fs::remove_file(&place).map_err(Error::io("removing", place))
            }
            Item::AbsentTree { path } => {
                let place = place(root, path)?;
                std::fs::remove_dir_all(&place).map_err(Error::io("removing", place))
            }
        }
    }
}

pub(super) fn place(root: &Root, path: &str) -> Result<PathBuf, Error> {
    root.place(path).map_err(Error::io("looking for", root.path().join(path)))
}

fn resolve(root: &Root, path: &str) -> Result<PathBuf, Error> {
    root.resolve(path).map_err(Error::io("looking for", root.path().join(path)))
}

fn lstat(place: &Path) -> Result<Option<std::fs::Metadata>, Error> {
    file::lstat(place).map_err(Error::io("looking at", place))
}

fn is_as_wanted(meta: &std::fs::Metadata, place: &Path, mode: u32, bytes: &[u8]) -> bool {
    let (uid, gid) = owner();
    meta.is_file()
        && meta.mode() & 0o7777 == mode
        && (meta.uid(), meta.gid()) == (uid, gid)
        && file::holds(place, bytes)
}

/// Root's, or ours where an image is built without privileges.
fn owner() -> (u32, u32) {
    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
}

fn write(root: &Root, path: &str, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let place = place(root, path)?;
    let (uid, gid) = owner();
    let look = Look { mode, uid, gid, context: None };
    file::replace(&place, bytes, &look).map_err(Error::io("writing", place))
}

fn rename(root: &Root, from: &str, to: &str) -> Result<(), Error> {
    let (from, to) = (place(root, from)?, place(root, to)?);
    std::fs::rename(&from, &to).map_err(Error::io("moving", &from))?;
    file::sync_directory(file::parent(&to)).map_err(Error::io("writing", to))
}

/// Makes a directory and those above it; our modes hold whatever the umask.
fn make_directory(root: &Root, path: &str, mode: u32) -> Result<(), Error> {
    let real = resolve(root, path)?;
    let mut missing: Vec<&Path> = real.ancestors().take_while(|dir| !dir.is_dir()).collect();
    while let Some(dir) = missing.pop() {
        let mode = if missing.is_empty() { mode } else { 0o755 };
        DirBuilder::new().mode(mode).create(dir).map_err(Error::io("making", dir))?;
        std::fs::set_permissions(dir, Permissions::from_mode(mode)).map_err(Error::io("making", dir))?;
        file::sync_directory(file::parent(dir)).map_err(Error::io("writing", dir))?;
    }
    Ok(())
}

//! Paths as Python's `os.path` has them: text first, links resolved only where somebody asks.

use super::params;
use crate::plan::Data;
use nix::fcntl::AtFlags;
use nix::unistd::AccessFlags;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

/// Links that one path may lead through.
const LINKS: usize = 40;

/// `os.path.realpath`: every link resolved as far as things exist; what does not exist stays as it is.
pub fn realpath(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut todo: Vec<OsString> = parts(&absolute);
    let mut done = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = todo.pop() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        match std::fs::read_link(&next) {
            Ok(to) if links < LINKS => {
                links += 1;
                if to.is_absolute() {
                    done = PathBuf::from("/");
                }
                todo.extend(parts(&to));
            }
            _ => done = next,
        }
    }
    done
}

/// The names of a path, last first, for use as a stack.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|c| match c {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}

/// `os.path.dirname`: what stands before the last slash.
pub fn dirname(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    let Some(slash) = bytes.iter().rposition(|b| *b == b'/') else { return PathBuf::new() };
    let head = &bytes[..=slash];
    let kept = head.iter().rposition(|b| *b != b'/').map_or(head, |i| &head[..=i]);
    PathBuf::from(OsStr::from_bytes(kept))
}

/// `os.path.basename`: what stands after the last slash; empty after a trailing one.
pub fn basename(path: &Path) -> &OsStr {
    let bytes = path.as_os_str().as_bytes();
    let start = bytes.iter().rposition(|b| *b == b'/').map_or(0, |i| i + 1);
    OsStr::from_bytes(&bytes[start..])
}

/// Whether the text ends in a slash, which asks for a directory.
pub fn ends_in_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().ends_with(b"/")
}

/// The path with a slash at its end.
pub fn with_slash(path: &Path) -> PathBuf {
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    if !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Whether the effective user may do this with the file, links followed.
pub fn may(path: &Path, flags: AccessFlags) -> bool {
    nix::unistd::faccessat(nix::fcntl::AT_FDCWD, path, flags, AtFlags::AT_EACCESS).is_ok()
}

/// The path as a return value.
pub fn shown(path: &Path) -> Data {
    params::output_text(path.as_os_str().as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pythons() {
        let cases = [
            ("/a/b", "/a", "b"),
            ("/a/b/", "/a/b", ""),
            ("b", "", "b"),
            ("//b", "//", "b"),
            ("/", "/", ""),
            ("a//b", "a", "b"),
        ];
        for (path, dir, base) in cases {
            assert_eq!((dirname(Path::new(path)), basename(Path::new(path))), (dir.into(), OsStr::new(base)), "{path}");
        }
    }

    #[test]
    fn realpath_follows_links_as_far_as_they_go() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        std::fs::create_dir(root.join("d")).unwrap();
        link("d", "one");
        link("one/../gone/x", "dangling");
        link("loop", "loop");
        assert_eq!(realpath(&root.join("one/f")), root.join("d/f"));
        assert_eq!(realpath(&root.join("dangling/y")), root.join("gone/x/y"));
        assert_eq!(realpath(&root.join("loop")), root.join("loop"));
    }
}

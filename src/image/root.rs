//! A root file system that is not ours: its absolute symbolic links lead to itself, and nothing leads out of it.

use super::Error;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// Links on one path; more is a loop.
const LINKS: usize = 40;

/// A root file system.
#[derive(Clone, Debug)]
pub struct Root(PathBuf);

impl Root {
    /// The root file system in `path`, if it looks like one.
    pub fn open(path: &Path) -> Result<Root, Error> {
        let real = path.canonicalize().map_err(Error::io("opening", path))?;
        let root = Root(real);
        let refuse = |why: String| Error::NotARoot { root: path.to_owned(), why };
        for directory in ["etc", "usr", "var"] {
            match root.resolve(directory) {
                Ok(real) if real.is_dir() => (),
                _ => return Err(refuse(format!("it has no directory {directory}"))),
            }
        }
        let release = ["etc/os-release", "usr/lib/os-release"];
        if !release.iter().any(|file| root.resolve(file).is_ok_and(|real| real.is_file())) {
            return Err(refuse("it has neither etc/os-release nor usr/lib/os-release".to_owned()));
        }
        Ok(root)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The real place of `path`, all links followed inside the root. What does not exist is taken as it is named.
    pub fn resolve(&self, path: &str) -> io::Result<PathBuf> {
        self.walk(path, Last::Follow)
    }

    /// The real place of `path` itself, even where it is a link.
    pub fn place(&self, path: &str) -> io::Result<PathBuf> {
        self.walk(path, Last::Keep)
    }

    fn walk(&self, path: &str, last: Last) -> io::Result<PathBuf> {
        let mut rest = components(Path::new(path));
        let mut real = self.0.clone();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == ".." {
                // The root is its own parent.
                if real != self.0 {
                    real.pop();
                }
                continue;
            }
            let next = real.join(&part);
            let link = match next.symlink_metadata() {
                Ok(meta) if meta.is_symlink() => Some(std::fs::read_link(&next)?),
                Ok(_) => None,
                Err(e) if e.kind() == io::ErrorKind::NotFound => None,
                Err(e) => return Err(e),
            };
            match link {
                Some(target) if last == Last::Follow || !rest.is_empty() => {
                    links += 1;
                    if links > LINKS {
                        return Err(io::Error::other(format!("{path}: too many links")));
                    }
                    if target.is_absolute() {
                        real.clone_from(&self.0);
                    }
                    rest.extend(components(&target));
                }
                _ => real = next,
            }
        }
        Ok(real)
    }
}

/// Whether a link at the very end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Follow,
    Keep,
}

/// The names in a path, the first one last.
fn components(path: &Path) -> Vec<OsString> {
    let named = |c: Component| match c {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::Root;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn root() -> (tempfile::TempDir, Root) {
        let scratch = tempfile::tempdir().unwrap();
        for dir in ["etc", "usr/lib", "var"] {
            fs::create_dir_all(scratch.path().join(dir)).unwrap();
        }
        fs::write(scratch.path().join("usr/lib/os-release"), "").unwrap();
        symlink("../usr/lib/os-release", scratch.path().join("etc/os-release")).unwrap();
        let root = Root::open(scratch.path()).unwrap();
        (scratch, root)
    }

    #[test]
    fn links_stay_inside() {
        let (_scratch, root) = root();
        let at = |path: &str| root.path().join(path);
        symlink("usr/lib", at("lib")).unwrap();
        symlink("/usr/lib", at("abs")).unwrap();
        symlink("../../../../../etc", at("usr/up")).unwrap();
        symlink("/etc/shadow", at("last")).unwrap();
        for (path, real) in [
            ("lib/x", "usr/lib/x"),
            ("/lib/x", "usr/lib/x"),
            ("abs/x/y", "usr/lib/x/y"),
            ("usr/up/passwd", "etc/passwd"),
            ("../../etc/passwd", "etc/passwd"),
            ("last", "etc/shadow"),
            ("etc/os-release", "usr/lib/os-release"),
        ] {
            assert_eq!(root.resolve(path).unwrap(), at(real), "{path}");
        }
        assert_eq!(root.place("last").unwrap(), at("last"));
        assert_eq!(root.place("abs/x").unwrap(), at("usr/lib/x"));
        symlink("loop", at("loop")).unwrap();
        assert!(root.resolve("loop/x").is_err());
        assert!(root.resolve("usr/lib/os-release/x").is_err());
    }

    #[test]
    fn what_is_no_root_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let error = |path: &std::path::Path| Root::open(path).unwrap_err().to_string();
        assert!(error(scratch.path()).ends_with("is not a root file system: it has no directory etc"));
        for dir in ["etc", "usr", "var"] {
            fs::create_dir(scratch.path().join(dir)).unwrap();
        }
        assert!(error(scratch.path()).contains("os-release"));
        // A link that would be right on the machine that builds, and is not in the root.
        symlink("/usr/lib/os-release", scratch.path().join("etc/os-release")).unwrap();
        assert!(error(scratch.path()).contains("os-release"));
        assert!(error(&scratch.path().join("missing")).contains("opening"));
        assert!(error("/dev/null".as_ref()).contains("no directory etc"));
    }
}

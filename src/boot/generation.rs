//! Staged generations: directories named by the digest of what is in them, written whole before they are switched
//! to. A power cut at any point leaves the old one in force.

use super::stop::Stop;
use crate::plan::limits;
use crate::sys::file;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The link that names the generation in force.
const CURRENT: &str = "current";
/// The link that names the one before it.
const PREVIOUS: &str = "previous";
/// Prefix of copies that are not whole yet.
const NEW: &str = ".new-";

/// A generation that is being written.
pub struct Copy {
    base: PathBuf,
    dir: PathBuf,
    digests: BTreeMap<String, [u8; 32]>,
    bytes: u64,
    kept: bool,
    times: Option<FileTimes>,
}

/// A copy that is removed when it is dropped, with the times of the directory it lies in as they were.
pub struct Trial {
    dir: PathBuf,
    times: Option<FileTimes>,
}

impl Copy {
    /// Starts a copy in `base`; what other tries left half done is removed.
    pub fn begin(base: &Path) -> Result<Copy, Stop> {
        let failed = |e: io::Error| full(&format!("making {}", base.display()), &e);
        DirBuilder::new().recursive(true).mode(0o700).create(base).map_err(failed)?;
        sweep(base).map_err(failed)?;
        let dir = base.join(format!("{NEW}{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&dir).map_err(failed)?;
        Ok(Copy { base: base.to_owned(), dir, digests: BTreeMap::new(), bytes: 0, kept: false, times: None })
    }

    /// Starts a copy for a boot that changes nothing: beside `near`, or above it where that is not there yet.
    pub fn trial(near: &Path) -> Result<Copy, Stop> {
        let base = near.ancestors().skip(1).find(|p| p.is_dir()).unwrap_or(Path::new("/"));
        let dir = base.join(format!(".compute-init-check-{}", std::process::id()));
        let make = || {
            let before = base.metadata()?;
            DirBuilder::new().mode(0o700).create(&dir)?;
            Ok(FileTimes::new().set_accessed(before.accessed()?).set_modified(before.modified()?))
        };
        let times = make().map_err(|e| full(&format!("making {}", dir.display()), &e))?;
        let base = base.to_owned();
        Ok(Copy { base, dir, digests: BTreeMap::new(), bytes: 0, kept: false, times: Some(times) })
    }

    /// Writes one file, readable by root only.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Stop> {
        self.bytes += bytes.len() as u64;
        if self.bytes > limits::EXPORT_TOTAL || self.digests.len() >= limits::EXPORT_FILES {
            return Err(Stop::refused(format!(
                "the export has more for this node than {} bytes in {} files",
                limits::EXPORT_TOTAL,
                limits::EXPORT_FILES
            )));
        }
        let target = self.dir.join(path);
        let write = || -> io::Result<()> {
            DirBuilder::new().recursive(true).mode(0o700).create(file::parent(&target))?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target)?;
            file.write_all(bytes)
        };
        write().map_err(|e| full(&format!("staging {path}"), &e))?;
        self.digests.insert(path.to_owned(), Sha256::digest(bytes).into());
        Ok(())
    }

    /// Files and bytes so far.
    pub fn size(&self) -> (usize, u64) {
        (self.digests.len(), self.bytes)
    }

    /// The digest of names and contents.
    fn name(&self) -> String {
        let mut all = Sha256::new();
        for (path, digest) in &self.digests {
            all.update((path.len() as u64).to_le_bytes());
            all.update(path.as_bytes());
            all.update(digest);
        }
        all.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect()
    }

    /// Leaves the copy where it is, for a boot that changes nothing.
    pub fn keep_for_trial(mut self) -> (String, Trial) {
        self.kept = true;
        (self.name(), Trial { dir: self.dir.clone(), times: self.times.take() })
    }

    /// Makes it the generation in force; whether it is a new one.
    pub fn commit(mut self) -> Result<(String, bool), Stop> {
        let name = self.name();
        let target = self.base.join(&name);
        let failed = |e: io::Error| full(&format!("switching to generation {name}"), &e);
        let before = link(&self.base, CURRENT);
        let new = !self.same(&target);
        if new {
            self.durable().map_err(failed)?;
            remove(&target).map_err(failed)?;
            fs::rename(&self.dir, &target).map_err(failed)?;
            self.kept = true;
            file::sync_directory(&self.base).map_err(failed)?;
        } else {
            // When the control node was last seen with it: what `export.stale` counts from.
            File::open(&target).and_then(|d| d.set_modified(std::time::SystemTime::now())).map_err(failed)?;
        }
        if before.as_deref() != Some(name.as_str()) {
            if let Some(before) = &before {
                file::replace_link(&self.base.join(PREVIOUS), before.as_ref()).map_err(failed)?;
            }
            file::replace_link(&self.base.join(CURRENT), name.as_ref()).map_err(failed)?;
        }
        self.prune().map_err(failed)?;
        Ok((name, new))
    }

    /// Whether `target` holds the very same files.
    fn same(&self, target: &Path) -> bool {
        self.digests.iter().all(|(path, digest)| {
            let bytes = file::read_bounded(&target.join(path), limits::EXPORT_FILE);
            bytes.is_ok_and(|bytes| <[u8; 32]>::from(Sha256::digest(bytes)) == *digest)
        })
    }

    fn durable(&self) -> io::Result<()> {
        let mut dirs = vec![self.dir.clone()];
        for path in self.digests.keys() {
            let path = self.dir.join(path);
            File::open(&path)?.sync_all()?;
            let mut parent = file::parent(&path);
            while parent != self.dir {
                if !dirs.iter().any(|d| d == parent) {
                    dirs.push(parent.to_owned());
                }
                parent = file::parent(parent);
            }
        }
        dirs.iter().try_for_each(|dir| file::sync_directory(dir))
    }

    fn prune(&self) -> io::Result<()> {
        let keep = [link(&self.base, CURRENT), link(&self.base, PREVIOUS)];
        for name in names(&self.base)? {
            let generation = name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
            if generation && !keep.iter().flatten().any(|k| *k == name) {
                fs::remove_dir_all(self.base.join(name))?;
            }
        }
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.kept {
            // What stays is removed by the next boot.
            drop(Trial { dir: self.dir.clone(), times: self.times.take() });
        }
    }
}

impl Trial {
    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        if let (Some(times), Ok(parent)) = (self.times, File::open(file::parent(&self.dir))) {
            let _ = parent.set_times(times);
        }
    }
}

/// The generation in force, and its directory.
pub fn current(base: &Path) -> Option<(String, PathBuf)> {
    let name = link(base, CURRENT)?;
    let dir = base.join(&name);
    dir.is_dir().then_some((name, dir))
}

/// Removes what a boot that was killed left half done in a directory of ours. Only who holds the lock may.
pub fn sweep(base: &Path) -> io::Result<()> {
    for name in names(base)? {
        if name.starts_with(NEW) {
            fs::remove_dir_all(base.join(name))?;
        } else if name.starts_with('.') && name.ends_with(".tmp") {
            fs::remove_file(base.join(name))?;
        }
    }
    Ok(())
}

/// A name that a file of the export may have on a node.
pub fn plain_name(name: &str) -> bool {
    !name.starts_with(['.', '-'])
        && !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|c| !c.is_control() && c != '/' && c != '\\')
}

/// What a link says, where that is a name in the same directory.
fn link(base: &Path, name: &str) -> Option<String> {
    let to = fs::read_link(base.join(name)).ok()?.into_os_string().into_string().ok()?;
    plain_name(&to).then_some(to)
}

fn names(base: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(base)?.map(|e| Ok(e?.file_name().to_string_lossy().into_owned())).collect()
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn full(doing: &str, e: &io::Error) -> Stop {
    let stop = Stop::failed(format!("{doing}: {e}"));
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => stop
            .hint("make room; the generation before stays in force")
            .reason("stage: no space left on the node's disk"),
        _ => stop.reason("stage: the node's disk cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Copy, current};
    use std::fs;
    use std::path::Path;

    fn stage(base: &Path, files: &[(&str, &str)]) -> (String, bool) {
        let mut copy = Copy::begin(base).unwrap();
        files.iter().for_each(|(path, text)| copy.put(path, text.as_bytes()).unwrap());
        copy.commit().unwrap()
    }

    #[test]
    fn the_same_content_is_the_same_generation() {
        let base = tempfile::tempdir().unwrap();
        let (first, new) = stage(base.path(), &[("hosts", "a"), ("x/y", "b")]);
        assert!(new);
        assert_eq!(stage(base.path(), &[("x/y", "b"), ("hosts", "a")]), (first.clone(), false));
        assert_eq!(current(base.path()).unwrap().0, first);
        assert_ne!(stage(base.path(), &[("hosts", "a"), ("x/z", "b")]).0, first);
        assert_eq!(fs::read_link(base.path().join("previous")).unwrap().to_str(), Some(first.as_str()));
    }

    #[test]
    fn only_two_generations_are_kept_and_half_copies_go() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir(base.path().join(".new-1")).unwrap();
        for text in ["1", "2", "3", "4"] {
            stage(base.path(), &[("f", text)]);
        }
        let left = fs::read_dir(base.path()).unwrap().count();
        assert_eq!(left, 4, "two generations and two links");
    }

    #[test]
    fn a_copy_that_is_given_up_leaves_nothing() {
        let base = tempfile::tempdir().unwrap();
        let (first, _) = stage(base.path(), &[("f", "1")]);
        let mut copy = Copy::begin(base.path()).unwrap();
        copy.put("f", b"2").unwrap();
        drop(copy);
        assert_eq!(current(base.path()).unwrap().0, first);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_generation_that_was_tampered_with_is_written_again() {
        let base = tempfile::tempdir().unwrap();
        let (first, _) = stage(base.path(), &[("f", "1")]);
        fs::write(base.path().join(&first).join("f"), "other").unwrap();
        assert_eq!(stage(base.path(), &[("f", "1")]), (first.clone(), true));
        assert_eq!(fs::read(base.path().join(&first).join("f")).unwrap(), b"1");
    }

    #[test]
    fn nothing_staged_is_readable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let (first, _) = stage(base.path(), &[("a/f", "1")]);
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let dir = base.path().join(first);
        assert_eq!((mode(&dir), mode(&dir.join("a")), mode(&dir.join("a/f"))), (0o700, 0o700, 0o600));
    }
}

//! The directory in which generations lie: blobs by digest, signed indices, the one in force. A blob is there whole or
//! not at all; the index is switched by one rename, after everything that it leads to is on the disk.

use super::error::WriteError;
use super::packing::Packed;
use crate::bundle::Digest;
use crate::plan::export::{BLOBS, Blob, CURRENT, GENERATIONS, ROOT};
use crate::plan::limits;
use crate::sys::file::{self, Look};
use crate::sys::lock::{Lock, LockError};
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Prefix of a blob that is being written.
const NEW: &str = ".new-";
/// There while blobs are written that may not be on the disk yet.
const WRITING: &str = ".writing";
/// What was sealed to whom, so that it need not be sealed again: tag, digest and size a line. For its owner only.
const SEALED: &str = ".sealed";
/// Ending of the list of blobs that a generation leads to.
const LIST: &str = ".blobs";
/// More new blobs than this are brought to the disk by one call for the whole file system.
const MANY: usize = 256;

/// The directory, locked.
pub struct Store {
    dest: PathBuf,
    owner: Option<(u32, u32)>,
    have: HashMap<String, u64>,
    written: Vec<String>,
    used: BTreeSet<String>,
    bytes: u64,
    marked: bool,
    _lock: Lock,
}

impl Store {
    /// Opens the export at `dest`, which is made where it is missing; its files get `owner`, where we may say so.
    pub fn open(dest: &Path, owner: (u32, u32)) -> Result<Store, WriteError> {
        let owner = nix::unistd::geteuid().is_root().then_some(owner);
        for part in [ROOT, GENERATIONS, "compute-init/blobs", BLOBS] {
            make_directory(&dest.join(part), owner)?;
        }
        let root = dest.join(ROOT);
        let lock = Lock::take(&root.join(".lock")).map_err(|e| match e {
            LockError::Held(pid) => WriteError::Busy(root.clone(), pid),
            LockError::Io(e) => WriteError::io("locking", &root)(e),
        })?;
        let mut store = Store {
            dest: dest.to_owned(),
            owner,
            have: HashMap::new(),
            written: Vec::new(),
            used: BTreeSet::new(),
            bytes: 0,
            marked: false,
            _lock: lock,
        };
        store.look()?;
        Ok(store)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dest.join(path)
    }

    /// Learns which blobs are there. After a crash each is read: a name may have reached the disk before its bytes.
    fn look(&mut self) -> Result<(), WriteError> {
        let crashed = self.at(ROOT).join(WRITING).exists();
        let blobs = self.at(BLOBS);
        let list = || -> io::Result<HashMap<String, u64>> {
            let mut have = HashMap::new();
            for entry in fs::read_dir(&blobs)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(NEW) || (crashed && !whole(&entry.path(), &name)) {
                    fs::remove_file(entry.path())?;
                } else if let Ok(meta) = entry.metadata() {
                    have.insert(name, meta.len());
                }
            }
            Ok(have)
        };
        self.have = list().map_err(WriteError::io("listing", &blobs))?;
        self.marked = crashed;
        Ok(())
    }

    /// Puts bytes into the store, in the form that saves most.
    pub fn put(&mut self, bytes: Vec<u8>) -> Result<Blob, WriteError> {
        self.keep(Packed::of(bytes)?)
    }

    /// Puts a blob into the store.
    pub fn keep(&mut self, packed: Packed) -> Result<Blob, WriteError> {
        let Packed { blob, bytes } = packed;
        if !self.has(&blob) {
            self.write_blob(&blob.digest, &bytes)?;
            self.have.insert(blob.digest.clone(), blob.size);
            self.written.push(blob.digest.clone());
            self.bytes += blob.size;
        }
        Ok(self.used(blob))
    }

    /// Whether a blob is there.
    pub fn has(&self, blob: &Blob) -> bool {
        self.have.get(&blob.digest) == Some(&blob.size)
    }

    /// The generation leads to a blob that is there: it is not pruned.
    pub fn used(&mut self, blob: Blob) -> Blob {
        self.used.insert(blob.digest.clone());
        blob
    }

    fn write_blob(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        if !self.marked {
            let mark = self.at(ROOT).join(WRITING);
            file::replace(&mark, b"", &self.look_of(0o600)).map_err(WriteError::io("writing", &mark))?;
            self.marked = true;
        }
        let blobs = self.at(BLOBS);
        let new = blobs.join(format!("{NEW}{}", std::process::id()));
        let target = blobs.join(name);
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            if let Some((uid, gid)) = self.owner {
                std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
            }
            file.set_permissions(Permissions::from_mode(0o640))?;
            fs::rename(&new, &target)
        };
        write().map_err(|e| {
            // What is left is removed by the next export.
            let _ = fs::remove_file(&new);
            WriteError::io("writing", &target)(e)
        })
    }

    fn look_of(&self, mode: u32) -> Look {
        let now = Look { mode, ..Look::default() };
        match self.owner {
            Some((uid, gid)) => Look { uid, gid, ..now },
            None => Look { uid: nix::unistd::geteuid().as_raw(), gid: nix::unistd::getegid().as_raw(), ..now },
        }
    }

    /// The bytes of the index in force.
    pub fn current(&self) -> Result<Option<Vec<u8>>, WriteError> {
        let path = self.at(CURRENT);
        match file::read_bounded(&path, limits::EXPORT_INDEX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(WriteError::io("reading", &path)(e)),
        }
    }

    /// What was sealed before: tag to blob.
    pub fn sealed_before(&self) -> HashMap<String, Blob> {
        let text = file::read_bounded(&self.at(ROOT).join(SEALED), limits::EXPORT_TOTAL).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let line = |line: &str| {
            let (tag, blob) = line.split_once(' ')?;
            Some((tag.to_owned(), Blob::try_from(blob.to_owned()).ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    /// Keeps what was sealed, for the next time.
    pub fn keep_sealed(&self, sealed: &[(String, Blob)]) -> Result<(), WriteError> {
        let mut text = String::new();
        for (tag, blob) in sealed {
            text.push_str(&format!("{tag} {}\n", String::from(blob.clone())));
        }
        let path = self.at(ROOT).join(SEALED);
        let look = Look {
            mode: 0o600,
            uid: nix::unistd::geteuid().as_raw(),
            gid: nix::unistd::getegid().as_raw(),
            ..Look::default()
        };
        file::replace_if_different(&path, text.as_bytes(), &look).map_err(WriteError::io("writing", &path))?;
        Ok(())
    }

    /// How many blobs were written, and their bytes.
    pub fn written(&self) -> (usize, u64) {
        (self.written.len(), self.bytes)
    }

    /// Makes a signed index the one in force. Everything that it leads to is on the disk before it is.
    pub fn switch(&mut self, index: &[u8]) -> Result<(), WriteError> {
        let name = Digest::of(index).hex();
        let generations = self.at(GENERATIONS);
        self.sync_blobs().map_err(WriteError::io("writing", &generations))?;
        let mut list = String::new();
        self.used.iter().for_each(|digest| list.extend([digest, "\n"]));
        let look = self.look_of(0o640);
        for (path, bytes) in [
            (generations.join(format!("{name}{LIST}")), list.as_bytes()),
            (generations.join(&name), index),
            (self.at(CURRENT), index),
        ] {
            file::replace(&path, bytes, &look).map_err(WriteError::io("writing", &path))?;
        }
        self.remove_mark()
    }

    /// Brings new blobs and their names to the disk: each by itself where they are few; ten thousand calls would take
    /// minutes on a slow disk, and one for all waits for whatever else is being written there.
    fn sync_blobs(&self) -> io::Result<()> {
        let blobs = self.at(BLOBS);
        if self.written.len() > MANY {
            return Ok(nix::unistd::syncfs(File::open(&blobs)?)?);
        }
        self.written.iter().try_for_each(|name| File::open(blobs.join(name))?.sync_all())?;
        file::sync_directory(&blobs)
    }

    /// Brings blobs that were written again to the disk.
    pub fn settle(&mut self) -> Result<(), WriteError> {
        let blobs = self.at(BLOBS);
        if self.marked {
            self.sync_blobs().map_err(WriteError::io("writing", &blobs))?;
        }
        self.remove_mark()
    }

    /// Nothing is half written any more.
    fn remove_mark(&mut self) -> Result<(), WriteError> {
        let mark = self.at(ROOT).join(WRITING);
        if std::mem::take(&mut self.marked) {
            fs::remove_file(&mark).map_err(WriteError::io("removing", &mark))?;
        }
        Ok(())
    }

    /// Gives back the room of what was written in vain.
    pub fn give_up(&mut self) {
        for name in std::mem::take(&mut self.written) {
            let _ = fs::remove_file(self.at(BLOBS).join(name));
        }
        let _ = self.remove_mark();
    }

    /// The signed indices that are kept, by the digest of their bytes.
    pub fn generations(&self) -> Result<Vec<(String, Vec<u8>)>, WriteError> {
        let dir = self.at(GENERATIONS);
        let read = || -> io::Result<Vec<(String, Vec<u8>)>> {
            let mut all = Vec::new();
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if Digest::from_hex(&name).is_some() {
                    all.push((name, file::read_bounded(&entry.path(), limits::EXPORT_INDEX)?));
                }
            }
            all.sort();
            Ok(all)
        };
        read().map_err(WriteError::io("reading", &dir))
    }

    /// Removes all generations but those named, and every blob that none of these leads to. How many blobs went.
    pub fn prune(&mut self, keep: &BTreeSet<String>) -> Result<usize, WriteError> {
        let dir = self.at(GENERATIONS);
        let mut reached = self.used.clone();
        let sweep = |reached: &mut BTreeSet<String>| -> io::Result<()> {
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let base = name.strip_suffix(LIST).unwrap_or(&name);
                if !keep.contains(base) {
                    fs::remove_file(entry.path())?;
                } else if name.ends_with(LIST) {
                    reached.extend(fs::read_to_string(entry.path())?.lines().map(str::to_owned));
                }
            }
            Ok(())
        };
        sweep(&mut reached).map_err(WriteError::io("pruning", &dir))?;
        let blobs = self.at(BLOBS);
        let mut gone = 0;
        for name in self.have.keys().filter(|name| !reached.contains(*name)) {
            fs::remove_file(blobs.join(name)).map_err(WriteError::io("pruning", &blobs))?;
            gone += 1;
        }
        self.have.retain(|name, _| reached.contains(name));
        Ok(gone)
    }
}

fn make_directory(path: &Path, owner: Option<(u32, u32)>) -> Result<(), WriteError> {
    if path.is_dir() {
        return Ok(());
    }
    let make = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o750).create(path)?;
        match owner {
            Some((uid, gid)) => std::os::unix::fs::chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    };
    make().map_err(WriteError::io("making", path))
}

/// Whether a blob's bytes are those of its name.
fn whole(path: &Path, name: &str) -> bool {
    let digest = File::open(path).and_then(|mut file| Digest::of_reader(&mut file, limits::EXPORT_FILE));
    digest.is_ok_and(|(digest, _)| digest.hex() == name)
}

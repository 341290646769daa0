//! Durable, atomic writes: a file is the old one or the new one, never half of either, also after a power cut. The new
//! one has its owner, mode and SELinux context before it has its name.

use super::selinux;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid};
use std::ffi::{OsStr, OsString};
use std::fs::{File, FileTimes, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a file looks like, apart from its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// SELinux context; `None` leaves it to the kernel.
    pub context: Option<String>,
}

impl Look {
    /// How the file at `path` looks, links followed.
    pub fn of(path: &Path) -> io::Result<Look> {
        let meta = path.metadata()?;
        let context = if selinux::enabled() { selinux::context(&path.canonicalize()?)? } else { None };
        Ok(Look { mode: meta.mode() & super::mode::BITS, uid: meta.uid(), gid: meta.gid(), context })
    }

    /// How a file that is made at `path` looks when nobody says otherwise.
    pub fn fresh(path: &Path) -> io::Result<Look> {
        let parent = parent(path).metadata()?;
        let gid = if parent.mode() & 0o2000 != 0 { parent.gid() } else { Gid::effective().as_raw() };
        Ok(Look { mode: 0o666 & !current_umask(), uid: Uid::effective().as_raw(), gid, context: None })
    }

    /// [`Look::of`] where there is a file, [`Look::fresh`] where there is none.
    pub fn of_or_fresh(path: &Path) -> io::Result<Look> {
        match Look::of(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Look::fresh(path),
            look => look,
        }
    }
}

/// The umask of this process.
pub fn current_umask() -> u32 {
    // The only way to read it is to set it; the executor has one thread.
    let mask = umask(Mode::from_bits_truncate(0o077));
    umask(mask);
    mask.bits()
}

/// The directory a path lies in.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if p != Path::new("") => p,
        _ => Path::new("."),
    }
}

/// Whether the file at `path` holds exactly `content`, links followed.
pub fn holds(path: &Path, content: &[u8]) -> bool {
    let Ok(mut file) = open_quietly(path) else { return false };
    if !file.metadata().is_ok_and(|m| m.is_file() && m.len() == content.len() as u64) {
        return false;
    }
    let mut buffer = vec![0; 65536];
    let mut rest = content;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return rest.is_empty(),
            Ok(n) if rest.starts_with(&buffer[..n]) => rest = &rest[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}

/// Opens a file for reading without changing its time of access where that can be had, and never waits for a FIFO.
pub fn open_quietly(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let open = |flags: OFlag| OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    open(flags | OFlag::O_NOATIME).or_else(|_| open(flags))
}

/// Reads at most `limit` bytes of a regular file; more is an error.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_quietly(path)?;
    let length = file.metadata()?.len();
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{length} bytes, more than {limit}")));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// A file under a name of its own beside its destination. Dropped before [`Staged::commit`], it is gone.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    target: PathBuf,
    file: File,
    done: bool,
}

impl Staged {
    /// Makes an empty file, readable by us only, beside `target`.
    pub fn beside(target: &Path) -> io::Result<Staged> {
        let (path, file) = create_beside(target)?;
        Ok(Staged { path, target: target.to_owned(), file, done: false })
    }

    /// The same in the directory for temporary files, from where it can only be written over its target.
    pub fn apart_from(target: &Path) -> io::Result<Staged> {
        let name = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
        let (path, file) = create_beside(&std::env::temp_dir().join(name))?;
        Ok(Staged { path, target: target.to_owned(), file, done: false })
    }

    /// Where it lies until it is committed, for programs that check it first.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills it.
    pub fn fill(&mut self, from: &mut dyn Read) -> io::Result<()> {
        io::copy(from, &mut self.file).map(drop)
    }

    /// Gives it owner, mode and context.
    pub fn dress(&self, look: &Look) -> io::Result<()> {
        let meta = self.file.metadata()?;
        if (meta.uid(), meta.gid()) != (look.uid, look.gid) {
            // While the owner changes nobody but root may read it.
            match nix::unistd::fchown(&self.file, Some(look.uid.into()), Some(look.gid.into())) {
                // Who may replace another's file but give nothing away keeps what he wrote.
                Err(nix::errno::Errno::EPERM) if !nix::unistd::geteuid().is_root() => {}
                changed => changed?,
            }
        }
        self.file.set_permissions(Permissions::from_mode(look.mode))?;
        match &look.context {
            Some(context) if selinux::enabled() => selinux::set_on(&self.file, context),
            _ => Ok(()),
        }
    }

    /// Gives it times of access and modification.
    pub fn set_times(&self, times: &FileTimes) -> io::Result<()> {
        self.file.set_times(*times)
    }

    /// Puts it in the place of its target, for good.
    pub fn commit(mut self) -> io::Result<()> {
        self.rename()
    }

    /// [`Staged::commit`], but handed back where the target cannot be renamed over.
    pub fn try_commit(mut self) -> io::Result<Option<Staged>> {
        match self.rename() {
            Ok(()) => Ok(None),
            Err(e) => match Errno::from_raw(e.raw_os_error().unwrap_or_default()) {
                Errno::EBUSY | Errno::ETXTBSY | Errno::EXDEV | Errno::EPERM | Errno::EACCES => Ok(Some(self)),
                _ => Err(e),
            },
        }
    }

    fn rename(&mut self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.target)?;
        self.done = true;
        sync_directory(parent(&self.target))
    }

    /// Writes its bytes over the target's own: for targets that cannot be renamed over, such as bind mounts. Not atomic.
    pub fn overwrite(mut self, look: &Look) -> io::Result<()> {
        let mut from = File::open(&self.path)?;
        let mut options = OpenOptions::new();
        let mut target = options.write(true).create(true).truncate(true).mode(look.mode).open(&self.target)?;
        io::copy(&mut from, &mut target)?;
        target.sync_all()?;
        self.file.flush()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.done {
            // It may be gone already; a name that starts with a dot and ends in .tmp disturbs nobody.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Replaces the file at `path`, which need not exist, by `content` looking like `look`.
pub fn replace(path: &Path, content: &[u8], look: &Look) -> io::Result<()> {
    let mut staged = Staged::beside(path)?;
    staged.fill(&mut &content[..])?;
    staged.dress(look)?;
    staged.commit()
}

/// Replaces the file at `path` unless it holds `content` and looks like `look` already. Whether it did.
pub fn replace_if_different(path: &Path, content: &[u8], look: &Look) -> io::Result<bool> {
    let link = path.symlink_metadata().is_ok_and(|m| m.is_symlink());
    let same_look = |now: Look| {
        (now.mode, now.uid, now.gid) == (look.mode, look.uid, look.gid)
            && (look.context.is_none() || now.context == look.context)
    };
    if !link && holds(path, content) && Look::of(path).is_ok_and(same_look) {
        return Ok(false);
    }
    replace(path, content, look).map(|()| true)
}

/// Puts a symbolic link to `to` at `path`, in the place of what is there.
pub fn replace_link(path: &Path, to: &OsStr) -> io::Result<()> {
    let temporary = try_names(path, |name| std::os::unix::fs::symlink(to, name))?.0;
    finish_name(path, &temporary)
}

/// Puts a hard link to `to` at `path`, in the place of what is there.
pub fn replace_hard_link(path: &Path, to: &Path) -> io::Result<()> {
    let temporary = try_names(path, |name| std::fs::hard_link(to, name))?.0;
    finish_name(path, &temporary)?;
    // Renaming one name of an inode over another of its names does nothing at all, so the first may be left.
    let _ = std::fs::remove_file(&temporary);
    Ok(())
}

fn finish_name(path: &Path, temporary: &Path) -> io::Result<()> {
    if let Err(e) = std::fs::rename(temporary, path) {
        let _ = std::fs::remove_file(temporary);
        return Err(e);
    }
    sync_directory(parent(path))
}

/// Makes the names in a directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path)?.sync_all() {
        // Some file systems know no fsync of directories.
        Err(e) if matches!(e.raw_os_error(), Some(nix::libc::EINVAL)) => Ok(()),
        result => result,
    }
}

/// What `stat` says, links not followed; `None` where there is nothing.
pub fn lstat(path: &Path) -> io::Result<Option<Metadata>> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta)),
        Err(e) if matches!(e.raw_os_error(), Some(nix::libc::ENOENT | nix::libc::ENOTDIR)) => Ok(None),
        Err(e) => Err(e),
    }
}

fn create_beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    try_names(target, |name| {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(flags.bits()).open(name)
    })
}

/// Makes something under the first free one of our temporary names beside `target`.
fn try_names<T>(target: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<(PathBuf, T)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let stem = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    for _ in 0..100 {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = temporary_name(stem, count);
        let path = parent(target).join(name);
        match make(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|made| (path, made)),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every temporary name is taken"))
}

/// Whether `name` is one that a write of `target`, in the same directory, used and left when it was interrupted.
pub fn is_temporary(name: &OsStr, target: &OsStr) -> bool {
    let kept = &target.as_bytes()[..target.len().min(200)];
    let middle = name.as_bytes().strip_prefix(b".").and_then(|n| n.strip_prefix(kept));
    let numbers = middle.and_then(|n| n.strip_prefix(b".")).and_then(|n| n.strip_suffix(b".tmp"));
    numbers.is_some_and(|n| n.len() > 2 && n.iter().all(|b| b.is_ascii_digit() || *b == b'-'))
}

fn temporary_name(stem: &OsStr, count: u32) -> OsString {
    // Names may have 255 bytes; ours adds at most 36 to what is kept of the file's own.
    let kept = &stem.as_bytes()[..stem.len().min(200)];
    let mut name = OsString::from(".");
    name.push(OsStr::from_bytes(kept));
    name.push(format!(".{}-{count}.tmp", std::process::id()));
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_our_own_leftovers_are_told_as_such() {
        let name = OsStr::new("a.conf");
        assert!(is_temporary(&temporary_name(name, 7), name));
        for other in [".a.conf.tmp", ".a.conf.x-1.tmp", "a.conf.1-1.tmp", ".b.conf.1-1.tmp", ".a.conf.1-1", "a.conf"] {
            assert!(!is_temporary(OsStr::new(other), name), "{other}");
        }
    }

    fn look(mode: u32) -> Look {
        Look { mode, uid: Uid::effective().as_raw(), gid: Gid::effective().as_raw(), context: None }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_has_content_and_mode_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        replace(&path, b"secret\xff", &look(0o400)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret\xff");
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o400);
        assert_eq!(names(dir.path()), ["key"]);
    }

    #[test]
    fn an_equal_file_is_not_touched_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert!(replace_if_different(&path, b"one", &look(0o644)).unwrap());
        let before = path.metadata().unwrap();
        assert!(!replace_if_different(&path, b"one", &look(0o644)).unwrap());
        let after = path.metadata().unwrap();
        let times = |m: &Metadata| (m.ino(), m.mtime_nsec(), m.ctime_nsec(), m.atime_nsec());
        assert_eq!(times(&before), times(&after));
        assert!(replace_if_different(&path, b"one", &look(0o600)).unwrap());
        assert!(replace_if_different(&path, b"onE", &look(0o600)).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"onE");
    }

    #[test]
    fn a_link_is_replaced_and_its_target_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(replace_if_different(&link, b"old", &look(0o644)).unwrap());
        assert!(!link.is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"old");
    }

    #[test]
    fn refusals_leave_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("sub");
        fs::create_dir(&sub).unwrap();
        fs::write(sub.join("x"), "").unwrap();
        let kind = |r: io::Result<()>| r.unwrap_err().kind();
        assert_eq!(kind(replace(&dir.path().join("no/such"), b"", &look(0o644))), io::ErrorKind::NotFound);
        assert_eq!(kind(replace(&sub, b"", &look(0o644))), io::ErrorKind::IsADirectory);
        assert_eq!(kind(replace(Path::new("/"), b"", &look(0o644))), io::ErrorKind::IsADirectory);
        assert_eq!(kind(replace_link(&sub, OsStr::new("x"))), io::ErrorKind::IsADirectory);
        assert_eq!(kind(replace_hard_link(&dir.path().join("h"), &dir.path().join("no"))), io::ErrorKind::NotFound);
        assert_eq!(kind(replace(&sub.join("x/y"), b"", &look(0o644))), io::ErrorKind::NotADirectory);
        assert_eq!((names(dir.path()), names(&sub)), (vec!["sub".to_owned()], vec!["x".to_owned()]));
    }

    #[test]
    fn a_full_disk_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let flags = nix::mount::MsFlags::empty();
        if nix::mount::mount(Some("tmpfs"), dir.path(), Some("tmpfs"), flags, Some("size=64k")).is_err() {
            eprintln!("skipped: mounting a tmpfs needs root");
            return;
        }
        let path = dir.path().join("f");
        let first = replace(&path, b"old", &look(0o644));
        let second = replace(&path, &[b'x'; 1 << 20], &look(0o644));
        let (content, left) = (fs::read(&path), names(dir.path()));
        nix::mount::umount(dir.path()).unwrap();
        first.unwrap();
        assert_eq!(second.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!((content.unwrap(), left), (b"old".to_vec(), vec!["f".to_owned()]));
    }

    #[test]
    fn a_killed_writer_leaves_the_old_file_or_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let (old, new) = (vec![b'o'; 300_000], vec![b'n'; 300_000]);
        replace(&path, &old, &look(0o644)).unwrap();
        for round in 0..20u64 {
            let mut child = crate::sys::child::Child::spawn(None, {
                let (path, old, new) = (path.clone(), old.clone(), new.clone());
                move |_socket| loop {
                    replace(&path, &new, &look(0o644)).expect("the directory is there");
                    replace(&path, &old, &look(0o644)).expect("the directory is there");
                }
            })
            .unwrap();
            std::thread::sleep(std::time::Duration::from_micros(300 * round + 500));
            child.set_deadline(std::time::Instant::now());
            drop(child);
            let content = fs::read(&path).unwrap();
            assert!(content == old || content == new, "half a file of {} bytes", content.len());
        }
    }

    #[test]
    fn a_long_name_still_has_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n".repeat(255));
        replace(&path, b"x", &look(0o644)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn fifos_and_large_files_do_not_hold_a_reader() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::from_bits_truncate(0o600)).unwrap();
        assert!(!holds(&fifo, b"x"));
        fs::write(dir.path().join("big"), [0; 100]).unwrap();
        assert_eq!(read_bounded(&dir.path().join("big"), 99).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_bounded(&dir.path().join("big"), 100).unwrap().len(), 100);
    }
}

//! A tree that only a child sees: the child mounts it in a mount namespace of its own (or is handed a directory),
//! becomes the user who may read it, and answers requests for files. When the child ends, the mount is gone too.

use super::child::{Child, become_user};
use super::mount;
use crate::sys::order;
use nix::dir::Dir;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// Bytes of a request's path.
const PATH: usize = 4096;
/// Directories that every root has: the child mounts over the first that is there, where nobody else sees it.
const POINTS: [&str; 3] = ["/run", "/mnt", "/tmp"];
/// Bytes of an answer that memory is taken for before they come.
const AT_ONCE: u64 = 1 << 20;
/// Entries of one directory.
const ENTRIES: usize = 65_536;

/// What the child looks at.
#[derive(Debug)]
pub enum Tree {
    /// A directory that is open already.
    Directory(OwnedFd),
    /// An NFS export: server, path, protocol version.
    Nfs(IpAddr, String, String),
    /// An NFS export, mounted by the node's mount.nfs: server, path.
    NfsByHelper(IpAddr, String),
}

/// A tree that can be read.
#[derive(Debug)]
pub struct Remote {
    child: Child,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// It is a directory.
    pub directory: bool,
}

impl Remote {
    /// Opens `tree` and reads it as `user` (uid and gid; 0 stays root). A call that hangs is left at `deadline`.
    pub fn open(tree: Tree, user: (u32, u32), deadline: Instant) -> io::Result<Remote> {
        let given = match &tree {
            Tree::Directory(root) => Some(root.as_raw_fd()),
            _ => None,
        };
        let mut child = Child::spawn(given, |socket| serve(tree, user, socket))?;
        child.set_deadline(deadline);
        answer(&mut child, 0)?;
        Ok(Remote { child })
    }

    /// Until when requests may take.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.child.set_deadline(deadline);
    }

    /// The bytes of a regular file, at most `limit`; `None` where there is none. No link is followed.
    pub fn read(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.request(b'r', path, limit)
    }

    /// The entries of a directory, sorted; `None` where there is none.
    pub fn list(&mut self, path: &str) -> io::Result<Option<Vec<Entry>>> {
        let Some(bytes) = self.request(b'l', path, (ENTRIES * 256) as u64)? else { return Ok(None) };
        let mut entries: Vec<Entry> = bytes
            .split(|b| *b == 0)
            .filter(|e| e.len() > 1)
            .filter_map(|e| Some(Entry { name: String::from_utf8(e[1..].to_vec()).ok()?, directory: e[0] == b'd' }))
            .collect();
        order::ascending(&mut entries);
        Ok(Some(entries))
    }

    fn request(&mut self, what: u8, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        if path.len() > PATH {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path too long"));
        }
        let mut frame = vec![what];
        frame.extend_from_slice(&limit.to_le_bytes());
        frame.extend_from_slice(&(path.len() as u32).to_le_bytes());
        frame.extend_from_slice(path.as_bytes());
        self.child.write_all(&frame)?;
        match answer(&mut self.child, limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// An answer of the child: an error number (0 is none), a length, bytes. The child is not trusted with lengths: it
/// parses what a server sent.
fn answer(from: &mut impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut head = [0; 12];
    from.read_exact(&mut head)?;
    let errno = i32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let mut length = [0; 8];
    length.copy_from_slice(&head[4..]);
    let length = u64::from_le_bytes(length);
    if errno != 0 {
        return Err(io::Error::from_raw_os_error(errno));
    }
    if length > limit {
        return Err(io::Error::from_raw_os_error(nix::libc::EFBIG));
    }
    // Few reads for what is usual, and no memory for a length that only claims to be.
    let mut bytes = Vec::with_capacity(length.min(AT_ONCE) as usize);
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn reply(to: &mut impl Write, result: io::Result<Vec<u8>>) -> io::Result<()> {
    let (errno, bytes) = match result {
        Ok(bytes) => (0, bytes),
        Err(e) => (e.raw_os_error().unwrap_or(nix::libc::EIO), Vec::new()),
    };
    let mut head = [0; 12];
    head[..4].copy_from_slice(&errno.to_le_bytes());
    head[4..].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    to.write_all(&head)?;
    to.write_all(&bytes)
}

/// The child's side: ends when the parent is gone.
fn serve(tree: Tree, user: (u32, u32), mut socket: impl Read + Write) {
    let root = match open_tree(tree, user) {
        Ok(root) => root,
        Err(e) => {
            // The parent sees either the error or a closed socket.
            let _ = reply(&mut socket, Err(e));
            return;
        }
    };
    if reply(&mut socket, Ok(Vec::new())).is_err() {
        return;
    }
    while let Ok((what, limit, path)) = next_request(&mut socket) {
        let result = if what == b'l' { list(&root, &path) } else { read(&root, &path, limit) };
        if reply(&mut socket, result).is_err() {
            return;
        }
    }
}

fn next_request(socket: &mut impl Read) -> io::Result<(u8, u64, String)> {
    let mut head = [0; 13];
    socket.read_exact(&mut head)?;
    let mut limit = [0; 8];
    limit.copy_from_slice(&head[1..9]);
    let length = u32::from_le_bytes([head[9], head[10], head[11], head[12]]) as usize;
    let mut path = vec![0; length.min(PATH)];
    socket.read_exact(&mut path)?;
    Ok((head[0], u64::from_le_bytes(limit), String::from_utf8_lossy(&path).into_owned()))
}

/// Mounts as root, then becomes `user`, and only then opens: to a server that squashes root, an export that only its
/// user may read is closed to root.
fn open_tree(tree: Tree, user: (u32, u32)) -> io::Result<OwnedFd> {
    let point = POINTS.iter().map(Path::new).find(|p| p.is_dir()).unwrap_or(Path::new("/run"));
    match tree {
        Tree::Directory(root) => {
            become_user(user.0, user.1)?;
            return Ok(root);
        }
        Tree::Nfs(server, path, version) => {
            mount::private_namespace()?;
            mount::nfs(server, &path, point, &version)?;
        }
        Tree::NfsByHelper(server, path) => {
            mount::private_namespace()?;
            mount::nfs_by_helper(server, &path, point)?;
        }
    }
    become_user(user.0, user.1)?;
    Ok(File::open(point)?.into())
}

/// Opens `path` below `root`, one component after the other, following no link.
fn descend(root: &OwnedFd, path: &str, last: OFlag) -> io::Result<OwnedFd> {
    let parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    if parts.iter().any(|p| *p == "." || *p == "..") {
        return Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
    }
    let common = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut at = root.try_clone()?;
    for (n, part) in parts.iter().enumerate() {
        let kind = if n + 1 == parts.len() { last } else { OFlag::O_DIRECTORY };
        at = openat(at.as_fd(), *part, common | kind, Mode::empty())?;
    }
    Ok(at)
}

fn read(root: &OwnedFd, path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::from(descend(root, path, OFlag::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::from_raw_os_error(nix::libc::EINVAL));
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(limit) as usize);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::from_raw_os_error(nix::libc::EFBIG));
    }
    Ok(bytes)
}

fn list(root: &OwnedFd, path: &str) -> io::Result<Vec<u8>> {
    // A copy of the descriptor would share its position; a new one starts at the first entry.
    let fd = match path.is_empty() {
        true => openat(root.as_fd(), ".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?,
        false => descend(root, path, OFlag::O_DIRECTORY)?,
    };
    let mut out = Vec::new();
    let own = fd.try_clone()?;
    let mut directory = Dir::from_fd(fd)?;
    for (n, entry) in directory.iter().enumerate() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        if n > ENTRIES {
            return Err(io::Error::from_raw_os_error(nix::libc::EFBIG));
        }
        let directory = match entry.file_type() {
            Some(kind) => kind == nix::dir::Type::Directory,
            // Some servers do not say in a listing.
            None => fstatat(&own, entry.file_name(), AtFlags::AT_SYMLINK_NOFOLLOW)
                .is_ok_and(|s| s.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR),
        };
        out.push(if directory { b'd' } else { b'f' });
        out.extend_from_slice(name);
        out.push(0);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::{Remote, Tree};
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::{Duration, Instant};

    fn open(dir: &Path) -> Remote {
        let until = Instant::now() + Duration::from_secs(10);
        Remote::open(Tree::Directory(File::open(dir).unwrap().into()), (0, 0), until).unwrap()
    }

    #[test]
    fn files_are_read_and_listed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/x"), b"\xff\x00data").unwrap();
        let mut remote = open(dir.path());
        assert_eq!(remote.read("a/x", 100).unwrap().unwrap(), b"\xff\x00data");
        assert_eq!(remote.read("a/none", 100).unwrap(), None);
        let names: Vec<_> = remote.list("a").unwrap().unwrap().into_iter().map(|e| (e.name, e.directory)).collect();
        assert_eq!(names, [("b".to_owned(), true), ("x".to_owned(), false)]);
        assert_eq!(remote.list("").unwrap().unwrap().len(), 1);
        assert_eq!(remote.list("none").unwrap(), None);
    }

    #[test]
    fn what_is_too_large_a_link_or_outside_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x"), b"12345").unwrap();
        std::os::unix::fs::symlink("x", dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("out")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut remote = open(dir.path());
        assert_eq!(remote.read("x", 4).unwrap_err().raw_os_error(), Some(nix::libc::EFBIG));
        for path in ["link", "out/passwd", "../x", "fifo"] {
            assert!(remote.read(path, 100).is_err(), "{path}");
        }
        assert_eq!(remote.read("x", 5).unwrap().unwrap(), b"12345");
    }

    #[test]
    fn the_tree_is_read_as_the_user_who_may() {
        use std::os::unix::fs::PermissionsExt;
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(dir.path().join("mine"), b"x").unwrap();
        fs::set_permissions(dir.path().join("mine"), fs::Permissions::from_mode(0o600)).unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        let tree = Tree::Directory(File::open(dir.path()).unwrap().into());
        let mut remote = Remote::open(tree, (301, 301), until).unwrap();
        assert_eq!(remote.read("mine", 10).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
        std::os::unix::fs::chown(dir.path().join("mine"), Some(301), Some(301)).unwrap();
        assert_eq!(remote.read("mine", 10).unwrap().unwrap(), b"x");
    }
}

//! A directory held open, and what lies directly in it: names are never followed through a symbolic link, so what is
//! read is what was looked at.

use crate::sys::order;
use nix::dir::Dir;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, fstat};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An open directory.
#[derive(Debug)]
pub struct Directory(OwnedFd);

const OPEN_DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC);

impl Directory {
    /// Opens `path`, whose last component must not be a symbolic link.
    pub fn open(path: &Path) -> io::Result<Directory> {
        Ok(Directory(nix::fcntl::open(path, OPEN_DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?))
    }

    /// Opens the directory `name` in this one.
    pub fn subdirectory(&self, name: &str) -> io::Result<Directory> {
        one_component(name)?;
        Ok(Directory(openat(&self.0, name, OPEN_DIRECTORY | OFlag::O_NOFOLLOW, Mode::empty())?))
    }

    /// Owner, mode and type of the directory itself.
    pub fn stat(&self) -> io::Result<FileStat> {
        Ok(fstat(&self.0)?)
    }

    /// The names in it, sorted, at most `limit` of them.
    pub fn names(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let mut dir = Dir::from_fd(openat(&self.0, ".", OPEN_DIRECTORY, Mode::empty())?)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry?;
            let name = std::ffi::OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == limit {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} names")));
            }
            names.push(name.to_owned());
        }
        order::ascending(&mut names);
        Ok(names)
    }

    /// Opens the regular file `name`. Nothing else is opened: not a link, not a pipe that would block.
    pub fn file(&self, name: &str) -> io::Result<(File, FileStat)> {
        one_component(name)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
        let fd = openat(&self.0, name, flags, Mode::empty())?;
        let stat = fstat(fd.as_fd())?;
        if stat.st_mode & nix::libc::S_IFMT != nix::libc::S_IFREG {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok((File::from(fd), stat))
    }

    /// The bytes of the regular file `name`; an error if there are more than `limit`.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let (file, stat) = self.file(name)?;
        let expected = usize::try_from(stat.st_size).unwrap_or(0);
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes"));
        if expected as u64 > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::with_capacity(expected);
        file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(too_large());
        }
        Ok(bytes)
    }

    /// What the symbolic link `name` says.
    pub fn link(&self, name: &str) -> io::Result<OsString> {
        one_component(name)?;
        Ok(readlinkat(&self.0, name)?)
    }
}

/// `O_NOFOLLOW` guards the last component only, so there may be no other.
fn one_component(name: &str) -> io::Result<()> {
    if name.is_empty() || name.contains(['/', '\0']) || name == ".." {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is not a file name")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Directory;
    use std::io::ErrorKind;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_but_regular_files_and_directories_is_opened() {
        let scratch = tempfile::tempdir().expect("a directory");
        let at = |name: &str| scratch.path().join(name);
        std::fs::write(at("file"), "text").expect("writes");
        std::fs::create_dir(at("dir")).expect("makes");
        symlink("file", at("link")).expect("links");
        symlink("dir", at("dirlink")).expect("links");
        nix::unistd::mkfifo(&at("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("makes");
        let dir = Directory::open(scratch.path()).expect("opens");
        assert_eq!(dir.read("file", 4).expect("reads"), b"text");
        assert_eq!(dir.read("file", 3).expect_err("bounded").kind(), ErrorKind::FileTooLarge);
        for name in ["link", "pipe", "dir", "../file", "", "..", "dir/x", "missing"] {
            assert!(dir.read(name, 10).is_err(), "{name}");
        }
        assert!(dir.subdirectory("dir").is_ok());
        for name in ["dirlink", "file", "..", "dir/.."] {
            assert!(dir.subdirectory(name).is_err(), "{name}");
        }
        assert!(Directory::open(&at("dirlink")).is_err());
        assert_eq!(dir.link("link").expect("a link"), "file");
        assert_eq!(dir.names(9).expect("lists"), ["dir", "dirlink", "file", "link", "pipe"]);
        assert!(dir.names(4).is_err());
    }
}

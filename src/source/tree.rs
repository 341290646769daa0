//! The source tree: a directory, or files in memory. Paths in it are relative, with `/`, and never leave it; what is
//! read is bounded.

use crate::plan::limits;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The bytes of a file, as they go into a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileBytes {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// 0644 or 0755.
    pub mode: u32,
}

/// What a path in the tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A directory.
    Directory,
}

/// Why a path could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is nothing.
    Missing,
    /// It leads out of the tree.
    Outside,
    /// It is too large.
    TooLarge(u64),
    /// It is not a file (a device, a pipe, a directory).
    NotAFile,
    /// The system says no.
    Io(String),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            ReadError::Missing => f.write_str("no such file"),
            ReadError::Outside => f.write_str("it leads out of the source tree"),
            ReadError::TooLarge(bound) => write!(f, "it is larger than {bound} bytes"),
            ReadError::NotAFile => f.write_str("it is not a file"),
            ReadError::Io(e) => f.write_str(e),
        }
    }
}

/// A source tree.
#[derive(Debug)]
pub struct Tree {
    /// Where the first components of paths lead: the playbook's directory at "", roles paths at names of their own.
    mounts: Vec<(String, Backing)>,
    /// Directories of roles that lie in the tree already.
    roles: Vec<String>,
    /// It is this machine's whole file system: absolute names are names in it.
    whole: bool,
    /// Collections, each with the directory of its roles.
    collections: Vec<(String, String)>,
}

#[derive(Debug)]
enum Backing {
    Directory(PathBuf),
    Memory { files: BTreeMap<String, FileBytes>, directories: BTreeSet<String> },
}

impl Backing {
    fn path(&self) -> Option<&Path> {
        match self {
            Backing::Directory(path) => Some(path),
            Backing::Memory { .. } => None,
        }
    }
}

impl Tree {
    /// The tree beneath a directory.
    pub fn directory(root: &Path) -> std::io::Result<Tree> {
        let root = root.canonicalize()?;
        if !root.is_dir() {
            return Err(std::io::Error::new(std::io::ErrorKind::NotADirectory, "not a directory"));
        }
        Ok(Tree {
            mounts: vec![(String::new(), Backing::Directory(root))],
            roles: Vec::new(),
            whole: false,
            collections: Vec::new(),
        })
    }

    /// This machine's file system, for a run on it (`apply`): nothing leads out of it, and no bundle is made of it.
    pub fn machine() -> Tree {
        let root = Backing::Directory(PathBuf::from("/"));
        Tree { mounts: vec![(String::new(), root)], roles: Vec::new(), whole: true, collections: Vec::new() }
    }

    /// The name in the tree of an absolute name; `None` unless the tree is the whole file system.
    pub fn absolute<'n>(&self, name: &'n str) -> Option<&'n str> {
        name.strip_prefix('/').filter(|_| self.whole)
    }

    /// A tree of files in memory.
    pub fn memory(files: BTreeMap<String, FileBytes>) -> Tree {
        let mut directories = BTreeSet::from([String::new()]);
        for path in files.keys() {
            let mut up = parent(path);
            while !up.is_empty() {
                directories.insert(up.to_owned());
                up = parent(up);
            }
        }
        let backing = Backing::Memory { files, directories };
        Tree { mounts: vec![(String::new(), backing)], roles: Vec::new(), whole: false, collections: Vec::new() }
    }

    /// Adds a directory of roles (`--roles-path`). In the tree it is `roles-path-<n>`, wherever it lies on this machine;
    /// in a tree of the whole file system it is what it is.
    pub fn add_roles_path(&mut self, directory: &Path) -> std::io::Result<()> {
        let directory = directory.canonicalize()?;
        if self.whole {
            let name = directory.to_str().ok_or(std::io::ErrorKind::InvalidFilename)?;
            let name = name.trim_start_matches('/').to_owned();
            self.note_collection(&directory, &name);
            self.roles.push(name);
            return Ok(());
        }
        let name = format!("roles-path-{}", self.mounts.len());
        self.note_collection(&directory, &name);
        self.mounts.push((name, Backing::Directory(directory)));
        Ok(())
    }

    /// Collections of which a roles path holds the roles, each with that path's name in the tree.
    pub fn collections(&self) -> impl Iterator<Item = (&str, &str)> {
        self.collections.iter().map(|(collection, path)| (collection.as_str(), path.as_str()))
    }

    /// Notes that a directory holds the roles of a collection.
    fn note_collection(&mut self, directory: &Path, name: &str) {
        let parts: Vec<&str> = directory.iter().rev().take(4).filter_map(|p| p.to_str()).collect();
        if let ["roles", collection, namespace, "ansible_collections"] = parts[..] {
            self.collections.push((format!("{namespace}.{collection}"), name.to_owned()));
        }
    }

    /// The directories of `--roles-path`, by their names in the tree.
    pub fn roles_paths(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().skip(1).map(|(name, _)| name.as_str()).chain(self.roles.iter().map(String::as_str))
    }

    /// The path in the tree of `base/name` where that leads out of `base`'s directory and into one of the tree again,
    /// or where `name` is absolute.
    pub fn around(&self, base: &str, name: &str) -> Option<String> {
        let (backing, rest) = self.locate(base);
        let Backing::Directory(root) = backing else { return None };
        let real = root.join(rest).join(name).canonicalize().ok()?;
        // The innermost directory counts: a roles path may lie in the playbook's directory or around it.
        let mut mounts: Vec<(&str, &Path)> =
            self.mounts.iter().filter_map(|(n, b)| Some((n.as_str(), b.path()?))).collect();
        mounts.sort_by_key(|(_, directory)| std::cmp::Reverse(directory.as_os_str().len()));
        let (mount, inside) = mounts.iter().find_map(|(n, d)| Some((n, real.strip_prefix(d).ok()?)))?;
        join(mount, inside.to_str()?)
    }

    fn locate<'a>(&self, path: &'a str) -> (&Backing, &'a str) {
        for (name, backing) in self.mounts.iter().skip(1) {
            if let Some(rest) = path.strip_prefix(name.as_str())
                && (rest.is_empty() || rest.starts_with('/'))
            {
                return (backing, rest.trim_start_matches('/'));
            }
        }
        (&self.mounts[0].1, path)
    }

    /// What is at a path; links are followed while they stay in the tree.
    pub fn entry(&self, path: &str) -> Result<Entry, ReadError> {
        match self.locate(path) {
            (Backing::Memory { files, .. }, path) if files.contains_key(path) => Ok(Entry::File),
            (Backing::Memory { directories, .. }, path) if directories.contains(path) => Ok(Entry::Directory),
            (Backing::Memory { .. }, _) => Err(ReadError::Missing),
            (Backing::Directory(root), path) => {
                let real = beneath(root, path)?;
                let meta = real.metadata().map_err(|e| ReadError::Io(e.to_string()))?;
                match (meta.is_file(), meta.is_dir()) {
                    (true, _) => Ok(Entry::File),
                    (_, true) => Ok(Entry::Directory),
                    _ => Err(ReadError::NotAFile),
                }
            }
        }
    }

    /// Whether there is a file at a path, or something that is there but must not be used: reading it says why.
    pub fn has_file(&self, path: &str) -> bool {
        !matches!(self.entry(path), Ok(Entry::Directory) | Err(ReadError::Missing))
    }

    /// Whether there is a directory at a path.
    pub fn has_directory(&self, path: &str) -> bool {
        self.entry(path) == Ok(Entry::Directory)
    }

    /// Reads a file of at most `bound` bytes.
    pub fn read(&self, path: &str, bound: u64) -> Result<FileBytes, ReadError> {
        match self.locate(path) {
            (Backing::Memory { files, .. }, path) => match files.get(path) {
                Some(file) if file.bytes.len() as u64 > bound => Err(ReadError::TooLarge(bound)),
                Some(file) => Ok(file.clone()),
                None => Err(ReadError::Missing),
            },
            (Backing::Directory(root), path) => read_disk(&beneath(root, path)?, bound),
        }
    }

    /// The names in a directory, sorted; those that lead out of the tree included, so that reading them is refused.
    pub fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        match self.locate(path) {
            (Backing::Memory { files, directories }, path) => {
                if !directories.contains(path) {
                    return Err(ReadError::Missing);
                }
                let all = files.keys().chain(directories.iter());
                let names: BTreeSet<String> = all
                    .filter(|p| !p.is_empty() && parent(p) == path)
                    .map(|p| p.rsplit('/').next().unwrap_or(p).to_owned())
                    .collect();
                Ok(names.into_iter().collect())
            }
            (Backing::Directory(root), path) => {
                let real = beneath(root, path)?;
                let io = |e: std::io::Error| ReadError::Io(e.to_string());
                let mut names = Vec::new();
                for entry in std::fs::read_dir(real).map_err(io)? {
                    let name = entry.map_err(io)?.file_name();
                    names.push(name.into_string().map_err(|n| ReadError::Io(format!("a name is not UTF-8: {n:?}")))?);
                }
                names.sort();
                Ok(names)
            }
        }
    }

    /// All files beneath a directory, sorted; version control and editors' backups left out.
    pub fn walk(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let mut found = Vec::new();
        self.walk_into(path, &mut found, 0)?;
        Ok(found)
    }

    fn walk_into(&self, path: &str, found: &mut Vec<String>, depth: usize) -> Result<(), ReadError> {
        if depth > limits::INCLUDE_DEPTH || found.len() > limits::BUNDLE_MEMBERS {
            return Err(ReadError::TooLarge(limits::BUNDLE_MEMBERS as u64));
        }
        for name in self.list(path)? {
            if matches!(name.as_str(), ".git" | ".svn" | ".hg" | "__pycache__") || name.ends_with('~') {
                continue;
            }
            let child = if path.is_empty() { name } else { format!("{path}/{name}") };
            match self.entry(&child)? {
                Entry::File => found.push(child),
                Entry::Directory => self.walk_into(&child, found, depth + 1)?,
            }
        }
        Ok(())
    }
}

/// The real path of a tree path, if it stays beneath the root.
fn beneath(root: &Path, path: &str) -> Result<PathBuf, ReadError> {
    if path.starts_with('/') || path.split('/').any(|c| c == "..") {
        return Err(ReadError::Outside);
    }
    let joined = root.join(path);
    let real = joined.canonicalize().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => ReadError::Missing,
        _ => ReadError::Io(e.to_string()),
    })?;
    if real.starts_with(root) { Ok(real) } else { Err(ReadError::Outside) }
}

fn read_disk(path: &Path, bound: u64) -> Result<FileBytes, ReadError> {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;
    let io = |e: std::io::Error| ReadError::Io(e.to_string());
    // A pipe or device would block or never end.
    let meta = path.metadata().map_err(io)?;
    if !meta.is_file() {
        return Err(ReadError::NotAFile);
    }
    let file = std::fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.take(bound + 1).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > bound {
        return Err(ReadError::TooLarge(bound));
    }
    let mode = if meta.permissions().mode() & 0o111 == 0 { 0o644 } else { 0o755 };
    Ok(FileBytes { bytes, mode })
}

/// `base/name` with `.` and `..` resolved; `None` where it leaves the tree.
pub fn join(base: &str, name: &str) -> Option<String> {
    let mut parts: Vec<&str> = if name.starts_with('/') { return None } else { base.split('/').collect() };
    parts.extend(name.split('/'));
    let mut out: Vec<&str> = Vec::new();
    for part in parts {
        match part {
            "" | "." => {}
            ".." => {
                out.pop()?;
            }
            part => out.push(part),
        }
    }
    Some(out.join("/"))
}

/// The directory of a path; "" for what lies at the top.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
mod tests {
    use super::{Entry, ReadError, Tree, join};
    use std::os::unix::fs::symlink;

    #[test]
    fn paths_do_not_leave_the_tree() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        std::fs::create_dir_all(root.join("roles/r")).expect("creates");
        std::fs::write(dir.path().join("secret"), "x").expect("writes");
        std::fs::write(root.join("in"), "x").expect("writes");
        symlink("../secret", root.join("out")).expect("links");
        symlink("in", root.join("alias")).expect("links");
        let tree = Tree::directory(&root).expect("a tree");
        assert_eq!(tree.read("out", 10), Err(ReadError::Outside));
        assert_eq!(tree.read("../secret", 10), Err(ReadError::Outside));
        assert_eq!(tree.read("/etc/passwd", 10), Err(ReadError::Outside));
        assert_eq!(tree.entry("alias"), Ok(Entry::File));
        assert_eq!(tree.read("in", 0), Err(ReadError::TooLarge(0)));
        assert_eq!(tree.read("roles", 10), Err(ReadError::NotAFile));
        assert_eq!(tree.read("in/x", 10), Err(ReadError::Missing));
        assert_eq!(tree.walk(""), Err(ReadError::Outside));
    }

    #[test]
    fn a_way_around_ends_in_the_tree_or_nowhere() {
        let dir = tempfile::tempdir().expect("a directory");
        for path in ["site/roles", "roles/r", "other"] {
            std::fs::create_dir_all(dir.path().join(path)).expect("creates");
        }
        let mut tree = Tree::directory(&dir.path().join("site")).expect("a tree");
        tree.add_roles_path(&dir.path().join("roles")).expect("a roles path");
        assert_eq!(tree.around("", "../roles/r").as_deref(), Some("roles-path-1/r"));
        assert_eq!(tree.around("roles-path-1", "../roles/r").as_deref(), Some("roles-path-1/r"));
        let absolute = dir.path().join("roles/r");
        assert_eq!(tree.around("", absolute.to_str().expect("text")).as_deref(), Some("roles-path-1/r"));
        assert_eq!(tree.around("", "../other"), None);
        assert_eq!(tree.around("", "../nothing"), None);
        assert_eq!(tree.around("", "/etc"), None);
    }

    #[test]
    fn joining_resolves_dots_within_the_tree_only() {
        assert_eq!(join("roles/r/tasks", "../files/./x").as_deref(), Some("roles/r/files/x"));
        assert_eq!(join("a", "../.."), None);
        assert_eq!(join("a", "/etc/passwd"), None);
        assert_eq!(join("", "x").as_deref(), Some("x"));
    }
}

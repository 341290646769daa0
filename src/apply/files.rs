//! Files as a task finds them: relative names along Ansible's search path, the source tree from the bundle's blobs,
//! everything else from this node.

use super::Run;
use super::frame::Frame;
use crate::plan::{FileRef, SOURCE_ROOT, limits};
use crate::sys::identity::as_ourselves;
use crate::sys::order;
#[cfg(feature = "builder")]
use crate::vars::Configuration;
use crate::vars::{FileNode, Files, Vault};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::rc::Rc;

/// The bytes of the bundle's files, verified by whoever gives them.
pub trait Blobs {
    /// The file at `path` of the source tree.
    fn read(&self, path: &str, file: &FileRef) -> io::Result<Vec<u8>>;
}

/// The view of one task.
pub(super) struct TaskFiles<'s, 'p> {
    run: &'s Run<'p>,
    /// Directories of the source tree to search, first match wins.
    dirs: Vec<String>,
    /// Those of them that are roles.
    roles: Vec<String>,
}

impl<'s, 'p> TaskFiles<'s, 'p> {
    pub fn new(run: &'s Run<'p>, frame: &Rc<Frame<'p>>) -> Self {
        let roles = frame.role.iter().flat_map(|r| r.parents.iter().chain([r])).map(|r| r.role.path.clone()).collect();
        TaskFiles { run, dirs: run.search_dirs(frame), roles }
    }

    /// Candidates in the source tree, in the order of ansible-core's `path_dwim_relative_stack`.
    fn candidates(&self, kind: &str, name: &str) -> Vec<String> {
        let mut list = Vec::new();
        let mut add = |parts: &[&str]| {
            let path = normal(&parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join("/"));
            if !list.contains(&path) {
                list.push(path);
            }
        };
        // `templates/x` is not looked for in `templates/templates/x` first.
        let kind = if name.split('/').next() == Some(kind) { "" } else { kind };
        for dir in &self.dirs {
            // A directory below a role's tasks/ stands for its role too.
            let tasks =
                dir.rsplit_once('/').map(|(tasks, _)| tasks).filter(|t| self.roles.iter().any(|r| t.starts_with(r)));
            if let Some((tasks, role)) = tasks.and_then(|t| Some((t, t.strip_suffix("/tasks")?))) {
                add(&[role, kind, name]);
                add(&[tasks, name]);
            }
            add(&[dir, kind, name]);
            add(&[dir, name]);
        }
        list
    }

    /// The path in the source tree of a path as roles see it.
    fn in_source(&self, path: &str) -> Option<String> {
        self.run.in_source(path)
    }

    /// Whether the source lies on this machine and has the path, though the compiler did not foresee its use.
    fn on_disk(&self, relative: &str) -> bool {
        self.run.world.options.source_root.is_some()
            && std::fs::symlink_metadata(self.run.source_path(relative)).is_ok()
    }
}

impl Files for TaskFiles<'_, '_> {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        let plan = self.run.world.plan;
        let known = |path: &str| {
            let below = |file: &str| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
            let path = path.trim_end_matches('/');
            plan.files.contains_key(path) || plan.files.keys().any(|f| below(f)) || self.on_disk(path)
        };
        if name.starts_with('/') {
            let there = match self.in_source(name) {
                Some(relative) => known(&normal(&relative)),
                None => std::fs::symlink_metadata(name).is_ok(),
            };
            return if there { Ok(name.to_owned()) } else { Err(vec![name.to_owned()]) };
        }
        let candidates = self.candidates(kind, name);
        match candidates.iter().find(|c| known(c)) {
            Some(found) => Ok(self.run.source_path(found)),
            None => Err(candidates.iter().map(|c| self.run.source_path(c)).collect()),
        }
    }

    fn places(&self, kind: &str) -> Vec<String> {
        self.candidates(kind, "").iter().map(|place| self.run.source_path(place)).collect()
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let Some(relative) = self.in_source(path) else { return read_bounded(path) };
        let relative = normal(&relative);
        match self.run.world.plan.files.get(&relative) {
            Some(file) => self.run.world.blobs.read(&relative, file),
            None if self.on_disk(&relative) => read_bounded(path),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("{relative} is not in the bundle"))),
        }
    }

    fn list(&self, path: &str) -> io::Result<Vec<(String, bool)>> {
        let Some(relative) = self.in_source(path) else { return list_directory(path) };
        if self.on_disk(&normal(&relative)) {
            return list_directory(path);
        }
        let prefix = match normal(&relative) {
            dir if dir.is_empty() => dir,
            dir => dir + "/",
        };
        let mut names: Vec<(String, bool)> = self
            .run
            .world
            .plan
            .files
            .keys()
            .filter_map(|f| f.strip_prefix(&prefix))
            .map(|rest| match rest.split_once('/') {
                Some((dir, _)) => (dir.to_owned(), true),
                None => (rest.to_owned(), false),
            })
            .collect();
        if names.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{path} is not in the bundle")));
        }
        order::ascending(&mut names);
        names.dedup();
        Ok(names)
    }

    #[cfg(feature = "builder")]
    fn configuration(&self) -> Option<&dyn Configuration> {
        self.run.world.options.configuration.as_deref()
    }

    fn vault(&self) -> Option<&dyn Vault> {
        self.run.world.options.vault.as_deref()
    }

    fn mode(&self, path: &str) -> Option<u32> {
        match self.in_source(path) {
            // Git and the bundle know of a file whether it is executable, and no more.
            Some(relative) if !self.on_disk(&relative) => Some(self.run.world.plan.files.get(&relative)?.mode),
            _ => std::fs::metadata(path).ok().map(|m| m.mode() & 0o7777),
        }
    }

    fn node(&self, path: &str) -> Option<FileNode> {
        match self.in_source(path) {
            Some(relative) if !self.on_disk(&normal(&relative)) => None,
            _ => FileNode::at(Path::new(path)),
        }
    }

    fn modified(&self, path: &str) -> Option<i64> {
        match self.in_source(path) {
            // Whenever it was written, on whatever machine: the bundle has no times, so that it is the same everywhere.
            Some(relative) if !self.on_disk(&relative) => {
                self.run.world.plan.files.contains_key(&relative).then_some(0)
            }
            _ => std::fs::metadata(path).ok().map(|m| m.mtime()),
        }
    }
}

/// A task's files, looked for and read as the user that the executor is: Ansible's controller does that, whatever the
/// task's `become_user`, who may not even see the bundle.
pub(super) struct OurFiles<'f>(pub &'f dyn Files);

impl Files for OurFiles<'_> {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        as_ourselves(|| self.0.find(kind, name))
    }

    fn places(&self, kind: &str) -> Vec<String> {
        self.0.places(kind)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        as_ourselves(|| self.0.read(path))
    }

    fn list(&self, path: &str) -> io::Result<Vec<(String, bool)>> {
        as_ourselves(|| self.0.list(path))
    }

    #[cfg(feature = "builder")]
    fn configuration(&self) -> Option<&dyn Configuration> {
        self.0.configuration()
    }

    fn vault(&self) -> Option<&dyn Vault> {
        self.0.vault()
    }

    fn mode(&self, path: &str) -> Option<u32> {
        as_ourselves(|| self.0.mode(path))
    }

    fn node(&self, path: &str) -> Option<FileNode> {
        as_ourselves(|| self.0.node(path))
    }

    fn modified(&self, path: &str) -> Option<i64> {
        as_ourselves(|| self.0.modified(path))
    }
}

/// A file of this node, at most as large as an export's file may be.
fn read_bounded(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limits::EXPORT_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limits::EXPORT_FILE {
        return Err(io::Error::other(format!("{path} is larger than {} bytes", limits::EXPORT_FILE)));
    }
    Ok(bytes)
}

fn list_directory(path: &str) -> io::Result<Vec<(String, bool)>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_dir = std::fs::metadata(entry.path()).is_ok_and(|m| m.is_dir());
        names.push((entry.file_name().to_string_lossy().into_owned(), is_dir));
    }
    order::ascending(&mut names);
    Ok(names)
}

/// A path without `.`, `..` and doubled slashes; `..` at the top stays at the top.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl<'p> Run<'p> {
    /// Where the source tree lies as roles see it.
    pub(super) fn source_root(&self) -> &str {
        self.world.options.source_root.as_deref().unwrap_or(SOURCE_ROOT)
    }

    /// A path of the source tree as roles see it.
    pub(super) fn source_path(&self, relative: &str) -> String {
        if relative.is_empty() { self.source_root().to_owned() } else { format!("{}/{relative}", self.source_root()) }
    }

    /// The path in the source tree of a path as roles see it; `None` if it lies elsewhere.
    pub(super) fn in_source(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.source_root())?;
        rest.strip_prefix('/').or(rest.is_empty().then_some("")).map(normal)
    }

    /// Directories in which a task's files are looked for: its role, the roles that brought that in, the task file's
    /// directory, the playbook's.
    pub(super) fn search_dirs(&self, frame: &Rc<Frame<'p>>) -> Vec<String> {
        let mut dirs: Vec<String> = Vec::new();
        let mut add = |dir: String| {
            if !dirs.contains(&dir) {
                dirs.push(dir);
            }
        };
        if let Some(role) = &frame.role {
            add(role.role.path.clone());
            role.parents.iter().rev().for_each(|p| add(p.role.path.clone()));
        }
        frame.chain().for_each(|f| add(f.dir.clone()));
        add(super::role::parent_dir(&self.world.plan.playbook));
        dirs
    }
}

//! Waits until something below some directories changes, or until somebody asks us to stop. Changes that come together
//! are told once. Files that editors make on the way (hidden ones and `name~`) are not changes.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Changes that come within this time of each other are one.
const QUIET: Duration = Duration::from_millis(30);
/// And are told after this time even where they do not end.
const LONGEST: Duration = Duration::from_secs(1);
/// Directories that are watched at most; a tree of roles has hundreds.
const DIRECTORIES: usize = 20_000;

/// What ended a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Woken {
    /// These paths changed.
    Changed(BTreeSet<PathBuf>),
    /// SIGINT or SIGTERM came.
    Stopped,
}

/// Watches directories and everything below them, also what is made later.
pub struct Watcher {
    inotify: Inotify,
    signals: SignalFd,
    roots: Vec<PathBuf>,
    watched: HashMap<WatchDescriptor, PathBuf>,
}

impl Watcher {
    /// Watches `roots`. SIGINT and SIGTERM are told by [`Watcher::wait`] from here on and end nothing by themselves;
    /// programs started later get them as ever. Call it before any thread is started.
    pub fn new(roots: &[PathBuf]) -> io::Result<Watcher> {
        let mut stop = SigSet::empty();
        stop.add(Signal::SIGINT);
        stop.add(Signal::SIGTERM);
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let signals = SignalFd::with_flags(&stop, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let mut watcher = Watcher { inotify, signals, roots: roots.to_vec(), watched: HashMap::new() };
        watcher.rescan()?;
        // Last, so that nothing is blocked where watching failed.
        stop.thread_block()?;
        Ok(watcher)
    }

    /// Waits for the next change, or for the end.
    pub fn wait(&mut self) -> io::Result<Woken> {
        let mut changed = BTreeSet::new();
        let mut first: Option<Instant> = None;
        loop {
            let left = match first {
                None => PollTimeout::NONE,
                Some(at) if at.elapsed() >= LONGEST => return Ok(Woken::Changed(changed)),
                Some(_) => PollTimeout::try_from(QUIET).unwrap_or(PollTimeout::ZERO),
            };
            match self.poll(left)? {
                Ready::Signal => return Ok(Woken::Stopped),
                Ready::Nothing => return Ok(Woken::Changed(changed)),
                Ready::Events => {
                    self.take_events(&mut changed)?;
                    if first.is_none() && !changed.is_empty() {
                        first = Some(Instant::now());
                    }
                }
            }
        }
    }

    fn poll(&self, timeout: PollTimeout) -> io::Result<Ready> {
        let mut fds = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.inotify.as_fd(), PollFlags::POLLIN),
        ];
        loop {
            match poll(&mut fds, timeout) {
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
                Ok(0) => return Ok(Ready::Nothing),
                Ok(_) => break,
            }
        }
        match fds[0].any() {
            Some(true) => Ok(Ready::Signal),
            _ => Ok(Ready::Events),
        }
    }

    fn take_events(&mut self, changed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        let events = match self.inotify.read_events() {
            Err(Errno::EAGAIN) => return Ok(()),
            events => events?,
        };
        for event in events {
            if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                // Some events were lost, so anything may have changed.
                changed.extend(self.roots.iter().cloned());
                self.rescan()?;
                continue;
            }
            self.take_event(&event, changed)?;
        }
        Ok(())
    }

    fn take_event(&mut self, event: &InotifyEvent, changed: &mut BTreeSet<PathBuf>) -> io::Result<()> {
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.watched.remove(&event.wd);
            return Ok(());
        }
        let (Some(directory), Some(name)) = (self.watched.get(&event.wd), &event.name) else { return Ok(()) };
        let path = directory.join(name);
        if passing(&path) {
            return Ok(());
        }
        if event.mask.contains(AddWatchFlags::IN_ISDIR) && path.is_dir() {
            self.watch(&path)?;
        }
        changed.insert(path);
        Ok(())
    }

    fn rescan(&mut self) -> io::Result<()> {
        for root in self.roots.clone() {
            self.watch(&root)?;
        }
        Ok(())
    }

    /// Watches `path` and the directories below it, links to directories followed.
    fn watch(&mut self, path: &Path) -> io::Result<()> {
        let mask = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_ONLYDIR;
        let mut open = vec![path.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(directory) = open.pop() {
            let told = |e: io::Error| io::Error::new(e.kind(), format!("watching {}: {e}", directory.display()));
            if self.watched.len() >= DIRECTORIES {
                return Err(told(io::Error::other(format!("there are more than {DIRECTORIES} directories"))));
            }
            match directory.canonicalize() {
                Ok(real) if !seen.contains(&real) => drop(seen.insert(real)),
                Err(e) if directory == path => return Err(told(e)),
                // Seen already, or gone meanwhile.
                _ => continue,
            }
            let descriptor = match self.inotify.add_watch(&directory, mask) {
                Err(Errno::ENOENT | Errno::ENOTDIR) if directory != path => continue,
                added => added.map_err(|e| told(e.into()))?,
            };
            self.watched.insert(descriptor, directory.clone());
            for entry in std::fs::read_dir(&directory).map_err(told)?.flatten() {
                let below = entry.path();
                if below.is_dir() && !passing(&below) {
                    open.push(below);
                }
            }
        }
        Ok(())
    }
}

enum Ready {
    Signal,
    Events,
    Nothing,
}

/// Whether a name is one that editors and version control use for themselves.
fn passing(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // vim tries with 4913 whether it may write.
    name.starts_with('.') || name.ends_with('~') || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::{Watcher, Woken, passing};
    use std::fs;
    use std::path::Path;

    fn changed(watcher: &mut Watcher) -> Vec<String> {
        match watcher.wait().unwrap() {
            Woken::Changed(paths) => {
                let name = |p: &std::path::PathBuf| p.file_name().unwrap().to_str().unwrap().to_owned();
                paths.iter().map(name).collect()
            }
            Woken::Stopped => panic!("stopped"),
        }
    }

    #[test]
    fn changes_are_told_together_and_once() {
        let scratch = tempfile::tempdir().unwrap();
        fs::create_dir_all(scratch.path().join("roles/one")).unwrap();
        let mut watcher = Watcher::new(&[scratch.path().to_owned()]).unwrap();
        fs::write(scratch.path().join("roles/one/a.yml"), "1").unwrap();
        fs::write(scratch.path().join("b.yml"), "1").unwrap();
        assert_eq!(changed(&mut watcher), ["b.yml", "a.yml"]);
        // Below a directory that is new, and as editors save: another file that is renamed.
        fs::create_dir(scratch.path().join("roles/two")).unwrap();
        assert_eq!(changed(&mut watcher), ["two"]);
        fs::write(scratch.path().join("roles/two/.c.yml.tmp"), "1").unwrap();
        fs::rename(scratch.path().join("roles/two/.c.yml.tmp"), scratch.path().join("roles/two/c.yml")).unwrap();
        assert_eq!(changed(&mut watcher), ["c.yml"]);
        fs::remove_dir_all(scratch.path().join("roles/one")).unwrap();
        assert!(changed(&mut watcher).contains(&"one".to_owned()));
    }

    #[test]
    fn editors_own_files_are_not_changes() {
        for name in [".git", "main.yml~", ".main.yml.swp", "4913"] {
            assert!(passing(&Path::new("roles").join(name)), "{name}");
        }
        assert!(!passing(Path::new("roles/main.yml")));
    }

    #[test]
    fn what_is_not_there_cannot_be_watched() {
        let scratch = tempfile::tempdir().unwrap();
        let missing = scratch.path().join("missing");
        // Nothing is watched, so nothing would ever be told.
        assert!(Watcher::new(&[missing]).is_err());
        fs::write(scratch.path().join("file"), "").unwrap();
        let Err(error) = Watcher::new(&[scratch.path().join("file")]) else { panic!("watched") };
        assert!(error.to_string().contains("watching"), "{error}");
    }
}

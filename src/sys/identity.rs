//! The calling thread as another user for a while: a task's `become_user` reads and writes files with that user's
//! rights. Ids are changed by raw system calls, for this thread alone; the C library's would change every thread.

use nix::libc;
use std::cell::RefCell;
use std::io;

/// A user's ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

thread_local! {
    /// Who this thread was, and who it is, while an [`Assumed`] lives.
    static NOW: RefCell<Option<(Identity, Identity)>> = const { RefCell::new(None) };
}

/// The thread is somebody else until this is dropped.
#[derive(Debug)]
pub struct Assumed(());

/// Makes the calling thread `identity`. Only root can, and only once at a time.
pub fn assume(identity: &Identity) -> io::Result<Assumed> {
    if NOW.with_borrow(Option::is_some) {
        return Err(io::Error::other("this thread is another user already"));
    }
    let own = Identity {
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
        groups: nix::unistd::getgroups()?.into_iter().map(nix::unistd::Gid::as_raw).collect(),
    };
    // Whoever may not change groups has changed nothing yet.
    set_groups(&identity.groups)?;
    if let Err(e) = set_group(identity.gid).and_then(|()| set_user(identity.uid)) {
        take_off(&own);
        return Err(e);
    }
    NOW.set(Some((own, identity.clone())));
    Ok(Assumed(()))
}

/// Runs `work` as the user that the process is, also where the thread is another one: the bundle's files and this
/// program's own state are not the task's user's to read.
pub fn as_ourselves<T>(work: impl FnOnce() -> T) -> T {
    // Nobody else any more, so that this may be asked for again inside.
    let Some((own, other)) = NOW.take() else { return work() };
    take_off(&own);
    let again = Again(Some((own, other)));
    let result = work();
    drop(again);
    result
}

/// Whether the thread is somebody else. A command that it starts must not inherit that.
pub fn is_assumed() -> bool {
    NOW.with_borrow(Option::is_some)
}

/// Takes the real user's rights back in a child before it runs a program; makes one system call, allocates nothing.
pub fn regain() -> io::Result<()> {
    set_user(nix::unistd::getuid().as_raw())
}

/// Becomes the other user again, whatever happened meanwhile.
struct Again(Option<(Identity, Identity)>);

impl Drop for Again {
    fn drop(&mut self) {
        if self.0.as_ref().is_some_and(|(_, other)| put_on(other).is_err()) {
            lost();
        }
        NOW.set(self.0.take());
    }
}

impl Drop for Assumed {
    fn drop(&mut self) {
        if let Some((own, _)) = NOW.take() {
            take_off(&own);
        }
    }
}

/// Groups first: the user may not change them any more.
fn put_on(identity: &Identity) -> io::Result<()> {
    set_groups(&identity.groups)?;
    set_group(identity.gid)?;
    set_user(identity.uid)
}

/// The user first: only root may change groups.
fn take_off(own: &Identity) {
    if set_user(own.uid).and_then(|()| set_group(own.gid)).and_then(|()| set_groups(&own.groups)).is_err() {
        lost();
    }
}

/// Going on as a user that nobody asked for could do anything; ending is the only safe way.
fn lost() -> ! {
    eprintln!("compute-init: a thread could not become the user that it was; ending at once");
    std::process::abort()
}

fn done(rc: libc::c_long) -> io::Result<()> {
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The effective user; the real and the saved one stay, so that there is a way back.
#[expect(unsafe_code, reason = "the C library's call would change every thread")]
fn set_user(uid: u32) -> io::Result<()> {
    // SAFETY: three numbers.
    done(unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) })
}

#[expect(unsafe_code, reason = "the C library's call would change every thread")]
fn set_group(gid: u32) -> io::Result<()> {
    // SAFETY: three numbers.
    done(unsafe { libc::syscall(libc::SYS_setresgid, -1, gid, -1) })
}

#[expect(unsafe_code, reason = "the C library's call would change every thread")]
fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of one live slice of gid_t.
    done(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    fn nobody() -> Identity {
        Identity { uid: 65534, gid: 65533, groups: vec![65533, 4242] }
    }

    #[test]
    fn files_are_another_users_until_it_ends() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (open, closed) = (dir.path().join("open"), dir.path().join("closed"));
        for (path, mode) in [(&open, 0o777), (&closed, 0o700)] {
            fs::create_dir(path).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let groups = nix::unistd::getgroups().unwrap();
        let assumed = assume(&nobody()).unwrap();
        fs::write(open.join("f"), "x").unwrap();
        let meta = open.join("f").metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid()), (65534, 65533));
        let refused = |e: io::Error| e.kind() == io::ErrorKind::PermissionDenied;
        assert!(fs::write(closed.join("f"), "x").is_err_and(refused));
        assert!(fs::read("/etc/shadow").is_err_and(refused));
        assert!(std::os::unix::fs::chown(open.join("f"), Some(0), None).is_err());
        assert!(assume(&nobody()).is_err(), "once at a time");
        as_ourselves(|| as_ourselves(|| fs::write(closed.join("g"), "x")).and_then(|()| fs::read(closed.join("g"))))
            .unwrap();
        assert!(fs::write(closed.join("h"), "x").is_err(), "and the other one again");
        std::thread::scope(|s| {
            let other = s.spawn(|| nix::unistd::geteuid().as_raw()).join().unwrap();
            assert_eq!(other, 65534, "a thread that it starts is like it");
        });
        drop(assumed);
        assert_eq!(nix::unistd::geteuid().as_raw(), 0);
        assert_eq!(nix::unistd::getgroups().unwrap(), groups);
        fs::write(closed.join("f"), "x").unwrap();
        assert_eq!(closed.join("f").metadata().unwrap().uid(), 0);
    }

    #[test]
    fn only_this_thread_changes() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let (to, from) = std::sync::mpsc::channel::<()>();
        let (said, hear) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            from.recv().unwrap();
            said.send(nix::unistd::geteuid().as_raw()).unwrap();
        });
        let assumed = assume(&nobody()).unwrap();
        to.send(()).unwrap();
        assert_eq!((hear.recv().unwrap(), nix::unistd::geteuid().as_raw()), (0, 65534));
        drop(assumed);
        other.join().unwrap();
    }

    #[test]
    fn a_panic_brings_the_own_user_back() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        std::thread::spawn(|| {
            let caught = std::panic::catch_unwind(|| {
                let _assumed = assume(&nobody()).unwrap();
                as_ourselves(|| panic!("on purpose"));
            });
            assert!(caught.is_err());
            assert!(!is_assumed());
            assert_eq!(nix::unistd::geteuid().as_raw(), 0);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn nobody_else_can() {
        std::thread::spawn(|| {
            if nix::unistd::geteuid().is_root() {
                #[expect(unsafe_code, reason = "for this thread alone, and for good")]
                // SAFETY: three numbers.
                let rc = unsafe { libc::syscall(libc::SYS_setresuid, 65534, 65534, 65534) };
                assert_eq!(rc, 0);
            }
            let before = nix::unistd::geteuid();
            assert!(assume(&Identity { uid: 0, gid: 0, groups: vec![0] }).is_err());
            assert_eq!(nix::unistd::geteuid(), before);
            assert!(!is_assumed());
        })
        .join()
        .unwrap();
    }
}

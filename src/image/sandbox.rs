//! A throw-away root for `try`: an overlay over this machine's root file system in a private mount namespace. Nothing
//! in it reaches the machine, and all of it goes away with the process.

use nix::mount::{MsFlags, mount};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Where the stand-ins keep what they note, in the root.
pub const NOTES: &str = "run/compute-init-try";
/// Commands that a stand-in answers for, and why.
pub const STAND_INS: &[&str] = &["systemctl", "mount", "loginctl", "scontrol", "sinfo", "cvmfs_config", "nmcli"];
/// Bytes that a tour may write.
const SIZE: &str = "size=256m,mode=0755";

/// A root that can be thrown away. When it is dropped, its mounts are detached and its directory, empty then, removed.
#[derive(Debug)]
pub struct Sandbox {
    work: PathBuf,
    /// The root to install into and to boot.
    pub root: PathBuf,
    /// A directory beside it, for what lies outside of the node: metadata, export, keys.
    pub outside: PathBuf,
    /// What the machine lacked and the sandbox has, for the report.
    pub added: Vec<String>,
}

impl Sandbox {
    /// Makes the root under `work`, an empty directory that goes away with the sandbox. The calling process is in a
    /// mount namespace of its own from here on, so call it once, and before any thread is started.
    pub fn enter(work: &Path) -> io::Result<Sandbox> {
        crate::sys::mount::private_namespace()?;
        // From here on every way out detaches what was mounted.
        let mut sandbox = Sandbox {
            work: work.to_owned(),
            root: work.join("root"),
            outside: work.join("outside"),
            added: Vec::new(),
        };
        sandbox.lay(work)?;
        Ok(sandbox)
    }

    fn lay(&mut self, work: &Path) -> io::Result<()> {
        let dir = |name: &str| -> io::Result<PathBuf> {
            let path = work.join(name);
            fs::create_dir(&path)?;
            Ok(path)
        };
        tmpfs(work, SIZE)?;
        let (root, upper, scratch) = (dir("root")?, dir("upper")?, dir("scratch")?);
        dir("outside")?;
        let options = format!("lowerdir=/,upperdir={},workdir={}", upper.display(), scratch.display());
        none(mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str())))
            .map_err(|e| io::Error::new(e.kind(), format!("laying an overlay over / in {}: {e}", work.display())))?;
        for name in ["proc", "sys", "dev"] {
            let (from, to) = (Path::new("/").join(name), root.join(name));
            none(mount(Some(&from), &to, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>))?;
        }
        tmpfs(&root.join("run"), SIZE)?;
        tmpfs(&root.join("tmp"), "size=64m,mode=1777")
    }

    /// Puts the stand-ins in place: `program` under every name, the real `mount` where the stand-in finds it.
    pub fn stand_in(&mut self, program: &[u8]) -> io::Result<()> {
        let notes = self.root.join(NOTES);
        for part in ["real", "active", "enabled"] {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(notes.join(part))?;
        }
        fs::copy("/usr/bin/mount", notes.join("real/mount"))?;
        let script = notes.join("stand-in");
        fs::write(&script, program)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let mut names: Vec<&str> = STAND_INS.to_vec();
        // visudo's check is real wherever sudo is installed.
        if !self.root.join("usr/sbin/visudo").exists() {
            names.push("visudo");
        }
        for name in names {
            let places = ["usr/sbin", "usr/bin", "sbin", "bin"].map(|d| self.root.join(d).join(name));
            let found: Vec<&PathBuf> = places.iter().filter(|p| p.symlink_metadata().is_ok()).collect();
            let places = if found.is_empty() { vec![&places[0]] } else { found };
            for place in places {
                let _ = fs::remove_file(place);
                symlink(Path::new("/").join(NOTES).join("stand-in"), place)?;
            }
        }
        Ok(())
    }

    /// Gives the root what every image of a compute node has and this machine may lack.
    pub fn complete(&mut self) -> io::Result<()> {
        for (user, id) in [("munge", 398), ("slurm", 399)] {
            let passwd = fs::read_to_string(self.root.join("etc/passwd"))?;
            if passwd.lines().any(|l| l.starts_with(&format!("{user}:"))) {
                continue;
            }
            append(&self.root.join("etc/passwd"), &format!("{user}:x:{id}:{id}::/nonexistent:/usr/sbin/nologin\n"))?;
            append(&self.root.join("etc/group"), &format!("{user}:x:{id}:\n"))?;
            append(&self.root.join("etc/shadow"), &format!("{user}:!:19000::::::\n"))?;
            self.added.push(format!("the user {user}"));
        }
        let files = [
            ("etc/pam.d/sshd", "account    required     pam_nologin.so\n@include common-account\n"),
            ("etc/security/limits.conf", "# limits\n"),
            ("etc/security/access.conf", "# access\n"),
            ("etc/fstab", "# fstab\n"),
        ];
        for (path, content) in files {
            let full = self.root.join(path);
            if full.symlink_metadata().is_ok() {
                continue;
            }
            if let Some(parent) = full.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&full, content)?;
            self.added.push(format!("/{path}"));
        }
        for path in ["etc/munge", "etc/cvmfs", "etc/sudoers.d"] {
            if !self.root.join(path).exists() {
                fs::create_dir_all(self.root.join(path))?;
                self.added.push(format!("/{path}"));
            }
        }
        Ok(())
    }

    /// The commands that stand-ins answered since the last call, each as its words.
    pub fn take_commands(&self) -> Vec<Vec<String>> {
        let file = self.root.join(NOTES).join("commands");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let _ = fs::remove_file(&file);
        text.split('\u{1e}')
            .filter(|r| !r.is_empty())
            .map(|record| record.split('\u{1f}').map(str::to_owned).collect())
            .collect()
    }
}

impl Drop for Sandbox {
    /// Never deletes recursively: the root holds this machine's own /dev and /proc.
    fn drop(&mut self) {
        let _ = crate::sys::mount::detach(&self.work);
        let _ = fs::remove_dir(&self.work);
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut text = fs::read_to_string(path).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
    fs::write(path, text)
}

fn tmpfs(on: &Path, options: &str) -> io::Result<()> {
    none(mount(Some("tmpfs"), on, Some("tmpfs"), MsFlags::MS_NOSUID, Some(options)))
        .map_err(|e| io::Error::new(e.kind(), format!("mounting a tmpfs on {}: {e}", on.display())))
}

fn none(result: nix::Result<()>) -> io::Result<()> {
    result.map_err(io::Error::from)
}

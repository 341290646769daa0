//! Home directories: made from the skeleton, with the mode that login.defs asks for, and given to their user.

use super::super::Failure;
use super::super::accounts::User;
use super::super::params::Params;
use super::Wanted;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;

impl Wanted<'_> {
    /// Makes a home directory that does not exist, with its parents.
    pub(super) fn make_home(&self, home: &str) -> Result<(), Failure> {
        let target = self.path(home);
        if target.exists() {
            return Ok(());
        }
        let skeleton = self.args.text("skeleton").unwrap_or_else(|| "/etc/skel".to_owned());
        let source = self.path(&skeleton);
        let made = match skeleton != "/dev/null" && source.exists() {
            true => copy_tree(&source, &target, 0),
            false => fs::create_dir_all(&target),
        };
        made.and_then(|()| match self.login_umask() {
            Some(umask) => fs::set_permissions(&target, fs::Permissions::from_mode(0o777 & !umask)),
            None => Ok(()),
        })
        .map_err(|e| Failure::new(format!("making the home directory {home}: {e}")))
    }

    /// The last `UMASK` line of login.defs.
    fn login_umask(&self) -> Option<u32> {
        let bytes = fs::read(self.path("etc/login.defs")).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().rev().find_map(|line| {
            let digits = line.strip_prefix("UMASK")?;
            let number = digits.trim_start();
            (number.len() < digits.len()).then(|| u32::from_str_radix(number, 8).ok()).flatten()
        })
    }

    /// Gives a home directory and all that is in it to its user.
    pub(super) fn give_home(&self, home: &str, user: &User) -> Result<(), Failure> {
        let target = self.path(home);
        chown(&target, Some(user.uid), Some(user.gid))
            .and_then(|()| give_children(&target, user, 0))
            .map_err(|e| Failure::new(format!("giving {home} to {}: {e}", user.name)))
    }
}

/// Deeper trees than this are no skeleton.
const DEPTH: u32 = 64;

fn copy_tree(source: &Path, target: &Path, depth: u32) -> io::Result<()> {
    if depth > DEPTH {
        return Err(io::Error::other("directories are nested too deeply"));
    }
    fs::create_dir_all(target)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let to = target.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &to)?;
        } else if kind.is_dir() {
            copy_tree(&entry.path(), &to, depth + 1)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &to)?;
        }
    }
    fs::set_permissions(target, fs::metadata(source)?.permissions())
}

/// Links themselves are given, never what they point to: a user's link must not hand out another's file.
fn give_children(directory: &Path, user: &User, depth: u32) -> io::Result<()> {
    if depth > DEPTH {
        return Err(io::Error::other("directories are nested too deeply"));
    }
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        lchown(entry.path(), Some(user.uid), Some(user.gid))?;
        if entry.file_type()?.is_dir() {
            give_children(&entry.path(), user, depth + 1)?;
        }
    }
    Ok(())
}

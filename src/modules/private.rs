//! Temporary files of one task, for programs that read files only: nobody but the task's user can read them.

use super::{Context, Failure};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// A file that only its user can read, gone when it is dropped.
pub struct Private {
    /// Where it lies.
    pub path: PathBuf,
}

impl Private {
    /// Writes `body` to a file whose name ends as `name` does.
    pub fn new(ctx: &Context, body: &[u8], name: &str) -> Result<Private, Failure> {
        let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
        let random = random.map_err(|e| Failure::new(format!("making a name for {name}: {e}")))?;
        let base = Path::new(name).file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let path = std::env::temp_dir().join(format!("compute-init-{}-{base}", random.trim()));
        let failed = |e: std::io::Error| Failure::new(format!("writing {}: {e}", path.display()));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path).map_err(failed)?;
        let private = Private { path: path.clone() };
        file.write_all(body).map_err(failed)?;
        if let Some(name) = ctx.become_user {
            let accounts = super::accounts::Accounts::new(ctx, Path::new("/"));
            if let Some(user) = accounts.user(name)? {
                chown(&path, Some(user.uid), Some(user.gid)).map_err(failed)?;
            }
        }
        Ok(private)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What cannot be removed now is removed with /tmp.
        let _ = std::fs::remove_file(&self.path);
    }
}

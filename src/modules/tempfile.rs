//! `ansible.builtin.tempfile`: an empty file or directory under a name that nobody knew before.

use super::attributes::{add_path_info, described};
use super::params::{Params, map, text};
use super::{Context, Failure, Outcome, paths};
use crate::spec::Args;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Letters of the names, as Python's `tempfile` has them.
const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789_";

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let directory = args.os("path").map_or_else(|| environment_directory(ctx), PathBuf::from);
    let is_directory = args.text("state").as_deref() == Some("directory");
    if ctx.check {
        // Ansible skips the task in check mode; a name is not made up.
        let result = map([
            ("skipped", true.into()),
            ("msg", text("remote module (ansible.legacy.tempfile) does not support check mode")),
        ]);
        return Ok(Outcome { skipped: true, result, ..Outcome::default() });
    }
    let (prefix, suffix) = (args.text("prefix").unwrap_or_default(), args.text("suffix").unwrap_or_default());
    let path = create(&directory, (&prefix, &suffix), is_directory)
        .map_err(|e| Failure::new(format!("creating a temporary name in {}: {e}", directory.display())))?;
    let mut result = map([("path", paths::shown(&path))]);
    add_path_info(ctx, &mut result);
    Ok(Outcome { changed: true, result, changes: vec![described(ctx, "created", &path)], ..Outcome::default() })
}

fn environment_directory(ctx: &Context) -> PathBuf {
    let named = |name: &str| ctx.environment.iter().rev().find(|(k, _)| k == name).map(|(_, v)| PathBuf::from(v));
    ["TMPDIR", "TEMP", "TMP"].into_iter().find_map(named).filter(|p| p.is_dir()).unwrap_or_else(|| "/tmp".into())
}

/// Makes a file or directory that only its owner may read, under a name that nobody knew before.
pub(super) fn create(directory: &Path, (prefix, suffix): (&str, &str), is_directory: bool) -> io::Result<PathBuf> {
    if prefix.contains('/') || suffix.contains('/') {
        return Err(io::Error::new(ErrorKind::InvalidInput, "prefix and suffix must not hold a slash"));
    }
    let mut random = File::open("/dev/urandom")?;
    for _ in 0..100 {
        let mut bytes = [0; 8];
        random.read_exact(&mut bytes)?;
        let middle: String = bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect();
        let path = directory.join(format!("{prefix}{middle}{suffix}"));
        let made = if is_directory {
            DirBuilder::new().mode(0o700).create(&path)
        } else {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map(drop)
        };
        match made {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            result => return result.map(|()| path),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

//! Where jobs that run in the background leave their results, for `async_status`: a directory of this user's.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file of a job. A name that is no job's is refused: it becomes part of a path.
pub fn file(id: &str) -> Result<PathBuf, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if id.is_empty() || id.starts_with('.') || !id.chars().all(plain) {
        return Err("could not find job".to_owned());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(|| "/root".into());
    let named = std::env::var_os("ANSIBLE_ASYNC_DIR").filter(|d| !d.is_empty()).map(PathBuf::from);
    let directory = match named {
        Some(named) => named.strip_prefix("~").map_or_else(|_| named.clone(), |rest| home.join(rest)),
        None => home.join(".ansible_async"),
    };
    Ok(directory.join(id))
}

/// Writes a job's result, whole.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let directory = crate::sys::file::parent(path);
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|e| format!("making {}: {e}", directory.display()))?;
    let part = path.with_extension("part");
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|e| format!("writing {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_job_is_a_name_and_no_path() {
        assert!(super::file("j123.45").unwrap().ends_with("j123.45"));
        for bad in ["", "../x", "a/b", ".hidden", "a b"] {
            assert!(super::file(bad).is_err(), "{bad:?}");
        }
    }
}

//! SELinux contexts, through the extended attribute that holds them. Where the kernel has no SELinux all of this does
//! nothing.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

const NAME: &std::ffi::CStr = c"security.selinux";

/// Whether this kernel enforces or logs by SELinux: asked once, for it does not change while the kernel runs.
pub fn enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| Path::new("/sys/fs/selinux/enforce").exists())
}

/// Whether contexts carry a level.
pub fn mls() -> bool {
    std::fs::read("/sys/fs/selinux/mls").is_ok_and(|v| v.starts_with(b"1"))
}

/// The context of a file, links not followed; `None` where it has none.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn context(path: &Path) -> io::Result<Option<String>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut buffer = vec![0u8; 4096];
    // SAFETY: both names end in NUL and the buffer is as long as we say.
    let n = unsafe { nix::libc::lgetxattr(path.as_ptr(), NAME.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    let Ok(n) = usize::try_from(n) else {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(nix::libc::ENODATA | nix::libc::ENOTSUP) => Ok(None),
            _ => Err(error),
        };
    };
    buffer.truncate(n);
    while buffer.last() == Some(&0) {
        buffer.pop();
    }
    Ok(String::from_utf8(buffer).ok())
}

/// Gives an open file a context.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn set_on(file: &File, context: &str) -> io::Result<()> {
    let value = CString::new(context)?;
    let bytes = value.as_bytes_with_nul();
    // SAFETY: the name ends in NUL, the value is as long as we say, and the descriptor is open.
    let rc = unsafe { nix::libc::fsetxattr(file.as_raw_fd(), NAME.as_ptr(), bytes.as_ptr().cast(), bytes.len(), 0) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives a file a context, links not followed.
#[expect(unsafe_code, reason = "nix has no extended attributes")]
pub fn set(path: &Path, context: &str) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let value = CString::new(context)?;
    let bytes = value.as_bytes_with_nul();
    // SAFETY: both names end in NUL and the value is as long as we say.
    let rc = unsafe { nix::libc::lsetxattr(path.as_ptr(), NAME.as_ptr(), bytes.as_ptr().cast(), bytes.len(), 0) };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_context_has_none_and_a_missing_one_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        if !enabled() {
            assert_eq!(context(dir.path()).unwrap(), None);
        }
        assert!(context(&dir.path().join("absent")).is_err());
        assert!(set(&dir.path().join("absent"), "system_u:object_r:etc_t:s0").is_err());
    }
}

//! Times of files: setting one of the two without the other.

use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::io;
use std::path::Path;
use std::time::Duration;

/// What becomes of one time of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stamp {
    /// It stays.
    Keep,
    /// The moment it is set.
    Now,
    /// Seconds since the epoch.
    At(i64),
}

impl Stamp {
    fn spec(self) -> TimeSpec {
        match self {
            Stamp::Keep => TimeSpec::UTIME_OMIT,
            Stamp::Now => TimeSpec::UTIME_NOW,
            Stamp::At(seconds) if seconds >= 0 => TimeSpec::from(Duration::from_secs(seconds.unsigned_abs())),
            Stamp::At(seconds) => TimeSpec::new(seconds, 0),
        }
    }
}

/// Sets the times of a file, links followed.
pub fn set(path: &Path, accessed: Stamp, modified: Stamp) -> io::Result<()> {
    let (at, mt) = (accessed.spec(), modified.spec());
    Ok(utimensat(nix::fcntl::AT_FDCWD, path, &at, &mt, UtimensatFlags::FollowSymlink)?)
}

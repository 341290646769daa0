//! Times of files: reading a local time as seconds, and setting one of the two times without the other.

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

/// Year, month (1 to 12), day, hour, minute, second of the node's time zone as seconds since the epoch; Python's
/// `time.mktime`.
#[expect(unsafe_code, reason = "mktime is the only reader of the zone database that every libc agrees with")]
pub fn from_local(civil: [i32; 6]) -> Option<i64> {
    let [year, month, day, hour, minute, second] = civil;
    // SAFETY: an all-zero `tm` is valid, and the pointer is to a live one.
    let seconds = unsafe {
        let mut tm: nix::libc::tm = std::mem::zeroed();
        tm.tm_year = year.checked_sub(1900)?;
        tm.tm_mon = month - 1;
        tm.tm_mday = day;
        tm.tm_hour = hour;
        tm.tm_min = minute;
        tm.tm_sec = second;
        tm.tm_isdst = -1;
        nix::libc::mktime(&raw mut tm)
    };
    (seconds != -1).then_some(seconds)
}

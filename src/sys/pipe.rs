//! What a pipe still holds of what was written to it.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

nix::ioctl_read_bad!(
    /// How many bytes wait for their reader.
    bytes_waiting,
    nix::libc::FIONREAD,
    nix::libc::c_int
);

/// How much its reader has not taken yet; nothing where nobody can say.
#[expect(unsafe_code, reason = "nix knows this request of the kernel only as a raw one")]
fn left_in(pipe: BorrowedFd) -> nix::libc::c_int {
    let mut left = 0;
    // SAFETY: the descriptor is borrowed, so it is open, and the kernel writes one integer to `left`.
    let asked = unsafe { bytes_waiting(pipe.as_raw_fd(), &mut left) };
    asked.map_or(0, |_| left)
}

/// Waits until the reader of a pipe has taken all that was written, is gone, or `limit` is over. Whatever is no pipe has
/// no reader to wait for.
pub fn drained(pipe: BorrowedFd, limit: Duration) {
    let is_pipe = |mode| SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFIFO;
    if !fstat(pipe).is_ok_and(|stat| is_pipe(stat.st_mode)) {
        return;
    }
    let end = Instant::now() + limit;
    while Instant::now() < end && left_in(pipe) > 0 {
        // Nothing is asked for, so this ends early only where nobody reads any more.
        let mut watched = [PollFd::new(pipe, PollFlags::empty())];
        if poll(&mut watched, PollTimeout::from(1u8)) != Ok(0) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn waits_for_the_reader_and_for_nobody_else() {
        let (mut reader, mut writer) = std::io::pipe().expect("a pipe");
        writer.write_all(b"text").expect("room for four bytes");
        let taken = std::thread::spawn(move || {
            let mut text = [0; 4];
            reader.read_exact(&mut text).expect("four bytes");
            (reader, text)
        });
        drained(writer.as_fd(), LONG);
        assert_eq!(left_in(writer.as_fd()), 0);
        let (reader, text) = taken.join().expect("it read");
        assert_eq!(&text, b"text");
        // Whoever is gone takes nothing, and is not waited for.
        writer.write_all(b"more").expect("room for four bytes");
        drop(reader);
        let began = Instant::now();
        drained(writer.as_fd(), LONG);
        drained(std::fs::File::open("/dev/zero").expect("a device").as_fd(), LONG);
        assert!(began.elapsed() < LONG);
    }
}

//! When the slurmd of this boot began, by the kernel's word. Nothing here asks Slurm.

use nix::time::{ClockId, clock_gettime};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Ticks of a second in /proc: the kernel shows hundredths to programs on every architecture.
const TICKS: f64 = 100.0;

/// The age of a process, as the clock is set now.
#[derive(Clone, Copy, Debug)]
pub struct Age {
    /// When it was started, in seconds since the epoch.
    pub began: f64,
    /// Seconds since then.
    pub seconds: f64,
}

/// The age of this node's slurmd; where none runs, that of the machine or the container.
pub fn age() -> Option<Age> {
    let started = started(Path::new("/proc"))?;
    let seconds_up = seconds(ClockId::CLOCK_BOOTTIME)?;
    let boot = seconds(ClockId::CLOCK_REALTIME)? - seconds_up;
    Some(Age { began: boot + started, seconds: seconds_up - started })
}

fn seconds(clock: ClockId) -> Option<f64> {
    let time = clock_gettime(clock).ok()?;
    Some(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}

/// Seconds from the start of the kernel to that of slurmd, or of process 1. The first of root's, for it forks.
fn started(proc: &Path) -> Option<f64> {
    let entries = fs::read_dir(proc).ok()?.flatten();
    let slurmds =
        entries.filter(|e| e.file_name().as_encoded_bytes()[0].is_ascii_digit()).map(|e| e.path()).filter(|p| {
            fs::read(p.join("comm")).is_ok_and(|name| name == b"slurmd\n")
                && fs::metadata(p).is_ok_and(|m| m.uid() == 0)
        });
    let first = slurmds.filter_map(|p| start(&p)).min_by(f64::total_cmp);
    first.or_else(|| start(&proc.join("1")))
}

/// When a process started.
fn start(process: &Path) -> Option<f64> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name, in brackets, may hold spaces; start time is the 20th field after it.
    let ticks: f64 = stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()?;
    Some(ticks / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(proc: &Path, pid: u32, name: &str, ticks: u32) {
        let directory = proc.join(pid.to_string());
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("comm"), format!("{name}\n")).unwrap();
        let between = "0 ".repeat(18);
        fs::write(directory.join("stat"), format!("{pid} ({name}) S {between}{ticks} 0\n")).unwrap();
    }

    #[test]
    fn the_first_slurmd_counts_and_without_one_the_machine() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("slurmd is root's: not run");
            return;
        }
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir(proc.path().join("sys")).unwrap();
        assert_eq!(started(proc.path()), None);
        process(proc.path(), 1, "systemd", 50);
        assert_eq!(started(proc.path()), Some(0.5));
        process(proc.path(), 30, "a) slurmstepd", 70);
        process(proc.path(), 44, "slurmd", 250);
        process(proc.path(), 40, "slurmd", 123);
        assert_eq!(started(proc.path()), Some(1.23));
    }

    #[test]
    fn this_process_started_a_moment_ago() {
        let since_boot = seconds(ClockId::CLOCK_BOOTTIME).unwrap();
        let own = start(Path::new("/proc/self")).unwrap();
        assert!(own <= since_boot && own > since_boot - 3600.0, "{own} of {since_boot}");
    }
}

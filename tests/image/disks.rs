//! Roots on disks that are read-only or full: the error names the file, and the next run makes the root whole.

use crate::scratch::Scratch;
use compute_init::image::{Install, Mode, Root, install};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::fs;
use std::path::{Path, PathBuf};

/// A root on a file system of its own, which goes with it.
struct Disk(PathBuf);

impl Disk {
    fn new(scratch: &Scratch, options: &str) -> Disk {
        let at = scratch.at("disk");
        fs::create_dir(&at).expect("makes");
        mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), Some(options)).expect("mounts: run as root");
        for made in ["etc", "usr/lib", "var"] {
            fs::create_dir_all(at.join(made)).expect("makes");
        }
        fs::write(at.join("etc/os-release"), "ID=test\n").expect("writes");
        Disk(at)
    }

    fn remount(&self, flags: MsFlags, options: &str) {
        mount(None::<&str>, &self.0, None::<&str>, MsFlags::MS_REMOUNT | flags, Some(options)).expect("mounts again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// Installs a bundle and an executor of 3 MiB; the changes, or the error.
fn run(scratch: &Scratch, root: &Path) -> Result<usize, String> {
    let mut executor = crate::scratch::program(62, &[1]);
    executor.resize(3 << 20, 0);
    fs::write(scratch.at("executor"), executor).expect("writes");
    let (bundle, executor, trust) =
        (scratch.bundle("one", Some(&scratch.key)), scratch.at("executor"), scratch.trust());
    let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &trust, config: None };
    let root = Root::open(root).map_err(|e| e.to_string())?;
    let report = install(&root, &what, Mode::Make, &mut |_| ()).map_err(|e| e.to_string())?;
    Ok(report.changes.len())
}

#[test]
fn a_root_that_is_read_only() {
    let scratch = Scratch::new();
    let disk = Disk::new(&scratch, "size=16m");
    disk.remount(MsFlags::MS_RDONLY, "");
    let error = run(&scratch, &disk.0).expect_err("refused");
    assert!(error.contains("making") && error.contains("usr/libexec") && error.contains("Read-only"), "{error}");
    disk.remount(MsFlags::empty(), "");
    assert!(run(&scratch, &disk.0).expect("installs") > 10);
    // Where nothing has to change, nothing has to be writable.
    disk.remount(MsFlags::MS_RDONLY, "");
    assert_eq!(run(&scratch, &disk.0), Ok(0));
}

#[test]
fn a_root_that_is_full_at_any_point() {
    for kib in [64, 512, 2048, 3072, 3084, 3092, 3100, 3108, 3116] {
        let scratch = Scratch::new();
        let disk = Disk::new(&scratch, &format!("size={kib}k"));
        let first = run(&scratch, &disk.0);
        if let Err(error) = &first {
            assert!(error.contains("No space left on device") && error.contains("disk/"), "{kib}: {error}");
        }
        assert!(kib > 3072 || first.is_err(), "{kib}");
        let wanted = disk.0.join("etc/systemd/system/multi-user.target.wants/compute-init.service");
        assert_eq!(wanted.symlink_metadata().is_ok(), first.is_ok(), "{kib}: enabled before it is whole");
        disk.remount(MsFlags::empty(), "size=16m");
        run(&scratch, &disk.0).expect("installs");
        assert_eq!(run(&scratch, &disk.0), Ok(0), "{kib}");
        let all = std::process::Command::new("find").arg(".").current_dir(&disk.0).output().expect("lists");
        let all = String::from_utf8_lossy(&all.stdout).into_owned();
        assert!(!all.contains(".tmp") && !all.contains(".unfinished"), "{kib}: {all}");
    }
}

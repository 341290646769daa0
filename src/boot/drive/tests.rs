//! Drives as the real tools make them, and broken ones.

use super::{Drive, label, read};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE: &str = "openstack/latest/meta_data.json";
const TEXT: &str = r#"{"meta": {"compute": "true"}}"#;

fn run(program: &str, arguments: &[&str], within: &Path) {
    let run = Command::new(program).args(arguments).current_dir(within).env("MTOOLS_SKIP_CHECK", "1").output();
    let Ok(output) = run else { panic!("{program} is needed for this test") };
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A directory as a config drive has it; the metadata is made longer than a cluster by blanks.
fn tree(scratch: &Path) -> PathBuf {
    let tree = scratch.join("tree");
    for directory in ["openstack/latest", "openstack/2012-08-10", "ec2/latest"] {
        fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for n in 0..40 {
        fs::write(tree.join(format!("openstack/latest/some other file with a long name {n}")), "x").unwrap();
    }
    fs::write(tree.join("ec2/latest/meta-data.json"), "{}").unwrap();
    fs::write(tree.join(FILE), format!("{TEXT}{}", " ".repeat(9000))).unwrap();
    tree
}

fn iso(scratch: &Path, flags: &[&str]) -> PathBuf {
    let out = scratch.join(format!("drive{}.iso", flags.concat()));
    let common = ["-quiet", "-V", "config-2", "-o", out.to_str().unwrap()];
    run("genisoimage", &[&common, flags, &["tree"]].concat(), scratch);
    out
}

fn fat(scratch: &Path, bits: &str, kib: u64) -> PathBuf {
    let out = scratch.join(format!("fat{bits}.img"));
    File::create(&out).unwrap().set_len(kib << 10).unwrap();
    let path = out.to_str().unwrap();
    run("mkfs.vfat", &["-F", bits, "-n", "CONFIG-2", path], scratch);
    run("mcopy", &["-s", "-i", path, "tree/ec2", "tree/openstack", "::"], scratch);
    out
}

#[test]
fn what_the_real_tools_write_is_read() {
    let scratch = tempfile::tempdir().unwrap();
    tree(scratch.path());
    let drives = [
        // As nova does it, and with fewer names.
        iso(scratch.path(), &["-ldots", "-allow-lowercase", "-allow-multidot", "-l", "-J", "-r"]),
        iso(scratch.path(), &["-r"]),
        iso(scratch.path(), &["-J"]),
        iso(scratch.path(), &["-l", "-allow-lowercase"]),
        fat(scratch.path(), "12", 1440),
        fat(scratch.path(), "16", 16 << 10),
        fat(scratch.path(), "32", 64 << 10),
    ];
    for (n, drive) in drives.iter().enumerate() {
        let file = File::open(drive).unwrap();
        assert!(label(&file).unwrap().unwrap().eq_ignore_ascii_case("config-2"), "{n}");
        let found = read(&file, FILE, 1 << 20).unwrap().unwrap_or_else(|| panic!("{n}: not found"));
        assert_eq!(String::from_utf8(found).unwrap().trim_end(), TEXT, "{n}");
        assert_eq!(read(&file, "openstack/latest/none", 1 << 20).unwrap(), None, "{n}");
        assert_eq!(read(&file, "ec2/latest/meta-data.json/x", 1 << 20).unwrap(), None, "{n}");
        assert!(read(&file, FILE, 100).unwrap_err().to_string().contains("more than 100"), "{n}");
        assert!(read(&file, "openstack/latest", 100).unwrap_err().to_string().contains("directory"), "{n}");
    }
}

#[test]
fn a_drive_that_is_cut_or_changed_is_an_error_or_nothing_and_never_more() {
    let scratch = tempfile::tempdir().unwrap();
    tree(scratch.path());
    for good in
        [iso(scratch.path(), &["-J", "-r"]), fat(scratch.path(), "12", 1440), fat(scratch.path(), "32", 64 << 10)]
    {
        let bytes = fs::read(&good).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&good).unwrap();
        let look = || {
            let _ = label(&file);
            if let Ok(Some(found)) = read(&file, FILE, 1 << 20) {
                assert!(found.len() <= 1 << 20);
            }
        };
        // One byte after the other of what describes the file system, set to what hurts most.
        let describes = (0..90).chain(32_768..32_960).chain(34_816..35_010).chain(36_864..37_060);
        for at in describes.filter(|at| *at < bytes.len()) {
            for value in [0, 1, 0x7f, 0xff] {
                file.write_all_at(&[value], at as u64).unwrap();
                look();
            }
            file.write_all_at(&bytes[at..=at], at as u64).unwrap();
        }
        for length in [40_000, 34_816, 32_840, 32_768, 513, 512, 511, 1, 0] {
            file.set_len(length).unwrap();
            look();
        }
    }
    // A chain that leads back to itself.
    let drive = fat(scratch.path(), "16", 16 << 10);
    let mut bytes = fs::read(&drive).unwrap();
    let table = usize::from(u16::from_le_bytes([bytes[14], bytes[15]])) * 512;
    for cluster in 2..2000 {
        bytes[table + 2 * cluster..][..2].copy_from_slice(&u16::to_le_bytes(u16::try_from(cluster).unwrap()));
    }
    fs::write(&drive, bytes).unwrap();
    assert!(read(&File::open(&drive).unwrap(), FILE, 1 << 20).is_err());
}

#[test]
fn a_drive_is_found_by_link_or_by_its_label_and_read_by_nobody() {
    let scratch = tempfile::tempdir().unwrap();
    let (labels, sys, dev) = (scratch.path().join("l"), scratch.path().join("s"), scratch.path().join("d"));
    for directory in [&labels, &sys, &dev] {
        fs::create_dir(directory).unwrap();
    }
    tree(scratch.path());
    let openstack = iso(scratch.path(), &["-J", "-r"]);
    fs::rename(&openstack, dev.join("vdc")).unwrap();
    fs::create_dir(scratch.path().join("seed")).unwrap();
    fs::write(scratch.path().join("seed/meta-data"), "meta: {compute: true}\n").unwrap();
    run("genisoimage", &["-quiet", "-r", "-V", "cidata", "-o", "d/vdb", "seed"], scratch.path());
    fs::write(dev.join("vda"), vec![0; 100_000]).unwrap();
    fs::write(dev.join("vdd"), "short").unwrap();
    for name in ["vda", "vdb", "vdc", "vdd", "vde"] {
        fs::write(sys.join(name), "").unwrap();
    }
    // A disk that answers nobody: opening a pipe waits for somebody who writes.
    nix::unistd::mkfifo(&dev.join("vdaa"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::write(sys.join("vdaa"), "").unwrap();
    // OpenStack's comes before NoCloud's, whatever they are called.
    let found = Drive::find(&labels, &sys, &dev).unwrap();
    assert_eq!(found, Drive { device: dev.join("vdc"), file: FILE });
    assert!(String::from_utf8(found.read(found.file, 1 << 20).unwrap().unwrap()).unwrap().starts_with(TEXT));
    assert!(found.read(FILE, 10).unwrap_err().to_string().contains("more than 10"));
    fs::remove_file(sys.join("vdaa")).unwrap();
    fs::remove_file(sys.join("vdc")).unwrap();
    let found = Drive::find(&labels, &sys, &dev).unwrap();
    assert_eq!((found.device.clone(), found.file), (dev.join("vdb"), "meta-data"));
    assert_eq!(found.read(found.file, 1 << 20).unwrap().unwrap(), b"meta: {compute: true}\n");
    std::os::unix::fs::symlink("../d/vda", labels.join("CONFIG-2")).unwrap();
    let linked = Drive::find(&labels, &sys, &dev).unwrap();
    assert_eq!(linked, Drive { device: labels.join("CONFIG-2"), file: FILE });
    assert!(linked.read(FILE, 100).unwrap_err().to_string().contains("neither an ISO 9660 nor a FAT"));
    fs::remove_file(labels.join("CONFIG-2")).unwrap();
    fs::remove_file(sys.join("vdb")).unwrap();
    assert_eq!(Drive::find(&labels, &sys, &dev), None);
}

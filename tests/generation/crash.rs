//! What goes wrong while a generation is written: the one that is served stays whole.

use crate::cluster::Cluster;
use compute_init::export::generation::WriteError;
use compute_init::plan::export::{BLOBS, CURRENT};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Run in a child: writes generation after generation until it is killed.
const CHILD: &str = "GENERATION_CHILD";

#[test]
fn two_exporters_do_not_meet() {
    let cluster = Cluster::new(1);
    cluster.write();
    let _held = compute_init::sys::lock::Lock::take(&cluster.at("compute-init/.lock")).unwrap();
    match cluster.try_write() {
        Err(WriteError::Busy(_, Some(pid))) => assert_eq!(pid, std::process::id()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_killed_exporter_leaves_the_served_generation_whole() {
    if let Ok(seed) = std::env::var(CHILD) {
        return write_for_ever(&seed);
    }
    let mut cluster = Cluster::new(300);
    cluster.write();
    let key = cluster.dir.path().join("key");
    fs::write(&key, cluster.key.to_pem()).unwrap();
    let mut serials = Vec::new();
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::a_killed_exporter_leaves_the_served_generation_whole", "--nocapture"])
            .env(CHILD, format!("{} {}", cluster.dir.path().display(), round))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        if round % 3 == 2 {
            // On a busy machine it may not have come to writing by then: at least so often it has.
            let before = cluster.open().unwrap().index().serial;
            let end = Instant::now() + Duration::from_secs(120);
            while cluster.open().unwrap().index().serial == before && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        std::thread::sleep(Duration::from_millis(40 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        for n in [0, 150, 299] {
            cluster.read(n).unwrap_or_else(|e| panic!("round {round}: {e}"));
        }
        serials.push(cluster.open().unwrap().index().serial);
    }
    assert!(serials.is_sorted() && serials.first() != serials.last(), "children wrote: {serials:?}");
    cluster.now = serials[11] + 1;
    cluster.change(0, "address", "after");
    cluster.write();
    assert!(!cluster.at("compute-init/.writing").exists());
    let left = fs::read_dir(cluster.at(BLOBS)).unwrap().flatten();
    assert!(left.map(|e| e.file_name().into_string().unwrap()).all(|name| name.len() == 64), "half a blob is left");
    assert_eq!(cluster.read(0).unwrap().var("address"), Some("after"));
}

fn write_for_ever(seed: &str) {
    let (dir, round) = seed.split_once(' ').unwrap();
    let mut cluster = Cluster::within(dir.as_ref(), 300);
    let key = fs::read_to_string(format!("{dir}/key")).unwrap();
    cluster.key = compute_init::bundle::SigningKey::from_pem(&key).unwrap();
    for n in 0.. {
        cluster.change(n % 300, "address", &format!("{round}.{n}"));
        cluster.change(n % 300, "password", &format!("SECRET-{round}-{n}"));
        let mut settings = cluster.settings();
        settings.dest = format!("{dir}/export").into();
        compute_init::export::generation::write(&cluster.export, &settings).unwrap();
    }
}

#[test]
fn a_blob_that_a_crash_left_empty_is_written_again() {
    let cluster = Cluster::new(3);
    cluster.write();
    let digest = cluster.read(1).unwrap().part.files["hosts"].digest.clone();
    let path = cluster.at(&format!("{BLOBS}/{digest}"));
    let size = fs::metadata(&path).unwrap().len() as usize;
    fs::write(&path, vec![0; size]).unwrap();
    assert!(cluster.read(1).is_err());
    // Its name and size are right: only the mark of a crash has it looked at.
    fs::write(cluster.at("compute-init/.writing"), "").unwrap();
    let again = cluster.write();
    assert_eq!((again.new, again.blobs.0), (false, 1));
    cluster.read(1).unwrap();
    assert!(!cluster.at("compute-init/.writing").exists());
}

#[test]
fn a_blob_that_went_missing_is_written_again() {
    let cluster = Cluster::new(3);
    cluster.write();
    let digest = cluster.read(1).unwrap().part.files["hosts"].digest.clone();
    fs::remove_file(cluster.at(&format!("{BLOBS}/{digest}"))).unwrap();
    let again = cluster.write();
    assert_eq!((again.new, again.blobs.0), (false, 1));
    cluster.read(1).unwrap();
}

#[test]
fn a_broken_index_is_said_and_not_written_over() {
    let cluster = Cluster::new(1);
    cluster.write();
    fs::write(cluster.at(CURRENT), "rubbish\n").unwrap();
    let error = cluster.try_write().unwrap_err();
    assert!(error.to_string().contains("not a signed index") && error.hint().is_some(), "{error}");
    assert_eq!(fs::read(cluster.at(CURRENT)).unwrap(), b"rubbish\n");
}

/// In a mount namespace of its own: a small or read-only file system at the export's place.
fn mounted(cluster: &Cluster, options: &str, then: &str, words: &str) {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: needs root");
    }
    let dest = cluster.dest();
    fs::create_dir_all(&dest).unwrap();
    let mount = |arguments: &[&str]| {
        let status = Command::new("mount").args(arguments).arg(&dest).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    };
    mount(&["-t", "tmpfs", "-o", options, "none"]);
    let first = cluster.try_write();
    let mut changed = Cluster::new(400);
    changed.key = compute_init::bundle::SigningKey::from_pem(&cluster.key.to_pem()).unwrap();
    let mut settings = changed.settings();
    settings.dest = dest.clone();
    settings.now += 1;
    if !then.is_empty() {
        mount(&["-o", then]);
    }
    let second = compute_init::export::generation::write(&changed.export, &settings);
    let whole = cluster.read(1).map(|view| view.bytes);
    let left = fs::read_dir(cluster.at(BLOBS)).unwrap().count();
    assert!(Command::new("umount").arg(&dest).status().unwrap().success());
    let first = first.unwrap();
    let error = second.unwrap_err();
    assert!(error.to_string().contains(words) && error.hint().is_some(), "{error}");
    assert!(whole.unwrap() > 0);
    assert_eq!(left, first.blobs.0, "what was written in vain is gone");
}

#[test]
fn a_full_disk_leaves_the_served_generation_and_gives_room_back() {
    mounted(&Cluster::new(3), "nr_inodes=100", "", "No space left on device");
}

#[test]
fn a_read_only_file_system_is_said() {
    mounted(&Cluster::new(3), "size=8m", "remount,ro", "Read-only file system");
}

//! Writing: the same bytes every time, and what does not fit is not written.

use crate::forge::{Forge, digest, gzip, key, sample, sealed, tar, verify};
use compute_init::bundle::{assemble, source_date_epoch};
use compute_init::plan::{Plan, limits};

#[test]
fn what_is_written_is_read_back() {
    let verified = verify(&Forge::new().pack()).expect("verifies");
    let (plan, files) = sample();
    assert_eq!(serde_json::to_value(verified.plan()).expect("json"), serde_json::to_value(&plan).expect("json"));
    for (path, file) in &verified.plan().files {
        assert_eq!(verified.file(file).expect("a file"), files[path], "{path}");
    }
    assert_eq!(verified.signer().name, "site.pem");
    assert_eq!(verified.signer().key, key(1).public().id());
}

#[test]
fn an_independent_writer_makes_the_same_archive() {
    let mut sealed = sealed();
    sealed.sign(&key(1));
    let ours = sealed.archive(0).expect("packs");
    let forged = Forge::open(&ours);
    assert_eq!(unzip(&ours), unzip(&forged.pack()));
    let mut again = forged.clone();
    again.set_manifest(forged.manifest().as_bytes());
    assert_eq!(again.pack(), forged.pack(), "index and signature are made as the format's description says");
}

fn unzip(archive: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(archive), &mut bytes).expect("unpacks");
    bytes
}

#[test]
fn the_order_of_signing_does_not_show() {
    let archive = |seeds: [u8; 2]| {
        let mut sealed = sealed();
        sealed.sign(&key(seeds[0]));
        sealed.sign(&key(seeds[1]));
        sealed.archive(0).expect("packs")
    };
    assert_eq!(archive([1, 2]), archive([2, 1]));
    assert_ne!(archive([1, 1]), archive([1, 2]));
}

#[test]
fn the_gzip_header_holds_no_time_and_no_system() {
    let archive = sealed().archive(0).expect("packs");
    assert_eq!(archive[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    assert_eq!(archive[9], 255);
}

#[test]
fn a_time_dates_every_member_and_changes_nothing_else() {
    let mut sealed = sealed();
    sealed.sign(&key(1));
    let (old, new) = (sealed.archive(0).expect("packs"), sealed.archive(1_700_000_000).expect("packs"));
    assert_eq!(verify(&old).expect("verifies").digest(), verify(&new).expect("verifies").digest());
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(new.as_slice()));
    for entry in archive.entries().expect("a tar") {
        let header = entry.expect("a member").header().clone();
        assert_eq!(header.mtime().expect("a time"), 1_700_000_000);
        assert_eq!((header.mode().expect("a mode"), header.uid().expect("a uid")), (0o644, 0));
    }
}

#[test]
fn source_date_epoch_is_seconds_or_refused() {
    assert_eq!(source_date_epoch(None), Ok(0));
    assert_eq!(source_date_epoch(Some("1700000000")), Ok(1_700_000_000));
    for bad in ["", "-1", "+1", "now", "1.5", "8589934592", "99999999999999999999999"] {
        assert!(source_date_epoch(Some(bad)).is_err(), "{bad}");
    }
}

#[test]
fn equal_bytes_are_stored_once_under_all_their_paths() {
    let forge = Forge::new();
    let same = format!("blobs/sha256/{}", &digest(b"the same bytes\n")[7..]);
    assert!(forge.members.contains_key(&same));
    let manifest = forge.manifest();
    assert!(
        manifest.contains(r#""io.compute-init.paths":"roles/alpha/files/same\nroles/beta/files/same""#),
        "{manifest}"
    );
    assert!(manifest.contains(r#""io.compute-init.roles":"alpha\nbeta""#), "{manifest}");
    // oci-layout, index, manifest, signature, configuration, plan, and three different files.
    assert_eq!(forge.members.len(), 9);
}

#[test]
fn a_summary_counts_what_is_there() {
    let summary = verify(&Forge::new().pack()).expect("verifies").summary();
    assert_eq!(summary.files.len(), 4);
    assert_eq!(summary.plays[0].roles, ["alpha", "beta"]);
    let alpha = &summary.roles[0];
    assert_eq!((alpha.name.as_str(), alpha.tasks, alpha.files), ("alpha", 1, 2));
}

#[test]
fn a_plan_without_files_is_a_bundle_too() {
    let plan = Plan { format: 1, playbook: "p.yml".into(), ..Plan::default() };
    let mut sealed = assemble(&plan, &Default::default()).expect("assembles");
    sealed.sign(&key(1));
    assert!(verify(&sealed.archive(0).expect("packs")).expect("verifies").plan().files.is_empty());
}

#[test]
fn files_that_do_not_fit_the_plan_are_not_packed() {
    let build = |change: fn(&mut Plan, &mut std::collections::BTreeMap<String, Vec<u8>>)| {
        let (mut plan, mut files) = sample();
        change(&mut plan, &mut files);
        assemble(&plan, &files).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(build(|_, f| drop(f.remove("files/empty"))), "the bytes of files/empty are missing");
    assert_eq!(build(|_, f| drop(f.insert("files/empty".into(), vec![1]))), "files/empty changed while it was read");
    assert_eq!(build(|_, f| drop(f.insert("more".into(), vec![1]))), "the plan does not name more");
    for path in ["/etc/passwd", "../up", "a//b", "a/./b", "a/..", "", "a\nb", "a\0b"] {
        let (mut plan, mut files) = sample();
        let file = plan.files["files/empty"].clone();
        plan.files.insert(path.into(), file);
        files.insert(path.into(), Vec::new());
        let error = assemble(&plan, &files).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("is not a path in a source tree"), "{path:?}: {error}");
    }
}

#[test]
fn more_than_a_reader_takes_is_not_written() {
    let (mut plan, mut files) = sample();
    for n in 0..limits::BUNDLE_MEMBERS {
        let bytes = n.to_string().into_bytes();
        let file = compute_init::plan::FileRef { digest: digest(&bytes), size: bytes.len() as u64, mode: 0o644 };
        plan.files.insert(format!("files/{n}"), file);
        files.insert(format!("files/{n}"), bytes);
    }
    let error = assemble(&plan, &files).err().expect("too many").to_string();
    assert!(error.contains("more than the 4096 that a bundle may have"), "{error}");
}

#[test]
fn the_forge_packs_as_tar_does() {
    let entries = [(crate::forge::header("index.json", 3), b"abc".to_vec())];
    assert_eq!(tar(&entries).len(), 512 * 4);
    assert!(gzip(b"").len() > 10);
}

//! Bundles that a node must not run, met by the executor itself: each ends the boot as `refused` with exit code 5, says
//! why and what to do, and leaves the node untouched. What exactly is wrong with each is the business of tests/bundle.

use crate::forge::{Forge, gzip, header, key, pem, tar};
use crate::harness::Bench;
use std::fs;
use tar::EntryType;

/// A node whose bundle, taken apart, can be forged anew with a key that the node trusts.
fn bench() -> (Bench, Forge) {
    let bench = Bench::new();
    fs::write(bench.path("trust/site.pem"), key(1).public().to_pem()).unwrap();
    let mut forge = Forge::open(&fs::read(bench.path("bundle.tar.gz")).unwrap());
    forge.set_manifest(forge.manifest().as_bytes());
    fs::write(bench.path("bundle.tar.gz"), forge.pack()).unwrap();
    (bench, forge)
}

/// Boots with these bytes as the bundle: they must be refused in one of these words.
#[track_caller]
fn refused(bench: &Bench, what: &str, archive: &[u8], words: &[&str]) {
    fs::write(bench.path("bundle.tar.gz"), archive).unwrap();
    bench.refused(&[], "refused", 5, "");
    let status = bench.status();
    let message = status["message"].as_str().unwrap();
    assert!(words.iter().any(|w| message.contains(w)), "{what}: {words:?} is not in: {message}");
    assert!(status["hint"].as_str().is_some_and(|h| !h.is_empty()), "{what}: no hint");
    assert!(!bench.path("state/staged").exists(), "{what}: something was staged");
}

#[test]
fn the_bundle_that_is_forged_here_would_boot() {
    let (bench, _) = bench();
    bench.boot(&[]).ready();
    assert!(bench.path("made").exists());
}

#[test]
fn a_flipped_byte_in_every_member_in_turn() {
    let (bench, forge) = bench();
    for name in forge.members.keys() {
        let mut bad = forge.clone();
        let bytes = bad.members.get_mut(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        refused(&bench, name, &bad.pack(), &["B04", "B06", "B09", "B10", "B13"]);
    }
}

#[test]
fn members_missing_extra_and_twice() {
    let (bench, forge) = bench();
    for name in forge.members.keys() {
        let mut bad = forge.clone();
        bad.members.remove(name);
        refused(&bench, name, &bad.pack(), &["B06", "B13"]);
    }
    let mut bad = forge.clone();
    bad.members.insert("README".into(), Vec::new());
    refused(&bench, "extra", &bad.pack(), &["B04"]);
    let all: Vec<_> = forge.members.iter().map(|(n, b)| (header(n, b.len()), b.clone())).collect();
    let twice: Vec<_> = all.iter().flat_map(|m| [m.clone(), m.clone()]).collect();
    refused(&bench, "twice", &gzip(&tar(&twice)), &["B03", "B04"]);
}

#[test]
fn members_that_are_no_plain_file_below_the_bundle() {
    let (bench, forge) = bench();
    let with = |member: tar::Header| {
        let mut all: Vec<_> = forge.members.iter().map(|(n, b)| (header(n, b.len()), b.clone())).collect();
        all.push((member, Vec::new()));
        gzip(&tar(&all))
    };
    for name in ["../evil", "/etc/evil", "oci-layout/../../evil"] {
        refused(&bench, name, &with(header(name, 0)), &["B03", "B04"]);
    }
    for kind in
        [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Directory]
    {
        let mut member = header("zz", 0);
        member.set_entry_type(kind);
        member.set_link_name("oci-layout").unwrap();
        member.set_cksum();
        refused(&bench, &format!("{kind:?}"), &with(member), &["B03", "B04"]);
    }
}

#[test]
fn sizes_beyond_bounds_and_archives_cut_short() {
    let (bench, forge) = bench();
    let whole = forge.pack();
    for end in [0, 1, whole.len() / 3, whole.len() - 1] {
        refused(&bench, "cut", &whole[..end], &["B01", "B03", "B06"]);
    }
    let mut huge = header(&format!("blobs/sha256/{}", "0".repeat(64)), 0);
    huge.set_size(1 << 33);
    huge.set_cksum();
    refused(&bench, "a size beyond bounds", &gzip(&tar(&[(huge, Vec::new())])), &["B05"]);
    let zeros: Vec<_> = (0..5u8)
        .map(|n| format!("blobs/sha256/{}", format!("{n:02x}").repeat(32)))
        .map(|n| (header(&n, 60 << 20), vec![0; 60 << 20]))
        .collect();
    let bomb = gzip(&tar(&zeros));
    assert!(bomb.len() < 4 << 20, "it is small before it is unpacked");
    refused(&bench, "a gzip bomb", &bomb, &["B05"]);
}

#[test]
fn keys_that_do_not_vouch() {
    let (bench, forge) = bench();
    fs::write(bench.path("trust/site.pem"), key(2).public().to_pem()).unwrap();
    refused(&bench, "wrong key", &forge.pack(), &["B10"]);
    fs::remove_file(bench.path("trust/site.pem")).unwrap();
    refused(&bench, "no key", &forge.pack(), &["no trust key in"]);
    fs::write(bench.path("trust/site.pem"), pem(1)).unwrap();
    refused(&bench, "a private key", &forge.pack(), &["site.pem"]);
    fs::write(bench.path("trust/site.pem"), key(2).public().to_pem()).unwrap();
    fs::write(bench.path("trust/old.pem"), key(1).public().to_pem()).unwrap();
    bench.boot(&[]).ready();
    assert_eq!(bench.status()["signer"], "old.pem", "two keys, of which one signed");
}

#[test]
fn a_newer_format_is_refused_before_its_plan_is_read() {
    let (bench, mut forge) = bench();
    forge.change_manifest(r#""io.compute-init.format":"1""#, r#""io.compute-init.format":"2""#);
    refused(&bench, "newer", &forge.pack(), &["B12"]);
}

//! The installed form: the same checks on a directory.

use crate::forge::{Forge, key, refused, sample, trust, unpack, verify};
use compute_init::bundle::{Verified, current};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn installed() -> (tempfile::TempDir, PathBuf) {
    let bundles = tempfile::tempdir().expect("a directory");
    let dir = unpack(&verify(&Forge::new().pack()).expect("verifies"), bundles.path());
    (bundles, dir)
}

fn open(dir: &Path) -> Result<Verified, compute_init::bundle::Error> {
    Verified::installed(dir, &trust(&[("site.pem", key(1).public())]))
}

fn blob(dir: &Path) -> PathBuf {
    let digest = crate::forge::digest(b"the same bytes\n");
    dir.join("blobs/sha256").join(&digest[7..])
}

#[test]
fn both_forms_are_the_same_bundle() {
    let (_bundles, dir) = installed();
    let verified = open(&dir).expect("verifies");
    assert_eq!(verified.digest(), verify(&Forge::new().pack()).expect("verifies").digest());
    for (path, file) in &verified.plan().files {
        assert_eq!(verified.file(file).expect("a file"), sample().1[path]);
    }
}

#[test]
fn a_file_that_changes_after_verification_is_not_used() {
    let (_bundles, dir) = installed();
    let verified = open(&dir).expect("verifies");
    fs::write(blob(&dir), "the evil bytes\n").expect("writes");
    let file = &verified.plan().files["roles/alpha/files/same"];
    let fault = verified.file(file).expect_err("refused");
    crate::forge::assert_fault("changed", &fault, "B13", "another digest");
    fs::write(blob(&dir), "more bytes than there were\n").expect("writes");
    assert!(verified.file(file).is_err());
}

#[test]
fn a_flipped_byte_in_any_file_is_refused() {
    let (_bundles, dir) = installed();
    let files = ["manifest.json".to_owned()].into_iter();
    let names = |sub: &str| -> Vec<String> {
        let entries = fs::read_dir(dir.join(sub)).expect("lists");
        entries.map(|e| format!("{sub}/{}", e.expect("an entry").file_name().display())).collect()
    };
    for name in files.chain(names("signatures")).chain(names("blobs/sha256")) {
        let path = dir.join(&name);
        let good = fs::read(&path).expect("reads");
        for at in (0..good.len()).step_by(11).chain([good.len().saturating_sub(1)]).take_while(|_| !good.is_empty()) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).expect("writes");
            assert!(open(&dir).is_err(), "{name}, byte {at}");
        }
        fs::write(&path, good).expect("writes");
    }
    assert!(open(&dir).is_ok());
}

#[test]
fn missing_and_extra_files_are_refused() {
    let extra = ["README", "blobs/x", "blobs/sha256/x", "signatures/x", "blobs/sha256/.hidden"];
    for name in extra {
        let (_bundles, dir) = installed();
        fs::write(dir.join(name), "").expect("writes");
        refused(name, open(&dir), "B04", "does not belong into a bundle");
    }
    let (_bundles, dir) = installed();
    fs::write(dir.join("blobs/sha256").join("0".repeat(64)), "").expect("writes");
    refused("extra blob", open(&dir), "B04", "is not named by the manifest");
    let (_bundles, dir) = installed();
    fs::remove_file(blob(&dir)).expect("removes");
    refused("blob", open(&dir), "B13", "is missing");
    for name in ["manifest.json", "signatures", "blobs"] {
        let (_bundles, dir) = installed();
        fs::rename(dir.join(name), dir.parent().expect("a parent").join("gone")).expect("moves");
        refused(name, open(&dir), "B06", "it is missing");
    }
    let (_bundles, dir) = installed();
    fs::remove_dir_all(dir.join("signatures")).expect("removes");
    fs::create_dir(dir.join("signatures")).expect("makes");
    refused("unsigned", open(&dir), "B09", "not signed");
}

#[test]
fn links_and_pipes_are_never_followed() {
    let (_bundles, dir) = installed();
    let good = fs::read(blob(&dir)).expect("reads");
    let elsewhere = dir.parent().expect("a parent").join("elsewhere");
    fs::write(&elsewhere, good).expect("writes");
    fs::remove_file(blob(&dir)).expect("removes");
    symlink(&elsewhere, blob(&dir)).expect("links");
    refused("blob", open(&dir), "B01", "blobs/sha256/");
    fs::remove_file(blob(&dir)).expect("removes");
    nix::unistd::mkfifo(&blob(&dir), nix::sys::stat::Mode::S_IRWXU).expect("makes");
    refused("pipe", open(&dir), "B01", "not a regular file");
    for name in ["manifest.json", "signatures", "blobs"] {
        let (bundles, dir) = installed();
        let moved = bundles.path().join("moved");
        fs::rename(dir.join(name), &moved).expect("moves");
        symlink(&moved, dir.join(name)).expect("links");
        refused(name, open(&dir), "B01", name);
    }
    let (bundles, dir) = installed();
    let link = bundles.path().join("0".repeat(64));
    symlink(&dir, &link).expect("links");
    refused("bundle", open(&link), "B01", "opening");
}

#[test]
fn a_directory_is_named_by_its_digest() {
    let (bundles, dir) = installed();
    let other = bundles.path().join("0".repeat(64));
    fs::rename(&dir, &other).expect("moves");
    refused("name", open(&other), "B06", "not the directory's name");
}

#[test]
fn current_is_a_link_to_a_digest_and_nothing_else() {
    let (bundles, dir) = installed();
    refused("no link", current(bundles.path()), "B02", "is missing");
    let link = bundles.path().join("current");
    symlink(dir.file_name().expect("a name"), &link).expect("links");
    assert_eq!(current(bundles.path()).expect("a bundle"), dir);
    for target in ["/etc", "../..", "x", "", &format!("{}/..", "0".repeat(64))] {
        fs::remove_file(&link).expect("removes");
        if target.is_empty() {
            fs::write(&link, "").expect("writes");
            refused("file", current(bundles.path()), "B02", "cannot be read as a link");
        } else {
            symlink(target, &link).expect("links");
            refused(target, current(bundles.path()), "B02", "not the digest of a bundle");
        }
    }
}

//! Released formats are read for ever.

use crate::forge::{Forge, refused, sample, trust};
use compute_init::bundle::{PublicKey, Verified, explain};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundle/fixtures").join(name)
}

/// Writes the fixture of the present format. To be run once, when a format is released:
/// `cargo test --test bundle write_the_fixture -- --ignored`.
#[test]
#[ignore = "writes the fixture that the test below reads"]
fn write_the_fixture() {
    std::fs::write(fixture("v1.bundle"), Forge::new().pack()).expect("writes");
    std::fs::write(fixture("v1.pem"), crate::forge::key(1).public().to_pem()).expect("writes");
}

#[test]
fn a_bundle_of_version_1_is_read() {
    let pem = std::fs::read_to_string(fixture("v1.pem")).expect("reads");
    let trust = trust(&[("v1.pem", PublicKey::from_pem(&pem).expect("a key"))]);
    let verified = Verified::archive(&fixture("v1.bundle"), &trust).expect("verifies");
    let digest = "sha256:864c291242cbce03ab64012e865378e8ba784a1bfe09edeb55c94f1ea154f25a";
    assert_eq!(verified.digest().to_string(), digest);
    assert_eq!(verified.plan().plays[0].roles.len(), 2);
    for (path, file) in &verified.plan().files {
        assert_eq!(verified.file(file).expect("a file"), sample().1[path]);
    }
}

#[test]
fn a_bundle_of_version_1_is_not_believed_without_its_key() {
    let other = trust(&[("other.pem", crate::forge::key(9).public())]);
    refused("another key", Verified::archive(&fixture("v1.bundle"), &other), "B10", "other.pem");
}

#[test]
fn the_format_page_lists_every_code_and_no_other() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bundle-format.md")).expect("reads");
    let listed: Vec<&str> = page.lines().filter_map(|l| l.strip_prefix("| B")?.get(..2)).collect();
    let known: Vec<String> =
        (0..100).map(|n| format!("{n:02}")).filter(|n| explain(&format!("B{n}")).is_some()).collect();
    assert_eq!(listed, known);
}

//! The trust directory: what is a key, and what stops everything.

use crate::forge::{assert_fault, key, pem};
use compute_init::bundle::{PublicKey, SigningKey, Trust};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("site.pem"), key(1).public().to_pem()).expect("writes");
    chmod(&dir.path().join("site.pem"), 0o644);
    dir
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changes the mode");
}

#[track_caller]
fn refused(dir: &Path, code: &str, text: &str) {
    let fault = Trust::directory(dir).err().expect("refused");
    assert_fault("trust", &fault, code, text);
}

#[test]
fn every_pem_file_is_a_key_and_nothing_else_is_looked_at() {
    let dir = directory();
    fs::write(dir.path().join("next.pem"), key(2).public().to_pem()).expect("writes");
    fs::write(dir.path().join("README"), "keys of the site").expect("writes");
    fs::write(dir.path().join("old.pem.disabled"), "x").expect("writes");
    let names = Trust::directory(dir.path()).expect("keys").names();
    assert_eq!(names, [("next.pem".into(), key(2).public().id()), ("site.pem".into(), key(1).public().id())]);
}

#[test]
fn no_key_is_told_apart_from_a_bad_one() {
    let dir = tempfile::tempdir().expect("a directory");
    refused(dir.path(), "B07", "no trust key in");
    refused(&dir.path().join("missing"), "B07", "missing");
    fs::write(dir.path().join("x.pem"), "").expect("writes");
    refused(dir.path(), "B08", "x.pem");
}

#[test]
fn files_that_others_can_write_are_refused() {
    for mode in [0o646, 0o664, 0o666, 0o602] {
        let dir = directory();
        chmod(&dir.path().join("site.pem"), mode);
        refused(dir.path(), "B08", "others than its owner can write it");
    }
    let dir = directory();
    chmod(dir.path(), 0o777);
    refused(dir.path(), "B08", "others than its owner can write it");
}

#[test]
fn links_pipes_and_directories_are_refused() {
    let dir = directory();
    let outside = directory();
    symlink(outside.path().join("site.pem"), dir.path().join("link.pem")).expect("links");
    refused(dir.path(), "B08", "link.pem: it is a symbolic link");
    let dir = directory();
    symlink("site.pem", dir.path().join("link.pem")).expect("links");
    refused(dir.path(), "B08", "it is a symbolic link");
    let dir = directory();
    nix::unistd::mkfifo(&dir.path().join("pipe.pem"), nix::sys::stat::Mode::S_IRWXU).expect("makes");
    refused(dir.path(), "B08", "pipe.pem: not a regular file");
    let dir = directory();
    fs::create_dir(dir.path().join("dir.pem")).expect("makes");
    refused(dir.path(), "B08", "dir.pem");
    let dir = directory();
    let link = outside.path().join("trust.d");
    symlink(dir.path(), &link).expect("links");
    refused(&link, "B01", "trust.d");
}

#[test]
fn what_is_not_an_ed25519_public_key_is_refused() {
    let rsa = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----\n";
    // A point of small order, with which anything can be made to verify.
    let weak = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n";
    for (pem, text) in [
        ("not a key".to_owned(), "not an Ed25519 public key"),
        (pem(1), "private key, which must never be on a node"),
        (rsa.to_owned(), "not an Ed25519 public key"),
        (weak.to_owned(), "weak"),
        (key(1).public().to_pem() + &key(2).public().to_pem(), "not an Ed25519 public key"),
        ("x".repeat(20_000), "more than 16384 bytes"),
    ] {
        let dir = directory();
        fs::write(dir.path().join("bad.pem"), pem).expect("writes");
        refused(dir.path(), "B08", text);
        refused(dir.path(), "B08", "bad.pem");
    }
}

#[test]
fn private_keys_are_read_and_mistakes_named() {
    let made = SigningKey::generate().expect("a key");
    assert_eq!(SigningKey::from_pem(&made.to_pem()).expect("reads").public().id(), made.public().id());
    assert_ne!(made.public().id(), SigningKey::generate().expect("a key").public().id());
    assert_eq!(pem(7), key(7).to_pem());
    for (pem, text) in [
        (key(1).public().to_pem(), "it is a public key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned(), "it is encrypted"),
        (String::new(), "not an Ed25519 private key"),
        (pem(1).replace("MC4", "MC5"), "not an Ed25519 private key"),
    ] {
        let error = SigningKey::from_pem(&pem).err().expect("refused").to_string();
        assert!(error.contains(text), "{error}");
        assert!(!error.contains("MC"), "the key itself is in the message");
    }
    assert!(PublicKey::from_pem(&key(1).public().to_pem()).is_ok());
}

//! Other people's tools read the format: openssl makes keys and checks signatures, skopeo reads the layout.

use crate::forge::{Forge, key, sealed, trust, verify_with};
use compute_init::bundle::{PublicKey, SigningKey};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).current_dir(dir).output();
    output.unwrap_or_else(|e| panic!("{program} is needed for this test: {e}"))
}

#[track_caller]
fn ok(dir: &Path, program: &str, args: &[&str]) -> String {
    let output = run(dir, program, args);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn keys_of_openssl_sign_and_verify() {
    let dir = tempfile::tempdir().expect("a directory");
    ok(dir.path(), "openssl", &["genpkey", "-algorithm", "ed25519", "-out", "site.key"]);
    ok(dir.path(), "openssl", &["pkey", "-in", "site.key", "-pubout", "-out", "site.pem"]);
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("reads");
    let key = SigningKey::from_pem(&read("site.key")).expect("a key");
    let public = PublicKey::from_pem(&read("site.pem")).expect("a key");
    assert_eq!(key.public().id(), public.id());
    assert_eq!(key.to_pem(), read("site.key"));
    assert_eq!(public.to_pem(), read("site.pem"));
    let mut sealed = sealed();
    sealed.sign(&key);
    verify_with(&sealed.archive(0).expect("packs"), &trust(&[("site.pem", public)])).expect("verifies");
    // The key's id is what the documentation says it is.
    let id = ok(dir.path(), "sh", &["-c", "openssl pkey -pubin -in site.pem -outform DER | sha256sum"]);
    assert_eq!(id.split(' ').next(), Some(key.public().id().to_string().as_str()));
}

#[test]
fn openssl_checks_our_signature_and_refuses_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let forge = Forge::new();
    fs::write(dir.path().join("bundle.tgz"), forge.pack()).expect("writes");
    fs::write(dir.path().join("site.pem"), key(1).public().to_pem()).expect("writes");
    fs::write(dir.path().join("other.pem"), key(2).public().to_pem()).expect("writes");
    let manifest = forge.manifest_name();
    let signature = forge.members.iter().find(|(_, b)| b.len() == 64).expect("a signature").0;
    ok(dir.path(), "tar", &["-xzf", "bundle.tgz"]);
    let check = |key: &str, file: &str| {
        let args = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key, "-in", file, "-sigfile", signature];
        run(dir.path(), "openssl", &args).status.success()
    };
    assert!(check("site.pem", &manifest));
    assert!(!check("other.pem", &manifest));
    assert!(!check("site.pem", "index.json"));
}

#[test]
fn skopeo_reads_the_layout_with_and_without_the_tag() {
    let dir = tempfile::tempdir().expect("a directory");
    let forge = Forge::new();
    fs::write(dir.path().join("bundle.tgz"), forge.pack()).expect("writes");
    for image in ["oci-archive:bundle.tgz", "oci-archive:bundle.tgz:bundle"] {
        let raw = ok(dir.path(), "skopeo", &["--insecure-policy", "inspect", "--raw", image]);
        assert_eq!(raw.trim_end(), forge.manifest());
    }
    let text = ok(dir.path(), "skopeo", &["inspect", "oci-archive:bundle.tgz"]);
    let seen: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(seen["Digest"], crate::forge::digest(forge.manifest().as_bytes()));
    assert_eq!(seen["Layers"].as_array().expect("layers").len(), 4);
    assert_eq!(seen["Labels"]["io.compute-init.playbook"], "site.yml");
    // What it copies is what was there: every blob by its digest.
    ok(dir.path(), "skopeo", &["--insecure-policy", "copy", "oci-archive:bundle.tgz", "oci:copy:bundle"]);
    assert_eq!(
        fs::read(dir.path().join("copy").join(forge.manifest_name())).expect("reads"),
        forge.manifest().as_bytes()
    );
}

#[test]
fn tar_lists_the_members_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let forge = Forge::new();
    fs::write(dir.path().join("bundle.tgz"), forge.pack()).expect("writes");
    let names: Vec<String> = ok(dir.path(), "tar", &["-tzf", "bundle.tgz"]).lines().map(str::to_owned).collect();
    assert_eq!(names, forge.members.keys().cloned().collect::<Vec<_>>());
}

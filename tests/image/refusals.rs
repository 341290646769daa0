//! What is refused, and that the root is untouched then.

use crate::scratch::{Scratch, program};
use compute_init::bundle::SigningKey;
use compute_init::image::{Error, Install, Mode, Root, install, rollback};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

/// Asserts that `result` is refused with `text` and that the root is as it was.
#[track_caller]
fn refused<T>(scratch: &Scratch, act: impl FnOnce() -> Result<T, Error>, text: &str) {
    let before = scratch.snapshot();
    let error = act().err().expect("refused").to_string();
    assert!(error.contains(text), "{error}");
    assert_eq!(scratch.snapshot(), before, "{text}: the root was touched");
}

#[test]
fn bundles_that_no_node_would_accept() {
    let scratch = Scratch::new();
    let other = SigningKey::generate().expect("a key");
    refused(&scratch, || scratch.install(&scratch.bundle("unsigned", None)), "[B09]");
    refused(&scratch, || scratch.install(&scratch.bundle("foreign", Some(&other))), "[B10]");
    refused(&scratch, || scratch.install(&scratch.at("missing")), "[B01]");
    let bundle = scratch.bundle("cut", Some(&scratch.key));
    let bytes = fs::read(&bundle).expect("reads");
    fs::write(&bundle, &bytes[..bytes.len() / 2]).expect("writes");
    refused(&scratch, || scratch.install(&bundle), "[B03]");
    // And with something installed, which stays current.
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    refused(&scratch, || scratch.install(&bundle), "[B03]");
    refused(&scratch, || scratch.install(&scratch.bundle("foreign", Some(&other))), "[B10]");
}

#[test]
fn no_key_at_all() {
    let scratch = Scratch::new();
    let (bundle, executor) = (scratch.bundle("one", Some(&scratch.key)), scratch.at("executor"));
    let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &[], config: None };
    let root = Root::open(&scratch.at("root")).expect("a root");
    refused(&scratch, || install(&root, &what, Mode::Make, &mut |_| ()), "no trust key in");
    let trust = [("site.pub".to_owned(), scratch.key.public())];
    let what = Install { trust: &trust, ..what };
    refused(&scratch, || install(&root, &what, Mode::Make, &mut |_| ()), "must end in .pem");
}

#[test]
fn a_key_under_the_name_of_another() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let other = SigningKey::generate().expect("a key");
    let (bundle, executor) = (scratch.bundle("two", Some(&other)), scratch.at("executor"));
    let root = Root::open(&scratch.at("root")).expect("a root");
    let trust = [("site.pem".to_owned(), other.public())];
    let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &trust, config: None };
    refused(&scratch, || install(&root, &what, Mode::Make, &mut |_| ()), "site.pem is another key");
    let trust = [("site-2.pem".to_owned(), other.public())];
    assert!(install(&root, &Install { trust: &trust, ..what }, Mode::Make, &mut |_| ()).is_ok());
}

#[test]
fn trust_that_anybody_could_have_written() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    scratch.install(&bundle).expect("installs");
    let key = scratch.root("etc/compute-init/trust.d/site.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o666)).expect("changes the mode");
    refused(&scratch, || scratch.install(&bundle), "others than its owner can write it");
    fs::rename(&key, scratch.at("elsewhere.pem")).expect("moves");
    symlink(scratch.at("elsewhere.pem"), &key).expect("links");
    refused(&scratch, || scratch.install(&bundle), "symbolic link");
}

#[test]
fn executors_that_would_not_run() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    let with = |bytes: Vec<u8>| {
        fs::write(scratch.at("executor"), bytes).expect("writes");
        scratch.install(&bundle)
    };
    refused(&scratch, || with(program(62, &[1, 3])), "dynamically linked");
    refused(&scratch, || with(program(183, &[1])), "it is for aarch64, the root is x86_64");
    refused(&scratch, || with(b"#!/bin/sh\n".to_vec()), "not an ELF program");
    refused(&scratch, || with(program(62, &[1])[..40].to_vec()), "cut short");
    // The root says what it is for.
    fs::create_dir_all(scratch.root("usr/bin")).expect("makes");
    fs::write(scratch.root("usr/bin/env"), program(183, &[3])).expect("writes");
    refused(&scratch, || with(program(62, &[1])), "it is for x86_64, the root is aarch64");
    assert!(with(program(183, &[1])).is_ok());
}

#[test]
fn directories_that_are_no_root() {
    let scratch = Scratch::new();
    fs::remove_file(scratch.root("etc/os-release")).expect("removes");
    refused(&scratch, || scratch.install(&scratch.bundle("one", Some(&scratch.key))), "is not a root file system");
}

#[test]
fn going_back_to_nothing_or_to_something_damaged() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let root = Root::open(&scratch.at("root")).expect("a root");
    refused(&scratch, || rollback(&root, Mode::Make, &mut |_| ()), "there is nothing to go back to");
    scratch.install(&scratch.bundle("two", Some(&scratch.key))).expect("installs");
    let bundles = scratch.root("var/lib/compute-init/bundles");
    let previous = bundles.join(fs::read_link(bundles.join("previous")).expect("a link"));
    fs::write(previous.join("manifest.json"), "{}").expect("writes");
    refused(&scratch, || rollback(&root, Mode::Make, &mut |_| ()), "is refused");
}

#[test]
fn a_configuration_that_every_boot_would_refuse() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    fs::write(scratch.at("site.pem"), scratch.key.public().to_pem()).expect("writes");
    let run = |config: Option<&str>| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_compute-init"));
        command.arg("install").arg(&bundle).arg("--root").arg(scratch.at("root"));
        command.arg("--trust").arg(scratch.at("site.pem")).arg("--executor").arg(scratch.at("executor"));
        if let Some(text) = config {
            fs::write(scratch.at("config.yaml"), text).expect("writes");
            command.arg("--config").arg(scratch.at("config.yaml"));
        }
        let output = command.output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let before = scratch.snapshot();
    let (code, said) = run(Some("resume: owned\ndeadlines: {mont: 5s}\n"));
    assert!(code == Some(2) && said.contains("config.yaml:2: unknown setting deadlines.mont"), "{said}");
    assert!(said.contains("did you mean deadlines.mount?"), "{said}");
    assert_eq!(scratch.snapshot(), before);
    // One that the root has is looked at as well.
    fs::create_dir_all(scratch.root("etc/compute-init")).expect("makes");
    fs::write(scratch.root("etc/compute-init/config.yaml"), "resume: perhaps\n").expect("writes");
    let (code, said) = run(None);
    assert!(code == Some(2) && said.contains("/etc/compute-init/config.yaml:1: resume is"), "{said}");
    let (code, said) = run(Some("resume: slurm\n"));
    assert_eq!(code, Some(0), "{said}");
}

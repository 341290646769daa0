//! `install` with the real executor.

use crate::run::{ran, run, with_key};
use std::fs;
use std::path::Path;

fn root(dir: &Path) {
    for made in ["root/etc", "root/usr/lib", "root/var"] {
        fs::create_dir_all(dir.join(made)).expect("makes");
    }
    fs::write(dir.join("root/etc/os-release"), "ID=test\n").expect("writes");
}

#[test]
fn a_bundle_is_installed_once_and_taken_away_again() {
    let dir = with_key();
    root(dir.path());
    run(dir.path(), &["build", "-q", "--key", "compute-init.key"]).expect(0);
    let args = ["install", "compute-init.bundle", "--root", "root", "--trust", "compute-init.pub.pem"];
    let dry = run(dir.path(), &[&args[..], &["--dry-run"]].concat()).expect(0);
    assert!(dry.out.contains("nothing was done"), "{}", dry.out);
    assert!(!dir.path().join("root/usr/libexec").exists());
    run(dir.path(), &args).expect(0).says("create /usr/libexec/compute-init/compute-init-boot");
    let executor = dir.path().join("root/usr/libexec/compute-init/compute-init-boot");
    assert_eq!(fs::read(executor).expect("reads"), fs::read(env!("CARGO_BIN_EXE_compute-init-boot")).expect("reads"));
    let again = run(dir.path(), &args).expect(0);
    assert!(again.out.contains("nothing to change") && again.err.is_empty(), "{}{}", again.out, again.err);
    let report = run(dir.path(), &[&args[..], &["--json", "--with-command"]].concat()).expect(0).json();
    assert_eq!(report["changes"].as_array().map(Vec::len), Some(2), "{report}");
    // The installed form is verified where it lies.
    let trust = "root/etc/compute-init/trust.d";
    run(dir.path(), &["verify", "root/var/lib/compute-init/bundles/current", "--trust", trust]).expect(0);
    run(dir.path(), &["install", "--root", "root", "--rollback"]).expect(1).says("there is nothing to go back to");
    run(dir.path(), &["install", "--root", "root", "--uninstall"]).expect(0).says("remove /usr/libexec/compute-init");
    assert!(dir.path().join("root").join("etc/compute-init/trust.d/compute-init.pub.pem").exists());
}

#[test]
fn the_umask_does_not_show() {
    let dir = with_key();
    root(dir.path());
    run(dir.path(), &["build", "-q", "--key", "compute-init.key"]).expect(0);
    let mut install = std::process::Command::new("/bin/sh");
    install.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_compute-init"), "install", "-q"]);
    install.args(["compute-init.bundle", "--root", "root", "--trust", "compute-init.pub.pem"]).current_dir(dir.path());
    ran(&mut install).expect(0);
    let odd = "find root -type d ! -perm 755 -o -type f ! -perm 644 ! -perm 755";
    let odd = std::process::Command::new("/bin/sh").args(["-c", odd]).current_dir(dir.path()).output().expect("runs");
    assert_eq!(String::from_utf8_lossy(&odd.stdout), "");
}

#[test]
fn what_cannot_be_installed_is_refused() {
    let dir = with_key();
    root(dir.path());
    run(dir.path(), &["build", "-q", "--key", "compute-init.key"]).expect(0);
    let install = |more: &[&str]| run(dir.path(), &[&["install", "compute-init.bundle"], more].concat());
    install(&["--root", "root"]).expect(5).says("[B07]");
    install(&["--root", "."]).expect(1).says("is not a root file system");
    install(&["--root", "missing"]).expect(1).says("opening missing");
    install(&[]).expect(2).says("--root");
    install(&["--root", "root", "--rollback"]).expect(2).says("cannot be used with");
    run(dir.path(), &["install", "--root", "root"]).expect(2).says("BUNDLE");
    let trust = ["--root", "root", "--trust", "compute-init.pub.pem"];
    install(&[&trust[..], &["--executor", "missing"]].concat()).expect(1).says("--executor");
    install(&[&trust[..], &["--executor", "compute-init.bundle"]].concat()).expect(1).says("not an ELF program");
    install(&["--root", "root", "--trust", "compute-init.key"]).expect(1).says("is a private key");
    assert_eq!(fs::read_dir(dir.path().join("root/var")).expect("lists").count(), 0);
    assert_eq!(fs::read_dir(dir.path().join("root/usr")).expect("lists").count(), 1);
}

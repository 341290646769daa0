//! What `doctor` finds in a sound image, and in images that are wrong in one way each.

use crate::scratch::{Scratch, program};
use compute_init::bundle::current;
use compute_init::image::Root;
use compute_init::image::doctor::{Findings, Verdict, examine};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// An image with the real executor, and with what a node needs.
fn sound() -> Scratch {
    let scratch = Scratch::new();
    fs::copy(env!("CARGO_BIN_EXE_compute-init-boot"), scratch.at("executor")).expect("copies");
    let kernel = "usr/lib/modules/6.1/kernel/fs/nfs";
    for (path, mode) in [
        ("usr/bin/systemctl", 0o755),
        ("usr/bin/getent", 0o755),
        ("usr/bin/mount", 0o755),
        ("usr/sbin/mount.nfs", 0o755),
        (&*format!("{kernel}/nfs.ko.xz"), 0o644),
        (&*format!("{kernel}/nfsv4.ko.xz"), 0o644),
        ("usr/lib/systemd/libsystemd-shared-252.so", 0o644),
        ("etc/systemd/system/network-online.target.wants/NetworkManager-wait-online.service", 0o644),
    ] {
        put(&scratch, path, "");
        fs::set_permissions(scratch.root(path), Permissions::from_mode(mode)).expect("changes the mode");
    }
    for unit in ["sysinit", "basic", "network-online", "shutdown", "multi-user"] {
        let path = format!("usr/lib/systemd/system/{unit}.target");
        put(&scratch, &path, "[Unit]\nDefaultDependencies=no\n");
    }
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    scratch
}

fn put(scratch: &Scratch, path: &str, text: &str) {
    let place = scratch.root(path);
    fs::create_dir_all(place.parent().expect("a parent")).expect("makes");
    fs::write(place, text).expect("writes");
}

fn findings(scratch: &Scratch) -> Findings {
    examine(&Root::open(&scratch.at("root")).expect("a root"))
}

#[test]
fn a_sound_image_has_nothing_to_mend() {
    let scratch = sound();
    let before = scratch.snapshot();
    let found = findings(&scratch);
    assert!(found.worst() <= Verdict::Note, "{found:#?}");
    let ok: Vec<&str> = found.0.iter().filter(|f| f.verdict == Verdict::Ok).map(|f| f.check).collect();
    assert_eq!(ok, ["keys", "bundle", "executor", "units", "order", "exposure", "nfs", "commands"]);
    assert!(found.0.iter().any(|f| f.check == "versions" && f.detail.contains("systemd 252")));
    assert_eq!(scratch.snapshot(), before, "the image was touched");
}

type Case<'a> = (&'a str, &'a dyn Fn(&Scratch), &'a str, Verdict, &'a str);

/// Each case is wrong in one way; that way is found, and its seriousness is the image's.
fn each(cases: &[Case]) {
    for (name, spoil, check, verdict, text) in cases {
        let scratch = sound();
        spoil(&scratch);
        let found = findings(&scratch);
        let hit = found.0.iter().find(|f| f.check == *check && f.verdict == *verdict && f.detail.contains(text));
        assert!(hit.is_some(), "{name}: {found:#?}");
        assert_eq!(found.worst(), *verdict, "{name}: {found:#?}");
    }
}

fn chmod(scratch: &Scratch, path: &str, mode: u32) {
    fs::set_permissions(scratch.root(path), Permissions::from_mode(mode)).expect("changes the mode");
}

fn remove(scratch: &Scratch, path: &str) {
    fs::remove_file(scratch.root(path)).expect("removes");
}

const EXECUTOR: &str = "usr/libexec/compute-init/compute-init-boot";

#[test]
fn bundles_keys_and_executors_that_are_wrong() {
    let manifest =
        |s: &Scratch| current(&s.root("var/lib/compute-init/bundles")).expect("a bundle").join("manifest.json");
    let executor = |s: &Scratch, bytes: &[u8]| {
        fs::write(s.root(EXECUTOR), bytes).expect("writes");
    };
    each(&[
        ("no key", &|s| remove(s, "etc/compute-init/trust.d/site.pem"), "keys", Verdict::Refused, "no trust key"),
        ("loose key", &|s| chmod(s, "etc/compute-init/trust.d/site.pem", 0o666), "keys", Verdict::Refused, "can write"),
        ("no bundle", &|s| remove(s, "var/lib/compute-init/bundles/current"), "bundle", Verdict::Refused, "current"),
        ("damaged bundle", &|s| fs::write(manifest(s), "{}").expect("writes"), "bundle", Verdict::Refused, "refused"),
        ("no executor", &|s| remove(s, EXECUTOR), "executor", Verdict::Problem, "No such file"),
        ("a script", &|s| executor(s, b"#!/bin/sh\n"), "executor", Verdict::Problem, "not an ELF program"),
        ("dynamic", &|s| executor(s, &program(62, &[3])), "executor", Verdict::Problem, "dynamically linked"),
        ("another machine", &|s| executor(s, &program(183, &[1])), "executor", Verdict::Problem, "is for aarch64"),
        ("broken", &|s| executor(s, &program(62, &[1])), "executor", Verdict::Problem, "does not run"),
        ("not executable", &|s| chmod(s, EXECUTOR, 0o644), "executor", Verdict::Problem, "not executable"),
        ("anybody's", &|s| chmod(s, EXECUTOR, 0o777), "executor", Verdict::Problem, "others than root can change it"),
        (
            "a developer's key",
            &|s| {
                let (from, to) = ("etc/compute-init/trust.d/site.pem", "etc/compute-init/trust.d/development-1.pem");
                fs::rename(s.root(from), s.root(to)).expect("moves");
            },
            "keys",
            Verdict::Warning,
            "developer's key",
        ),
        (
            "a broken key of exports",
            &|s| put(s, "etc/compute-init/trust.d/export/site.pem", "-----BEGIN PUBLIC KEY-----\n"),
            "keys",
            Verdict::Refused,
            "trust.d/export/site.pem",
        ),
        (
            "no way back",
            &|s| symlink("0000", s.root("var/lib/compute-init/bundles/previous")).expect("links"),
            "bundle",
            Verdict::Warning,
            "nothing to go back to",
        ),
    ]);
}

#[test]
fn units_and_orders_that_are_wrong() {
    let unit = |s: &Scratch, name: &str, text: &str| put(s, &format!("etc/systemd/system/{name}"), text);
    let wants = "etc/systemd/system/multi-user.target.wants";
    each(&[
        (
            "not enabled",
            &|s| remove(s, &format!("{wants}/compute-init.service")),
            "units",
            Verdict::Problem,
            "does not lead to",
        ),
        (
            "masked",
            &|s| symlink("/dev/null", s.root("etc/systemd/system/compute-init.service")).expect("links"),
            "units",
            Verdict::Problem,
            "masked",
        ),
        (
            "hidden",
            &|s| unit(s, "compute-init.service", "[Service]\nExecStart=/usr/bin/mount\n"),
            "units",
            Verdict::Problem,
            "counts instead",
        ),
        (
            "another text",
            &|s| put(s, "usr/lib/tmpfiles.d/compute-init.conf", "d /run/compute-init\n"),
            "units",
            Verdict::Warning,
            "not as this version",
        ),
        (
            "a unit gone",
            &|s| remove(s, "usr/lib/systemd/system/compute-init.service"),
            "units",
            Verdict::Problem,
            "No such file",
        ),
        (
            "dependence",
            &|s| unit(s, "site.service", "[Unit]\nRequires=ansible-init.service\n"),
            "order",
            Verdict::Warning,
            "site.service Requires=",
        ),
        (
            "a cycle",
            &|s| {
                let text = "[Unit]\nBefore=compute-init.service\nAfter=compute-init.service\n[Service]\nExecStart=/usr/bin/mount\n";
                unit(s, "site.service", text);
                symlink("../site.service", s.root(&format!("{wants}/site.service"))).expect("links");
            },
            "order",
            Verdict::Problem,
            "ordering cycle",
        ),
        (
            "nobody waits for the network",
            &|s| fs::remove_dir_all(s.root("etc/systemd/system/network-online.target.wants")).expect("removes"),
            "order",
            Verdict::Warning,
            "reached at once",
        ),
    ]);
}

#[test]
fn what_others_could_read_or_change() {
    let staged = "var/lib/compute-init/staged/current";
    each(&[
        (
            "a private key",
            &|s| {
                fs::write(s.root("etc/compute-init/site.key"), s.key.to_pem()).expect("writes");
                chmod(s, "etc/compute-init/site.key", 0o600);
            },
            "exposure",
            Verdict::Problem,
            "site.key is a private key",
        ),
        (
            "anybody's bundles",
            &|s| chmod(s, "var/lib/compute-init/bundles", 0o777),
            "exposure",
            Verdict::Problem,
            "can change",
        ),
        (
            "what a node was told",
            &|s| {
                put(s, &format!("{staged}/hostvars.yml"), "x: 1\n");
                ["", "/hostvars.yml"].iter().for_each(|p| chmod(s, &format!("{staged}{p}"), 0o700));
            },
            "exposure",
            Verdict::Warning,
            "what a node was told",
        ),
        (
            "the same for all to read",
            &|s| put(s, &format!("{staged}/hostvars.yml"), "x: 1\n"),
            "exposure",
            Verdict::Problem,
            "others can read",
        ),
        ("munge's key", &|s| put(s, "etc/munge/munge.key", "key"), "exposure", Verdict::Problem, "munge.key"),
        (
            "an identity",
            &|s| {
                put(s, "etc/compute-init/identity", "AGE-SECRET-KEY-1\n");
                chmod(s, "etc/compute-init/identity", 0o600);
            },
            "exposure",
            Verdict::Warning,
            "identity is in the image",
        ),
        (
            "an identity for all to read",
            &|s| put(s, "etc/compute-init/identity", "AGE-SECRET-KEY-1\n"),
            "exposure",
            Verdict::Problem,
            "others can read what opens",
        ),
        ("a keyring", &|s| put(s, "etc/ceph/ceph.client.a.keyring", "key"), "exposure", Verdict::Problem, "keyring"),
    ]);
}

#[test]
fn images_that_lack_something() {
    let kernel = "usr/lib/modules/6.1/kernel/fs/nfs";
    each(&[
        ("no NFS", &|s| remove(s, &format!("{kernel}/nfs.ko.xz")), "nfs", Verdict::Problem, "lacks nfs"),
        ("no version of NFS", &|s| remove(s, &format!("{kernel}/nfsv4.ko.xz")), "nfs", Verdict::Problem, "lacks nfs"),
        ("no helper", &|s| remove(s, "usr/sbin/mount.nfs"), "nfs", Verdict::Warning, "no mount.nfs"),
        ("no getent", &|s| remove(s, "usr/bin/getent"), "commands", Verdict::Problem, "getent"),
    ]);
    // Built in counts as well.
    let scratch = sound();
    fs::remove_dir_all(scratch.root(kernel)).expect("removes");
    put(&scratch, "usr/lib/modules/6.1/modules.builtin", "kernel/fs/nfs/nfs.ko\nkernel/fs/nfs/nfsv3.ko\n");
    assert!(findings(&scratch).worst() <= Verdict::Note);
}

/// The command's exit codes, and its JSON.
#[test]
fn the_command_says_it_in_its_exit_code() {
    let scratch = sound();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_compute-init"))
            .args(["doctor", "--root"])
            .arg(scratch.at("root"))
            .args(arguments)
            .output()
            .expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run(&["--strict"]).0, Some(0));
    remove(&scratch, "usr/sbin/mount.nfs");
    assert_eq!((run(&[]).0, run(&["--strict"]).0), (Some(0), Some(1)));
    let (_, text) = run(&["--json"]);
    let found: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(found.as_array().expect("a list").iter().any(|f| f["check"] == "nfs" && f["verdict"] == "warning"));
    remove(&scratch, "usr/bin/mount");
    assert_eq!(run(&[]).0, Some(1));
    put(&scratch, "etc/compute-init/config.yaml", "resumee: owned\n");
    let (code, text) = run(&[]);
    assert!(code == Some(5) && text.contains("config.yaml:1: unknown setting resumee; did you mean resume?"), "{text}");
    let missing = std::process::Command::new(env!("CARGO_BIN_EXE_compute-init"))
        .args(["doctor", "--root"])
        .arg(Path::new("/dev/null"))
        .output()
        .expect("runs");
    assert_eq!(missing.status.code(), Some(1));
}

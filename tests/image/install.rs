//! What is installed, and that it is installed once.

use crate::scratch::Scratch;
use compute_init::bundle::{Trust, Verified, current};
use compute_init::image::{Install, Mode, Root, install, rollback, uninstall};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

fn target(path: &Path) -> String {
    fs::read_link(path).expect("a link").display().to_string()
}

#[test]
fn a_root_gets_everything_that_a_node_needs() {
    let scratch = Scratch::new();
    let report = scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let mode = |path: &str| scratch.root(path).symlink_metadata().expect(path).mode() & 0o7777;
    assert_eq!(mode("usr/libexec/compute-init/compute-init-boot"), 0o755);
    assert_eq!(mode("etc/compute-init/trust.d/site.pem"), 0o644);
    assert_eq!(mode("etc/compute-init/config.yaml"), 0o644);
    assert_eq!(mode("usr/lib/systemd/system/compute-init.service"), 0o644);
    assert_eq!(mode("usr/lib/systemd/system-preset/50-compute-init.preset"), 0o644);
    assert_eq!(mode("usr/lib/tmpfiles.d/compute-init.conf"), 0o644);
    let unit = "/usr/lib/systemd/system/compute-init.service";
    assert_eq!(target(&scratch.root("etc/systemd/system/ansible-init.service")), unit);
    assert_eq!(target(&scratch.root("etc/systemd/system/multi-user.target.wants/compute-init.service")), unit);
    // What was installed is what a node accepts.
    let trust = Trust::directory(&scratch.root("etc/compute-init/trust.d")).expect("keys");
    let dir = current(&scratch.root("var/lib/compute-init/bundles")).expect("a bundle");
    let verified = Verified::installed(&dir, &trust).expect("verifies");
    assert_eq!(Some(verified.digest().to_string()), report.bundle);
    assert_eq!(report.signer.as_deref(), Some("site.pem"));
}

#[test]
fn the_default_configuration_is_one_that_a_node_reads() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let text = fs::read(scratch.root("etc/compute-init/config.yaml")).expect("reads");
    let config = compute_init::boot::config::parse("config.yaml", &text).expect("a configuration");
    assert_eq!(config, compute_init::boot::config::Config::default());
    // The settings in its comments are the real ones.
    let text = String::from_utf8(text).expect("text");
    let shown: Vec<&str> = text.lines().skip(2).filter_map(|l| l.strip_prefix("# ")).collect();
    compute_init::boot::config::parse("config.yaml", shown.join("\n").as_bytes()).expect("a configuration");
}

#[test]
fn a_second_run_changes_nothing() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    assert!(!scratch.install(&bundle).expect("installs").changes.is_empty());
    let before = scratch.snapshot();
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_dry_run_says_what_the_real_one_does() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    let before = scratch.snapshot();
    let said = scratch.run(&bundle, Mode::DryRun, &mut |_| ()).expect("says").changes;
    assert_eq!(scratch.snapshot(), before);
    assert_eq!(scratch.install(&bundle).expect("installs").changes, said);
}

#[test]
fn the_bundle_before_stays_and_older_ones_go() {
    let scratch = Scratch::new();
    let digests = ["one", "two", "three"].map(|text| {
        let report = scratch.install(&scratch.bundle(text, Some(&scratch.key))).expect("installs");
        report.bundle.expect("a digest")["sha256:".len()..].to_owned()
    });
    let bundles = scratch.root("var/lib/compute-init/bundles");
    assert_eq!(target(&bundles.join("current")), digests[2]);
    assert_eq!(target(&bundles.join("previous")), digests[1]);
    assert!(bundles.join(&digests[1]).is_dir() && !bundles.join(&digests[0]).exists());
    // Installing the current one again does not make it its own predecessor.
    scratch.install(&scratch.at("three.bundle")).expect("installs");
    assert_eq!(target(&bundles.join("previous")), digests[1]);
    let root = Root::open(&scratch.at("root")).expect("a root");
    rollback(&root, Mode::Make, &mut |_| ()).expect("goes back");
    assert_eq!(target(&bundles.join("current")), digests[1]);
    assert_eq!(target(&bundles.join("previous")), digests[2]);
}

#[test]
fn what_was_damaged_is_repaired() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    scratch.install(&bundle).expect("installs");
    let dir = current(&scratch.root("var/lib/compute-init/bundles")).expect("a bundle");
    fs::write(dir.join("manifest.json"), "{}").expect("writes");
    let unit = scratch.root("usr/lib/systemd/system/compute-init.service");
    let text = fs::read_to_string(&unit).expect("reads");
    fs::write(&unit, &text[..text.len() / 2]).expect("writes");
    let changes = scratch.install(&bundle).expect("installs").changes;
    assert_eq!(changes.iter().map(|c| c.what).collect::<Vec<_>>(), ["update", "update"]);
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
}

#[test]
fn the_administrators_files_are_kept() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.root("etc/compute-init/trust.d")).expect("makes");
    fs::write(scratch.root("etc/compute-init/config.yaml"), "resume: slurm\n").expect("writes");
    fs::create_dir_all(scratch.root("var/lib/compute-init/bundles/notes")).expect("makes");
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let config = fs::read_to_string(scratch.root("etc/compute-init/config.yaml")).expect("reads");
    assert_eq!(config, "resume: slurm\n");
    assert!(scratch.root("var/lib/compute-init/bundles/notes").is_dir());
}

#[test]
fn a_key_that_the_root_trusts_already_is_enough() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let (bundle, executor) = (scratch.bundle("two", Some(&scratch.key)), scratch.at("executor"));
    let what = Install { bundle: &bundle, executor: &executor, command: Some(&executor), trust: &[], config: None };
    install(&Root::open(&scratch.at("root")).expect("a root"), &what, Mode::Make, &mut |_| ()).expect("installs");
    assert!(scratch.root("usr/bin/compute-init").is_file());
}

#[test]
fn links_of_the_root_lead_inside_it() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.at("root/data")).expect("makes");
    fs::create_dir(scratch.at("outside")).expect("makes");
    fs::remove_dir(scratch.root("var")).expect("removes");
    // Absolute in the root; on this machine it would lead elsewhere.
    symlink("/data", scratch.root("var")).expect("links");
    symlink(format!("../../../../../../..{}", scratch.at("outside").display()), scratch.root("usr/libexec"))
        .expect("links");
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    assert!(scratch.root("data/lib/compute-init/bundles/current").symlink_metadata().is_ok());
    assert_eq!(fs::read_dir(scratch.at("outside")).expect("lists").count(), 0);
}

#[test]
fn uninstalling_leaves_configuration_and_keys_only() {
    let scratch = Scratch::new();
    let unit = scratch.root("etc/systemd/system/ansible-init.service");
    fs::create_dir_all(unit.parent().expect("a parent")).expect("makes");
    fs::write(&unit, "[Unit]\nDescription=the tool before\n").expect("writes");
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    assert!(unit.symlink_metadata().expect("there").is_symlink());
    let root = Root::open(&scratch.at("root")).expect("a root");
    uninstall(&root, Mode::Make, &mut |_| ()).expect("uninstalls");
    assert!(fs::read_to_string(&unit).expect("reads").contains("the tool before"));
    let left: Vec<String> = scratch.snapshot().into_iter().filter(|l| l.contains("compute-init")).collect();
    let paths: Vec<&str> = left.iter().filter_map(|l| l.split(' ').next()?.split("/root/").nth(1)).collect();
    let expected = ["etc/compute-init", "etc/compute-init/config.yaml", "etc/compute-init/trust.d"];
    assert_eq!(paths, [&expected[..], &["etc/compute-init/trust.d/site.pem", "var/lib/compute-init"]].concat());
    assert_eq!(uninstall(&root, Mode::Make, &mut |_| ()).expect("uninstalls").changes, []);
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    // What the units name and a bare root has not.
    for unit in ["sysinit.target", "basic.target", "network-online.target", "shutdown.target", "multi-user.target"] {
        fs::write(scratch.root("usr/lib/systemd/system").join(unit), "[Unit]\nDefaultDependencies=no\n")
            .expect("writes");
    }
    fs::create_dir_all(scratch.root("usr/bin")).expect("makes");
    let executor = scratch.root("usr/libexec/compute-init/compute-init-boot");
    fs::copy(executor, scratch.root("usr/bin/systemctl")).expect("copies");
    let verify = std::process::Command::new("systemd-analyze")
        .arg("verify")
        .arg(format!("--root={}", scratch.at("root").display()))
        .args(["compute-init.service", "compute-init-retry.service", "compute-init-retry.timer"])
        .output();
    let Ok(verify) = verify else { panic!("systemd-analyze is needed for this test") };
    let said = String::from_utf8_lossy(&verify.stderr);
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("compute-init") && !l.contains("man page")).collect();
    assert!(ours.is_empty() && verify.status.success(), "{said}");
}

#[test]
fn the_unit_is_as_closed_as_its_work_allows() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    let security = |unit: &Path| {
        let analyze = std::process::Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", "--threshold=94"])
            .arg(unit)
            .output();
        let Ok(output) = analyze else { panic!("systemd-analyze is needed for this test") };
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let unit = scratch.root("usr/lib/systemd/system/compute-init.service");
    let (passed, said) = security(&unit);
    assert!(passed, "{said}");
    // What gives it a mount namespace of its own would hide its mounts from the node.
    let text = fs::read_to_string(&unit).expect("reads");
    for setting in
        ["PrivateTmp=", "ProtectSystem=", "ProtectHome=", "PrivateDevices=", "ProtectKernel", "PrivateMounts="]
    {
        assert!(!text.contains(&format!("\n{setting}")), "{setting}");
    }
    // The threshold means something: the same unit without its restrictions is above it.
    let open: Vec<&str> = text
        .lines()
        .filter(|l| !["Lock", "Restrict", "SystemCall", "Capab", "Keyring"].iter().any(|p| l.starts_with(p)))
        .collect();
    fs::write(scratch.at("open.service"), open.join("\n")).expect("writes");
    assert!(!security(&scratch.at("open.service")).0);
}

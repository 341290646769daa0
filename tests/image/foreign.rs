//! What was in the root before: it is kept and reported, and comes back.

use crate::scratch::Scratch;
use compute_init::image::{Install, Mode, Report, Root, install, uninstall};
use std::fs;
use std::path::Path;

const UNIT: &str = "etc/systemd/system/ansible-init.service";
const OTHERS: &str = "etc/systemd/system/ansible-init-others.service";
const PLAYBOOKS: &str = "etc/ansible-init/playbooks";

fn put(scratch: &Scratch, path: &str, text: &str) {
    let place = scratch.root(path);
    fs::create_dir_all(place.parent().expect("a parent")).expect("makes");
    fs::write(place, text).expect("writes");
}

fn read(scratch: &Scratch, path: &str) -> String {
    fs::read_to_string(scratch.root(path)).expect(path)
}

fn moved(report: &Report) -> Vec<(&str, &str)> {
    report.changes.iter().filter_map(|c| Some((c.path.as_str(), c.to.as_deref()?))).collect()
}

fn root(scratch: &Scratch) -> Root {
    Root::open(&scratch.at("root")).expect("a root")
}

#[test]
fn files_of_others_are_kept_and_reported_and_come_back() {
    let scratch = Scratch::new();
    put(&scratch, "usr/lib/systemd/system/compute-init.service", "[Unit]\nDescription=somebody's\n");
    put(&scratch, "usr/bin/compute-init", "#!/bin/sh\n");
    let (bundle, executor) = (scratch.bundle("one", Some(&scratch.key)), scratch.at("executor"));
    let trust = scratch.trust();
    let what = Install { bundle: &bundle, executor: &executor, command: Some(&executor), trust: &trust, config: None };
    let report = install(&root(&scratch), &what, Mode::Make, &mut |_| ()).expect("installs");
    let unit = "/usr/lib/systemd/system/compute-init.service";
    let (kept_unit, kept_command) =
        (format!("{unit}.before-compute-init"), "/usr/bin/compute-init.before-compute-init".to_owned());
    assert_eq!(moved(&report), [("/usr/bin/compute-init", kept_command.as_str()), (unit, kept_unit.as_str())]);
    assert!(read(&scratch, &kept_unit[1..]).contains("somebody's"));
    assert_eq!(install(&root(&scratch), &what, Mode::Make, &mut |_| ()).expect("installs").changes, []);
    // A package that puts its own back: both copies are kept.
    put(&scratch, &unit[1..], "[Unit]\nDescription=somebody's, newer\n");
    let report = scratch.install(&bundle).expect("installs");
    assert_eq!(moved(&report), [(unit, format!("{kept_unit}.2").as_str())]);
    uninstall(&root(&scratch), Mode::Make, &mut |_| ()).expect("uninstalls");
    assert!(read(&scratch, &unit[1..]).contains("somebody's\n"));
    assert_eq!(read(&scratch, "usr/bin/compute-init"), "#!/bin/sh\n");
    // What is not ours is not ours to remove, either.
    assert_eq!(uninstall(&root(&scratch), Mode::Make, &mut |_| ()).expect("uninstalls").changes, []);
    assert!(scratch.root(&unit[1..]).is_file());
}

#[test]
fn a_unit_of_another_version_of_ours_is_replaced() {
    let scratch = Scratch::new();
    put(&scratch, "usr/lib/systemd/system/compute-init.service", "# Installed by compute-init, long ago.\n[Unit]\n");
    let report = scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    assert_eq!(moved(&report), []);
    assert!(read(&scratch, "usr/lib/systemd/system/compute-init.service").contains("ExecStart="));
}

#[test]
fn a_configuration_that_is_given_takes_the_place_of_one_that_is_kept() {
    let scratch = Scratch::new();
    let bundle = scratch.bundle("one", Some(&scratch.key));
    scratch.install(&bundle).expect("installs");
    let with = |text: &str| {
        let (executor, trust) = (scratch.at("executor"), scratch.trust());
        let config = Some(text.as_bytes());
        let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &trust, config };
        install(&root(&scratch), &what, Mode::Make, &mut |_| ()).expect("installs")
    };
    // The defaults that we wrote ourselves need no keeping.
    assert_eq!(moved(&with("resume: slurm\n")), []);
    assert_eq!(with("resume: slurm\n").changes, []);
    let kept = ("/etc/compute-init/config.yaml", "/etc/compute-init/config.yaml.before-compute-init");
    assert_eq!(moved(&with("resume: always\n")), [kept]);
    assert_eq!(read(&scratch, "etc/compute-init/config.yaml"), "resume: always\n");
    assert_eq!(read(&scratch, &kept.1[1..]), "resume: slurm\n");
}

#[test]
fn ansible_init_with_nothing_else_to_do_is_put_aside() {
    let scratch = Scratch::new();
    put(&scratch, UNIT, "[Service]\nExecStart=/usr/bin/ansible-init\n");
    put(&scratch, &format!("{PLAYBOOKS}/1-compute-init.yml"), "[]\n");
    let bundle = scratch.bundle("one", Some(&scratch.key));
    let report = scratch.install(&bundle).expect("installs");
    assert_eq!(moved(&report), [(&*format!("/{UNIT}"), &*format!("/{UNIT}.before-compute-init"))]);
    assert!(report.notes[0].contains("runs nothing else"));
    assert!(!scratch.root(OTHERS).exists());
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
}

#[test]
fn ansible_init_goes_on_with_its_other_playbooks() {
    let scratch = Scratch::new();
    let unit = "[Service]\nExecStart=/usr/bin/ansible-init\n";
    put(&scratch, UNIT, unit);
    for name in ["0-site.yml", "1-compute-init.yml", "README"] {
        put(&scratch, &format!("{PLAYBOOKS}/{name}"), "[]\n");
    }
    let bundle = scratch.bundle("one", Some(&scratch.key));
    let before: Vec<String> = scratch.contents();
    let report = scratch.install(&bundle).expect("installs");
    assert_eq!(report.notes, ["ansible-init goes on as ansible-init-others.service, before compute-init: 0-site.yml"]);
    assert_eq!(read(&scratch, OTHERS), unit);
    let order = read(&scratch, &format!("{OTHERS}.d/compute-init.conf"));
    assert!(order.contains("\nBefore=compute-init.service\n") && order.contains("\nPartOf=compute-init.service\n"));
    let wanted = scratch.root("etc/systemd/system/multi-user.target.wants/ansible-init-others.service");
    assert_eq!(fs::read_link(wanted).expect("a link"), Path::new("/").join(OTHERS));
    // It no longer finds the playbook that we replace.
    assert!(!scratch.root(&format!("{PLAYBOOKS}/1-compute-init.yml")).exists());
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
    // The other playbook goes, and its unit with it.
    fs::rename(scratch.root(&format!("{PLAYBOOKS}/0-site.yml")), scratch.at("0-site.yml")).expect("moves");
    scratch.install(&bundle).expect("installs");
    assert!(scratch.root(OTHERS).symlink_metadata().is_err());
    // Uninstalling brings everything back.
    fs::rename(scratch.at("0-site.yml"), scratch.root(&format!("{PLAYBOOKS}/0-site.yml"))).expect("moves");
    scratch.install(&bundle).expect("installs");
    uninstall(&root(&scratch), Mode::Make, &mut |_| ()).expect("uninstalls");
    let ours = |line: &String| !line.contains("/compute-init");
    let strip = |lines: Vec<String>| lines.into_iter().filter(ours).collect::<Vec<_>>();
    let left: Vec<String> = strip(scratch.contents());
    assert!(strip(before).iter().all(|line| left.contains(line)), "{left:#?}");
    assert_eq!(read(&scratch, UNIT), unit);
    assert!(scratch.root(&format!("{PLAYBOOKS}/1-compute-init.yml")).is_file());
    assert!(!scratch.root(OTHERS).exists() && !scratch.root(&format!("{OTHERS}.d")).exists());
}

#[test]
fn an_ansible_init_of_a_package_is_handed_over_to_as_well() {
    let scratch = Scratch::new();
    put(&scratch, "usr/lib/systemd/system/ansible-init.service", "[Service]\nExecStart=/usr/bin/ansible-init\n");
    put(&scratch, &format!("{PLAYBOOKS}/site.yaml"), "[]\n");
    let bundle = scratch.bundle("one", Some(&scratch.key));
    let report = scratch.install(&bundle).expect("installs");
    assert_eq!(moved(&report), []);
    assert!(read(&scratch, OTHERS).contains("/usr/bin/ansible-init"));
    assert!(fs::read_link(scratch.root(UNIT)).expect("a link").ends_with("compute-init.service"));
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
}

#[test]
fn uninstalling_takes_what_nodes_told_the_root() {
    let scratch = Scratch::new();
    scratch.install(&scratch.bundle("one", Some(&scratch.key))).expect("installs");
    put(&scratch, "var/lib/compute-init/staged/x/hostvars/n0/hostvars.yml", "secret: 1\n");
    uninstall(&root(&scratch), Mode::Make, &mut |_| ()).expect("uninstalls");
    assert!(!scratch.root("var/lib/compute-init/staged").exists());
}

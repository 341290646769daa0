//! Facts held against what Ansible says of the same machine, and against roots of other distributions.

use super::{Facts, chosen};
use crate::plan::{Data, Key, Map};
use crate::sys::command::SystemRunner;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// Facts that may differ, each with its reason.
const DIFFERENT: [(&str, &str); 22] = [
    ("ansible_date_time", "time passes"),
    ("ansible_env", "Ansible's own process has variables of its own"),
    ("ansible_loadavg", "changes by the second"),
    ("ansible_memfree_mb", "changes by the second"),
    ("ansible_memory_mb", "changes by the second"),
    ("ansible_swapfree_mb", "changes by the second"),
    ("ansible_uptime_seconds", "time passes"),
    ("ansible_mounts", "free space changes; compared apart"),
    ("ansible_python", "Ansible tells of the Python that runs it; there is none here"),
    ("ansible_python_version", "as above"),
    ("ansible_interfaces", "Ansible's order is the directory's; compared as a set"),
    ("ansible_all_ipv4_addresses", "as above"),
    ("ansible_all_ipv6_addresses", "as above"),
    ("ansible_locally_reachable_ips", "as above"),
    ("ansible_virtualization_tech_guest", "a Python set has no order"),
    ("ansible_virtualization_tech_host", "as above"),
    ("ansible_device_links", "only present with devices"),
    ("ansible_devices", "compared by key, because list order is the directory's"),
    ("ansible_is_chroot", "compared apart"),
    ("ansible_fibre_channel_wwn", "needs the adapter"),
    ("ansible_facter", "not part of the node"),
    ("gather_subset", "the words of the question"),
];

/// `COMPUTE_INIT_ANSIBLE` is the directory that tests/tools/ansible prints.
#[test]
#[ignore = "needs ansible-core 2.16.14: run by tests/run"]
fn tells_what_ansible_tells_of_this_machine() {
    let theirs = ansible_facts();
    let runner = SystemRunner::new();
    let ours = Facts::with(&runner).subset(&["all".to_owned()], &[]).expect("a subset that exists");
    let mut wrong = Vec::new();
    for (name, value) in &theirs {
        let name = name.as_str().unwrap_or_default();
        if DIFFERENT.iter().any(|(n, _)| *n == name) {
            continue;
        }
        match ours.get(&Key(name)) {
            None => wrong.push(format!("{name}: missing")),
            Some(own) if own != value => wrong.push(format!("{name}: {own:?}, not {value:?}")),
            Some(_) => {}
        }
    }
    for name in ours.keys().filter_map(Data::as_str) {
        if !theirs.contains_key(&Key(name)) {
            wrong.push(format!("{name}: Ansible has none"));
        }
    }
    for name in [
        "interfaces",
        "all_ipv4_addresses",
        "all_ipv6_addresses",
        "virtualization_tech_guest",
        "virtualization_tech_host",
    ] {
        let sorted = |facts: &Map| {
            let mut list: Vec<String> = facts
                .get(&Key(&format!("ansible_{name}")))
                .and_then(Data::as_list)
                .unwrap_or_default()
                .iter()
                .filter_map(|d| d.as_str().map(str::to_owned))
                .collect();
            list.sort();
            list
        };
        if sorted(&ours) != sorted(&theirs) {
            wrong.push(format!("{name}: {:?}, not {:?}", sorted(&ours), sorted(&theirs)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What Ansible's setup says.
fn ansible_facts() -> Map {
    let tree = std::env::var_os("COMPUTE_INIT_ANSIBLE").expect("COMPUTE_INIT_ANSIBLE=$(tests/tools/ansible)");
    let output = Command::new("/usr/bin/python3")
        .args(["-m", "ansible", "adhoc", "localhost", "-m", "ansible.builtin.setup"])
        .args(["-e", "ansible_python_interpreter=/usr/bin/python3"])
        .env("PYTHONPATH", tree)
        .env("ANSIBLE_STDOUT_CALLBACK", "minimal")
        .output()
        .expect("python3 runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (_, json) = text.split_once("=>").expect("host | SUCCESS => facts");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    match super::local::from_json(json).get("ansible_facts") {
        Some(Data::Map(facts)) => facts.clone(),
        other => panic!("no facts: {other:?}"),
    }
}

fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a scratch directory");
    for (path, content) in files {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("files have directories")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }
    root
}

fn distribution(files: &[(&str, &str)]) -> HashMap<String, String> {
    let root = root(files);
    let runner = SystemRunner::new();
    let facts = Facts::at(&runner, root.path());
    ["distribution", "distribution_version", "distribution_major_version", "distribution_release", "os_family"]
        .into_iter()
        .map(|n| (n.to_owned(), facts.get(n).and_then(|d| d.as_str().map(str::to_owned)).unwrap_or_default()))
        .collect()
}

/// The first five are what Ansible's own unit tests expect of these files.
#[test]
fn names_distributions_as_ansible_does() {
    let rocky = "NAME=\"Rocky Linux\"\nVERSION=\"9.4 (Blue Onyx)\"\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
    let alma = "NAME=\"AlmaLinux\"\nVERSION=\"8.10 (Cerulean Leopard)\"\nID=\"almalinux\"\nVERSION_ID=\"8.10\"\n";
    let stream = "NAME=\"CentOS Stream\"\nVERSION=\"9\"\nID=\"centos\"\nVERSION_ID=\"9\"\n";
    let rhel = "NAME=\"Red Hat Enterprise Linux\"\nVERSION=\"9.3 (Plow)\"\nID=\"rhel\"\nVERSION_ID=\"9.3\"\n";
    let ubuntu = "NAME=\"Ubuntu\"\nVERSION=\"22.04.4 LTS (Jammy Jellyfish)\"\nID=ubuntu\nID_LIKE=debian\nPRETTY_NAME=\"Ubuntu 22.04.4 LTS\"\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\n";
    let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
    let leap = "NAME=\"openSUSE Leap\"\nVERSION=\"15.5\"\nID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"15.5\"\n";
    let sles = "NAME=\"SLES\"\nVERSION=\"15-SP5\"\nVERSION_ID=\"15.5\"\nPRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP5\"\nID=\"sles\"\n";
    let fedora =
        "NAME=\"Fedora Linux\"\nVERSION=\"40 (Cloud Edition)\"\nID=fedora\nVERSION_ID=40\nVERSION_CODENAME=\"\"\n";
    type Case<'a> = (&'a [(&'a str, &'a str)], [&'a str; 5]);
    let cases: [Case; 9] = [
        (
            &[("etc/os-release", rocky), ("etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n")],
            ["Rocky", "9.4", "9", "Blue Onyx", "RedHat"],
        ),
        (
            &[("etc/os-release", alma), ("etc/redhat-release", "AlmaLinux release 8.10 (Cerulean Leopard)\n")],
            ["AlmaLinux", "8.10", "8", "Cerulean Leopard", "RedHat"],
        ),
        (
            &[
                ("etc/os-release", stream),
                ("etc/centos-release", "CentOS Stream release 9\n"),
                ("etc/redhat-release", "CentOS Stream release 9\n"),
            ],
            ["CentOS", "9", "9", "Stream", "RedHat"],
        ),
        (
            &[("etc/os-release", rhel), ("etc/redhat-release", "Red Hat Enterprise Linux release 9.3 (Plow)\n")],
            ["RedHat", "9.3", "9", "Plow", "RedHat"],
        ),
        (
            &[("etc/os-release", ubuntu), ("etc/debian_version", "bookworm/sid\n")],
            ["Ubuntu", "22.04", "22", "jammy", "Debian"],
        ),
        (
            &[("etc/os-release", debian), ("etc/debian_version", "12.11\n")],
            ["Debian", "12.11", "12", "bookworm", "Debian"],
        ),
        (&[("etc/os-release", leap)], ["openSUSE Leap", "15.5", "15", "5", "Suse"]),
        (&[("etc/os-release", sles)], ["SLES", "15.5", "15", "5", "Suse"]),
        (
            &[("etc/os-release", fedora), ("etc/redhat-release", "Fedora release 40 (Forty)\n")],
            ["Fedora", "40", "40", "", "RedHat"],
        ),
    ];
    for (files, [name, version, major, release, family]) in cases {
        let facts = distribution(files);
        assert_eq!(facts["distribution"], name);
        assert_eq!(facts["distribution_version"], version, "{name}");
        assert_eq!(facts["distribution_major_version"], major, "{name}");
        assert_eq!(facts["distribution_release"], release, "{name}");
        assert_eq!(facts["os_family"], family, "{name}");
    }
}

#[test]
fn an_unknown_distribution_keeps_its_own_name() {
    let facts = distribution(&[("etc/os-release", "NAME=\"Quux\"\nID=quux\nVERSION=\"3 (Z)\"\n")]);
    assert_eq!(facts["distribution"], "Quux");
    assert_eq!(facts["distribution_version"], "3 (Z)");
    assert_eq!(facts["os_family"], "Quux");
    assert_eq!(distribution(&[])["distribution"], "OtherLinux", "no file at all");
}

#[test]
fn local_facts_are_json_ini_or_programs() {
    let root = root(&[
        ("etc/ansible/facts.d/a.fact", "{\"x\": [1, \"two\", null]}"),
        ("etc/ansible/facts.d/b.fact", "# c\n[Main]\nKey = value\n  more\nother: 1\n"),
        ("etc/ansible/facts.d/c.fact", "nothing of the kind"),
        ("etc/ansible/facts.d/d.fact", "#!/bin/sh\necho '{\"made\": true}'\n"),
        ("etc/ansible/facts.d/e.fact", "#!/bin/sh\necho no >&2; exit 3\n"),
        ("etc/ansible/facts.d/ignored.txt", "{}"),
    ]);
    for name in ["d", "e"] {
        use std::os::unix::fs::PermissionsExt;
        let path = root.path().join(format!("etc/ansible/facts.d/{name}.fact"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    let runner = SystemRunner::new();
    let local = Facts::at(&runner, root.path()).get("local").expect("local facts");
    let at = |path: &[&str]| path.iter().try_fold(&local, |d, k| d.get(k)).cloned();
    assert_eq!(at(&["a", "x"]), Some(Data::List(vec![Data::Int(1), Data::str("two"), Data::Null])));
    assert_eq!(at(&["b", "Main", "key"]), Some(Data::str("value\nmore")));
    assert_eq!(at(&["b", "Main", "other"]), Some(Data::str("1")));
    assert!(
        at(&["c"]).is_some_and(|d| d.as_str().is_some_and(|t| t.starts_with("error loading facts as JSON or ini")))
    );
    assert_eq!(at(&["d", "made"]), Some(Data::Bool(true)));
    assert!(at(&["e"]).is_some_and(|d| d.as_str().is_some_and(|t| t.contains("rc: 3, err: no"))));
    assert_eq!(at(&["ignored"]), None);
}

#[test]
fn subsets_are_ansibles() {
    let chosen = |words: &[&str]| chosen(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
    let all = chosen(&["all"]).expect("all");
    assert!(all.contains("hardware") && all.contains("env"));
    let min = chosen(&["!all"]).expect("!all");
    assert!(min.contains("env") && !min.contains("hardware"));
    let network = chosen(&["!all", "!min", "network"]).expect("network");
    assert_eq!(network.into_iter().collect::<Vec<_>>(), ["network"]);
    let without = chosen(&["!hardware"]).expect("!hardware");
    assert!(without.contains("network") && !without.contains("hardware"));
    assert!(chosen(&["processor"]).expect("an alias").contains("hardware"));
    assert!(chosen(&["no_such"]).is_err_and(|e| e.starts_with("Bad subset 'no_such'")));
    assert_eq!(chosen(&["!no_such"]), chosen(&[]));
}

#[test]
fn a_fact_that_is_not_asked_for_costs_nothing() {
    let runner = SystemRunner::new();
    let facts = Facts::at(&runner, Path::new("/nonexistent"));
    assert!(facts.get("hostname").is_some(), "uname needs no files");
    assert_eq!(facts.asked.borrow().len(), 1);
    assert_eq!(facts.get("no_such_fact"), None);
    assert_eq!(facts.get("memtotal_mb"), None, "no /proc there");
    assert_eq!(facts.get("../../etc/passwd"), None);
    assert!(facts.names().iter().any(|n| n == "default_ipv4"));
}

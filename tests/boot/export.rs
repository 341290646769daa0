//! Mount, stage and overlay: exports that are absent, incomplete or broken, and what comes onto the node.

use crate::harness::{Bench, FOREIGN, OWN};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

#[test]
fn an_export_that_is_not_there_yet_leaves_the_node_alone() {
    let bench = Bench::new();
    bench.refused(&["--export", "/none/there"], "unconfigured", 0, "is not there yet");
    fs::remove_dir_all(bench.path("export/hostvars/n0")).unwrap();
    bench.refused(&[], "unconfigured", 0, "does not name this node");
    fs::remove_dir_all(bench.path("export")).unwrap();
    fs::create_dir(bench.path("export")).unwrap();
    bench.refused(&[], "unconfigured", 0, "has no hostvars yet");
}

/// The unit has ended well, so nothing else would start it again.
#[test]
fn an_export_that_comes_later_is_looked_for_again() {
    let bench = Bench::new();
    let log = bench.path("asked");
    let asked = || fs::read_to_string(&log).unwrap_or_default();
    bench.program("systemctl", &format!("echo \"$@\" >> {}\n", log.display()));
    bench.refused(&["--export", "/none/there"], "unconfigured", 0, "tried again in two minutes");
    assert_eq!(asked(), "--no-block start compute-init-retry.timer\n");
    // A check leaves nothing behind; what is out of reach fails, and systemd sees to the timer.
    fs::remove_file(bench.path("run/retry")).unwrap();
    assert_eq!(bench.boot(&["--check", "--export", "/none/there"]).code, 0);
    bench.config("deadlines: {mount: 1}\n");
    let away = bench.boot(&["--export", "nfs://control.invalid/exports/cluster"]);
    assert_eq!((away.code, bench.path("run/retry").exists()), (4, true), "{}", away.out);
    assert_eq!(asked().lines().count(), 1);
    // The mark goes with the boot that needs it no more.
    bench.boot(&[]).ready();
    assert!(!bench.path("run/retry").exists() && asked().lines().count() == 1);
}

#[test]
fn what_is_tried_again_is_the_sites_choice() {
    let bench = Bench::new();
    bench.program("systemctl", "exit 0\n");
    for (retry, unconfigured, unreachable) in
        [("all", true, true), ("unreachable", false, true), ("never", false, false)]
    {
        bench.config(&format!("retry: {retry}\ndeadlines: {{mount: 1}}\n"));
        let boot = bench.boot(&["--export", "/none/there"]);
        assert_eq!((boot.code, bench.path("run/retry").exists()), (0, unconfigured), "{retry}: {}", boot.out);
        let boot = bench.boot(&["--export", "nfs://control.invalid/x"]);
        assert_eq!((boot.code, bench.path("run/retry").exists()), (4, unreachable), "{retry}: {}", boot.out);
    }
    bench.config("retry: sometimes\n");
    let boot = bench.boot(&[]);
    assert!(boot.code == 5 && boot.out.contains("retry is all, unreachable or never"), "{}", boot.out);
    // A systemd that does not take it is not the end of a boot.
    bench.config("");
    bench.program("systemctl", "echo no such unit >&2; exit 5\n");
    bench.refused(
        &["--export", "/none/there"],
        "unconfigured",
        0,
        "not tried again by itself: systemctl: no such unit",
    );
}

#[test]
fn metadata_without_a_control_node_is_unconfigured() {
    let bench = Bench::new();
    let metadata = bench.path("metadata.json").display().to_string();
    let boot = crate::harness::Boot::of(bench.command(&["--metadata", &metadata]).output().unwrap());
    assert_eq!((boot.code, bench.status()["state"].as_str()), (0, Some("unconfigured")));
    assert!(boot.out.contains("control_address"), "{}", boot.out);
}

#[test]
fn a_control_node_without_address_is_unreachable_within_the_deadline() {
    let bench = Bench::new();
    bench.config("deadlines: {mount: 1}\n");
    bench.refused(&["--export", "nfs://control.invalid/exports/cluster"], "unreachable", 4, "has no address");
}

#[test]
fn hostvars_that_cannot_be_read_are_refused_with_the_place() {
    let bench = Bench::new();
    let file = "export/hostvars/n0/hostvars.yml";
    for (text, says) in [
        ("{\"a\": [1,\n \"b\": 2}", "line 2"),
        ("a: b: c\n", "line 1"),
        ("- a\n- b\n", "it holds a list"),
        ("just text", "it holds a str"),
        ("a: &x [*x]\n", "hostvars/n0/hostvars.yml"),
        ("groups: [a]\n", "groups is not a dictionary"),
    ] {
        bench.write(file, text);
        bench.refused(&[], "refused", 5, says);
    }
    bench.write(file, b"\xff\xfe\x00\x01");
    bench.refused(&[], "refused", 5, "hostvars/n0/hostvars.yml");
}

#[test]
fn a_broken_line_is_named_but_not_shown() {
    let bench = Bench::new();
    bench.write("export/hostvars/n0/hostvars.yml", format!("a: 1\nvault: [{OWN}\nb: 2\n"));
    let boot = bench.boot(&[]);
    assert_eq!(boot.code, 5);
    assert!(!boot.out.contains(OWN) && !bench.tree("run").contains(OWN), "{}", boot.out);
}

#[test]
fn files_of_the_export_must_be_plain_readable_and_bounded() {
    let bench = Bench::new();
    let hostvars = bench.path("export/hostvars/n0/hostvars.yml");
    fs::set_permissions(&hostvars, Permissions::from_mode(0o600)).unwrap();
    bench.refused(&[], "refused", 5, "may not be read by uid 301");
    std::os::unix::fs::chown(&hostvars, Some(301), Some(301)).unwrap();
    bench.boot(&[]).ready();

    let bench = Bench::new();
    let hosts = bench.path("export/hosts");
    fs::remove_file(&hosts).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", &hosts).unwrap();
    bench.refused(&[], "refused", 5, "is not a plain file");
    fs::remove_file(&hosts).unwrap();
    nix::unistd::mkfifo(&hosts, nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    bench.refused(&[], "refused", 5, "is not a plain file");
    fs::remove_file(&hosts).unwrap();
    fs::File::create(&hosts).unwrap().set_len((64 << 20) + 1).unwrap();
    bench.refused(&[], "refused", 5, "larger than 67108864 bytes");
}

#[test]
fn shared_secrets_come_only_with_their_role() {
    let bench = Bench::new();
    bench.boot(&[]).ready();
    assert!(!bench.tree("state").contains(FOREIGN), "{}", bench.tree("state"));
    bench.metadata(r#"{"meta": {"compute": "true", "manila": "true"}}"#);
    bench.boot(&[]).ready();
    assert!(bench.tree("state/staged").contains("manila_share_info.yml 600: "));
    bench.write("export/manila_share_info.yml", "a: [\n");
    fs::remove_file(bench.path("made")).unwrap();
    let boot = bench.boot(&[]);
    assert_eq!((boot.code, bench.path("made").exists()), (5, false), "{}", boot.out);
}

#[test]
fn only_what_this_node_needs_is_staged() {
    let bench = Bench::new();
    bench.boot(&[]).ready();
    let tree = bench.tree("state/staged");
    for wanted in ["hosts 600: 10.0.0.1 ctl", "hostvars/n0/hostvars.yml 600", "nhc.conf 600: ours", "ca.pem 600"] {
        assert!(tree.contains(wanted), "{wanted}: {tree}");
    }
    // What templates here ask of the other host, and nothing else of it.
    assert!(tree.contains(r#"{"n1":{"addr":"10.0.0.2"}}"#), "{tree}");
    assert!(!tree.contains(FOREIGN) && !tree.contains("hostconfig/n1"), "{tree}");
    let generation = bench.status()["generation"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_link(bench.path("state/staged/current")).unwrap().to_str(), Some(generation.as_str()));
}

#[test]
fn what_is_staged_does_not_grow_with_the_cluster() {
    let size = |nodes: usize| {
        let bench = Bench::new();
        for n in 2..nodes {
            bench.write(&format!("export/hostvars/n{n}/hostvars.yml"), format!(r#"{{"addr": "x", "v": "{FOREIGN}"}}"#));
        }
        bench.boot(&[]).ready();
        bench.tree("state/staged").replace(&bench.dir.path().display().to_string(), "").len()
    };
    assert_eq!(size(2), size(40));
}

#[test]
fn a_staged_generation_stands_in_as_policy_says() {
    let bench = Bench::new();
    bench.boot(&[]).ready();
    let away = ["--export", "nfs://control.invalid/x"];
    bench.config("deadlines: {mount: 1}\n");
    let boot = bench.boot(&away);
    assert_eq!((boot.code, bench.status()["state"].as_str()), (4, Some("unreachable")), "{}", boot.out);
    bench.config("deadlines: {mount: 1}\nexport: {stale: 1h}\n");
    fs::remove_file(bench.path("made")).unwrap();
    let boot = bench.boot(&away);
    boot.ready();
    assert!(boot.out.contains("stands in") && bench.path("made").exists(), "{}", boot.out);
    let generation = fs::canonicalize(bench.path("state/staged/current")).unwrap();
    let then = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::open(generation).unwrap().set_modified(then).unwrap();
    let boot = bench.boot(&away);
    assert_eq!(boot.code, 4);
    assert!(boot.out.contains("last right 2h ago"), "{}", boot.out);
}

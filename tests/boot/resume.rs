//! The last stage against a stand-in for Slurm.

use crate::harness::{Bench, Boot, command};
use std::fs;
use std::time::{Duration, Instant};

/// A node as scontrol shows it.
fn show(state: &str, reason: &str) -> String {
    let reason = if reason.is_empty() { String::new() } else { format!(" Reason={reason} [root@2026-01-01T00:00:00]") };
    format!("NodeName=n0 Arch=x86_64 State={state} ThreadsPerCore=1 SlurmdStartTime=2035-01-01T00:00:00{reason}\n")
}

/// The stand-in answers from the files `show.0`, `show.1`, ... in turn, then from `show`; after a resume it shows
/// IDLE, unless `stubborn` is there.
fn slurm(bench: &Bench, now: &str) {
    bench.write("bin/slurm/show", now);
    bench.write("bin/slurm/calls", "");
    let script = r#"dir=$(dirname "$0")/slurm
echo "$*" >> "$dir/calls"
case "$*" in
"-o show node n0")
    n=$(cat "$dir/count" 2>/dev/null || echo 0)
    echo $((n + 1)) > "$dir/count"
    if [ -e "$dir/away.$n" ] || [ -e "$dir/away" ]; then
        echo "slurm_load_node error: Unable to contact slurm controller (connect failure)" >&2
        exit 1
    fi
    if [ -e "$dir/show.$n" ]; then cat "$dir/show.$n"; else cat "$dir/show"; fi ;;
"-o show node "*) echo "Node x not found" >&2; exit 1 ;;
"update nodename=n0 state=resume")
    if [ -e "$dir/stubborn" ]; then echo "slurm_update error: Invalid node state specified" >&2; exit 1; fi
    echo "NodeName=n0 State=IDLE SlurmdStartTime=2035-01-01T00:00:00" > "$dir/show" ;;
esac
"#;
    bench.program("scontrol", script);
    bench.program("systemctl", "cat \"$(dirname \"$0\")/slurm/slurmd\" 2>/dev/null || echo active\n");
}

fn updates(bench: &Bench) -> Vec<String> {
    let calls = fs::read_to_string(bench.path("bin/slurm/calls")).unwrap();
    calls.lines().filter(|l| l.starts_with("update")).map(str::to_owned).collect()
}

const RESUME: &str = "update nodename=n0 state=resume";

/// State, reason, and whether the policies owned, slurm and always resume it.
const TABLE: [(&str, &str, [bool; 3]); 9] = [
    ("IDLE", "", [false, false, false]),
    ("ALLOCATED", "", [false, false, false]),
    ("DOWN", "Node unexpectedly rebooted", [true, false, true]),
    ("DOWN", "Not responding", [true, false, true]),
    ("DOWN", "broken fan", [false, false, true]),
    ("IDLE+DRAIN", "maintenance", [false, false, true]),
    ("DOWN+DRAIN", "Not responding", [false, false, true]),
    ("IDLE+DRAIN", "compute-init: role nfs: task Mount failed", [true, false, true]),
    ("DOWN+DRAIN", "compute-init: role nfs: task Mount failed", [true, false, true]),
];

#[test]
fn every_state_under_every_policy() {
    for (state, reason, wanted) in TABLE {
        for (policy, wanted) in ["owned", "slurm", "always"].into_iter().zip(wanted) {
            let bench = Bench::new();
            slurm(&bench, &show(state, reason));
            bench.config(&format!("resume: {policy}\n"));
            let boot = bench.boot(&[]);
            boot.ready();
            let expected: &[&str] = if wanted { &[RESUME] } else { &[] };
            assert_eq!(updates(&bench), expected, "{state} {reason} {policy}: {}", boot.out);
        }
    }
}

#[test]
fn slurm_may_see_the_reboot_late() {
    let bench = Bench::new();
    slurm(&bench, &show("DOWN", "Node unexpectedly rebooted"));
    bench.write("bin/slurm/away.0", "");
    // What it remembers from before the reboot, then a node that does not answer yet.
    bench.write("bin/slurm/show.1", "NodeName=n0 State=IDLE SlurmdStartTime=2001-01-01T00:00:00\n");
    bench.write("bin/slurm/show.2", "NodeName=n0 State=IDLE* SlurmdStartTime=2001-01-01T00:00:00\n");
    let boot = bench.boot(&[]);
    boot.ready();
    assert_eq!(updates(&bench), [RESUME], "{}", boot.out);
    assert!(boot.out.contains("resumed (reason: Node unexpectedly rebooted), now IDLE"), "{}", boot.out);
}

/// Slurm asks a node that it resumed for a sign of life, and may take that for another reboot.
#[test]
fn a_node_that_goes_down_again_is_resumed_again() {
    for (then, wanted, told) in [
        (show("DOWN", "Node unexpectedly rebooted"), 2, "now IDLE"),
        (show("IDLE+DRAIN", "maintenance"), 1, "stays drained: it is not ours to resume (reason: maintenance)"),
        (show("IDLE", ""), 1, "now IDLE"),
    ] {
        let bench = Bench::new();
        slurm(&bench, "");
        bench.write("bin/slurm/show.0", show("DOWN", "Node unexpectedly rebooted"));
        bench.write("bin/slurm/show.1", show("IDLE*", ""));
        bench.write("bin/slurm/show.2", &then);
        let boot = bench.boot(&[]);
        boot.ready();
        assert_eq!(updates(&bench), vec![RESUME; wanted], "{then}: {}", boot.out);
        assert!(boot.out.contains(told), "{then}: {}", boot.out);
    }
}

#[test]
fn slurm_that_stays_away_costs_the_deadline_and_is_tried_again() {
    for file in ["away", "show.silent", "stubborn"] {
        let bench = Bench::new();
        slurm(&bench, &show("DOWN", "Not responding"));
        if file == "show.silent" {
            bench.write("bin/slurm/show", show("IDLE*", ""));
        } else {
            bench.write(&format!("bin/slurm/{file}"), "");
        }
        bench.config("deadlines: {resume: 1}\n");
        let start = Instant::now();
        let boot = bench.boot(&[]);
        assert_eq!((boot.code, bench.status()["state"].as_str()), (4, Some("unreachable")), "{file}: {}", boot.out);
        assert!(boot.out.contains("the roles are applied"), "{}", boot.out);
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn a_slurmd_that_failed_is_not_waited_for_and_the_boot_is_tried_again() {
    let bench = Bench::new();
    slurm(&bench, &show("IDLE*", ""));
    bench.write("bin/slurm/slurmd", "failed\n");
    bench.config("deadlines: {resume: 10m}\n");
    let boot = bench.boot(&[]);
    assert_eq!((boot.code, bench.status()["state"].as_str()), (4, Some("unreachable")), "{}", boot.out);
    assert!(boot.out.contains("slurmd has failed") && boot.out.contains("journalctl -u slurmd"), "{}", boot.out);
    assert!(bench.path("run/retry").exists() && updates(&bench).is_empty(), "{}", boot.out);
}

#[test]
fn a_slurmd_that_failed_before_and_comes_now_is_waited_for() {
    for (before, then) in [("failed", "active"), ("inactive", "active")] {
        let bench = Bench::new();
        slurm(&bench, &show("DOWN", "Node unexpectedly rebooted"));
        bench.write("bin/slurm/show.0", show("IDLE*", ""));
        bench.write("bin/slurm/show.1", show("IDLE*", ""));
        // The first answer is of the slurmd before; one that is enabled waits for other units.
        let script = format!(
            "case $1 in is-enabled) echo enabled; exit ;; esac\nd=$(dirname \"$0\")/slurm\n\
             if [ -e $d/began ]; then echo {then}; else : > $d/began; echo {before}; fi\n"
        );
        bench.program("systemctl", &script);
        let boot = bench.boot(&[]);
        boot.ready();
        assert_eq!(updates(&bench), [RESUME], "{before}: {}", boot.out);
    }
}

#[test]
fn a_scontrol_that_hangs_is_ended() {
    let bench = Bench::new();
    bench.program("scontrol", "exec sleep 60\n");
    bench.config("deadlines: {resume: 1}\n");
    let start = Instant::now();
    let boot = bench.boot(&[]);
    assert_eq!(boot.code, 4, "{}", boot.out);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn nodes_without_slurm_are_ready() {
    let bench = Bench::new();
    bench.program("scontrol", "echo 'Node n0 not found' >&2; exit 1\n");
    bench.boot(&[]).ready();
    let bench = Bench::new();
    slurm(&bench, &show("DOWN*", "Not responding"));
    bench.write("bin/slurm/slurmd", "inactive\n");
    let boot = bench.boot(&[]);
    boot.ready();
    assert!(boot.out.contains("slurmd does not run") && updates(&bench).is_empty(), "{}", boot.out);
}

#[test]
fn nothing_is_asked_of_slurm_where_that_is_forbidden() {
    let bench = Bench::new();
    slurm(&bench, &show("DOWN", "Not responding"));
    for flag in ["--no-resume", "--check"] {
        bench.boot(&[flag]).ready();
        assert_eq!(fs::read_to_string(bench.path("bin/slurm/calls")).unwrap(), "");
    }
}

fn failing(reason: &str, state: &str) -> (Bench, Boot) {
    let bench = Bench::new();
    slurm(&bench, &show(state, reason));
    bench.bundle(&[("Break \"it\"; `now`\nplease", command("/bin/false", None))]);
    let boot = bench.boot(&[]);
    assert_eq!(boot.code, 3, "{}", boot.out);
    (bench, boot)
}

#[test]
fn a_failed_boot_drains_the_node_with_role_and_task() {
    let (bench, boot) = failing("", "IDLE");
    let wanted = "update nodename=n0 state=drain reason=compute-init: role alpha: task Break it ; now please failed";
    assert_eq!(updates(&bench), [wanted], "{}", boot.out);
    let (bench, _) = failing("Node unexpectedly rebooted", "DOWN");
    assert_eq!(updates(&bench), [wanted]);
}

#[test]
fn a_refused_boot_drains_the_node_with_what_was_refused() {
    let bench = Bench::new();
    slurm(&bench, &show("IDLE", ""));
    bench.write("bundle.tar.gz", "no bundle");
    bench.refused(&[], "refused", 5, "drained (reason: compute-init: refused: ");
    let updates = updates(&bench);
    assert_eq!(updates.len(), 1, "{updates:?}");
    assert!(updates[0].starts_with("update nodename=n0 state=drain reason=compute-init: refused: "), "{updates:?}");
    // Slurm keeps a short text: why, not where.
    assert!(!updates[0].contains("bundle.tar.gz") && updates[0].ends_with(']'), "{updates:?}");
}

#[test]
fn a_drain_of_somebody_else_keeps_its_reason() {
    let (bench, boot) = failing("maintenance", "IDLE+DRAIN");
    assert!(updates(&bench).is_empty(), "{:?}", updates(&bench));
    assert!(boot.out.contains("drained already (reason: maintenance)"), "{}", boot.out);
}

#[test]
fn a_failed_boot_waits_for_slurm_to_be_told() {
    let bench = Bench::new();
    slurm(&bench, &show("IDLE", ""));
    for n in 0..3 {
        bench.write(&format!("bin/slurm/away.{n}"), "");
    }
    bench.bundle(&[("Break", command("/bin/false", None))]);
    let boot = bench.boot(&[]);
    assert_eq!((boot.code, updates(&bench).len()), (3, 1), "{}", boot.out);
    assert!(boot.out.contains("n0 drained (reason: compute-init: role alpha: task Break failed"), "{}", boot.out);
}

#[test]
fn a_failed_boot_ends_where_slurm_cannot_be_told() {
    for (slurmd, least) in [("inactive\n", 0), ("active\n", 800)] {
        let bench = Bench::new();
        slurm(&bench, &show("IDLE", ""));
        bench.write("bin/slurm/away", "");
        bench.write("bin/slurm/slurmd", slurmd);
        bench.config("deadlines: {resume: 2}\n");
        bench.bundle(&[("Break", command("/bin/false", None))]);
        let start = Instant::now();
        let boot = bench.boot(&[]);
        assert_eq!((boot.code, bench.status()["state"].as_str()), (3, Some("failed")), "{}", boot.out);
        assert!(boot.out.contains("could not be drained"), "{}", boot.out);
        assert!(start.elapsed() > Duration::from_millis(least), "{slurmd}: {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(20) && updates(&bench).is_empty());
    }
}

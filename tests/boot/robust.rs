//! Two executors, a full disk, kill -9.

use crate::harness::{Bench, command};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

fn wait_for(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_second_executor_leaves_the_work_to_the_first() {
    let bench = Bench::new();
    let (started, go) = (bench.path("started"), bench.path("go"));
    let wait =
        format!("/bin/sh -c 'touch {}; while ! test -e {}; do sleep 0.05; done'", started.display(), go.display());
    bench.bundle(&[("Wait", command(&wait, None))]);
    let first = bench.start();
    wait_for(|| started.exists());
    assert_eq!(bench.status()["state"], "running");
    let second = bench.boot(&[]);
    assert_eq!(second.code, 6, "{}", second.out);
    assert!(second.out.contains(&format!("process {}", first.id())), "{}", second.out);
    assert_eq!(bench.status()["state"], "running", "the second must not write the first one's status");
    fs::write(go, "").unwrap();
    crate::harness::Boot::of(first.wait_with_output().unwrap()).ready();
}

#[test]
fn a_full_disk_leaves_the_generation_before() {
    let bench = Bench::new();
    fs::create_dir(bench.path("state")).unwrap();
    bench.write("export/cacerts/big.pem", "x".repeat(300_000));
    // A state directory of 128 kB, in a mount namespace of its own.
    let boot = |bench: &Bench| {
        let (export, metadata) = (bench.path("export"), bench.path("metadata.json"));
        let inner = bench.command(&["--export", export.to_str().unwrap(), "--metadata", metadata.to_str().unwrap()]);
        let state = bench.path("state").display().to_string();
        let kept = bench.path("kept").display().to_string();
        let script = format!(
            "mount -t tmpfs -o size=128k none {state} && cp -a {kept}/. {state}/ && \"$@\"; c=$?; rm -rf {kept}; cp -a {state} {kept}; exit $c"
        );
        let mut outer = Command::new("unshare");
        outer.args(["-m", "sh", "-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
        crate::harness::Boot::of(outer.output().unwrap())
    };
    fs::create_dir(bench.path("kept")).unwrap();
    let big = fs::read(bench.path("export/cacerts/big.pem")).unwrap();
    fs::write(bench.path("export/cacerts/big.pem"), "small").unwrap();
    boot(&bench).ready();
    let before = bench.tree("kept");
    fs::remove_file(bench.path("made")).unwrap();
    fs::write(bench.path("export/cacerts/big.pem"), big).unwrap();
    let full = boot(&bench);
    assert_eq!(full.code, 3, "{}", full.out);
    assert!(full.out.contains("No space left"), "{}", full.out);
    assert!(full.out.contains("the generation before stays"), "{}", full.out);
    assert_eq!(bench.tree("kept"), before);
    assert!(!bench.path("made").exists(), "the node was touched");
}

#[test]
fn a_boot_killed_at_any_time_is_made_good_by_the_next() {
    let bench = Bench::new();
    let base = bench.dir.path().display().to_string();
    let steps: Vec<(String, _)> = (0..4)
        .map(|n| {
            (
                format!("Step {n}"),
                command(&format!("/bin/sh -c 'sleep 0.01; touch {base}/step{n}'"), Some(&format!("{base}/step{n}"))),
            )
        })
        .collect();
    let steps: Vec<(&str, _)> = steps.iter().map(|(name, args)| (name.as_str(), args.clone())).collect();
    bench.bundle(&steps);
    for round in 0..25u64 {
        bench.write("export/hosts", format!("round {}", round / 3));
        let mut child = bench.start();
        std::thread::sleep(Duration::from_millis(round * 4));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever is in force is whole.
        if let Ok(hosts) = fs::read_to_string(bench.path("state/staged/current/hosts")) {
            assert!(hosts.starts_with("round "), "{hosts:?}");
        }
        // A status that is there is whole, too.
        if bench.path("run/status.json").exists() {
            bench.status();
        }
    }
    bench.boot(&[]).ready();
    assert_eq!(fs::read_to_string(bench.path("state/staged/current/hosts")).unwrap(), "round 8");
    bench.boot(&[]).ready();
    assert_eq!(bench.status()["recap"]["changed"].as_u64(), Some(0));
    let left: Vec<_> = fs::read_dir(bench.path("state/staged")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.len() <= 4 && !left.iter().any(|n| n.to_string_lossy().starts_with('.')), "{left:?}");
    let left: Vec<_> = fs::read_dir(bench.path("run")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "lock and status: {left:?}");
}

//! An installation that is killed at any point, and the next one.

use crate::scratch::Scratch;
use compute_init::bundle::{Trust, Verified, current};
use compute_init::image::Mode;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const KILL_AT: &str = "COMPUTE_INIT_TEST_KILL_AT";
const SCRATCH: &str = "COMPUTE_INIT_TEST_SCRATCH";

/// Whatever `current` names verifies; where it names nothing, nothing is enabled.
#[track_caller]
fn bootable_or_as_before(root: &Path) {
    let enabled = root.join("etc/systemd/system/multi-user.target.wants/compute-init.service");
    let bundles = root.join("var/lib/compute-init/bundles");
    if bundles.join("current").symlink_metadata().is_err() {
        assert!(enabled.symlink_metadata().is_err(), "enabled without a bundle");
        return;
    }
    let trust = Trust::directory(&root.join("etc/compute-init/trust.d")).expect("keys");
    Verified::installed(&current(&bundles).expect("a bundle"), &trust).expect("verifies");
    assert!(root.join("usr/libexec/compute-init/compute-init-boot").is_file());
}

/// Not a test of its own: the process that the test below kills.
#[test]
#[ignore = "run by the tests beside it"]
fn child() {
    let (Ok(at), Ok(dir)) = (std::env::var(KILL_AT), std::env::var(SCRATCH)) else { return };
    let mut left: usize = at.parse().expect("a number");
    let dir = Path::new(&dir);
    let pem = std::fs::read_to_string(dir.join("root.pem")).expect("reads");
    let trust = [("site.pem".to_owned(), compute_init::bundle::PublicKey::from_pem(&pem).expect("a key"))];
    let (bundle, executor) = (dir.join("next.bundle"), dir.join("executor"));
    let what = compute_init::image::Install {
        bundle: &bundle,
        executor: &executor,
        command: None,
        trust: &trust,
        config: None,
    };
    let root = compute_init::image::Root::open(&dir.join("root")).expect("a root");
    let mut watch = |_: &compute_init::image::Change| {
        if left == 0 {
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).expect("dies");
        }
        left -= 1;
    };
    compute_init::image::install(&root, &what, Mode::Make, &mut watch).expect("installs");
}

fn start(scratch: &Scratch, kill_at: usize) -> std::process::Child {
    std::fs::write(scratch.at("root.pem"), scratch.key.public().to_pem()).expect("writes");
    Command::new(std::env::current_exe().expect("ourselves"))
        .args(["--exact", "interrupted::child", "--ignored"])
        .env(KILL_AT, kill_at.to_string())
        .env(SCRATCH, scratch.at(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts")
}

/// Kills an installation, over `first` if there is one, some time after it has begun to write; looks at what is left
/// and at what the next run makes of it.
fn interrupt(first: Option<&str>, after: Duration) {
    let scratch = Scratch::new();
    if let Some(first) = first {
        scratch.install(&scratch.bundle(first, Some(&scratch.key))).expect("installs");
    }
    let next = scratch.bundle("next", Some(&scratch.key));
    let written = scratch.root(if first.is_some() { "var/lib/compute-init/bundles" } else { "usr" });
    let count = || std::fs::read_dir(&written).map_or(0, Iterator::count);
    let before = count();
    let mut child = start(&scratch, usize::MAX);
    while count() == before && child.try_wait().expect("waits").is_none() {
        std::hint::spin_loop();
    }
    std::thread::sleep(after);
    child.kill().expect("kills");
    child.wait().expect("ends");
    bootable_or_as_before(&scratch.at("root"));
    let report = scratch.install(&next).expect("installs");
    bootable_or_as_before(&scratch.at("root"));
    let digest = report.bundle.expect("a digest")["sha256:".len()..].to_owned();
    assert!(current(&scratch.root("var/lib/compute-init/bundles")).expect("a bundle").ends_with(digest));
    assert_eq!(scratch.install(&next).expect("installs").changes, []);
    let left = |l: &String| [".unfinished", ".damaged", ".tmp "].iter().any(|part| l.contains(part));
    assert_eq!(scratch.snapshot().into_iter().filter(left).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn killed_before_each_change_in_turn() {
    for first in [None, Some("first")] {
        for at in 0.. {
            let scratch = Scratch::new();
            if let Some(first) = first {
                scratch.install(&scratch.bundle(first, Some(&scratch.key))).expect("installs");
            }
            let next = scratch.bundle("next", Some(&scratch.key));
            let ended = start(&scratch, at).wait().expect("ends");
            bootable_or_as_before(&scratch.at("root"));
            scratch.install(&next).expect("installs");
            bootable_or_as_before(&scratch.at("root"));
            assert_eq!(scratch.install(&next).expect("installs").changes, []);
            if ended.success() {
                // Nothing was left to kill it before: every change had its turn.
                assert!(at >= if first.is_some() { 3 } else { 15 }, "only {at} changes");
                break;
            }
        }
    }
}

#[test]
fn killed_at_any_time() {
    for n in 0..30 {
        interrupt((n % 2 == 0).then_some("first"), Duration::from_micros(n * 150));
    }
}

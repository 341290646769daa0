//! Hostile YAML, templates, patterns, roles, plans, bundles, exports and metadata must not hang, exhaust or end the
//! builder or the node.
//!
//! Every kind runs in a child with bounds on memory, processor time and its stack. A panic, a signal or a bound that is
//! hit is a finding; its input is kept. Inputs follow from the seed, so a run can be repeated anywhere.
//! `tests/fuzz/run --time SECONDS --seed N [KIND...]` looks for more by hand; `cargo test --test fuzz` takes a fixed number.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod child;
mod kinds;
mod mutate;
mod node;
#[path = "../tools/options.rs"]
mod options;
mod words;

use options::{number, option};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Bytes of address space: several times what a build or a boot takes, far less than a node has.
const MEMORY: u64 = 1 << 30;
/// Seconds of processor time for all inputs of a child. They take a tenth of it; what never ends is found.
const PROCESSOR: u64 = 900;
/// Findings of a kind after which it is left.
const ENOUGH: usize = 10;

/// Where inputs that were found to do harm are kept for good, and run first.
fn found() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found")
}

fn main() -> ExitCode {
    if let Some(kind) = option("--child") {
        let [from, inputs, seed] = ["--from", "--inputs", "--seed"].map(|n| number(n).expect("a number"));
        return child::run(&kind, seed, from..from + inputs, Path::new(&option("--scratch").expect("a directory")));
    }
    let named: Vec<String> = std::env::args().skip(1).filter(|a| kinds::KINDS.iter().any(|k| k.name == a)).collect();
    let (seed, time) = (number("--seed").unwrap_or(1), number("--time"));
    let mut good = true;
    for kind in kinds::KINDS.iter().filter(|k| named.is_empty() || named.iter().any(|n| n == k.name)) {
        good &= fuzz(kind, seed, time);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one kind: the number of inputs that is meant for every run, or as many as the time allows.
fn fuzz(kind: &kinds::Kind, seed: u64, time: Option<u64>) -> bool {
    let scratch = tempfile::tempdir().expect("a directory");
    let until = time.map(|seconds| std::time::Instant::now() + std::time::Duration::from_secs(seconds));
    let (mut from, mut findings) = (0, 0);
    let most = if time.is_some() { u64::MAX } else { number("--inputs").unwrap_or(kind.inputs) };
    while from < most && findings < ENOUGH && until.is_none_or(|u| std::time::Instant::now() < u) {
        let batch = if time.is_some() { kind.inputs } else { most - from };
        let status = Command::new(std::env::current_exe().expect("this program"))
            .args(["--child", kind.name, "--seed", &seed.to_string(), "--from", &from.to_string()])
            .args(["--inputs", &batch.to_string(), "--scratch"])
            .arg(scratch.path())
            .status()
            .expect("this program runs");
        if status.success() {
            from += batch;
            continue;
        }
        findings += 1;
        let (at, input) = child::last(scratch.path()).unwrap_or((from, Vec::new()));
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("build/fuzz/{}-{seed}-{at}", kind.name));
        std::fs::create_dir_all(kept.parent().expect("a directory")).expect("makes the directory");
        std::fs::write(&kept, &input).expect("keeps the input");
        println!(
            "FAIL {} seed {seed} input {at} ({} bytes, kept in {}): {status}",
            kind.name,
            input.len(),
            kept.display()
        );
        from = at + 1;
    }
    println!("{}: {findings} findings, seed {seed}", kind.name);
    findings == 0
}

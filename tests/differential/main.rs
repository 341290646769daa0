//! Differential test: random but valid playbooks through real Ansible and through us, on copies of the same files; trees,
//! accounts and every task's result must be the same. `tests/differential/run --cases N --seed S` runs it; without
//! arguments (as `cargo test` runs it) it only holds that what is generated compiles.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod arguments;
mod compare;
mod generate;
#[path = "../tools/options.rs"]
mod options;
mod sides;

use compute_init::compile::{Findings, Options, compile};
use compute_init::source::{FileBytes, Tree};
use generate::Case;
use options::{number, option};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sides::Sides;
use std::path::{Path, PathBuf};

/// Cases in one Ansible process: its start costs as much as some tasks.
const BATCH: usize = 25;
/// Failing cases that are made smaller; the others are only named.
const SHRUNK: usize = 3;
/// Attempts at making one smaller.
const ATTEMPTS: usize = 25;

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0u8; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn main() {
    generated_playbooks_compile();
    let Some(cases) = number("--cases") else { return };
    let ansible = option("--ansible").expect("--ansible DIR: the directory that tests/tools/ansible names");
    let ours = option("--ours").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_compute-init")), PathBuf::from);
    let sides = Sides { ansible: ansible.into(), ours };
    let seed = number("--seed").unwrap_or(1);
    let only = number("--only").map(|n| n as usize);
    std::process::exit(i32::from(!differential(&sides, cases as usize, seed, only)));
}

/// The arguments that a batch is run with: a case keeps them when it is run alone.
fn manner_of(batch: &[(usize, Case)]) -> &'static str {
    Case::manner(batch[0].0 / BATCH)
}

/// Runs all cases of a seed, or one of them; whether both sides agree on all.
fn differential(sides: &Sides, count: usize, seed: u64, only: Option<usize>) -> bool {
    let (mut runner, strategy) = (runner(seed), generate::cases());
    let mut trees: Vec<_> = (0..count).map(|_| strategy.new_tree(&mut runner).expect("a case")).collect();
    let cases: Vec<(usize, Case)> = trees.iter().map(ValueTree::current).enumerate().collect();
    let cases: Vec<(usize, Case)> = cases.into_iter().filter(|(n, _)| only.is_none_or(|o| o == *n)).collect();
    let batches: Vec<&[(usize, Case)]> = cases.chunks(BATCH).collect();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let mut failed: Vec<(usize, Vec<String>)> = Vec::new();
    for group in batches.chunks(jobs) {
        std::thread::scope(|scope| {
            let running: Vec<_> =
                group.iter().map(|batch| scope.spawn(|| sides.run(batch, manner_of(batch)))).collect();
            for (batch, handle) in group.iter().zip(running) {
                for ((number, _), (theirs, ours)) in batch.iter().zip(handle.join().expect("a batch")) {
                    let different = compare::differences(&theirs, &ours);
                    if !different.is_empty() {
                        failed.push((*number, different));
                    }
                }
            }
        });
    }
    for (number, different) in &failed {
        println!("FAIL seed {seed} case {number}\n  {}", different.join("\n  "));
    }
    let shrunk = number("--shrink").map_or(SHRUNK, |n| n as usize);
    for (number, _) in failed.iter().take(shrunk) {
        report(sides, &mut trees[*number], *number, seed);
    }
    let tasks: usize = cases.iter().map(|(_, c)| c.tasks()).sum();
    println!("{} playbooks with {tasks} tasks, seed {seed}: {} differ", cases.len(), failed.len());
    failed.is_empty()
}

/// Makes a failing case smaller for as long as it fails, and writes it down.
fn report(sides: &Sides, tree: &mut impl ValueTree<Value = Case>, number: usize, seed: u64) {
    let fails = |case: &Case| {
        let batch = [(number, case.clone())];
        let both = sides.run(&batch, manner_of(&batch));
        compare::differences(&both[0].0, &both[0].1)
    };
    let mut smallest = tree.current();
    for _ in 0..ATTEMPTS {
        if !tree.simplify() {
            break;
        }
        if fails(&tree.current()).is_empty() {
            if !tree.complicate() {
                break;
            }
        } else {
            smallest = tree.current();
        }
    }
    let different = fails(&smallest);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/differential");
    std::fs::create_dir_all(&directory).expect("makes the directory");
    let path = directory.join(format!("seed-{seed}-case-{number}.json"));
    let play = serde_json::to_string_pretty(&smallest.play(number)).expect("JSON");
    std::fs::write(&path, &play).expect("writes the case");
    println!(
        "smallest, in {}; with {:?}, files {:?}\n{play}\n  {}",
        path.display(),
        Case::manner(number / BATCH),
        smallest.files,
        different.join("\n  ")
    );
}

/// What is generated must be valid, or nothing is compared.
fn generated_playbooks_compile() {
    let (mut runner, strategy) = (runner(7), generate::cases());
    for number in 0..200 {
        let case = strategy.new_tree(&mut runner).expect("a case").current();
        let (play, included) = case.play(number);
        let mut files = std::collections::BTreeMap::new();
        for (name, file) in std::iter::once(("play.yml".to_owned(), serde_json::json!([play]))).chain(included) {
            files.insert(name, FileBytes { bytes: serde_json::to_vec(&file).expect("JSON"), mode: 0o644 });
        }
        for name in ["files/plain.txt", "files/tree/one", "templates/one.j2", "templates/two.j2"] {
            files.insert(name.to_owned(), FileBytes { bytes: b"x".to_vec(), mode: 0o644 });
        }
        let options = Options { findings: Findings::AtRunTime, ..Options::default() };
        if let Err(diagnostics) = compile(&Tree::memory(files), "play.yml", &options) {
            panic!("case {number}: {:?}\n{case:?}", diagnostics.0);
        }
    }
    println!("200 playbooks compile");
}

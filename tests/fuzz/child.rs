//! One kind's inputs, in a process with bounds. Says before each input which it is, so that the parent knows what ended it.

use super::kinds::{KINDS, Kind};
use super::{MEMORY, PROCESSOR, found};
use fastrand::Rng;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;

/// The input before which the process ended, and its number.
pub fn last(scratch: &Path) -> Option<(u64, Vec<u8>)> {
    let number = std::fs::read_to_string(scratch.join("number")).ok()?.parse().ok()?;
    Some((number, std::fs::read(scratch.join("input")).ok()?))
}

/// Runs these inputs; the first also those that did harm once.
pub fn run(name: &str, seed: u64, numbers: Range<u64>, scratch: &Path) -> ExitCode {
    let kind = KINDS.iter().find(|k| k.name == name).expect("a kind");
    setrlimit(Resource::RLIMIT_CORE, 0, 0).expect("bounds dumps");
    setrlimit(Resource::RLIMIT_CPU, PROCESSOR, PROCESSOR).expect("bounds time");
    let corpus = (kind.corpus)();
    setrlimit(Resource::RLIMIT_AS, MEMORY, MEMORY).expect("bounds memory");
    let begun = processor();
    let (mut longest, mut longest_at) = (0.0, 0);
    let mut one = |number: u64, input: &[u8]| {
        std::fs::write(scratch.join("input"), input).expect("writes");
        std::fs::write(scratch.join("number"), number.to_string()).expect("writes");
        let before = processor();
        (kind.run)(input);
        let took = processor() - before;
        if took > longest {
            (longest, longest_at) = (took, number);
        }
    };
    if numbers.start == 0 {
        known(kind).iter().for_each(|input| one(0, input));
    }
    for number in numbers.clone() {
        let mut rng = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
        one(number, &corpus.hostile(&mut rng));
    }
    let memory = getrusage(UsageWho::RUSAGE_SELF).expect("counts").max_rss();
    println!(
        "{name}: {} inputs in {:.1} s, the longest (number {longest_at}) {longest:.2} s, {} MiB",
        numbers.end - numbers.start,
        processor() - begun,
        memory >> 10
    );
    ExitCode::SUCCESS
}

/// Inputs that did harm once, by their names: KIND-WHAT.
fn known(kind: &Kind) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(found()).expect("lists").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let own = |p: &&std::path::PathBuf| {
        p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&format!("{}-", kind.name)))
    };
    paths.iter().filter(own).map(|p| std::fs::read(p).expect("reads")).collect()
}

/// Seconds of processor time so far.
fn processor() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("counts");
    [usage.user_time(), usage.system_time()].iter().map(|t| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6).sum()
}

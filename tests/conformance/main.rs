//! Runs conformance data: `conformance [KIND FILE]`; without arguments, every file that lies beside this one.
//!
//! Prints the failing ids, then `N passed, M failed`; exits with 1 where one failed.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

mod dump;
mod expected;
mod templates;
mod yaml;

use std::path::Path;
use std::process::ExitCode;

/// What a file of cases made: ids that failed with the reason, and how many passed.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    failed: Vec<(String, String)>,
}

impl Tally {
    /// Counts one case.
    pub fn count(&mut self, id: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(why) => self.failed.push((id.to_owned(), why)),
        }
    }
}

type Kind = fn(&serde_json::Value) -> Tally;

/// The kinds of files, each with its runner and the file that is run when none is named.
const KINDS: &[(&str, Kind)] = &[
    ("templates", templates::run),
    ("filters", templates::run),
    ("methods", templates::run),
    ("yaml", yaml::run),
    ("dump", dump::run),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut good = true;
    match args.as_slice() {
        [] => {
            for (name, kind) in KINDS {
                println!("{name}:");
                good &= run(*kind, &here.join(format!("{name}.json")));
            }
        }
        [name, file] => match KINDS.iter().find(|(n, _)| n == name) {
            Some((_, kind)) => good = run(*kind, Path::new(file)),
            None => good = usage(),
        },
        _ => good = usage(),
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> bool {
    let names: Vec<&str> = KINDS.iter().map(|(n, _)| *n).collect();
    eprintln!("usage: tests/conformance/run [{} FILE]", names.join("|"));
    false
}

fn run(kind: Kind, file: &Path) -> bool {
    let cases = match std::fs::read_to_string(file).map_err(|e| e.to_string()) {
        Ok(text) => serde_json::from_str(&text).map_err(|e| e.to_string()),
        Err(e) => Err(e),
    };
    let cases: serde_json::Value = match cases {
        Ok(cases) => cases,
        Err(e) => {
            eprintln!("reading {}: {e}", file.display());
            return false;
        }
    };
    let tally = kind(&cases);
    for (id, why) in &tally.failed {
        println!("FAIL {id}: {why}");
    }
    println!("{} passed, {} failed", tally.passed, tally.failed.len());
    tally.failed.is_empty() && tally.passed > 0
}

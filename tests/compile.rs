//! Source trees as data: `tests/refusals/<case>/` must be refused as `expected.txt` says, `tests/plans/<case>/` must
//! compile to `plan.json`. `UPDATE=1 cargo test --test compile` writes the snapshots anew.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]
#![cfg(feature = "builder")]

use compute_init::compile::{Compiled, Options, compile};
use compute_init::source::{Colour, Diagnostic, Tree, render};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder of cases");
    let mut cases: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).filter(|p| p.is_dir()).collect();
    cases.sort();
    cases
}

fn compile_case(case: &Path) -> Result<Compiled, Vec<Diagnostic>> {
    let mut tree = Tree::directory(case).expect("a tree");
    if case.join("roles-path").is_dir() {
        tree.add_roles_path(&case.join("roles-path")).expect("a roles path");
    }
    compile(&tree, "site.yml", &Options::default()).map_err(|d| d.0)
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|d| render(d, Colour::Never)).collect::<Vec<_>>().join("\n")
}

/// Compares with the snapshot; returns what differs.
fn snapshot(path: &Path, got: &str) -> Option<String> {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, got).expect("writes the snapshot");
        return None;
    }
    let want = std::fs::read_to_string(path).unwrap_or_default();
    (want != got).then(|| format!("{}:\n--- expected\n{want}\n--- got\n{got}\n", path.display()))
}

fn report(differences: Vec<String>) {
    let mut text = String::new();
    for difference in &differences {
        let _ = writeln!(text, "{difference}");
    }
    assert!(differences.is_empty(), "{} cases differ\n{text}", differences.len());
}

#[test]
fn refusals_say_what_where_and_what_to_do() {
    let mut differences = Vec::new();
    let cases = cases("refusals");
    assert!(cases.len() >= 80, "only {} refusals", cases.len());
    for case in cases {
        match compile_case(&case) {
            Ok(_) => differences.push(format!("{}: was not refused", case.display())),
            Err(diagnostics) => differences.extend(snapshot(&case.join("expected.txt"), &rendered(&diagnostics))),
        }
    }
    report(differences);
}

#[test]
fn plans_are_as_recorded_and_the_same_each_time() {
    let mut differences = Vec::new();
    for case in cases("plans") {
        match (compile_case(&case), compile_case(&case)) {
            (Ok(first), Ok(second)) => {
                let json = |c: &Compiled| serde_json::to_string_pretty(&c.plan).expect("serialises") + "\n";
                if json(&first) != json(&second) {
                    differences.push(format!("{}: two runs differ", case.display()));
                }
                let files: Vec<&String> = first.files.keys().collect();
                assert!(files.into_iter().eq(first.plan.files.keys()), "{}: files and plan differ", case.display());
                differences.extend(snapshot(&case.join("plan.json"), &json(&first)));
                differences.extend(snapshot(&case.join("warnings.txt"), &rendered(&first.warnings)));
            }
            (Err(d), _) | (_, Err(d)) => differences.push(format!("{}: refused\n{}", case.display(), rendered(&d))),
        }
    }
    report(differences);
}

#[test]
fn the_shipped_roles_compile_without_a_word() {
    let tree = Tree::directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).expect("templates/");
    match compile(&tree, "compute-init.yml", &Options::default()) {
        Ok(compiled) => {
            assert_eq!(rendered(&compiled.warnings), "");
            assert!(compiled.plan.roles.contains_key("openhpc"));
        }
        Err(d) => panic!("{}", rendered(&d.0)),
    }
}

//! What both sides left, without what is another thing in each run.

use super::sides::Left;
use serde_json::Value;
use std::collections::BTreeSet;

/// Keys of results that are the run's, or only about the machine.
const NOISE: &[&str] = &[
    "deprecations",
    "exception",
    "warnings",
    "invocation",
    "backup",
    "backup_file",
    "delta",
    "start",
    "end",
    "src",
    "diff",
    "module_stderr",
    "module_stdout",
    "size",
];
/// Places where we mean to differ: part of the path of a result's value, and why.
const INTENDED: &[(&str, &str)] = &[];

/// Lines that tell what is different; none where both agree.
pub fn differences(theirs: &Left, ours: &Left) -> Vec<String> {
    let mut out = Vec::new();
    let both: BTreeSet<&String> = theirs.tree.keys().chain(ours.tree.keys()).collect();
    for path in both {
        let (a, b) = (theirs.tree.get(path), ours.tree.get(path));
        if a != b {
            out.push(format!("tree {path}: Ansible {a:?}, ours {b:?}"));
        }
    }
    for (a, b) in [(&theirs.accounts, &ours.accounts), (&ours.accounts, &theirs.accounts)] {
        let side = if std::ptr::eq(a, &theirs.accounts) { "Ansible" } else { "ours" };
        out.extend(a.iter().filter(|l| !b.contains(l)).map(|l| format!("account of {side} only: {l}")));
    }
    match (&theirs.results, &ours.results) {
        (Some(a), Some(b)) => results(a, b, "", &mut out),
        (None, Some(_)) => out.push(format!("Ansible left no results:\n{}", theirs.output)),
        (Some(_), None) => out.push(format!("ours left no results:\n{}", ours.output)),
        (None, None) => out.push(format!("nobody left results:\n{}", ours.output)),
    }
    out
}

/// Ansible's module came to grief: only that it failed can be compared.
fn crashed(result: &Value) -> bool {
    result["msg"].as_str().is_some_and(|m| m.starts_with("MODULE FAILURE"))
}

fn results(a: &Value, b: &Value, at: &str, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            if crashed(a) && y.get("failed") == Some(&Value::Bool(true)) {
                return;
            }
            let keys: BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for key in keys {
                if NOISE.contains(&key.as_str()) {
                    continue;
                }
                let null = Value::Null;
                let place = format!("{at}.{key}");
                results(x.get(key).unwrap_or(&null), y.get(key).unwrap_or(&null), &place, out);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (n, (a, b)) in x.iter().zip(y).enumerate() {
                results(a, b, &format!("{at}[{n}]"), out);
            }
        }
        _ if same(a, b, at) => {}
        _ => out.push(format!("result {at}: Ansible {a}, ours {b}")),
    }
}

/// The system's own words are put differently by Python and by us.
fn same(a: &Value, b: &Value, at: &str) -> bool {
    let words = |v: &Value| v.as_str().is_some_and(|t| t.contains("[Errno") || t.contains("os error"));
    a == b || INTENDED.iter().any(|(place, _)| at.contains(place)) || (at.ends_with(".msg") && (words(a) || words(b)))
}

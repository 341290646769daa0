//! `yaml.json`: snippets and what Ansible's loader reads; or the error, with the place it names.

use super::{Tally, expected};
use compute_init::yaml::{self, Flavour};
use serde_json::Value;

/// Runs a file of snippets.
pub fn run(cases: &Value) -> Tally {
    let mut tally = Tally::default();
    for case in cases.as_array().map(Vec::as_slice).unwrap_or_default() {
        let name = case["name"].as_str().unwrap_or("?");
        tally.count(name, check(case));
    }
    tally
}

fn check(case: &Value) -> Result<(), String> {
    let text = case["yaml"].as_str().ok_or("no yaml")?;
    let got = yaml::read_all(text.as_bytes(), Flavour::Ansible);
    if let Some(error) = case["error"].as_str() {
        return match got {
            Ok(data) => Err(format!("read {data:?}, where an error was expected: {error}")),
            Err(e) => place(error, &e),
        };
    }
    let got = got.map_err(|e| e.to_string())?;
    let want = case["docs"].as_array().ok_or("neither docs nor error")?;
    let same = want.len() == got.len() && want.iter().zip(&got).all(|(w, g)| expected::matches(w, g));
    if same { Ok(()) } else { Err(format!("read {got:?}")) }
}

/// The last place that PyYAML's message names, unless the data cut it off, must be ours.
fn place(error: &str, ours: &yaml::Error) -> Result<(), String> {
    let Some((_, last)) = error.rsplit_once("line ") else { return Ok(()) };
    let numbers: Vec<u32> =
        last.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).filter_map(|n| n.parse().ok()).collect();
    let [line, column] = numbers[..] else { return Ok(()) };
    let mark = ours.mark.ok_or("the error has no place")?;
    if (mark.line, mark.column) == (line, column) { Ok(()) } else { Err(format!("{ours}, expected {error}")) }
}

//! `dump.json` (made by make_dump.py): values and what `to_yaml` and `to_nice_yaml` write.

use super::Tally;
use compute_init::plan::Data;
use compute_init::yaml::{DumpOptions, dump};
use serde_json::Value;

/// Runs a file of dumps.
pub fn run(cases: &Value) -> Tally {
    let mut tally = Tally::default();
    for case in cases.as_array().map(Vec::as_slice).unwrap_or_default() {
        tally.count(&case["id"].to_string(), check(case));
    }
    tally
}

fn check(case: &Value) -> Result<(), String> {
    let data: Data = serde_json::from_value(case["data"].clone()).map_err(|e| e.to_string())?;
    let options = options(&case["options"])?;
    let got = dump(&data, &options).map_err(|e| e.to_string())?;
    let want = case["expected"].as_str().ok_or("no expected")?;
    if got == want { Ok(()) } else { Err(format!("wrote {got:?}, expected {want:?}")) }
}

fn options(given: &Value) -> Result<DumpOptions, String> {
    let mut options = DumpOptions::default();
    for (name, value) in given.as_object().into_iter().flatten() {
        let number = || value.as_i64().and_then(|n| i32::try_from(n).ok());
        let yes = value.as_bool() == Some(true);
        match name.as_str() {
            "indent" => options.indent = number(),
            "width" => options.width = number(),
            "default_flow_style" => options.default_flow_style = value.as_bool(),
            "default_style" => options.default_style = value.as_str().and_then(|s| s.chars().next()),
            "sort_keys" => options.sort_keys = yes,
            "allow_unicode" => options.allow_unicode = yes,
            "explicit_start" => options.explicit_start = yes,
            "explicit_end" => options.explicit_end = yes,
            "canonical" => options.canonical = yes,
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(options)
}

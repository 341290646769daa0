//! Matches, replacements and errors as CPython gives them; `cases.json` says how it was made.

use super::{Flags, Regex, Template};
use serde_json::{Value, json};

fn cases(kind: &str) -> Vec<Vec<Value>> {
    let all: Value = serde_json::from_str(include_str!("cases.json")).expect("test data is JSON");
    serde_json::from_value(all[kind].clone()).expect("test data is a list of lists")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("test data is text")
}

#[test]
fn finds_what_python_finds() {
    let mut wrong = Vec::new();
    for case in cases("find") {
        let got = match Regex::new(text(&case[0]), Flags::default()) {
            Err(e) => json!({"error": e}),
            Ok(regex) => {
                let subject = text(&case[1]);
                let all: Vec<Vec<Option<&str>>> = regex
                    .find_all(subject)
                    .expect("no case backtracks without end")
                    .iter()
                    .map(|c| (0..=regex.groups()).map(|n| c.get(n)).collect())
                    .collect();
                let start = regex.match_start(subject).expect("no case backtracks without end");
                json!({"all": all, "match": start.and_then(|c| c.get(0))})
            }
        };
        if got != case[2] {
            wrong.push(format!("{} on {}: got {got}, Python {}", case[0], case[1], case[2]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn replaces_as_python_does() {
    let mut wrong = Vec::new();
    for case in cases("sub") {
        let regex = Regex::new(text(&case[0]), Flags::default()).expect("the patterns are valid");
        let result = Template::new(text(&case[1]), &regex).and_then(|t| regex.replace(text(&case[2]), &t, 0));
        let got = match result {
            Ok(text) => json!({"ok": text}),
            Err(e) => json!({"error": e}),
        };
        if got != case[3] {
            wrong.push(format!("{case:?}: got {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn gives_up_on_runaway_patterns() {
    let regex = Regex::new(r"^(?:(a|aa)+)+\1c$", Flags::default()).expect("the pattern is valid");
    assert!(regex.search(&("a".repeat(64) + "b")).is_err());
    assert!(Regex::new(&"(".repeat(500), Flags::default()).is_err());
    assert!(Regex::new(&("()".to_owned() + &"(?(1)".repeat(10_000)), Flags::default()).is_err());
    // Each of these takes long in few steps, or memory in few matches.
    let long = "a".repeat(1_000_000);
    for pattern in [r"(a{300000})(?:b|\1|(?=\1))*?c", "(?:(?<=a{300000})|a)*c", &"()".repeat(15_000)] {
        let regex = Regex::new(pattern, Flags::default()).expect("the pattern is valid");
        assert!(regex.find_all(&long).is_err(), "{}", &pattern[..20]);
    }
    let nothing = Regex::new("", Flags::default()).expect("the pattern is valid");
    let template = Template::new(&"x".repeat(1000), &nothing).expect("the template is valid");
    assert!(nothing.replace(&long, &template, 0).is_err());
    assert_eq!(nothing.replace(&long, &template, 1).map(|text| text.len()), Ok(1_001_000));
    // Counted, not unrolled.
    let regex = Regex::new("(?:(?:a{1000}){1000}){1000}", Flags::default()).expect("the pattern is valid");
    assert!(regex.search("aaa").expect("it is no riddle").is_none());
    assert!(regex.search(&"a".repeat(1_000_000)).is_err());
    // A frame for each turn would be more memory than a node's boot may take.
    let turns = Regex::new("(?:ab|c)*d", Flags::default()).expect("the pattern is valid");
    assert!(turns.match_start(&"ab".repeat(1_000_000)).is_err());
}

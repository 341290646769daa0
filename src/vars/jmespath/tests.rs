//! Answers and refusals of jmespath 1.1 for the same expressions; `cases.json` says how it was made.

use super::search;
use crate::vars::filters::json::{Style, dumps};
use crate::vars::filters::json_read::loads;
use crate::vars::testing::with_env;

#[test]
fn answers_as_python_does() {
    let all = loads(include_str!("cases.json")).expect("test data is JSON");
    let data = all.member("data").expect("there is data");
    let mut wrong = Vec::new();
    with_env(|env| {
        for case in all.member("cases").expect("there are cases").iterate(env).expect("a list") {
            let expression = case.member("expression").expect("an expression").text().expect("text");
            let got = search(env, &expression, &data).map(|v| dumps(&v, &Style::default()).expect("plain values"));
            let expected = case.member("result").map(|v| dumps(&v, &Style::default()).expect("plain values"));
            if got.clone().ok() != expected {
                wrong.push(format!("{expression}: got {got:?}, Python {expected:?}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

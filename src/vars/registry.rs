//! Filters, tests and lookups by name: what the compiler asks for, and the evaluator calls.
//!
//! To add one, write its function in `filters`, `tests` or `lookups` and name it in that folder's `find` and `NAMES`.

use super::env::Env;
use super::error::Outcome;
use super::object::CallArgs;
use super::value::Value;
use super::{filters, lookups, tests};

/// `value | name(args)`.
pub type Filter = fn(&Env, Value, CallArgs) -> Outcome<Value>;
/// `value is name(args)`.
pub type Test = fn(&Env, Value, CallArgs) -> Outcome<bool>;
/// `query(name, terms, options)`: terms by position, options by name (without `wantlist` and `errors`). The result
/// is tainted by the caller.
pub type Lookup = fn(&Env, CallArgs) -> Outcome<Vec<Value>>;

/// The collections whose plugins are built in, as prefixes of a full name.
const COLLECTIONS: [&str; 5] =
    ["ansible.builtin.", "ansible.legacy.", "ansible.utils.", "community.general.", "ansible.netcommon."];

/// A plugin's name without the collection it comes from.
pub fn short_name(name: &str) -> &str {
    COLLECTIONS.iter().find_map(|c| name.strip_prefix(c)).unwrap_or(name)
}

/// The filter `name`.
pub fn filter(name: &str) -> Option<Filter> {
    filters::find(short_name(name))
}

/// The test `name`.
pub fn test(name: &str) -> Option<Test> {
    tests::find(short_name(name))
}

/// The lookup `name`.
pub fn lookup(name: &str) -> Option<Lookup> {
    lookups::find(short_name(name))
}

/// All filters, for suggestions.
pub fn filter_names() -> &'static [&'static str] {
    filters::NAMES
}

/// All tests, for suggestions.
pub fn test_names() -> &'static [&'static str] {
    tests::NAMES
}

/// All lookups, for suggestions.
pub fn lookup_names() -> &'static [&'static str] {
    lookups::NAMES
}

/// Filters whose text is never read as a list or dictionary again (`STRING_TYPE_FILTERS`).
pub const STRING_FILTERS: [&str; 7] =
    ["string", "to_json", "to_nice_json", "to_yaml", "to_nice_yaml", "ppretty", "json"];

/// The name most like `name`, for suggestions.
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let name = short_name(name);
    let bound = name.chars().count() / 3 + 1;
    names.iter().map(|n| (distance(name, n), *n)).filter(|(d, _)| *d <= bound).min().map(|(_, n)| n)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

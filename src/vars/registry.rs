//! Filters, tests and lookups by name: what the compiler asks for, and the evaluator calls.
//!
//! To add one, write its function in `filters`, `tests` or `lookups` and name it in that folder's `find` and `NAMES`.

use super::env::Env;
use super::error::Outcome;
use super::object::CallArgs;
use super::value::Value;
use super::vault::Vault;
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

/// The filter `name`; those of Ansible Vault are where its passwords are.
pub fn filter(name: &str, vault: Option<&dyn Vault>) -> Option<Filter> {
    let name = short_name(name);
    filters::find(name).or_else(|| vault?.filter(name))
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

//! Jinja's and Ansible's tests by name (`x is NAME`).
//!
//! To add one, write its function in the file it belongs to and name it in [`find`] and [`NAMES`].

mod file;
mod kind;
mod relation;
mod result;

use super::registry::Test;

/// Every name that [`find`] knows, sorted.
pub const NAMES: &[&str] = &[
    "!=",
    "<",
    "<=",
    "==",
    ">",
    ">=",
    "abs",
    "all",
    "any",
    "boolean",
    "callable",
    "change",
    "changed",
    "contains",
    "defined",
    "directory",
    "divisibleby",
    "eq",
    "equalto",
    "escaped",
    "even",
    "exists",
    "failed",
    "failure",
    "false",
    "falsy",
    "file",
    "filter",
    "finished",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "integer",
    "is_abs",
    "is_dir",
    "is_file",
    "is_link",
    "is_mount",
    "is_same_file",
    "isnan",
    "issubset",
    "issuperset",
    "iterable",
    "le",
    "lessthan",
    "link",
    "link_exists",
    "lower",
    "lt",
    "mapping",
    "match",
    "mount",
    "nan",
    "ne",
    "none",
    "number",
    "odd",
    "reachable",
    "regex",
    "same_file",
    "sameas",
    "search",
    "sequence",
    "skip",
    "skipped",
    "started",
    "string",
    "subset",
    "succeeded",
    "success",
    "successful",
    "superset",
    "test",
    "true",
    "truthy",
    "undefined",
    "unreachable",
    "upper",
    "uri",
    "url",
    "urn",
    "vault_encrypted",
    "version",
    "version_compare",
];

/// The test of that name (without its collection).
pub fn find(name: &str) -> Option<Test> {
    jinja(name).or_else(|| builtin(name))
}

fn jinja(name: &str) -> Option<Test> {
    Some(match name {
        "!=" | "ne" => relation::ne,
        "<" | "lessthan" | "lt" => relation::lt,
        "<=" | "le" => relation::le,
        "==" | "eq" | "equalto" => relation::eq,
        ">" | "greaterthan" | "gt" => relation::gt,
        ">=" | "ge" => relation::ge,
        "boolean" => kind::boolean,
        "callable" => kind::callable,
        "defined" => kind::defined,
        "divisibleby" => relation::divisibleby,
        "escaped" => kind::escaped,
        "even" => relation::even,
        "false" => kind::is_false,
        "filter" => kind::filter,
        "float" => kind::float,
        "in" => relation::within,
        "integer" => kind::integer,
        "iterable" => kind::iterable,
        "lower" => kind::lower,
        "mapping" => kind::mapping,
        "none" => kind::none,
        "number" => kind::number,
        "odd" => relation::odd,
        "sameas" => relation::sameas,
        "sequence" => kind::sequence,
        "string" => kind::string,
        "test" => kind::test,
        "true" => kind::is_true,
        "undefined" => kind::undefined,
        "upper" => kind::upper,
        _ => return None,
    })
}

fn builtin(name: &str) -> Option<Test> {
    Some(match name {
        "abs" | "is_abs" => file::absolute,
        "all" => relation::all,
        "any" => relation::any,
        "change" | "changed" => result::changed,
        "contains" => relation::contains,
        "directory" | "is_dir" => file::directory,
        "exists" => file::exists,
        "failed" | "failure" => result::failed,
        "falsy" => relation::falsy,
        "file" | "is_file" => file::regular,
        "finished" => result::finished,
        "is_link" | "link" => file::link,
        "is_mount" | "mount" => file::mount,
        "is_same_file" | "same_file" => file::same,
        "isnan" | "nan" => relation::nan,
        "issubset" | "subset" => relation::subset,
        "issuperset" | "superset" => relation::superset,
        "link_exists" => file::link_exists,
        "match" => relation::matches,
        "reachable" => result::reachable,
        "regex" => relation::regex,
        "search" => relation::search,
        "skip" | "skipped" => result::skipped,
        "started" => result::started,
        "succeeded" | "success" | "successful" => result::success,
        "truthy" => relation::truthy,
        "unreachable" => result::unreachable,
        "uri" => relation::uri,
        "url" => relation::url,
        "urn" => relation::urn,
        "vault_encrypted" => kind::vault_encrypted,
        "version" | "version_compare" => relation::version,
        _ => return None,
    })
}

#[cfg(test)]
mod names {
    use super::{NAMES, find};

    #[test]
    fn are_sorted_and_found() {
        assert!(NAMES.is_sorted());
        assert_eq!(NAMES.iter().filter(|n| find(n).is_none()).count(), 0);
        assert!(find("nosuchtest").is_none());
    }
}

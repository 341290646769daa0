//! Ansible's lookups by name. Each gives the list that `query` gives; the caller joins it, taints it, and decides
//! what an error means (`errors=`).
//!
//! To add one, write its function in the file it belongs to and name it in [`find`] and [`NAMES`].

mod command;
mod config;
mod csv;
mod file;
mod hosts;
mod ini;
mod keyvalue;
mod list;
mod options;
mod password;
mod sequence;
#[cfg(feature = "builder")]
mod settings;
mod url;
mod variable;

use super::registry::Lookup;

/// Every name that [`find`] knows, sorted.
pub const NAMES: &[&str] = &[
    "cartesian",
    "config",
    "csvfile",
    "dict",
    "env",
    "file",
    "fileglob",
    "first_found",
    "flattened",
    "indexed_items",
    "ini",
    "inventory_hostnames",
    "items",
    "lines",
    "list",
    "nested",
    "password",
    "pipe",
    "random_choice",
    "sequence",
    "subelements",
    "template",
    "together",
    "unvault",
    "url",
    "varnames",
    "vars",
];

/// The lookup of that name (without its collection).
pub fn find(name: &str) -> Option<Lookup> {
    Some(match name {
        "cartesian" => list::cartesian,
        "config" => config::config,
        "csvfile" => csv::csvfile,
        "dict" => list::dict,
        "env" => variable::env,
        "file" => file::file,
        "fileglob" => file::fileglob,
        "first_found" => file::first_found,
        "flattened" => list::flattened,
        "indexed_items" => list::indexed_items,
        "ini" => ini::ini,
        "inventory_hostnames" => hosts::inventory_hostnames,
        "items" => list::items,
        "lines" => command::lines,
        "list" => list::list,
        "nested" => list::nested,
        "password" => password::password,
        "pipe" => command::pipe,
        "random_choice" => list::random_choice,
        "sequence" => sequence::sequence,
        "subelements" => list::subelements,
        "template" => file::template,
        "together" => list::together,
        "unvault" => file::unvault,
        "url" => url::url,
        "varnames" => variable::varnames,
        "vars" => variable::vars,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{NAMES, find};

    #[test]
    fn names_are_sorted_and_found() {
        assert!(NAMES.is_sorted());
        assert_eq!(NAMES.iter().filter(|n| find(n).is_none()).count(), 0);
        assert!(find("nosuchlookup").is_none());
    }
}

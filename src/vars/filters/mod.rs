//! Jinja's and Ansible's filters by name, and those of other collections that cluster roles use.
//!
//! To add one, write its function in the file it belongs to and name it in [`find`] and [`NAMES`].

pub(super) mod args;
mod attribute;
pub(super) mod chance;
mod cidr;
pub(super) mod dict;
pub(super) mod encode;
mod group;
mod ip;
pub mod json;
pub(super) mod json_read;
pub(super) mod logic;
mod mac;
mod markup;
pub(super) mod number;
pub(super) mod order;
mod path;
mod pretty;
mod query;
pub(super) mod regex;
pub(super) mod sequence;
mod sets;
mod text;
mod time;
mod urlize;
#[cfg(feature = "builder")]
pub(super) mod vault;
mod wrap;
mod yaml;

use super::registry::Filter;

/// Every name that [`find`] knows, sorted.
pub const NAMES: &[&str] = &[
    "abs",
    "attr",
    "b64decode",
    "b64encode",
    "basename",
    "batch",
    "bool",
    "capitalize",
    "center",
    "checksum",
    "cidr_merge",
    "combinations",
    "combine",
    "comment",
    "commonpath",
    "count",
    "counter",
    "d",
    "default",
    "dict",
    "dict2items",
    "dict_kv",
    "dictsort",
    "difference",
    "dirname",
    "e",
    "escape",
    "expanduser",
    "expandvars",
    "extract",
    "fileglob",
    "filesizeformat",
    "filter_user_params",
    "first",
    "flatten",
    "float",
    "forceescape",
    "format",
    "from_json",
    "from_yaml",
    "from_yaml_all",
    "groupby",
    "hash",
    "human_readable",
    "human_to_bytes",
    "hwaddr",
    "indent",
    "int",
    "intersect",
    "ip4_hex",
    "ipaddr",
    "ipmath",
    "ipsubnet",
    "ipv4",
    "ipv6",
    "ipwrap",
    "items",
    "items2dict",
    "join",
    "json_query",
    "last",
    "length",
    "list",
    "log",
    "lower",
    "macaddr",
    "mandatory",
    "map",
    "max",
    "md5",
    "min",
    "network_in_network",
    "network_in_usable",
    "next_nth_usable",
    "normpath",
    "nthhost",
    "password_hash",
    "path_join",
    "permutations",
    "pow",
    "pprint",
    "previous_nth_usable",
    "product",
    "quote",
    "random",
    "realpath",
    "reduce_on_network",
    "regex_escape",
    "regex_findall",
    "regex_replace",
    "regex_search",
    "reject",
    "rejectattr",
    "rekey_on_member",
    "relpath",
    "replace",
    "reverse",
    "root",
    "round",
    "safe",
    "select",
    "selectattr",
    "sha1",
    "shuffle",
    "slaac",
    "slice",
    "sort",
    "split",
    "splitext",
    "strftime",
    "string",
    "striptags",
    "subelements",
    "sum",
    "symmetric_difference",
    "ternary",
    "title",
    "to_datetime",
    "to_json",
    "to_nice_json",
    "to_nice_yaml",
    "to_uuid",
    "to_yaml",
    "tojson",
    "trim",
    "truncate",
    "type_debug",
    "union",
    "unique",
    #[cfg(feature = "builder")]
    "unvault",
    "upper",
    "urldecode",
    "urlencode",
    "urlize",
    "urlsplit",
    #[cfg(feature = "builder")]
    "vault",
    "win_basename",
    "win_dirname",
    "win_splitdrive",
    "wordcount",
    "wordwrap",
    "xmlattr",
    "zip",
    "zip_longest",
];

/// The filter of that name (without its collection).
pub fn find(name: &str) -> Option<Filter> {
    jinja(name).or_else(|| builtin(name)).or_else(|| elsewhere(name))
}

/// Jinja's own; where Ansible has one of the same name, that one is in [`builtin`].
fn jinja(name: &str) -> Option<Filter> {
    Some(match name {
        "abs" => number::abs,
        "attr" => sequence::attr,
        "batch" => sequence::batch,
        "capitalize" => text::capitalize,
        "center" => text::center,
        "count" | "length" => sequence::length,
        "d" | "default" => sequence::default,
        "dictsort" => dict::dictsort,
        "e" | "escape" | "forceescape" => markup::escape,
        "filesizeformat" => number::filesizeformat,
        "first" => sequence::first,
        "float" => number::float,
        "format" => text::format,
        "groupby" => sequence::groupby,
        "pprint" => pretty::pprint,
        "urlize" => urlize::urlize,
        "indent" => text::indent,
        "int" => number::int,
        "items" => dict::items,
        "join" => sequence::join,
        "last" => sequence::last,
        "list" => sequence::list,
        "lower" => text::lower,
        "map" => sequence::map,
        "max" => sequence::max,
        "min" => sequence::min,
        "reject" => sequence::reject,
        "rejectattr" => sequence::rejectattr,
        "replace" => text::replace,
        "reverse" => text::reverse,
        "round" => number::round,
        "safe" => markup::safe,
        "select" => sequence::select,
        "selectattr" => sequence::selectattr,
        "slice" => sequence::slice,
        "sort" => sequence::sort,
        "string" => text::string,
        "striptags" => markup::striptags,
        "sum" => sequence::sum,
        "title" => text::title,
        "tojson" => markup::tojson,
        "trim" => text::trim,
        "truncate" => text::truncate,
        "upper" => text::upper,
        "urlencode" => encode::urlencode,
        "wordcount" => text::wordcount,
        "wordwrap" => wrap::wordwrap,
        "xmlattr" => markup::xmlattr,
        _ => return None,
    })
}

/// Those of ansible.builtin.
fn builtin(name: &str) -> Option<Filter> {
    Some(match name {
        "b64decode" => encode::b64decode,
        "b64encode" => encode::b64encode,
        "basename" => path::basename,
        "bool" => logic::bool,
        "checksum" | "sha1" => encode::sha1,
        "combinations" => sets::combinations,
        "combine" => dict::combine,
        "comment" => text::comment,
        "commonpath" => path::commonpath,
        "dict2items" => dict::dict2items,
        "difference" => sets::difference,
        "dirname" => path::dirname,
        "expanduser" => path::expanduser,
        "expandvars" => path::expandvars,
        "extract" => dict::extract,
        "fileglob" => path::fileglob,
        "flatten" => sets::flatten,
        "from_json" => json::from_json,
        "from_yaml" => yaml::from_yaml,
        "from_yaml_all" => yaml::from_yaml_all,
        "hash" => encode::hash,
        "human_readable" => number::human_readable,
        "human_to_bytes" => number::human_to_bytes,
        "intersect" => sets::intersect,
        "items2dict" => dict::items2dict,
        "log" => number::log,
        "mandatory" => logic::mandatory,
        "md5" => encode::md5,
        "normpath" => path::normpath,
        "password_hash" => encode::password_hash,
        "path_join" => path::path_join,
        "permutations" => sets::permutations,
        "pow" => number::pow,
        "product" => sets::product,
        "quote" => encode::quote,
        "random" => chance::random,
        "realpath" => path::realpath,
        "regex_escape" => regex::regex_escape,
        "regex_findall" => regex::regex_findall,
        "regex_replace" => regex::regex_replace,
        "regex_search" => regex::regex_search,
        "rekey_on_member" => dict::rekey_on_member,
        "relpath" => path::relpath,
        "root" => number::root,
        "shuffle" => chance::shuffle,
        "split" => text::split,
        "splitext" => path::splitext,
        "strftime" => time::strftime,
        "subelements" => dict::subelements,
        "symmetric_difference" => sets::symmetric_difference,
        "ternary" => logic::ternary,
        "to_datetime" => time::to_datetime,
        "to_json" => json::to_json,
        "to_nice_json" => json::to_nice_json,
        "to_nice_yaml" => yaml::to_nice_yaml,
        "to_uuid" => encode::to_uuid,
        "to_yaml" => yaml::to_yaml,
        "type_debug" => logic::type_debug,
        "union" => sets::union,
        "unique" => sets::unique,
        "urldecode" => encode::urldecode,
        "urlsplit" => encode::urlsplit,
        "win_basename" => path::win_basename,
        "win_dirname" => path::win_dirname,
        "win_splitdrive" => path::win_splitdrive,
        "zip" => sets::zip,
        "zip_longest" => sets::zip_longest,
        _ => return None,
    })
}

/// Those of ansible.utils, community.general and of roles' own `filter_plugins` that cluster roles share.
fn elsewhere(name: &str) -> Option<Filter> {
    Some(match name {
        "cidr_merge" => cidr::cidr_merge,
        "counter" => dict::counter,
        "dict" => dict::dict,
        "dict_kv" => dict::dict_kv,
        "filter_user_params" => dict::filter_user_params,
        "hwaddr" => mac::hwaddr,
        "ip4_hex" => ip::ip4_hex,
        "ipaddr" => ip::ipaddr,
        "ipmath" => ip::ipmath,
        "ipsubnet" => ip::ipsubnet,
        "ipv4" => ip::ipv4,
        "ipv6" => ip::ipv6,
        "ipwrap" => ip::ipwrap,
        "macaddr" => mac::macaddr,
        "network_in_network" => ip::network_in_network,
        "network_in_usable" => ip::network_in_usable,
        "next_nth_usable" => ip::next_nth_usable,
        "nthhost" => ip::nthhost,
        "previous_nth_usable" => ip::previous_nth_usable,
        "reduce_on_network" => ip::reduce_on_network,
        "slaac" => mac::slaac,
        "json_query" => query::json_query,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{NAMES, find};
    use crate::vars::vault::{Keyring, Vault};

    #[test]
    fn names_are_sorted_and_found() {
        assert!(NAMES.is_sorted());
        let keyring = Keyring::default();
        assert_eq!(NAMES.iter().filter(|n| find(n).or_else(|| keyring.filter(n)).is_none()).count(), 0);
        assert!(find("nosuchfilter").is_none());
    }
}

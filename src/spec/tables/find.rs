//! The arguments of ansible.builtin.find. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.find
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.find",
    params: &[
        Param { name: "age", ..Param::DEFAULT },
        Param {
            name: "age_stamp",
            choices: &["atime", "ctime", "mtime"],
            default: Some("\"mtime\""),
            ..Param::DEFAULT
        },
        Param { name: "contains", ..Param::DEFAULT },
        Param { name: "depth", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "exact_mode", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "excludes", aliases: &["exclude"], kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param {
            name: "file_type",
            choices: &["any", "directory", "file", "link"],
            default: Some("\"file\""),
            ..Param::DEFAULT
        },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "get_checksum", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "hidden", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "mode", kind: Kind::Raw, ..Param::DEFAULT },
        Param {
            name: "paths",
            aliases: &["name", "path"],
            kind: Kind::List(&Kind::Str),
            required: true,
            ..Param::DEFAULT
        },
        Param {
            name: "patterns",
            aliases: &["pattern"],
            kind: Kind::List(&Kind::Str),
            default: Some("[]"),
            ..Param::DEFAULT
        },
        Param { name: "read_whole_file", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "recurse", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "size", ..Param::DEFAULT },
        Param { name: "use_regex", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

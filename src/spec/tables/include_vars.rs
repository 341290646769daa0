//! The arguments of ansible.builtin.include_vars. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.include_vars
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.include_vars",
    params: &[
        Param { name: "depth", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "dir", kind: Kind::Path, ..Param::DEFAULT },
        Param {
            name: "extensions",
            kind: Kind::List(&Kind::Str),
            default: Some("[\"json\", \"yaml\", \"yml\"]"),
            ..Param::DEFAULT
        },
        Param { name: "file", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "files_matching", ..Param::DEFAULT },
        Param { name: "hash_behaviour", choices: &["replace", "merge"], ..Param::DEFAULT },
        Param { name: "ignore_files", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "ignore_unknown_extensions", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "name", ..Param::DEFAULT },
    ],
    free_form: true,
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.posix.patch. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.patch
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.patch",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "basedir", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "binary", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "dest", aliases: &["originalfile"], kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "ignore_whitespace", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "remote_src", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "src", aliases: &["patchfile"], kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "strip", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
    ],
    required_one_of: &[&["dest", "basedir"]],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.assemble. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.assemble
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.assemble",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "decrypt", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "delimiter", ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "ignore_hidden", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "regexp", ..Param::DEFAULT },
        Param { name: "remote_src", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.group. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.group
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.group",
    params: &[
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "gid", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "local", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "name", required: true, ..Param::DEFAULT },
        Param { name: "non_unique", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "system", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
    ],
    required_if: &[("non_unique", "True", &["gid"])],
    ..ModuleSpec::DEFAULT
};

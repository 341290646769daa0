//! The arguments of ansible.builtin.pause. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.pause
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.pause",
    params: &[
        Param { name: "echo", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "minutes", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "prompt", ..Param::DEFAULT },
        Param { name: "seconds", kind: Kind::Int, ..Param::DEFAULT },
    ],
    mutually_exclusive: &[&["minutes", "seconds"]],
    ..ModuleSpec::DEFAULT
};

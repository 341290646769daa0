//! The arguments of ansible.builtin.group_by. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.group_by
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.group_by",
    params: &[
        Param { name: "key", ..Param::DEFAULT },
        Param { name: "parents", kind: Kind::List(&Kind::Str), default: Some("[\"all\"]"), ..Param::DEFAULT },
    ],
    any_params: true,
    ..ModuleSpec::DEFAULT
};

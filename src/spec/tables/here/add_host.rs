//! The arguments of ansible.builtin.add_host. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.add_host
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.add_host",
    params: &[
        Param { name: "groups", aliases: &["group", "groupname"], kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "name", aliases: &["host", "hostname"], ..Param::DEFAULT },
    ],
    any_params: true,
    ..ModuleSpec::DEFAULT
};

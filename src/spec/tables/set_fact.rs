//! The arguments of ansible.builtin.set_fact. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.set_fact
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.set_fact",
    params: &[Param { name: "cacheable", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT }],
    any_params: true,
    ..ModuleSpec::DEFAULT
};

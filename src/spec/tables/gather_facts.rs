//! The arguments of ansible.builtin.gather_facts. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.gather_facts
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.gather_facts",
    params: &[Param { name: "parallel", kind: Kind::Bool, ..Param::DEFAULT }],
    any_params: true,
    ..ModuleSpec::DEFAULT
};

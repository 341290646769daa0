//! The arguments of ansible.builtin.fail. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.fail
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.fail",
    params: &[Param {
        name: "msg",
        kind: Kind::Raw,
        default: Some("\"Failed as requested from task\""),
        ..Param::DEFAULT
    }],
    ..ModuleSpec::DEFAULT
};

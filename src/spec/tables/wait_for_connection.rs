//! The arguments of ansible.builtin.wait_for_connection. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.wait_for_connection
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.wait_for_connection",
    params: &[
        Param { name: "connect_timeout", kind: Kind::Int, default: Some("5"), ..Param::DEFAULT },
        Param { name: "delay", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "sleep", kind: Kind::Int, default: Some("1"), ..Param::DEFAULT },
        Param { name: "timeout", kind: Kind::Int, default: Some("600"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

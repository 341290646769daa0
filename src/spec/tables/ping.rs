//! The arguments of ansible.builtin.ping. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// ansible.builtin.ping
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.ping",
    params: &[Param { name: "data", default: Some("\"pong\""), ..Param::DEFAULT }],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.async_status. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// ansible.builtin.async_status
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.async_status",
    params: &[
        Param { name: "jid", required: true, ..Param::DEFAULT },
        Param { name: "mode", choices: &["cleanup", "status"], default: Some("\"status\""), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

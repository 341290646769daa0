//! The arguments of ansible.builtin.raw. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// ansible.builtin.raw
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.raw",
    params: &[Param { name: "executable", ..Param::DEFAULT }],
    free_form: true,
    ..ModuleSpec::DEFAULT
};

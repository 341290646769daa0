//! The arguments of ansible.builtin.script. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.script
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.script",
    params: &[
        Param { name: "chdir", ..Param::DEFAULT },
        Param { name: "cmd", ..Param::DEFAULT },
        Param { name: "creates", ..Param::DEFAULT },
        Param { name: "decrypt", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "executable", ..Param::DEFAULT },
        Param { name: "removes", ..Param::DEFAULT },
    ],
    free_form: true,
    ..ModuleSpec::DEFAULT
};

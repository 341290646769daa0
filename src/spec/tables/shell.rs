//! The arguments of ansible.builtin.shell. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.shell
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.shell",
    params: &[
        Param { name: "chdir", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "cmd", ..Param::DEFAULT },
        Param { name: "creates", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "executable", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "removes", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "stdin", ..Param::DEFAULT },
        Param { name: "stdin_add_newline", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    free_form: true,
    ..ModuleSpec::DEFAULT
};

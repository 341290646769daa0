//! The arguments of ansible.builtin.command. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.command
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.command",
    params: &[
        Param { name: "argv", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "chdir", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "cmd", ..Param::DEFAULT },
        Param { name: "creates", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "executable", ..Param::DEFAULT },
        Param { name: "expand_argument_vars", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "removes", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "stdin", ..Param::DEFAULT },
        Param { name: "stdin_add_newline", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "strip_empty_ends", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    free_form: true,
    ..ModuleSpec::DEFAULT
};

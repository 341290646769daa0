//! The arguments of ansible.builtin.debug. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.debug
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.debug",
    params: &[
        Param { name: "msg", kind: Kind::Raw, default: Some("\"Hello world!\""), ..Param::DEFAULT },
        Param { name: "var", kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "verbosity", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
    ],
    mutually_exclusive: &[&["msg", "var"]],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.assert. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.assert
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.assert",
    params: &[
        Param { name: "fail_msg", aliases: &["msg"], kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "quiet", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "success_msg", kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "that", kind: Kind::Raw, required: true, ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.getent. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.getent
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.getent",
    params: &[
        Param { name: "database", required: true, ..Param::DEFAULT },
        Param { name: "fail_key", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "key", ..Param::DEFAULT },
        Param { name: "service", ..Param::DEFAULT },
        Param { name: "split", ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.fetch. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.fetch
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.fetch",
    params: &[
        Param { name: "dest", required: true, ..Param::DEFAULT },
        Param { name: "fail_on_missing", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "flat", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "src", required: true, ..Param::DEFAULT },
        Param { name: "validate_checksum", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.set_stats. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.set_stats
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.set_stats",
    params: &[
        Param { name: "aggregate", kind: Kind::Raw, default: Some("true"), ..Param::DEFAULT },
        Param { name: "data", kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "per_host", kind: Kind::Raw, default: Some("false"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

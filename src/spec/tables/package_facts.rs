//! The arguments of ansible.builtin.package_facts. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.package_facts
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.package_facts",
    params: &[
        Param { name: "manager", kind: Kind::List(&Kind::Str), default: Some("[\"auto\"]"), ..Param::DEFAULT },
        Param { name: "strategy", choices: &["first", "all"], default: Some("\"first\""), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

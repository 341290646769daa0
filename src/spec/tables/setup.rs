//! The arguments of ansible.builtin.setup. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.setup
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.setup",
    params: &[
        Param { name: "fact_path", kind: Kind::Path, default: Some("\"/etc/ansible/facts.d\""), ..Param::DEFAULT },
        Param { name: "filter", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "gather_subset", kind: Kind::List(&Kind::Str), default: Some("[\"all\"]"), ..Param::DEFAULT },
        Param { name: "gather_timeout", kind: Kind::Int, default: Some("10"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

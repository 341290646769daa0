//! The arguments of ansible.builtin.package. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.package
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.package",
    params: &[
        Param { name: "name", kind: Kind::Raw, required: true, ..Param::DEFAULT },
        Param { name: "state", default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "use", default: Some("\"auto\""), ..Param::DEFAULT },
    ],
    any_params: true,
    ..ModuleSpec::DEFAULT
};

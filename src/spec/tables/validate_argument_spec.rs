//! The arguments of ansible.builtin.validate_argument_spec. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.validate_argument_spec
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.validate_argument_spec",
    params: &[
        Param { name: "argument_spec", kind: Kind::Dict, required: true, ..Param::DEFAULT },
        Param { name: "provided_arguments", kind: Kind::Dict, ..Param::DEFAULT },
        Param { name: "validate_args_context", kind: Kind::Dict, ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.slurp. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.slurp
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.slurp",
    params: &[Param { name: "src", aliases: &["path"], kind: Kind::Path, required: true, ..Param::DEFAULT }],
    ..ModuleSpec::DEFAULT
};

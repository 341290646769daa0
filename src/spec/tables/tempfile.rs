//! The arguments of ansible.builtin.tempfile. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.tempfile
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.tempfile",
    params: &[
        Param { name: "path", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "prefix", default: Some("\"ansible.\""), ..Param::DEFAULT },
        Param { name: "state", choices: &["file", "directory"], default: Some("\"file\""), ..Param::DEFAULT },
        Param { name: "suffix", default: Some("\"\""), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

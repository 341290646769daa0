//! The arguments of ansible.builtin.replace. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.replace
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.replace",
    params: &[
        Param { name: "after", ..Param::DEFAULT },
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "before", ..Param::DEFAULT },
        Param { name: "encoding", default: Some("\"utf-8\""), ..Param::DEFAULT },
        Param { name: "others", ..Param::DEFAULT },
        Param {
            name: "path",
            aliases: &["dest", "destfile", "name"],
            kind: Kind::Path,
            required: true,
            ..Param::DEFAULT
        },
        Param { name: "regexp", required: true, ..Param::DEFAULT },
        Param { name: "replace", default: Some("\"\""), ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.builtin.template. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.template
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.template",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "block_end_string", ..Param::DEFAULT },
        Param { name: "block_start_string", ..Param::DEFAULT },
        Param { name: "comment_end_string", ..Param::DEFAULT },
        Param { name: "comment_start_string", ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "lstrip_blocks", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param {
            name: "newline_sequence",
            choices: &["\\n", "\\r", "\\r\\n", "\n", "\r", "\r\n"],
            default: Some("\"\\n\""),
            ..Param::DEFAULT
        },
        Param { name: "output_encoding", default: Some("\"utf-8\""), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "trim_blocks", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
        Param { name: "variable_end_string", ..Param::DEFAULT },
        Param { name: "variable_start_string", ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};

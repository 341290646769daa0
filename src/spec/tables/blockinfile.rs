//! The arguments of ansible.builtin.blockinfile. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.blockinfile
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.blockinfile",
    params: &[
        Param { name: "append_newline", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "block", aliases: &["content"], default: Some("\"\""), ..Param::DEFAULT },
        Param { name: "create", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "insertafter", ..Param::DEFAULT },
        Param { name: "insertbefore", ..Param::DEFAULT },
        Param { name: "marker", default: Some("\"# {mark} ANSIBLE MANAGED BLOCK\""), ..Param::DEFAULT },
        Param { name: "marker_begin", default: Some("\"BEGIN\""), ..Param::DEFAULT },
        Param { name: "marker_end", default: Some("\"END\""), ..Param::DEFAULT },
        Param {
            name: "path",
            aliases: &["dest", "destfile", "name"],
            kind: Kind::Path,
            required: true,
            ..Param::DEFAULT
        },
        Param { name: "prepend_newline", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
    ],
    file_common: true,
    mutually_exclusive: &[&["insertbefore", "insertafter"]],
    ..ModuleSpec::DEFAULT
};

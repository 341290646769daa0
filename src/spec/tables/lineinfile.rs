//! The arguments of ansible.builtin.lineinfile. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.lineinfile
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.lineinfile",
    params: &[
        Param { name: "backrefs", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "create", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "firstmatch", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "insertafter", ..Param::DEFAULT },
        Param { name: "insertbefore", ..Param::DEFAULT },
        Param { name: "line", aliases: &["value"], ..Param::DEFAULT },
        Param { name: "others", ..Param::DEFAULT },
        Param {
            name: "path",
            aliases: &["dest", "destfile", "name"],
            kind: Kind::Path,
            required: true,
            ..Param::DEFAULT
        },
        Param { name: "regexp", aliases: &["regex"], ..Param::DEFAULT },
        Param { name: "search_string", ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
    ],
    file_common: true,
    mutually_exclusive: &[
        &["insertbefore", "insertafter"],
        &["regexp", "search_string"],
        &["backrefs", "search_string"],
    ],
    ..ModuleSpec::DEFAULT
};

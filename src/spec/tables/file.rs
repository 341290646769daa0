//! The arguments of ansible.builtin.file. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.file
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.file",
    params: &[
        Param { name: "_diff_peek", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "access_time", ..Param::DEFAULT },
        Param { name: "access_time_format", default: Some("\"%Y%m%d%H%M.%S\""), ..Param::DEFAULT },
        Param { name: "follow", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "modification_time", ..Param::DEFAULT },
        Param { name: "modification_time_format", default: Some("\"%Y%m%d%H%M.%S\""), ..Param::DEFAULT },
        Param { name: "path", aliases: &["dest", "name"], kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "recurse", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "directory", "file", "hard", "link", "touch"], ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};

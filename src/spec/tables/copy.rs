//! The arguments of ansible.builtin.copy. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.copy
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.copy",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "checksum", ..Param::DEFAULT },
        Param { name: "content", kind: Kind::Raw, secret: true, ..Param::DEFAULT },
        Param { name: "decrypt", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "dest", kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "directory_mode", kind: Kind::Raw, ..Param::DEFAULT },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "local_follow", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "remote_src", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "validate", ..Param::DEFAULT },
    ],
    file_common: true,
    ..ModuleSpec::DEFAULT
};

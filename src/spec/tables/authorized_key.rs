//! The arguments of ansible.posix.authorized_key. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.authorized_key
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.authorized_key",
    params: &[
        Param { name: "comment", ..Param::DEFAULT },
        Param { name: "exclusive", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "follow", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "key", required: true, ..Param::DEFAULT },
        Param { name: "key_options", ..Param::DEFAULT },
        Param { name: "manage_dir", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "path", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "user", required: true, ..Param::DEFAULT },
        Param { name: "validate_certs", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

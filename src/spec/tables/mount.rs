//! The arguments of ansible.posix.mount. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.mount
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.mount",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "boot", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "dump", default: Some("\"0\""), ..Param::DEFAULT },
        Param { name: "fstab", ..Param::DEFAULT },
        Param { name: "fstype", ..Param::DEFAULT },
        Param { name: "opts", ..Param::DEFAULT },
        Param { name: "opts_no_log", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "passno", default: Some("\"0\""), ..Param::DEFAULT },
        Param { name: "path", aliases: &["name"], kind: Kind::Path, required: true, ..Param::DEFAULT },
        Param { name: "src", kind: Kind::Path, ..Param::DEFAULT },
        Param {
            name: "state",
            required: true,
            choices: &["absent", "absent_from_fstab", "mounted", "present", "unmounted", "remounted", "ephemeral"],
            ..Param::DEFAULT
        },
    ],
    required_if: &[
        ("state", "mounted", &["src", "fstype"]),
        ("state", "present", &["src", "fstype"]),
        ("state", "ephemeral", &["src", "fstype"]),
    ],
    ..ModuleSpec::DEFAULT
};

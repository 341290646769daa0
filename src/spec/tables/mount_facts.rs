//! The arguments of mount_facts. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// mount_facts
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "mount_facts",
    params: &[
        Param { name: "devices", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "fstypes", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "include_aggregate_mounts", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "mount_binary", kind: Kind::Raw, default: Some("\"mount\""), ..Param::DEFAULT },
        Param {
            name: "on_timeout",
            choices: &["error", "warn", "ignore"],
            default: Some("\"error\""),
            ..Param::DEFAULT
        },
        Param { name: "sources", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "timeout", kind: Kind::Float, ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

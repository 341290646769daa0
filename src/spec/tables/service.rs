//! The arguments of ansible.builtin.service. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.service
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.service",
    params: &[
        Param { name: "arguments", aliases: &["args"], default: Some("\"\""), ..Param::DEFAULT },
        Param {
            name: "daemon_reexec",
            aliases: &["daemon-reexec"],
            kind: Kind::Bool,
            default: Some("false"),
            ..Param::DEFAULT
        },
        Param {
            name: "daemon_reload",
            aliases: &["daemon-reload"],
            kind: Kind::Bool,
            default: Some("false"),
            ..Param::DEFAULT
        },
        Param { name: "enabled", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "force", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "masked", kind: Kind::Bool, ..Param::DEFAULT },
        Param { name: "name", required: true, ..Param::DEFAULT },
        Param { name: "no_block", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "pattern", ..Param::DEFAULT },
        Param { name: "runlevel", default: Some("\"default\""), ..Param::DEFAULT },
        Param { name: "scope", choices: &["system", "user", "global"], default: Some("\"system\""), ..Param::DEFAULT },
        Param { name: "sleep", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "state", choices: &["started", "stopped", "reloaded", "restarted"], ..Param::DEFAULT },
        Param { name: "use", default: Some("\"auto\""), ..Param::DEFAULT },
    ],
    required_one_of: &[&["state", "enabled"]],
    ..ModuleSpec::DEFAULT
};

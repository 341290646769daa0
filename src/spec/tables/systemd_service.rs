//! The arguments of ansible.builtin.systemd_service. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.systemd_service
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.systemd_service",
    aliases: &["ansible.builtin.systemd", "systemd"],
    params: &[
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
        Param { name: "name", aliases: &["service", "unit"], ..Param::DEFAULT },
        Param { name: "no_block", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "scope", choices: &["system", "user", "global"], default: Some("\"system\""), ..Param::DEFAULT },
        Param { name: "state", choices: &["reloaded", "restarted", "started", "stopped"], ..Param::DEFAULT },
    ],
    required_one_of: &[&["state", "enabled", "masked", "daemon_reload", "daemon_reexec"]],
    required_by: &[("enabled", &["name"]), ("masked", &["name"]), ("state", &["name"])],
    ..ModuleSpec::DEFAULT
};

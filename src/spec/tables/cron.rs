//! The arguments of ansible.builtin.cron. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.cron
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.cron",
    params: &[
        Param { name: "backup", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "cron_file", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "day", aliases: &["dom"], default: Some("\"*\""), ..Param::DEFAULT },
        Param { name: "disabled", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "env", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "hour", default: Some("\"*\""), ..Param::DEFAULT },
        Param { name: "insertafter", ..Param::DEFAULT },
        Param { name: "insertbefore", ..Param::DEFAULT },
        Param { name: "job", aliases: &["value"], ..Param::DEFAULT },
        Param { name: "minute", default: Some("\"*\""), ..Param::DEFAULT },
        Param { name: "month", default: Some("\"*\""), ..Param::DEFAULT },
        Param { name: "name", required: true, ..Param::DEFAULT },
        Param {
            name: "special_time",
            choices: &["reboot", "yearly", "annually", "monthly", "weekly", "daily", "hourly"],
            ..Param::DEFAULT
        },
        Param { name: "state", choices: &["present", "absent"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "user", ..Param::DEFAULT },
        Param { name: "weekday", aliases: &["dow"], default: Some("\"*\""), ..Param::DEFAULT },
    ],
    mutually_exclusive: &[&["insertafter", "insertbefore"]],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.posix.at. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.at
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.at",
    params: &[
        Param { name: "command", ..Param::DEFAULT },
        Param { name: "count", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "script_file", ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "unique", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "units", choices: &["minutes", "hours", "days", "weeks"], ..Param::DEFAULT },
    ],
    required_one_of: &[&["command", "script_file"]],
    mutually_exclusive: &[&["command", "script_file"]],
    ..ModuleSpec::DEFAULT
};

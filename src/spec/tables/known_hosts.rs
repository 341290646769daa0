//! The arguments of ansible.builtin.known_hosts. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.known_hosts
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.known_hosts",
    params: &[
        Param { name: "hash_host", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "key", ..Param::DEFAULT },
        Param { name: "name", aliases: &["host"], required: true, ..Param::DEFAULT },
        Param { name: "path", kind: Kind::Path, default: Some("\"~/.ssh/known_hosts\""), ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

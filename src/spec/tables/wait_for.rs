//! The arguments of ansible.builtin.wait_for. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.wait_for
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.wait_for",
    params: &[
        Param {
            name: "active_connection_states",
            kind: Kind::List(&Kind::Str),
            default: Some("[\"ESTABLISHED\", \"FIN_WAIT1\", \"FIN_WAIT2\", \"SYN_RECV\", \"SYN_SENT\", \"TIME_WAIT\"]"),
            ..Param::DEFAULT
        },
        Param { name: "connect_timeout", kind: Kind::Int, default: Some("5"), ..Param::DEFAULT },
        Param { name: "delay", kind: Kind::Int, default: Some("0"), ..Param::DEFAULT },
        Param { name: "exclude_hosts", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
        Param { name: "host", default: Some("\"127.0.0.1\""), ..Param::DEFAULT },
        Param { name: "msg", ..Param::DEFAULT },
        Param { name: "path", kind: Kind::Path, ..Param::DEFAULT },
        Param { name: "port", kind: Kind::Int, ..Param::DEFAULT },
        Param { name: "search_regex", ..Param::DEFAULT },
        Param { name: "sleep", kind: Kind::Int, default: Some("1"), ..Param::DEFAULT },
        Param {
            name: "state",
            choices: &["absent", "drained", "present", "started", "stopped"],
            default: Some("\"started\""),
            ..Param::DEFAULT
        },
        Param { name: "timeout", kind: Kind::Int, default: Some("300"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

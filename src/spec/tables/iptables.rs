//! The arguments of ansible.builtin.iptables. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.builtin.iptables
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.iptables",
    params: &[
        Param { name: "action", choices: &["append", "insert"], default: Some("\"append\""), ..Param::DEFAULT },
        Param { name: "chain", ..Param::DEFAULT },
        Param { name: "chain_management", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "comment", ..Param::DEFAULT },
        Param { name: "ctstate", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "destination", ..Param::DEFAULT },
        Param { name: "destination_port", ..Param::DEFAULT },
        Param { name: "destination_ports", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "dst_range", ..Param::DEFAULT },
        Param { name: "flush", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "fragment", ..Param::DEFAULT },
        Param { name: "gateway", ..Param::DEFAULT },
        Param { name: "gid_owner", ..Param::DEFAULT },
        Param { name: "goto", ..Param::DEFAULT },
        Param { name: "icmp_type", ..Param::DEFAULT },
        Param { name: "in_interface", ..Param::DEFAULT },
        Param { name: "ip_version", choices: &["ipv4", "ipv6"], default: Some("\"ipv4\""), ..Param::DEFAULT },
        Param { name: "jump", ..Param::DEFAULT },
        Param { name: "limit", ..Param::DEFAULT },
        Param { name: "limit_burst", ..Param::DEFAULT },
        Param {
            name: "log_level",
            choices: &[
                "0", "1", "2", "3", "4", "5", "6", "7", "emerg", "alert", "crit", "error", "warning", "notice", "info",
                "debug",
            ],
            ..Param::DEFAULT
        },
        Param { name: "log_prefix", ..Param::DEFAULT },
        Param { name: "match", kind: Kind::List(&Kind::Str), default: Some("[]"), ..Param::DEFAULT },
        Param { name: "match_set", ..Param::DEFAULT },
        Param { name: "match_set_flags", choices: &["src", "dst", "src,dst", "dst,src"], ..Param::DEFAULT },
        Param { name: "numeric", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "out_interface", ..Param::DEFAULT },
        Param { name: "policy", choices: &["ACCEPT", "DROP", "QUEUE", "RETURN"], ..Param::DEFAULT },
        Param { name: "protocol", ..Param::DEFAULT },
        Param { name: "reject_with", ..Param::DEFAULT },
        Param { name: "rule_num", ..Param::DEFAULT },
        Param { name: "set_counters", ..Param::DEFAULT },
        Param { name: "set_dscp_mark", ..Param::DEFAULT },
        Param { name: "set_dscp_mark_class", ..Param::DEFAULT },
        Param { name: "source", ..Param::DEFAULT },
        Param { name: "source_port", ..Param::DEFAULT },
        Param { name: "src_range", ..Param::DEFAULT },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "syn", choices: &["ignore", "match", "negate"], default: Some("\"ignore\""), ..Param::DEFAULT },
        Param {
            name: "table",
            choices: &["filter", "nat", "mangle", "raw", "security"],
            default: Some("\"filter\""),
            ..Param::DEFAULT
        },
        Param {
            name: "tcp_flags",
            kind: Kind::Dict,
            options: &[
                Param { name: "flags", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
                Param { name: "flags_set", kind: Kind::List(&Kind::Str), ..Param::DEFAULT },
            ],
            ..Param::DEFAULT
        },
        Param { name: "to_destination", ..Param::DEFAULT },
        Param { name: "to_ports", ..Param::DEFAULT },
        Param { name: "to_source", ..Param::DEFAULT },
        Param { name: "uid_owner", ..Param::DEFAULT },
        Param { name: "wait", ..Param::DEFAULT },
    ],
    mutually_exclusive: &[&["set_dscp_mark", "set_dscp_mark_class"], &["flush", "policy"]],
    required_if: &[("jump", "TEE", &["gateway"]), ("jump", "tee", &["gateway"])],
    ..ModuleSpec::DEFAULT
};

//! The arguments of ansible.posix.sysctl. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.sysctl
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.sysctl",
    params: &[
        Param { name: "ignoreerrors", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "name", aliases: &["key"], required: true, ..Param::DEFAULT },
        Param { name: "reload", kind: Kind::Bool, default: Some("true"), ..Param::DEFAULT },
        Param { name: "state", choices: &["present", "absent"], default: Some("\"present\""), ..Param::DEFAULT },
        Param { name: "sysctl_file", kind: Kind::Path, default: Some("\"/etc/sysctl.conf\""), ..Param::DEFAULT },
        Param { name: "sysctl_set", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
        Param { name: "value", aliases: &["val"], ..Param::DEFAULT },
    ],
    required_if: &[("state", "present", &["value"])],
    ..ModuleSpec::DEFAULT
};

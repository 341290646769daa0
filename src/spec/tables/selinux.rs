//! The arguments of ansible.posix.selinux. Written by tests/tools/make-spec.py.

use crate::spec::{Kind, ModuleSpec, Param};

/// ansible.posix.selinux
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.posix.selinux",
    params: &[
        Param {
            name: "configfile",
            aliases: &["conf", "file"],
            default: Some("\"/etc/selinux/config\""),
            ..Param::DEFAULT
        },
        Param { name: "policy", ..Param::DEFAULT },
        Param { name: "state", required: true, choices: &["enforcing", "permissive", "disabled"], ..Param::DEFAULT },
        Param { name: "update_kernel_param", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

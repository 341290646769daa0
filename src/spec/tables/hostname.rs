//! The arguments of ansible.builtin.hostname. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// ansible.builtin.hostname
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "ansible.builtin.hostname",
    params: &[
        Param { name: "name", required: true, ..Param::DEFAULT },
        Param {
            name: "use",
            choices: &[
                "alpine", "debian", "freebsd", "generic", "macos", "macosx", "darwin", "openbsd", "openrc", "redhat",
                "sles", "solaris", "systemd",
            ],
            ..Param::DEFAULT
        },
    ],
    ..ModuleSpec::DEFAULT
};

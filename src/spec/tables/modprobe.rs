//! The arguments of community.general.modprobe. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// community.general.modprobe
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.general.modprobe",
    params: &[
        Param { name: "name", required: true, ..Param::DEFAULT },
        Param { name: "params", default: Some("\"\""), ..Param::DEFAULT },
        Param {
            name: "persistent",
            choices: &["disabled", "present", "absent"],
            default: Some("\"disabled\""),
            ..Param::DEFAULT
        },
        Param { name: "state", choices: &["absent", "present"], default: Some("\"present\""), ..Param::DEFAULT },
    ],
    ..ModuleSpec::DEFAULT
};

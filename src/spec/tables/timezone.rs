//! The arguments of community.general.timezone. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// community.general.timezone
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "community.general.timezone",
    params: &[
        Param { name: "hwclock", aliases: &["rtc"], choices: &["local", "UTC"], ..Param::DEFAULT },
        Param { name: "name", ..Param::DEFAULT },
    ],
    required_one_of: &[&["hwclock", "name"]],
    ..ModuleSpec::DEFAULT
};

//! The arguments of terminate_user_sessions. Written by tests/tools/make-spec.py.

use crate::spec::{ModuleSpec, Param};

/// terminate_user_sessions
pub static SPEC: ModuleSpec = ModuleSpec {
    name: "terminate_user_sessions",
    params: &[Param { name: "user", required: true, ..Param::DEFAULT }],
    ..ModuleSpec::DEFAULT
};

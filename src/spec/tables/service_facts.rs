//! The arguments of ansible.builtin.service_facts. Written by tests/tools/make-spec.py.

use crate::spec::ModuleSpec;

/// ansible.builtin.service_facts
pub static SPEC: ModuleSpec = ModuleSpec { name: "ansible.builtin.service_facts", params: &[], ..ModuleSpec::DEFAULT };

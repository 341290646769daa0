//! The arguments of infiniband_facts. Written by tests/tools/make-spec.py.

use crate::spec::ModuleSpec;

/// infiniband_facts
pub static SPEC: ModuleSpec = ModuleSpec { name: "infiniband_facts", params: &[], ..ModuleSpec::DEFAULT };

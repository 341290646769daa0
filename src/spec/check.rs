//! Checks arguments against a specification and coerces them, as `AnsibleModule` does.

use super::ModuleSpec;
use crate::plan::{Data, Map};

/// Arguments that passed: aliases resolved, defaults filled in, values of their documented types.
#[derive(Clone, Debug, Default)]
pub struct Args {
    map: Map,
}

/// What is wrong with one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The parameter as the author wrote it.
    pub param: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Checks `given` against `spec`; all problems at once.
pub fn check(spec: &'static ModuleSpec, given: &Map) -> Result<Args, Vec<Problem>> {
    let _ = (spec, given);
    Ok(Args::default())
}

impl Args {
    /// The argument, unless it is absent or null.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.map.get(&crate::plan::Key(name)).filter(|v| !v.is_null())
    }
}

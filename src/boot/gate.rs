//! The second stage: is this a compute node, and may we run? Decided by instance metadata, which is read once.

use super::metadata::{self, Given};
use super::session::Session;
use super::stop::Stop;
use crate::bundle;
use crate::plan::status::State;
use crate::plan::{Data, Map};

/// A node that shall be configured.
pub struct Admitted {
    /// What the stage before proved.
    pub verified: bundle::Verified,
    /// `meta`, values final.
    pub meta: Map,
    /// `control_address`.
    pub control: Option<String>,
}

/// Reads the metadata and decides.
pub fn run(
    session: &mut Session,
    verified: bundle::Verified,
    given: Option<Given>,
) -> Result<(Admitted, String), Stop> {
    let found = metadata::read(session, given)?;
    let meta = found.meta;
    if truthy(meta.get(&crate::plan::data::Key("ansible_init_disable"))) {
        return Err(Stop::new(State::Disabled, "metadata sets ansible_init_disable")
            .hint("remove ansible_init_disable from the instance's metadata to have it configured"));
    }
    if !truthy(meta.get(&crate::plan::data::Key("compute"))) {
        return Err(Stop::new(State::NotCompute, format!("{} does not set compute", found.from)));
    }
    let control = match meta.get(&crate::plan::data::Key("control_address")) {
        Some(address) => address.as_str().filter(|a| !a.is_empty()).map(str::to_owned),
        None => None,
    };
    let roles = meta.iter().filter(|(k, v)| k.as_str() != Some("compute") && truthy(Some(v))).count();
    let note = format!("compute node, {roles} more switched on ({})", found.from);
    Ok((Admitted { verified, meta, control }, note))
}

/// Ansible's `bool` of a metadata value: what is not known as true is off.
pub fn truthy(value: Option<&Data>) -> bool {
    match value {
        Some(Data::Bool(b)) => *b,
        Some(Data::Int(i)) => *i == 1,
        Some(text) => {
            let text = text.as_str().unwrap_or("").to_ascii_lowercase();
            matches!(text.as_str(), "true" | "yes" | "on" | "1" | "t" | "y")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::truthy;
    use crate::plan::Data;

    #[test]
    fn truth_is_what_ansibles_bool_makes_of_it() {
        for text in ["true", "True", "TRUE", "yes", "on", "1"] {
            assert!(truthy(Some(&Data::Unsafe(text.into()))), "{text}");
        }
        assert!(truthy(Some(&Data::Bool(true))));
        for text in ["false", "False", "no", "off", "0", "", "enabled", " true", "2"] {
            assert!(!truthy(Some(&Data::Unsafe(text.into()))), "{text}");
        }
        for value in [Data::Bool(false), Data::Null, Data::Int(0), Data::List(vec![Data::Bool(true)])] {
            assert!(!truthy(Some(&value)), "{value:?}");
        }
        assert!(!truthy(None));
    }
}

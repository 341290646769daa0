//! Which variables hold secrets: what was encrypted with Ansible Vault, what the deploy host was asked for, and what is
//! called like one.

use crate::plan::Data;
use crate::vars::glob_matches;

/// Names of variables, and of members within them, whose values are secrets.
const PATTERNS: [&str; 13] = [
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*secret*",
    "vault_*",
    "*_key",
    "*access_key*",
    "*private_key*",
    "*mungekey*",
    "*token*",
    "*credential*",
    "*keytab*",
    "*bindpw*",
];
/// Names that look like a secret's, and are none.
const PUBLIC: [&str; 3] = ["*public*", "*_key_id", "*pubkey*"];

/// What makes a value secret by its name.
pub struct Patterns {
    extra: Vec<String>,
}

impl Patterns {
    /// The usual ones, and the site's own.
    pub fn new(extra: Vec<String>) -> Patterns {
        Patterns { extra }
    }

    /// Whether a variable of this name and value is one.
    pub fn hold(&self, name: &str, value: &Data) -> bool {
        if self.extra.iter().any(|p| glob_matches(p, name)) {
            return true;
        }
        (self.called_so(name) && says_something(value)) || self.within(value)
    }

    fn called_so(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let any = |patterns: &[&str]| patterns.iter().any(|p| glob_matches(p, &name));
        any(&PATTERNS) && !any(&PUBLIC) || self.extra.iter().any(|p| glob_matches(p, &name))
    }

    fn within(&self, value: &Data) -> bool {
        match value {
            Data::Map(map) => map.iter().any(|(key, value)| {
                key.as_str().is_some_and(|k| self.called_so(k) && says_something(value)) || self.within(value)
            }),
            Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().any(|i| self.within(i)),
            _ => false,
        }
    }
}

/// Whether a value holds text of its own: a template only says where the secret is.
fn says_something(value: &Data) -> bool {
    match value {
        Data::Str(text) => !text.is_empty() && !is_reference(text),
        Data::Unsafe(text) | Data::Vault(text) | Data::Made(_, text) => !text.is_empty(),
        Data::Raw(bytes) | Data::Bytes(bytes) => !bytes.is_empty(),
        Data::Int(_) => true,
        Data::Map(map) => map.values().any(says_something),
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().any(says_something),
        Data::Null | Data::Bool(_) | Data::Float(_) | Data::Time(_) => false,
    }
}

/// Text that is one expression without a text in it.
fn is_reference(text: &str) -> bool {
    let inner = text.trim().strip_prefix("{{").and_then(|t| t.strip_suffix("}}"));
    inner.is_some_and(|inner| !inner.contains("}}") && !inner.contains(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::Patterns;
    use crate::plan::Data;

    #[test]
    fn secrets_are_known_by_name_at_any_depth() {
        let patterns = Patterns::new(vec!["site_*".to_owned()]);
        let text = |t: &str| Data::str(t);
        let map = |k: &str, v: Data| Data::Map([(Data::str(k), v)].into_iter().collect());
        for (name, value) in [
            ("vault_openhpc_mungekey", text("x")),
            ("db_password", text("prefix {{ x }}")),
            ("users", Data::List(vec![map("password", text("$6$x"))])),
            ("share", map("access_key", Data::Unsafe("AQ".into()))),
            ("site_any", Data::Null),
            ("x", map("site_y", text("z"))),
            ("api_token", Data::Int(7)),
        ] {
            assert!(patterns.hold(name, &value), "{name}");
        }
        for (name, value) in [
            ("db_password", text("{{ vault_db }}")),
            ("db_password", text("")),
            ("ssh_public_key", text("ssh-ed25519 AAAA")),
            ("password_lock", Data::Bool(true)),
            ("users", Data::List(vec![map("name", text("x")), map("password", text("{{ p }}"))])),
            ("plain", text("password")),
        ] {
            assert!(!patterns.hold(name, &value), "{name}");
        }
    }
}

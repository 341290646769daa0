//! Ansible Vault: who can open an envelope. Only the builder's commands have passwords (`keyring`); on a node every
//! envelope stays shut, and using one is an error.

#[cfg(feature = "builder")]
pub mod cipher;
#[cfg(feature = "builder")]
pub mod keyring;

#[cfg(feature = "builder")]
pub use keyring::Keyring;

use super::Files;
use super::error::{Outcome, TemplateError};
use super::registry::Filter;
use crate::plan::{Data, limits};

/// What every envelope begins with.
const HEADER: &[u8] = b"$ANSIBLE_VAULT;";

/// Opens envelopes.
pub trait Vault: std::fmt::Debug {
    /// Whether there is no password to try.
    fn is_empty(&self) -> bool;
    /// The text in an envelope; else why nobody here can read it.
    fn open(&self, envelope: &[u8]) -> Result<Vec<u8>, String>;
    /// The filters that only those who hold passwords have.
    fn filter(&self, name: &str) -> Option<Filter>;
    /// Remembers that the values in a decrypted file of variables are secrets, never to be shown.
    fn conceal(&self, variables: &Data);
}

/// Whether these bytes are an envelope.
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER)
}

/// The text in an envelope, where somebody has its password.
pub(super) fn opened(vault: Option<&dyn Vault>, envelope: &[u8]) -> Result<Vec<u8>, String> {
    match vault {
        Some(vault) => vault.open(envelope),
        None => Err("it is encrypted with Ansible Vault, and a node holds no vault password".to_owned()),
    }
}

/// `data` with every `!vault` in it opened; `None` where there is none. What was encrypted is never a template.
pub(super) fn unsealed(files: &dyn Files, data: &Data) -> Outcome<Option<Data>> {
    if !holds_sealed(data, 0) {
        return Ok(None);
    }
    open_within(files, data).map(Some)
}

fn holds_sealed(data: &Data, depth: usize) -> bool {
    let any = |items: &[Data]| items.iter().any(|d| holds_sealed(d, depth + 1));
    match data {
        Data::Vault(_) => true,
        _ if depth > limits::DEPTH => false,
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => any(items),
        Data::Map(map) => map.values().any(|d| holds_sealed(d, depth + 1)),
        _ => false,
    }
}

fn open_within(files: &dyn Files, data: &Data) -> Outcome<Data> {
    let all = |items: &[Data]| items.iter().map(|d| open_within(files, d)).collect::<Outcome<Vec<Data>>>();
    Ok(match data {
        Data::Vault(envelope) => {
            let text = opened(files.vault(), envelope.as_bytes()).map_err(TemplateError::other)?;
            String::from_utf8(text).map_or_else(|e| Data::Raw(e.into_bytes()), Data::Unsafe)
        }
        Data::List(items) => Data::List(all(items)?),
        Data::Tuple(items) => Data::Tuple(all(items)?),
        Data::Set(items) => Data::Set(all(items)?),
        Data::Map(map) => {
            Data::Map(map.iter().map(|(k, v)| Ok((k.clone(), open_within(files, v)?))).collect::<Outcome<_>>()?)
        }
        other => other.clone(),
    })
}

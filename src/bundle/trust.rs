//! The keys that are trusted: `trust.d/*.pem`. Several, so that keys can rotate. One that cannot be used stops
//! everything, because a node that silently trusts fewer keys than its operator thinks is found out too late.

use super::fault::Fault;
use super::keys::{KeyId, PublicKey};
use crate::plan::limits;
use crate::sys::directory::Directory;
use crate::sys::order;
use std::collections::BTreeMap;
use std::path::Path;

/// The keys that bundles are verified with.
#[derive(Clone)]
pub struct Trust {
    place: String,
    keys: Vec<(String, PublicKey)>,
}

/// The key that vouches for a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Its file's name in the trust directory.
    pub name: String,
    /// Its id.
    pub key: KeyId,
}

impl Trust {
    /// The keys of a directory: every file whose name ends in `.pem`.
    pub fn directory(path: &Path) -> Result<Trust, Fault> {
        let place = path.display().to_string();
        let directory = match Directory::open(path) {
            Ok(directory) => directory,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(Fault::NoTrust { place }),
            Err(e) => return Err(Fault::read("opening", path, e)),
        };
        let stat = directory.stat().map_err(|e| Fault::read("looking at", path, e))?;
        check_writers(path, stat.st_mode)?;
        let names = directory.names(limits::TRUST_KEYS).map_err(|e| Fault::read("listing", path, e))?;
        let mut keys = Vec::new();
        for name in names.iter().filter_map(|n| n.to_str()).filter(|n| n.ends_with(".pem")) {
            keys.push((name.to_owned(), read_key(&directory, path, name)?));
        }
        if keys.is_empty() {
            return Err(Fault::NoTrust { place });
        }
        Ok(Trust { place, keys })
    }

    /// Keys that the caller has read, by the names of their files.
    pub fn keys(place: &str, keys: Vec<(String, PublicKey)>) -> Result<Trust, Fault> {
        if keys.is_empty() {
            return Err(Fault::NoTrust { place: place.to_owned() });
        }
        Ok(Trust { place: place.to_owned(), keys })
    }

    /// These keys and more; of two with one name the added one counts.
    pub fn with(mut self, added: &[(String, PublicKey)]) -> Result<Trust, Fault> {
        self.keys.retain(|(name, _)| !added.iter().any(|(n, _)| n == name));
        self.keys.extend_from_slice(added);
        order::by(&mut self.keys, |(a, _), (b, _)| a.cmp(b));
        Ok(self)
    }

    /// Where the keys come from.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The key of this id.
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.iter().map(|(_, key)| key).find(|key| key.id() == *id)
    }

    /// Names and ids of the keys.
    pub fn names(&self) -> Vec<(String, KeyId)> {
        self.keys.iter().map(|(name, key)| (name.clone(), key.id())).collect()
    }

    /// The first trusted key that signed `message`. A signature in a trusted key's name that is not that key's is
    /// refused even where another one is good: something has been tampered with.
    pub(super) fn signer(&self, message: &[u8], signatures: &BTreeMap<KeyId, Vec<u8>>) -> Result<Signer, Fault> {
        if signatures.is_empty() {
            return Err(Fault::Unsigned);
        }
        let mut signer = None;
        for (name, key) in &self.keys {
            let id = key.id();
            let Some(signature) = signatures.get(&id) else { continue };
            if !key.verifies(message, signature) {
                return Err(Fault::BadSignature { key: id, name: name.clone() });
            }
            signer.get_or_insert(Signer { name: name.clone(), key: id });
        }
        signer.ok_or_else(|| Fault::UnknownSigner {
            signed: signatures.keys().copied().collect(),
            trusted: self.keys.iter().map(|(name, _)| name.clone()).collect(),
        })
    }
}

/// Only the owner may be able to change what is trusted.
fn check_writers(path: &Path, mode: u32) -> Result<(), Fault> {
    if mode & 0o022 == 0 {
        return Ok(());
    }
    let why = format!("others than its owner can write it (mode {:04o})", mode & 0o7777);
    Err(Fault::TrustFile { path: path.to_owned(), why })
}

fn read_key(directory: &Directory, path: &Path, name: &str) -> Result<PublicKey, Fault> {
    let path = path.join(name);
    let refuse = |why: String| Fault::TrustFile { path: path.clone(), why };
    let (_, stat) = directory.file(name).map_err(|e| match e.raw_os_error() {
        Some(nix::libc::ELOOP) => refuse("it is a symbolic link".to_owned()),
        _ => refuse(e.to_string()),
    })?;
    check_writers(&path, stat.st_mode)?;
    let bytes = directory.read(name, limits::KEY).map_err(|e| refuse(e.to_string()))?;
    let pem = std::str::from_utf8(&bytes).map_err(|_| refuse("not text".to_owned()))?;
    PublicKey::from_pem(pem).map_err(|e| refuse(e.to_string()))
}

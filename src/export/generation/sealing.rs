//! Seals each host's secrets to its recipient, and remembers what was sealed before, so that it need not be sealed again.

use super::error::WriteError;
use super::packing::Packed;
use super::store::Store;
use super::{Seal, Settings, json};
use crate::bundle::age::Sealer;
use crate::export::{ClusterExport, HostExport, short};
use crate::plan::export::{Blob, Secrets, UNSEALED};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use indexmap::IndexMap;
use std::collections::HashMap;

/// Seals.
pub struct Sealing<'s> {
    settings: &'s Settings,
    sealer: Sealer,
    /// What was sealed before and is still there, by tag.
    before: HashMap<String, Blob>,
}

/// Secrets of a host as they are stored.
pub struct SealedHost {
    /// To whom.
    pub recipient: String,
    /// By which it is found again: nothing where it was not sealed.
    pub tag: Option<String>,
    /// The blob, with its bytes where they are not there yet.
    pub blob: Result<Blob, Packed>,
}

impl SealedHost {
    /// How the blob is written in the host's index.
    pub fn blob(&self) -> &Blob {
        match &self.blob {
            Ok(known) => known,
            Err(new) => &new.blob,
        }
    }
}

impl<'s> Sealing<'s> {
    /// What was sealed into `store` before is not sealed again.
    pub fn new(settings: &'s Settings, store: &Store) -> Sealing<'s> {
        let secret = settings.keys[0].secret_for("compute-init export: what stands in for chance");
        let mut before = store.sealed_before();
        before.retain(|_, blob| store.has(blob));
        Sealing { settings, sealer: Sealer::new(secret), before }
    }

    /// Every host that has secrets and no recipient is told at once, before anything is written.
    pub fn check(&self, export: &ClusterExport) -> Result<(), WriteError> {
        let Seal::To(recipients) = &self.settings.seal else { return Ok(()) };
        let shared = export.shared.iter().any(|f| f.secret);
        let with_secrets = export.hosts.iter().filter(|(_, host)| shared || has_secrets(host));
        let missing: Vec<String> =
            with_secrets.filter_map(|(name, _)| recipients.of(short(name), self.settings.now).err()).collect();
        if missing.is_empty() { Ok(()) } else { Err(WriteError::Recipients(missing)) }
    }

    /// What only this host may read, sealed; nothing where it has no secrets.
    pub fn host(
        &self,
        export: &ClusterExport,
        host: &HostExport,
        short: &str,
    ) -> Result<Option<SealedHost>, WriteError> {
        let secrets = secrets(export, host, short);
        if secrets == (Secrets { host: short.to_owned(), ..Secrets::default() }) {
            return Ok(None);
        }
        let plain = json(&secrets);
        let Seal::To(recipients) = &self.settings.seal else {
            let blob = Err(Packed::as_is(plain.into_bytes()));
            return Ok(Some(SealedHost { recipient: UNSEALED.to_owned(), tag: None, blob }));
        };
        let recipient = recipients.of(short, self.settings.now).map_err(|why| WriteError::Recipients(vec![why]))?;
        let prepared = self.sealer.prepare(recipient, plain.as_bytes());
        let tag: String = prepared.tag().iter().map(|b| format!("{b:02x}")).collect();
        let blob = self.before.get(&tag).cloned().ok_or_else(|| Packed::as_is(prepared.seal()));
        Ok(Some(SealedHost { recipient: recipient.to_string(), tag: Some(tag), blob }))
    }
}

fn has_secrets(host: &HostExport) -> bool {
    host.vars.iter().any(|layer| !layer.secret.is_empty())
        || host.files.iter().any(|f| f.secret)
        || host.others.values().any(|other| !other.vars.secret.is_empty())
}

/// Everything of a host that only it may read.
fn secrets(export: &ClusterExport, host: &HostExport, short: &str) -> Secrets {
    let mut secrets = Secrets { host: short.to_owned(), ..Secrets::default() };
    for layer in &host.vars {
        let hidden = layer.vars.iter().filter(|(name, _)| layer.secret.contains(*name));
        secrets.vars.extend(hidden.map(|(name, value)| (name.clone(), value.clone())));
    }
    secrets.vars.sort_unstable_keys();
    for (name, other) in host.others.iter() {
        let hidden = other.vars.vars.iter().filter(|(name, _)| other.vars.secret.contains(*name));
        let hidden: IndexMap<_, _> = hidden.map(|(name, value)| (name.clone(), value.clone())).collect();
        if !hidden.is_empty() {
            secrets.others.insert(name.clone(), hidden);
        }
    }
    for file in export.shared.iter().chain(&host.files).filter(|f| f.secret) {
        secrets.files.insert(file.path.clone(), STANDARD.encode(&file.bytes));
    }
    secrets
}

//! Writes what every host needs as a generation: parts that many share once, secrets sealed to each host, an index
//! that is signed and switched to by one rename. `docs/export.md` describes the bytes and the steps.
//!
//! This is the only place that writes them; nodes read them by `bundle::generation`.

mod error;
mod layering;
mod packing;
mod sealing;
mod store;

pub use error::WriteError;

use super::recipients::Recipients;
use super::{ClusterExport, short};
use crate::bundle::generation::shard_of;
use crate::bundle::{Digest, SigningKey, signed};
use crate::plan::export::{Blob, Content, FORMAT, HostIndex, Index, KIND, Sealed, Shard};
use crate::sys::ahead;
use layering::Layered;
use packing::Packed;
use sealing::{SealedHost, Sealing};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use store::Store;

/// What is written, where, and for whom.
pub struct Settings {
    /// The export's directory: generations come beneath `compute-init/` in it.
    pub dest: PathBuf,
    /// The cluster's name. Nodes count serial numbers within it.
    pub cluster: String,
    /// Keys that sign; the first also stands in for chance where secrets are sealed.
    pub keys: Vec<SigningKey>,
    /// To whom secrets are sealed.
    pub seal: Seal,
    /// User and group of the files. The group reads them.
    pub owner: (u32, u32),
    /// For how long nodes take the generation; for ever where it is `None`.
    pub valid: Option<Duration>,
    /// What is kept of generations before.
    pub keep: Keep,
    /// The time, seconds since the epoch.
    pub now: u64,
}

/// Whether secrets are sealed.
pub enum Seal {
    /// To each host's recipient.
    To(Recipients),
    /// They are not: who reads the export reads them.
    Not,
}

/// What is kept of generations before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many, the one in force counted.
    pub count: usize,
    /// And those in force so recently that a node may still be reading them.
    pub age: Duration,
}

impl Default for Keep {
    fn default() -> Keep {
        Keep { count: 3, age: Duration::from_secs(3600) }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The generation in force: the digest of its signed index.
    pub digest: Digest,
    /// Its serial number.
    pub serial: u64,
    /// Whether it is new. Otherwise nothing was written.
    pub new: bool,
    /// Blobs that were not there before, and their bytes.
    pub blobs: (usize, u64),
    /// Blobs that were pruned.
    pub pruned: usize,
}

/// Writes a generation, unless the one in force has the same content already.
pub fn write(export: &ClusterExport, settings: &Settings) -> Result<Written, WriteError> {
    check(export, settings)?;
    let mut store = Store::open(&settings.dest, settings.owner)?;
    let result = write_locked(export, settings, &mut store);
    if result.is_err() {
        store.give_up();
    }
    result
}

fn check(export: &ClusterExport, settings: &Settings) -> Result<(), WriteError> {
    let wrong = |why: String| Err(WriteError::Content(why));
    if settings.keys.is_empty() {
        return wrong("a generation must be signed: give a key".to_owned());
    }
    if export.hosts.is_empty() {
        return wrong("there is no host to export".to_owned());
    }
    let mut seen = BTreeMap::new();
    for name in export.hosts.keys() {
        let short = short(name);
        if short.is_empty()
            || short.len() > 64
            || !short.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return wrong(format!("{name:?} cannot be the name of a node"));
        }
        if let Some(other) = seen.insert(short, name) {
            return wrong(format!("{other} and {name} have the same short name: a node could not tell which it is"));
        }
    }
    Ok(())
}

fn write_locked(export: &ClusterExport, settings: &Settings, store: &mut Store) -> Result<Written, WriteError> {
    let before = Before::read(store, settings)?;
    let sealing = Sealing::new(settings, store);
    sealing.check(export)?;
    let layered = Layered::of(export);
    let mut common = layered.common.clone();
    for file in export.shared.iter().filter(|f| !f.secret) {
        common.files.insert(file.path.clone(), store.put(file.bytes.clone())?);
    }
    let mut content = Content { hosts: export.hosts.len() as u64, common: put(store, &common)?, ..Content::default() };
    for class in &layered.classes {
        content.classes.push(put(store, class)?);
    }
    let mut shards = vec![Shard::default(); shard_count(export.hosts.len())];
    let mut sealed = Vec::new();
    let numbered: Vec<(usize, &String)> = export.hosts.keys().enumerate().collect();
    ahead::in_order(
        &numbered,
        |(number, name)| host(export, (*number, name), &layered, &sealing),
        |made| {
            let made = made?;
            for file in made.files {
                store.keep(file)?;
            }
            if let Some(secrets) = made.secrets {
                let blob = match secrets.blob {
                    Ok(known) => store.used(known),
                    Err(new) => store.keep(new)?,
                };
                sealed.extend(secrets.tag.map(|tag| (tag, blob)));
            }
            let at = shard_of(&made.short, shards.len());
            shards[at].0.insert(made.short, store.keep(made.index)?);
            Ok(())
        },
    )?;
    for shard in &shards {
        content.shards.push(put(store, shard)?);
    }
    finish(store, settings, before, (content, sealed))
}

/// What a host adds to a generation, not yet written.
struct MadeHost {
    short: String,
    files: Vec<Packed>,
    secrets: Option<SealedHost>,
    index: Packed,
}

fn host(
    export: &ClusterExport,
    (number, name): (usize, &String),
    layered: &Layered,
    sealing: &Sealing,
) -> Result<MadeHost, WriteError> {
    let host = &export.hosts[name];
    let (class, mut own) = layered.own(number, host);
    let mut files = Vec::new();
    for file in host.files.iter().filter(|f| !f.secret) {
        let packed = Packed::of(file.bytes.clone())?;
        own.files.insert(file.path.clone(), packed.blob.clone());
        files.push(packed);
    }
    let short = short(name).to_owned();
    let secrets = sealing.host(export, host, &short)?;
    let sealed = secrets.as_ref().map(|s| Sealed { recipient: s.recipient.clone(), blob: s.blob().clone() });
    let index = HostIndex { host: short.clone(), name: name.clone(), class, own, sealed };
    let index = Packed::of(json(&index).into_bytes())?;
    Ok(MadeHost { short, files, secrets, index })
}

fn finish(
    store: &mut Store,
    settings: &Settings,
    before: Option<Before>,
    (content, sealed): (Content, Vec<(String, Blob)>),
) -> Result<Written, WriteError> {
    if let Some(before) = before.as_ref().filter(|b| b.stays(&content, settings)) {
        // Blobs that had gone were written again; the index need not be.
        store.settle()?;
        let (digest, serial) = (before.digest, before.serial);
        return Ok(Written { digest, serial, new: false, blobs: store.written(), pruned: 0 });
    }
    // Not from one: an export that was lost and made anew must not look like an old one.
    let serial = before.map_or(0, |b| b.serial).saturating_add(1).max(settings.now);
    let index = Index {
        kind: KIND.to_owned(),
        format: FORMAT,
        cluster: settings.cluster.clone(),
        serial,
        created: settings.now,
        expires: settings.valid.map(|valid| settings.now.saturating_add(valid.as_secs())),
        content,
    };
    let keys: Vec<&SigningKey> = settings.keys.iter().collect();
    let bytes = signed::sign(&json(&index), &keys);
    store.keep_sealed(&sealed)?;
    store.switch(&bytes)?;
    let digest = Digest::of(&bytes);
    let pruned = prune(store, settings, &digest.hex())?;
    Ok(Written { digest, serial, new: true, blobs: store.written(), pruned })
}

/// Keeps the newest generations, and those that a node may still be reading.
fn prune(store: &mut Store, settings: &Settings, current: &str) -> Result<usize, WriteError> {
    let mut known: Vec<(u64, u64, String)> = Vec::new();
    for (name, bytes) in store.generations()? {
        if let Some(index) = unverified(&bytes) {
            known.push((index.serial, index.created, name));
        }
    }
    known.sort();
    known.reverse();
    let mut keep = BTreeSet::from([current.to_owned()]);
    // A generation was in force until the next one was made.
    let mut until = settings.now;
    for (number, (_, created, name)) in known.into_iter().enumerate() {
        if number < settings.keep.count || settings.now.saturating_sub(until) < settings.keep.age.as_secs() {
            keep.insert(name);
        }
        until = created;
    }
    store.prune(&keep)
}

/// What a signed index says, whoever signed it: for counting, never for acting upon.
fn unverified(bytes: &[u8]) -> Option<Index> {
    serde_json::from_slice(bytes.split(|b| *b == b'\n').next()?).ok()
}

/// The generation that was in force when we came.
struct Before {
    digest: Digest,
    serial: u64,
    index: Index,
    signed_by_us: bool,
}

impl Before {
    fn read(store: &Store, settings: &Settings) -> Result<Option<Before>, WriteError> {
        let Some(bytes) = store.current()? else { return Ok(None) };
        let Some(index) = unverified(&bytes) else {
            return Err(WriteError::Before(format!(
                "{}/{} is not a signed index",
                settings.dest.display(),
                crate::plan::export::CURRENT
            )));
        };
        let keys: Vec<&SigningKey> = settings.keys.iter().collect();
        let signed_by_us = signed::sign(&json(&index), &keys) == bytes;
        Ok(Some(Before { digest: Digest::of(&bytes), serial: index.serial, index, signed_by_us }))
    }

    /// Whether it can stay in force: the same content, the same keys, and not past half its time.
    fn stays(&self, content: &Content, settings: &Settings) -> bool {
        let fresh = match (self.index.expires, settings.valid) {
            (None, None) => true,
            (Some(end), Some(valid)) => end > settings.now + valid.as_secs() / 2,
            _ => false,
        };
        self.signed_by_us && fresh && self.index.cluster == settings.cluster && self.index.content == *content
    }
}

/// About as many shards as hosts in each, so that index and shard grow with the square root of the cluster.
fn shard_count(hosts: usize) -> usize {
    hosts.isqrt().next_power_of_two().clamp(1, 1024)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("our own types have a JSON form")
}

fn put<T: serde::Serialize>(store: &mut Store, value: &T) -> Result<Blob, WriteError> {
    store.put(json(value).into_bytes())
}

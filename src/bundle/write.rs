//! From plan and files to signed bytes. Same input, same bytes, on any machine.

use super::archive::{self, Members};
use super::digest::Digest;
use super::keys::{KeyId, SigningKey};
use super::layout::{self, Entry, INDEX_NAME, LAYOUT, LAYOUT_NAME, blob_name};
use super::verify::is_source_path;
use crate::plan::manifest::{
    ARTIFACT_TYPE, CONFIG_TYPE, Descriptor, FILE_TYPE, FORMAT_ANNOTATION, MANIFEST_TYPE, Manifest, PATHS, PLAN_TYPE,
    PLAYBOOK_ANNOTATION, ROLES, TITLE,
};
use crate::plan::{FORMAT, Plan, limits};
use crate::sys::order;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What registry clients call the plan's file.
pub(super) const PLAN_TITLE: &str = "plan.json";

/// Why a plan and its files make no bundle.
#[derive(Debug, PartialEq, Eq)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// A bundle in memory: the manifest, everything it names, and signatures.
pub struct Sealed {
    manifest: Vec<u8>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    signatures: BTreeMap<KeyId, [u8; 64]>,
}

/// Puts plan and files together. `files` holds the bytes of the paths in [`Plan::files`], and nothing else.
pub fn assemble(plan: &Plan, files: &BTreeMap<String, Vec<u8>>) -> Result<Sealed, BuildError> {
    let mut blobs = BTreeMap::new();
    let mut paths: BTreeMap<Digest, BTreeSet<&str>> = BTreeMap::new();
    for (path, file) in &plan.files {
        if !is_source_path(path) {
            return Err(BuildError(format!("{path:?} is not a path in a source tree")));
        }
        let bytes = files.get(path).ok_or_else(|| BuildError(format!("the bytes of {path} are missing")))?;
        let digest = Digest::of(bytes);
        if file.digest != digest.to_string() || file.size != bytes.len() as u64 {
            return Err(BuildError(format!("{path} changed while it was read")));
        }
        blobs.entry(digest).or_insert_with(|| bytes.clone());
        paths.entry(digest).or_default().insert(path);
    }
    if let Some(path) = files.keys().find(|p| !plan.files.contains_key(p.as_str())) {
        return Err(BuildError(format!("the plan does not name {path}")));
    }
    let plan_bytes = serde_json::to_vec(plan).map_err(|e| BuildError(format!("writing the plan: {e}")))?;
    let title = BTreeMap::from([(TITLE.to_owned(), PLAN_TITLE.to_owned())]);
    let mut layers = vec![descriptor(PLAN_TYPE, &plan_bytes, title)];
    let mut files: Vec<(&BTreeSet<&str>, &Vec<u8>)> = paths.iter().map(|(d, paths)| (paths, &blobs[d])).collect();
    order::ascending(&mut files);
    layers.extend(files.into_iter().map(|(paths, bytes)| layer(plan, paths, bytes)));
    blobs.insert(Digest::of(&plan_bytes), plan_bytes);
    let annotations = BTreeMap::from([
        (FORMAT_ANNOTATION.to_owned(), FORMAT.to_string()),
        (PLAYBOOK_ANNOTATION.to_owned(), plan.playbook.clone()),
    ]);
    let config = layout::image_config(&layers, &annotations);
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.to_owned(),
        artifact_type: ARTIFACT_TYPE.to_owned(),
        config: descriptor(CONFIG_TYPE, &config, BTreeMap::new()),
        layers,
        annotations,
    };
    blobs.insert(Digest::of(&config), config);
    let manifest = serde_json::to_vec(&manifest).map_err(|e| BuildError(format!("writing the manifest: {e}")))?;
    let sealed = Sealed { manifest, blobs, signatures: BTreeMap::new() };
    sealed.check_bounds()?;
    Ok(sealed)
}

fn layer(plan: &Plan, paths: &BTreeSet<&str>, bytes: &[u8]) -> Descriptor {
    let joined = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join("\n");
    let roles: BTreeSet<&str> = paths.iter().filter_map(|p| role_of(plan, p)).collect();
    let mut annotations = BTreeMap::from([(PATHS.to_owned(), joined(paths))]);
    annotations.extend(paths.first().map(|p| (TITLE.to_owned(), (*p).to_owned())));
    if !roles.is_empty() {
        annotations.insert(ROLES.to_owned(), joined(&roles));
    }
    descriptor(FILE_TYPE, bytes, annotations)
}

/// The name of the role whose directory holds `path`.
pub(super) fn role_of<'a>(plan: &'a Plan, path: &str) -> Option<&'a str> {
    let below = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
    plan.roles.values().find(|role| below(&role.path)).map(|role| role.name.as_str())
}

fn descriptor(kind: &str, bytes: &[u8], annotations: BTreeMap<String, String>) -> Descriptor {
    Descriptor {
        media_type: kind.to_owned(),
        digest: Digest::of(bytes).to_string(),
        size: bytes.len() as u64,
        annotations,
        artifact_type: None,
    }
}

impl Sealed {
    /// Digest of the manifest: the bundle's identity.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Adds `key`'s signature.
    pub fn sign(&mut self, key: &SigningKey) -> KeyId {
        let id = key.public().id();
        self.signatures.insert(id, key.sign(&self.manifest));
        id
    }

    /// The archive's bytes, every member dated `mtime`.
    pub fn archive(&self, mtime: u64) -> Result<Vec<u8>, BuildError> {
        let signature = |s: &[u8; 64]| (Digest::of(s), s.to_vec());
        let entry = Entry {
            manifest: self.digest(),
            size: self.manifest.len() as u64,
            signatures: self.signatures.iter().map(|(key, s)| (*key, Digest::of(s))).collect(),
        };
        let mut members: Members = self.blobs.iter().map(|(d, b)| (blob_name(d), b.clone())).collect();
        members.extend(self.signatures.values().map(signature).map(|(d, b)| (blob_name(&d), b)));
        members.insert(blob_name(&entry.manifest), self.manifest.clone());
        members.insert(LAYOUT_NAME.to_owned(), LAYOUT.to_vec());
        members.insert(INDEX_NAME.to_owned(), layout::index(&entry));
        let bytes = archive::write(&members, mtime).map_err(|e| BuildError(format!("packing: {e}")))?;
        match bytes.len() as u64 > limits::BUNDLE_ARCHIVE {
            true => Err(too_large("the archive", bytes.len() as u64, limits::BUNDLE_ARCHIVE)),
            false => Ok(bytes),
        }
    }

    /// What no reader would accept is not written.
    fn check_bounds(&self) -> Result<(), BuildError> {
        let members = self.blobs.len() + 3 + limits::SIGNATURES;
        if members > limits::BUNDLE_MEMBERS {
            let limit = limits::BUNDLE_MEMBERS;
            return Err(BuildError(format!("{members} members are more than the {limit} that a bundle may have")));
        }
        let manifest = self.manifest.len() as u64;
        if manifest > limits::MANIFEST {
            return Err(too_large("the manifest", manifest, limits::MANIFEST));
        }
        let unpacked: u64 = self.blobs.values().map(|b| b.len() as u64 + 1024).sum::<u64>() + manifest + (1 << 20);
        if unpacked > limits::BUNDLE_UNPACKED {
            return Err(too_large("the unpacked bundle", unpacked, limits::BUNDLE_UNPACKED));
        }
        Ok(())
    }
}

fn too_large(what: &str, size: u64, limit: u64) -> BuildError {
    BuildError(format!("{what} has {size} bytes, {limit} are allowed: keep large files out of roles"))
}

/// The time of members that `SOURCE_DATE_EPOCH` asks for: its value, or 0 where it is not set.
pub fn source_date_epoch(value: Option<&str>) -> Result<u64, BuildError> {
    // What a header can hold: eleven octal digits.
    const LAST: u64 = (1 << 33) - 1;
    let Some(value) = value else { return Ok(0) };
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    let time = if digits { value.parse().ok() } else { None };
    time.filter(|t| *t <= LAST)
        .ok_or_else(|| BuildError(format!("SOURCE_DATE_EPOCH is {value:?}, not seconds since 1970")))
}

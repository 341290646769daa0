//! Verification, in the order of `docs/bundle-format.md`. Nothing is read further once something is wrong.
//!
//! [`Verified`] has no public constructor and is the only way to a plan and to files that may be acted upon.

use super::archive::{self, Members};
use super::digest::Digest;
use super::fault::{Error, Fault};
use super::keys::KeyId;
use super::layout::{self, INDEX_NAME, LAYOUT_NAME, blob_name};
use super::summary::Summary;
use super::trust::{Signer, Trust};
use super::{BLOBS, installed};
use crate::plan::manifest::{
    CONFIG_TYPE, Descriptor, FILE_TYPE, FORMAT_ANNOTATION, MANIFEST_TYPE, Manifest, PATHS, PLAN_TYPE, TITLE,
};
use crate::plan::{FORMAT, FileRef, Plan, limits};
use crate::sys::directory::Directory;
use crate::sys::order;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Where the bytes of blobs are.
pub(super) enum Store {
    /// Unpacked from an archive.
    Memory(BTreeMap<Digest, Vec<u8>>),
    /// `blobs/sha256` of the installed form.
    Directory(Directory),
}

/// A bundle of either form before its signature is looked at: bounds and names are checked, nothing is believed.
pub(super) struct Envelope {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
    /// Raw signatures by key.
    pub signatures: BTreeMap<KeyId, Vec<u8>>,
    /// The blobs that are there, manifest and signatures left out.
    pub present: BTreeSet<Digest>,
    /// Their bytes.
    pub store: Store,
}

/// A bundle whose parts fit together.
struct Contents {
    envelope: Envelope,
    manifest: Manifest,
    plan: Plan,
}

/// A bundle that a trusted key vouches for.
pub struct Verified {
    contents: Contents,
    signer: Signer,
}

/// A bundle that is whole, but that nobody vouches for: it can be shown, not used.
pub struct Unverified {
    contents: Contents,
}

impl Verified {
    /// Verifies an archive.
    pub fn archive(path: &Path, trust: &Trust) -> Result<Verified, Error> {
        let refuse = |fault| Error { bundle: path.to_owned(), fault };
        let envelope = archive::read(path).and_then(unpack).map_err(refuse)?;
        verify(envelope, trust).map_err(refuse)
    }

    /// Verifies the installed bundle in the directory `path`.
    pub fn installed(path: &Path, trust: &Trust) -> Result<Verified, Error> {
        let refuse = |fault| Error { bundle: path.to_owned(), fault };
        let envelope = installed::read(path).map_err(refuse)?;
        verify(envelope, trust).map_err(refuse)
    }

    /// The key that vouches for it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Digest of the manifest: the bundle's identity.
    pub fn digest(&self) -> Digest {
        self.contents.envelope.digest
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.contents.plan
    }

    /// The bytes of a file of the plan.
    pub fn file(&self, file: &FileRef) -> Result<Vec<u8>, Fault> {
        let digest = file.digest.parse().map_err(Fault::Plan)?;
        self.contents.envelope.blob(&digest, file.size, "a source file")
    }

    /// The manifest as it was signed.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.contents.envelope.manifest
    }

    /// The raw signatures.
    pub fn signatures(&self) -> &BTreeMap<KeyId, Vec<u8>> {
        &self.contents.envelope.signatures
    }

    /// The blobs that the manifest names, with their lengths: the configuration, the plan, the files.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, u64)> {
        self.contents.manifest.blobs().map(|d| (d.digest.as_str(), d.size))
    }

    /// The bytes of one of [`Verified::blobs`].
    pub fn blob(&self, digest: &str, size: u64) -> Result<Vec<u8>, Fault> {
        let digest = digest.parse().map_err(|why| Fault::document("manifest", why))?;
        self.contents.envelope.blob(&digest, size, "a blob")
    }

    /// What is in it, for people.
    pub fn summary(&self) -> Summary {
        self.contents.summary()
    }
}

impl Unverified {
    /// Reads an archive and checks everything but who signed it.
    pub fn archive(path: &Path) -> Result<Unverified, Error> {
        let refuse = |fault| Error { bundle: path.to_owned(), fault };
        let contents = archive::read(path).and_then(unpack).and_then(check).map_err(refuse)?;
        Ok(Unverified { contents })
    }

    /// The same for an archive in memory, which is to be at `path`: a builder reads what it is about to write.
    pub fn bytes(path: &Path, archive: &[u8]) -> Result<Unverified, Error> {
        let refuse = |fault| Error { bundle: path.to_owned(), fault };
        let contents = archive::read_bytes(archive).and_then(unpack).and_then(check).map_err(refuse)?;
        Ok(Unverified { contents })
    }

    /// What is in it, for people.
    pub fn summary(&self) -> Summary {
        self.contents.summary()
    }
}

impl Contents {
    fn summary(&self) -> Summary {
        let keys = self.envelope.signatures.keys().copied();
        Summary::new(&self.plan, &self.manifest, self.envelope.digest, keys)
    }
}

/// Steps 2 and 3 for an archive: `oci-layout`, the index, and the blobs that it leads to.
fn unpack(mut members: Members) -> Result<Envelope, Fault> {
    let mut take = |name: &str| members.remove(name).ok_or_else(|| Fault::document(name, "it is missing"));
    layout::check_layout(&take(LAYOUT_NAME)?)?;
    let entry = layout::parse_index(&take(INDEX_NAME)?)?;
    let mut blobs = BTreeMap::new();
    for (name, bytes) in members {
        let digest = name.strip_prefix(BLOBS).and_then(|n| n.strip_prefix('/')).and_then(Digest::from_hex);
        blobs.insert(digest.ok_or_else(|| Fault::member(name, "does not belong into a bundle"))?, bytes);
    }
    if entry.size > limits::MANIFEST {
        return Err(Fault::bytes("the manifest", limits::MANIFEST));
    }
    let manifest = take_blob(&mut blobs, &entry.manifest, "the manifest")?;
    if manifest.len() as u64 != entry.size {
        return Err(blob_fault(&entry.manifest, "the manifest", "has another length than the index says"));
    }
    let mut signatures = BTreeMap::new();
    for (key, digest) in entry.signatures {
        let signature = take_blob(&mut blobs, &digest, "a signature")?;
        if signature.len() != 64 {
            return Err(blob_fault(&digest, "a signature", "does not have the 64 bytes of a signature"));
        }
        signatures.insert(key, signature);
    }
    let present = order::set(blobs.keys().copied());
    Ok(Envelope { manifest, digest: entry.manifest, signatures, present, store: Store::Memory(blobs) })
}

fn take_blob(blobs: &mut BTreeMap<Digest, Vec<u8>>, digest: &Digest, of: &str) -> Result<Vec<u8>, Fault> {
    let bytes = blobs.remove(digest).ok_or_else(|| blob_fault(digest, of, "is missing"))?;
    match Digest::of(&bytes) == *digest {
        true => Ok(bytes),
        false => Err(blob_fault(digest, of, "has another digest")),
    }
}

fn blob_fault(digest: &Digest, of: &str, why: &str) -> Fault {
    Fault::Blob { name: blob_name(digest), of: of.to_owned(), why: why.to_owned() }
}

/// Steps 4 to 8, the same for both forms.
fn verify(envelope: Envelope, trust: &Trust) -> Result<Verified, Fault> {
    let signer = trust.signer(&envelope.manifest, &envelope.signatures)?;
    Ok(Verified { contents: check(envelope)?, signer })
}

/// Steps 5 to 8: format, blobs, nothing else, the plan.
fn check(envelope: Envelope) -> Result<Contents, Fault> {
    let manifest = parse_manifest(&envelope.manifest)?;
    let mut expected = BTreeSet::new();
    for descriptor in manifest.blobs() {
        let digest = descriptor.digest.parse().map_err(|why| Fault::document("manifest", why))?;
        if !expected.insert(digest) {
            return Err(Fault::document("manifest", format!("it names {digest} twice")));
        }
        let of = descriptor.annotations.get(TITLE).map_or("the configuration", String::as_str);
        envelope.check_blob(&digest, descriptor.size, of)?;
    }
    if let Some(extra) = envelope.present.difference(&expected).next() {
        return Err(Fault::member(blob_name(extra), "is not named by the manifest"));
    }
    let plan = read_plan(&envelope, &manifest)?;
    Ok(Contents { envelope, manifest, plan })
}

/// Step 5: the manifest says which format it is, and has the one spelling that the format has.
fn parse_manifest(bytes: &[u8]) -> Result<Manifest, Fault> {
    let fault = |why: String| Fault::document("manifest", why);
    // The type is read on its own first: a newer format may have members that this one does not know.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        artifact_type: String,
    }
    let kind: Kind = serde_json::from_slice(bytes).map_err(|e| fault(e.to_string()))?;
    layout::check_artifact_type(&kind.artifact_type)?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| fault(e.to_string()))?;
    let format = manifest.annotations.get(FORMAT_ANNOTATION).map(String::as_str).unwrap_or_default();
    match format.parse::<u32>() {
        Ok(FORMAT) => (),
        Ok(n) if n > FORMAT => return Err(Fault::Newer { found: format!("plan format {n}, {FORMAT} is known") }),
        _ => return Err(fault(format!("annotation {FORMAT_ANNOTATION} is {format:?}"))),
    }
    if manifest.media_type != MANIFEST_TYPE || manifest.schema_version != 2 {
        return Err(fault(format!("it is a {:?}, version {}", manifest.media_type, manifest.schema_version)));
    }
    if manifest.config.media_type != CONFIG_TYPE {
        return Err(fault(format!("its config is a {:?}", manifest.config.media_type)));
    }
    let Some((plan, files)) = manifest.layers.split_first() else { return Err(fault("it has no plan".to_owned())) };
    if plan.media_type != PLAN_TYPE {
        return Err(fault(format!("its first layer is a {:?}, not a plan", plan.media_type)));
    }
    if let Some(odd) = files.iter().find(|l| l.media_type != FILE_TYPE) {
        return Err(fault(format!("layer {} is a {:?}, not a source file", odd.digest, odd.media_type)));
    }
    if serde_json::to_vec(&manifest).ok().as_deref() != Some(bytes) {
        return Err(fault("it is not in the one spelling allowed".to_owned()));
    }
    Ok(manifest)
}

/// Step 8: the configuration repeats the manifest, the plan can be read, and its files are the manifest's layers, no more and no fewer.
fn read_plan(envelope: &Envelope, manifest: &Manifest) -> Result<Plan, Fault> {
    let config = layout::image_config(&manifest.layers, &manifest.annotations);
    if manifest.config.digest != Digest::of(&config).to_string() {
        return Err(Fault::document("manifest", "its config is not the one that belongs to its layers"));
    }
    let (layer, files) = manifest.layers.split_first().ok_or_else(|| Fault::document("manifest", "it has no plan"))?;
    if layer.size > limits::PLAN {
        return Err(Fault::bytes("the plan", limits::PLAN));
    }
    let digest = layer.digest.parse().map_err(|why| Fault::document("manifest", why))?;
    let bytes = envelope.blob(&digest, layer.size, "the plan")?;
    let plan: Plan = serde_json::from_slice(&bytes).map_err(|e| Fault::Plan(e.to_string()))?;
    if plan.format != FORMAT {
        return Err(Fault::Plan(format!("it is of format {}, its manifest of {FORMAT}", plan.format)));
    }
    let mut layers: BTreeMap<&str, (&Descriptor, Vec<&str>)> = BTreeMap::new();
    layers.extend(files.iter().map(|l| (l.digest.as_str(), (l, Vec::new()))));
    for (path, file) in &plan.files {
        if !is_source_path(path) {
            return Err(Fault::Plan(format!("{path:?} is not a path in a source tree")));
        }
        match layers.get_mut(file.digest.as_str()) {
            Some((layer, paths)) if layer.size == file.size => paths.push(path),
            Some(_) => return Err(Fault::Plan(format!("{path}: its size is not that of its layer"))),
            None => return Err(Fault::Plan(format!("{path}: {} is not a layer of the manifest", file.digest))),
        }
    }
    for (digest, (layer, mut paths)) in layers {
        order::ascending(&mut paths);
        if layer.annotations.get(PATHS).map(String::as_str) != Some(paths.join("\n").as_str()) {
            return Err(Fault::Plan(format!("the paths of layer {digest} are not those of the plan")));
        }
    }
    Ok(plan)
}

/// Whether `path` is relative, climbs nowhere, and has no byte that would make it ambiguous in a list.
pub(super) fn is_source_path(path: &str) -> bool {
    !path.chars().any(char::is_control) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

impl Manifest {
    /// The descriptors of everything that it names.
    fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

impl Envelope {
    /// Steps 6: presence, length and digest of a blob.
    fn check_blob(&self, digest: &Digest, size: u64, of: &str) -> Result<(), Fault> {
        if !self.present.contains(digest) {
            return Err(blob_fault(digest, of, "is missing"));
        }
        if size > limits::BUNDLE_UNPACKED {
            return Err(Fault::bytes(blob_name(digest), limits::BUNDLE_UNPACKED));
        }
        let (found, length) = match &self.store {
            Store::Memory(blobs) => {
                let bytes = blobs.get(digest).ok_or_else(|| blob_fault(digest, of, "is missing"))?;
                if bytes.len() as u64 != size {
                    return Err(blob_fault(digest, of, "has another length than the manifest says"));
                }
                (Digest::of(bytes), size)
            }
            Store::Directory(dir) => {
                let read = |e| Fault::read("reading", blob_name(digest), e);
                let (mut file, stat) = dir.file(&digest.hex()).map_err(read)?;
                if u64::try_from(stat.st_size).ok() != Some(size) {
                    return Err(blob_fault(digest, of, "has another length than the manifest says"));
                }
                Digest::of_reader(&mut file, size).map_err(read)?
            }
        };
        match (found == *digest, length == size) {
            (true, true) => Ok(()),
            _ => Err(blob_fault(digest, of, "has another digest")),
        }
    }

    /// The bytes of a blob. The digest is checked at every reading: the file may have changed since the last.
    fn blob(&self, digest: &Digest, size: u64, of: &str) -> Result<Vec<u8>, Fault> {
        let bytes = match &self.store {
            Store::Memory(blobs) => blobs.get(digest).cloned().ok_or_else(|| blob_fault(digest, of, "is missing"))?,
            Store::Directory(dir) => {
                dir.read(&digest.hex(), size).map_err(|e| Fault::read("reading", blob_name(digest), e))?
            }
        };
        match bytes.len() as u64 == size && Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(blob_fault(digest, of, "has another digest")),
        }
    }
}

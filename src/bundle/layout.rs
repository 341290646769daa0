//! `oci-layout` and `index.json`: which blob is the manifest, and which blobs are signatures over it. And the image
//! configuration, which only image tools read.
//!
//! The first two are not signed. They only lead to bytes that are checked afterwards, and have one spelling, so that nothing
//! can be hidden in them.

use super::digest::Digest;
use super::fault::Fault;
use super::keys::KeyId;
use crate::plan::limits;
use crate::plan::manifest::{
    ARTIFACT_TYPE, ARTIFACT_TYPE_STEM, Descriptor, INDEX_TYPE, ImageConfig, ImageLabels, ImageLayers, Index,
    MANIFEST_TYPE, REF_NAME, REF_NAME_VALUE, SIGNATURE_STEM,
};
use std::collections::BTreeMap;

/// Name of the member that marks an OCI layout.
pub(super) const LAYOUT_NAME: &str = "oci-layout";
/// Its bytes.
pub(super) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Name of the index.
pub(super) const INDEX_NAME: &str = "index.json";

/// What the index says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Length of the manifest.
    pub size: u64,
    /// Digest of each signature's blob, by the key that made it.
    pub signatures: BTreeMap<KeyId, Digest>,
}

/// Name of a blob's member.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The bytes of `index.json`.
pub(super) fn index(entry: &Entry) -> Vec<u8> {
    let mut annotations = BTreeMap::from([(REF_NAME.to_owned(), REF_NAME_VALUE.to_owned())]);
    for (key, digest) in &entry.signatures {
        annotations.insert(format!("{SIGNATURE_STEM}{key}"), digest.to_string());
    }
    let descriptor = Descriptor {
        media_type: MANIFEST_TYPE.to_owned(),
        digest: entry.manifest.to_string(),
        size: entry.size,
        annotations,
        artifact_type: Some(ARTIFACT_TYPE.to_owned()),
    };
    let index = Index { schema_version: 2, media_type: INDEX_TYPE.to_owned(), manifests: vec![descriptor] };
    serde_json::to_vec(&index).expect("an index has text keys only")
}

/// The bytes of the image configuration that belongs to a manifest's layers and annotations.
pub(super) fn image_config(layers: &[Descriptor], annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let config = ImageConfig {
        architecture: "unknown".to_owned(),
        os: "linux".to_owned(),
        config: ImageLabels { labels: annotations.clone() },
        rootfs: ImageLayers { kind: "layers".to_owned(), diff_ids: layers.iter().map(|l| l.digest.clone()).collect() },
    };
    serde_json::to_vec(&config).expect("an image configuration has text keys only")
}

/// Reads `oci-layout`.
pub(super) fn check_layout(bytes: &[u8]) -> Result<(), Fault> {
    if bytes == LAYOUT {
        return Ok(());
    }
    Err(Fault::document(LAYOUT_NAME, "it does not say imageLayoutVersion 1.0.0 in the one spelling allowed"))
}

/// Reads `index.json`.
pub(super) fn parse_index(bytes: &[u8]) -> Result<Entry, Fault> {
    let fault = |why: String| Fault::document(INDEX_NAME, why);
    if bytes.len() as u64 > limits::MANIFEST {
        return Err(Fault::bytes(INDEX_NAME, limits::MANIFEST));
    }
    let index: Index = serde_json::from_slice(bytes).map_err(|e| fault(e.to_string()))?;
    let [descriptor] = index.manifests.as_slice() else {
        return Err(fault(format!("it has {} entries where one belongs", index.manifests.len())));
    };
    check_artifact_type(descriptor.artifact_type.as_deref().unwrap_or_default()).map_err(|fault| match fault {
        Fault::Document { why, .. } => Fault::document(INDEX_NAME, why),
        other => other,
    })?;
    if descriptor.media_type != MANIFEST_TYPE {
        return Err(fault(format!("its entry is a {:?}, not a manifest", descriptor.media_type)));
    }
    let mut signatures = BTreeMap::new();
    for (name, value) in &descriptor.annotations {
        if let Some(key) = name.strip_prefix(SIGNATURE_STEM) {
            let key = KeyId::from_hex(key).ok_or_else(|| fault(format!("{name}: not the id of a key")))?;
            signatures.insert(key, value.parse().map_err(|e| fault(format!("{name}: {e}")))?);
        }
    }
    if signatures.len() > limits::SIGNATURES {
        let limit = format!("{} signatures", limits::SIGNATURES);
        return Err(Fault::TooLarge { what: INDEX_NAME.to_owned(), limit });
    }
    let manifest = descriptor.digest.parse().map_err(fault)?;
    let entry = Entry { manifest, size: descriptor.size, signatures };
    if self::index(&entry) != bytes {
        return Err(fault("it is not in the one spelling allowed".to_owned()));
    }
    Ok(entry)
}

/// Whether `artifact_type` is a bundle of this format.
pub(super) fn check_artifact_type(artifact_type: &str) -> Result<(), Fault> {
    if artifact_type == ARTIFACT_TYPE {
        return Ok(());
    }
    let number = artifact_type.strip_prefix(ARTIFACT_TYPE_STEM).and_then(|n| n.parse::<u32>().ok());
    if number.is_some_and(|n| n > 1) {
        return Err(Fault::Newer { found: artifact_type.to_owned() });
    }
    Err(Fault::document("manifest", format!("{artifact_type:?} is not the type of a bundle")))
}

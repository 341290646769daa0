//! The bundle's manifest: an OCI image manifest (OCI image-spec 1.1), with what we put into it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `artifactType` of a bundle.
pub const ARTIFACT_TYPE: &str = "application/vnd.compute-init.bundle.v1";
/// Media type of the plan, the manifest's config.
pub const PLAN_TYPE: &str = "application/vnd.compute-init.plan.v1+json";
/// Media type of a source file, a layer.
pub const FILE_TYPE: &str = "application/vnd.compute-init.file.v1";
/// Annotation on a layer: newline-separated paths in the source tree that have these bytes.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Annotation on the manifest: [`crate::plan::FORMAT`].
pub const FORMAT_ANNOTATION: &str = "io.compute-init.format";

/// An OCI image manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// `application/vnd.oci.image.manifest.v1+json`.
    pub media_type: String,
    /// [`ARTIFACT_TYPE`].
    pub artifact_type: String,
    /// The plan.
    pub config: Descriptor,
    /// The files, sorted by digest.
    pub layers: Vec<Descriptor>,
    /// [`FORMAT_ANNOTATION`] and the like.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// An OCI content descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descriptor {
    /// Media type of the content.
    pub media_type: String,
    /// `sha256:<hex>`.
    pub digest: String,
    /// Length in bytes.
    pub size: u64,
    /// Annotations, sorted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Type of the artifact, in an index entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

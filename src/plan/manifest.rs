//! The bundle's documents: an OCI image manifest and the index that names it (OCI image-spec 1.1), with what we put
//! into them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `artifactType` of a bundle.
pub const ARTIFACT_TYPE: &str = "application/vnd.compute-init.bundle.v1";
/// What every bundle's `artifactType` starts with; the format's number follows.
pub const ARTIFACT_TYPE_STEM: &str = "application/vnd.compute-init.bundle.v";
/// Media type of the manifest's config: OCI's own, because skopeo inspects nothing else. It repeats what the manifest
/// says and is never read for anything.
pub const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of the plan, the first layer.
pub const PLAN_TYPE: &str = "application/vnd.compute-init.plan.v1+json";
/// Media type of a source file, any other layer.
pub const FILE_TYPE: &str = "application/vnd.compute-init.file.v1";
/// Media type of an OCI manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI index.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// Annotation on a layer: the first of its paths, which is the file that registry clients write.
pub const TITLE: &str = "org.opencontainers.image.title";
/// Annotation on a layer: newline-separated paths in the source tree that have these bytes, sorted.
pub const PATHS: &str = "io.compute-init.paths";
/// Annotation on a layer: newline-separated names of the roles that these paths belong to, sorted. Absent where they
/// belong to none.
pub const ROLES: &str = "io.compute-init.roles";
/// Annotation on the manifest: [`crate::plan::FORMAT`].
pub const FORMAT_ANNOTATION: &str = "io.compute-init.format";
/// Annotation on the manifest: the playbook's path in the source tree.
pub const PLAYBOOK_ANNOTATION: &str = "io.compute-init.playbook";
/// Annotation on the index's entry: the tag by which `oci-archive:FILE:TAG` finds it.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The tag of every bundle.
pub const REF_NAME_VALUE: &str = "bundle";
/// Start of an annotation on the index's entry; the key's id follows, and the value is the digest of the blob that
/// is the raw signature.
pub const SIGNATURE_STEM: &str = "io.compute-init.signature.";

/// An OCI image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`MANIFEST_TYPE`].
    pub media_type: String,
    /// [`ARTIFACT_TYPE`].
    pub artifact_type: String,
    /// An [`ImageConfig`].
    pub config: Descriptor,
    /// The plan, then the files, sorted by their first path.
    pub layers: Vec<Descriptor>,
    /// [`FORMAT_ANNOTATION`] and [`PLAYBOOK_ANNOTATION`].
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// An OCI image configuration, as far as image tools demand one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageConfig {
    /// `unknown`: a bundle runs on any.
    pub architecture: String,
    /// `linux`.
    pub os: String,
    /// The manifest's annotations.
    pub config: ImageLabels,
    /// The layers.
    pub rootfs: ImageLayers,
}

/// Member `config` of an [`ImageConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLabels {
    /// What `skopeo inspect` shows as Labels.
    #[serde(rename = "Labels")]
    pub labels: BTreeMap<String, String>,
}

/// Member `rootfs` of an [`ImageConfig`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageLayers {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the layers, which are not compressed.
    pub diff_ids: Vec<String>,
}

/// An OCI image index, as `index.json` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// [`INDEX_TYPE`].
    pub media_type: String,
    /// One entry, the bundle's manifest.
    pub manifests: Vec<Descriptor>,
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

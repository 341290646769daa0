//! A generation of the export: the index that a node reads first, and what the index leads to. Types only;
//! `docs/export.md` describes the bytes.
//!
//! A node reads [`CURRENT`], one of its shards, its own [`HostIndex`], and the blobs that these name. All of them are
//! named by digest, and only the index is signed: nothing is used that it does not lead to.

use super::Data;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The directory of generations, beside the files of the classic layout.
pub const ROOT: &str = "compute-init";
/// The signed index in force. It is replaced by one rename.
pub const CURRENT: &str = "compute-init/current";
/// Signed indices by the digest of their bytes: the one in force, and those before it.
pub const GENERATIONS: &str = "compute-init/generations";
/// Blobs, by the digest of their bytes.
pub const BLOBS: &str = "compute-init/blobs/sha256";
/// What an index says it is, so that a signature over anything else is never taken for one.
pub const KIND: &str = "compute-init-export";
/// Version of the format. A node refuses one newer than it knows.
pub const FORMAT: u32 = 1;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// [`KIND`].
    pub kind: String,
    /// [`FORMAT`].
    pub format: u32,
    /// The cluster's name. Serial numbers count within it.
    pub cluster: String,
    /// Grows by at least one with every generation. A node that has seen a higher one takes no lower one.
    pub serial: u64,
    /// When it was made, seconds since the epoch.
    pub created: u64,
    /// After this it is not taken any more, seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// What is exported. Equal inventories have equal content.
    pub content: Content,
}

/// What is exported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// How many hosts.
    pub hosts: u64,
    /// The [`Part`] that every host has.
    pub common: Blob,
    /// [`Part`]s of classes of hosts, over the common one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Blob>,
    /// [`Shard`]s. The first eight bytes of the SHA-256 of a host's short name, as a big-endian number, modulo their
    /// count, say in which one the host is.
    pub shards: Vec<Blob>,
}

/// A file by digest. In JSON it is text: `<hex> <bytes>`, where it is deflated the bytes that it inflates to, and where
/// these are records that tell lines the bytes of the lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Blob {
    /// SHA-256 of the bytes as they are stored, 64 lower-case hex digits.
    pub digest: String,
    /// How many they are.
    pub size: u64,
    /// How many bytes they inflate to, where they are a raw deflate stream.
    pub inflated: Option<u64>,
    /// How many bytes these tell, where they are records of lines.
    pub told: Option<u64>,
}

/// Hosts by short name, and the [`HostIndex`] of each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(pub BTreeMap<String, Blob>);

/// What one host has besides the common part.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostIndex {
    /// Its short name.
    pub host: String,
    /// Its name in the inventory.
    pub name: String,
    /// Which of [`Content::classes`] it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u32>,
    /// What is its own, over the common part and its class's.
    pub own: Part,
    /// What only this host can open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// Variables and files. A part over another replaces what has the same name, and takes away what it lists in `without`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Part {
    /// Variables, values still lazy.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub vars: IndexMap<String, Data>,
    /// Variables of the parts beneath that are not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// `groups`, as far as it is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<IndexMap<String, Vec<String>>>,
    /// `group_names`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_names: Option<Vec<String>>,
    /// Other hosts, as far as `hostvars` is asked for them, by inventory name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others: Option<IndexMap<String, OtherHost>>,
    /// Files, by their path in the classic layout.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Blob>,
}

/// What is asked of another host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OtherHost {
    /// Its variables.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub vars: IndexMap<String, Data>,
    /// Its `group_names`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_names: Vec<String>,
}

/// Where a host's secrets are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// To whom they are sealed: an age recipient; `none` where the site chose not to seal.
    pub recipient: String,
    /// A file in the age format that holds a [`Secrets`]; not sealed, the same as it is.
    pub blob: Blob,
}

/// [`Sealed::recipient`] of what is not sealed.
pub const UNSEALED: &str = "none";

/// A host's secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// The host's short name: what is sealed to one host is no other's.
    pub host: String,
    /// Variables.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub vars: IndexMap<String, Data>,
    /// Variables of other hosts, by inventory name.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub others: IndexMap<String, IndexMap<String, Data>>,
    /// Files by path, in base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

impl From<Blob> for String {
    fn from(blob: Blob) -> String {
        let mut text = format!("{} {}", blob.digest, blob.size);
        for number in [blob.inflated, blob.told].into_iter().flatten() {
            text = format!("{text} {number}");
        }
        text
    }
}

impl TryFrom<String> for Blob {
    type Error = String;

    fn try_from(text: String) -> Result<Blob, String> {
        let bad = || "a blob is <hex> <bytes> [<bytes inflated> [<bytes told>]]".to_owned();
        let mut words = text.split(' ');
        let digest = words.next().unwrap_or_default();
        if digest.len() != 64 || !digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad());
        }
        let size = words.next().and_then(number).ok_or_else(bad)?;
        let mut further = || words.next().map(|word| number(word).ok_or_else(bad)).transpose();
        let (inflated, told) = (further()?, further()?);
        if words.next().is_some() {
            return Err(bad());
        }
        Ok(Blob { digest: digest.to_owned(), size, inflated, told })
    }
}

/// A number in its one spelling.
fn number(word: &str) -> Option<u64> {
    word.parse().ok().filter(|n: &u64| n.to_string() == word)
}

#[cfg(test)]
mod tests {
    use super::Blob;

    #[test]
    fn a_blob_has_one_spelling() {
        let digest = "0123456789abcdef".repeat(4);
        for good in [format!("{digest} 5"), format!("{digest} 5 900"), format!("{digest} 5 900 7000")] {
            let blob = Blob::try_from(good.clone()).expect("a blob");
            assert_eq!(String::from(blob), good);
        }
        for bad in ["", &digest, &format!("{digest} "), &format!("{digest} 05"), &format!("{digest} -1")] {
            assert!(Blob::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        for bad in [format!("{digest} 1 2 3 4"), format!("{} 1", digest.to_uppercase()), format!("{digest}  1")] {
            assert!(Blob::try_from(bad.clone()).is_err(), "{bad}");
        }
    }
}

//! What the control node serves to its compute nodes: from an inventory to what each node needs of it, and from there
//! to the generation on disk. This room reads the inventory and decides; it configures nothing.

pub mod check;
pub mod classic;
mod closure;
pub mod cluster;
pub mod files;
pub mod generation;
mod json;
mod judge;
mod listing;
mod lookup;
pub mod nodes;
pub mod recipients;
pub mod reports;
pub mod resolve;
pub mod scope;
pub mod secret;
pub mod serve;
pub mod wanted;

pub use json::plain as plain_json;
pub use listing::{list, view};

use crate::plan::Data;
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What every exported host needs, before it is written in a layout.
#[derive(Clone, Debug, Default)]
pub struct ClusterExport {
    /// By inventory name, in the inventory's order. The first labels of the names differ.
    pub hosts: IndexMap<String, HostExport>,
    /// Files that every node may have: `hosts`, `cacerts/*`, `cvmfs/*`, and those that hold secrets
    /// (`manila_share_info.yml`).
    pub shared: Vec<ExportFile>,
}

/// What one host needs.
#[derive(Clone, Debug, Default)]
pub struct HostExport {
    /// Its variables, in layers that share no name. A layer that many hosts have is one `Arc` for all of them, so that
    /// it is written and hashed once; equal layers are always the same `Arc`.
    pub vars: Vec<Arc<Layer>>,
    /// `group_names`, sorted.
    pub group_names: Vec<String>,
    /// `groups`, as far as it is asked for; shared as layers are. A list of which only the first host, whether there
    /// is one, and whether this host is in it can be asked has only its first host: whoever makes `groups` of it adds
    /// this host to the lists of its `group_names` that lack it.
    pub groups: Arc<Groups>,
    /// Other hosts, as far as `hostvars` is asked for them, by inventory name; shared as layers are. A host may be there
    /// without variables: that it exists is asked. The host itself may be in it, which means nothing.
    pub others: Arc<IndexMap<String, Other>>,
    /// Files of this host alone: `hostconfig/<short name>/*`.
    pub files: Vec<ExportFile>,
}

/// Variables that hosts share, values still lazy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// Names and values.
    pub vars: IndexMap<String, Data>,
    /// Names of those whose values are secret.
    pub secret: BTreeSet<String>,
}

/// `groups`: group name to the names of its hosts.
pub type Groups = IndexMap<String, Vec<String>>;

/// What is asked of another host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Other {
    /// Its variables, as far as they are asked for, with what these refer to.
    pub vars: Layer,
    /// Its `group_names`, sorted.
    pub group_names: Vec<String>,
}

/// A file of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFile {
    /// Relative to the export's root, in today's layout.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it holds secrets.
    pub secret: bool,
}

/// A node's short name, by which it knows itself: the first label of its name, or all of an address.
pub fn short(name: &str) -> &str {
    match name.parse::<std::net::IpAddr>() {
        Ok(_) => name,
        Err(_) => name.split('.').next().unwrap_or(name),
    }
}

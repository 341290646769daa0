//! What the command line names, opened before the root is entered: paths given there mean what they mean outside.

use super::config::{self, Config};
use super::keyring::Keyring;
use super::options::{self, Options};
use super::stop::Stop;
use super::{metadata, mount, verify};
use crate::bundle::Verified;
use crate::plan::limits;
use crate::sys::file::read_bounded;
use std::io;
use std::path::Path;

/// Inputs from outside the root.
pub struct Outside {
    config: Option<(String, io::Result<Vec<u8>>)>,
    /// A bundle that was verified outside.
    pub verified: Option<Result<Verified, Stop>>,
    /// Metadata.
    pub metadata: Option<metadata::Given>,
    /// The export.
    pub export: Option<mount::Given>,
    /// Keys and credentials.
    pub keyring: Keyring,
}

impl Outside {
    /// Opens what the flags name.
    pub fn open(options: &Options) -> Result<Outside, String> {
        let inside = |path: &str| {
            let root = options.root.as_deref().unwrap_or(Path::new("/"));
            root.join(path.trim_start_matches('/'))
        };
        let config =
            options.config.as_ref().map(|path| (path.display().to_string(), read_bounded(path, limits::CONFIG)));
        let metadata = options.metadata.as_ref().map(|source| {
            if source.starts_with("http://") || source.starts_with("https://") {
                return metadata::Given::Url(source.clone());
            }
            let bytes = read_bounded(Path::new(source), limits::METADATA).map_err(|e| format!("{source}: {e}"));
            metadata::Given::File(source.clone(), bytes)
        });
        let export = options.export.as_deref().map(mount::given).transpose().map_err(|e| format!("--export {e}"))?;
        let bundles = inside("/var/lib/compute-init/bundles");
        let verified = verify::outside(options, &bundles, &inside(options::TRUST));
        Ok(Outside { config, verified, metadata, export, keyring: Keyring::open(options) })
    }

    /// The configuration given outside, else the one in the root, else the defaults.
    pub fn config(&self, default: &Path) -> Result<Config, Vec<String>> {
        match &self.config {
            Some((name, Ok(text))) => config::parse(name, text),
            Some((name, Err(e))) => Err(vec![format!("{name}: {e}")]),
            None => config::at(default),
        }
    }
}

/// The short host name by which the export knows this node.
pub fn host(options: &Options) -> Result<String, String> {
    let name = match &options.host {
        Some(name) => name.clone(),
        None => nix::unistd::gethostname()
            .map_err(|e| format!("reading the host name: {e}"))?
            .into_string()
            .map_err(|_| "the host name is not text".to_owned())?,
    };
    let short = name.split('.').next().unwrap_or("").to_owned();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if short.is_empty() || short.len() > 64 || short.starts_with('-') || !short.bytes().all(plain) {
        return Err(format!("{name:?} cannot be the name of a node"));
    }
    Ok(short)
}

//! What the command line names, opened before the root is entered: paths given there mean what they mean outside.

use super::config::{self, Config};
use super::keyring::Keyring;
use super::options::{self, Options};
use super::stop::Stop;
use super::switches::Switches;
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
    /// What the kernel's command line and the firmware say.
    pub switches: Switches,
}

impl Outside {
    /// Opens what the flags name.
    pub fn open(options: &Options, switches: Switches) -> Result<Outside, String> {
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
        Ok(Outside { config, verified, metadata, export, keyring: Keyring::open(options), switches })
    }

    /// The configuration given outside, else the one in the root, else the defaults.
    /// Switches go over it.
    pub fn config(&self, default: &Path) -> Result<Config, Vec<String>> {
        let mut config = self.written(default)?;
        self.switches.clone().apply(&mut config)?;
        Ok(config)
    }

    fn written(&self, default: &Path) -> Result<Config, Vec<String>> {
        match &self.config {
            Some((name, Ok(text))) => config::parse(name, text),
            Some((name, Err(e))) => Err(vec![format!("{name}: {e}")]),
            None => config::at(default),
        }
    }
}

/// Switches of the machine that boots. A root in a directory is not that machine's, except in an initramfs.
pub fn switches(options: &Options) -> Switches {
    if options.root.is_some() && !options.early {
        return Switches::default();
    }
    Switches::read(Path::new("/proc/cmdline"), Path::new("/sys/firmware/dmi/tables/DMI"))
}

/// The short host name by which the export knows this node. In an initramfs the root's own name counts: the kernel has
/// none yet.
pub fn host(options: &Options, switched: Option<&str>) -> Result<String, String> {
    let root = options.root.as_deref().filter(|_| options.early);
    let written = root.and_then(|root| std::fs::read_to_string(root.join("etc/hostname")).ok());
    let written = written.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty() && name != "localhost");
    let name = match options.host.as_deref().or(switched).map(str::to_owned).or(written) {
        Some(name) => name,
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

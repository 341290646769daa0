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

/// The kernel's name for a machine that has none.
const UNNAMED: &str = "(none)";

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

/// The short host name by which the export knows this node. In an initramfs it is what the machine will be named, as
/// systemd has it: the kernel has no name yet.
pub fn host(options: &Options, switches: &Switches) -> Result<String, String> {
    let coming = options.root.as_deref().filter(|_| options.early).and_then(|root| {
        let written = || std::fs::read_to_string(root.join("etc/hostname")).ok().map(|name| name.trim().to_owned());
        let name = switches.machine.clone().or_else(written)?;
        (!name.is_empty() && name != "localhost").then_some(name)
    });
    let name = match options.host.as_deref().or(switches.host.as_deref()).map(str::to_owned).or(coming) {
        Some(name) => name,
        None => nix::unistd::gethostname()
            .map_err(|e| format!("reading the host name: {e}"))?
            .into_string()
            .map_err(|_| "the host name is not text".to_owned())?,
    };
    if name == UNNAMED {
        return Err("this machine has no host name yet: compute-init.host=NAME gives it one".to_owned());
    }
    let short = name.split('.').next().unwrap_or("").to_owned();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if short.is_empty() || short.len() > 64 || short.starts_with('-') || !short.bytes().all(plain) {
        return Err(format!("{name:?} cannot be the name of a node"));
    }
    Ok(short)
}

#[cfg(test)]
mod tests {
    use super::{Options, Switches, host};

    #[test]
    fn in_an_initramfs_it_is_the_name_that_the_machine_will_have() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        let named = |name: &str, early: bool, line: &str| {
            std::fs::write(root.path().join("etc/hostname"), format!("{name}\n")).unwrap();
            std::fs::write(root.path().join("cmdline"), format!("quiet {line}\n")).unwrap();
            let options = Options { root: Some(root.path().to_owned()), early, ..Options::default() };
            host(&options, &Switches::read(&root.path().join("cmdline"), &root.path().join("none")))
        };
        assert_eq!(named("written.site", true, "").as_deref(), Ok("written"));
        assert_eq!(named("written", true, "systemd.hostname=given.site").as_deref(), Ok("given"));
        let both = "compute-init.host=switched systemd.hostname=given";
        assert_eq!(named("written", true, both).as_deref(), Ok("switched"));
        // Later the kernel has it.
        assert_ne!(named("written", false, "systemd.hostname=given-here").as_deref(), Ok("given-here"));
        for bad in ["(none)", "-x", "a/b", ".x"] {
            assert!(named("", true, &format!("compute-init.host={bad}")).is_err(), "{bad}");
        }
        let unnamed = named("", true, "compute-init.host=(none)").unwrap_err();
        assert!(unnamed.contains("compute-init.host=NAME"), "{unnamed}");
    }
}

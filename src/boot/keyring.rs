//! Which keys may sign an export for this node, and the identity that opens what is sealed to it.
//!
//! Keys that sign exports are others than those that sign bundles: a control node that is broken into shall not be able
//! to have nodes run what its intruder wrote. They are in `trust.d/export/*.pem`; where there are none, metadata's
//! `compute_init_export_key` is the one.

use super::config::Config;
use super::gate::Admitted;
use super::metadata;
use super::options::{Options, TRUST};
use super::stop::Stop;
use crate::bundle::age::Identity;
use crate::bundle::{Fault, PublicKey, Trust};
use crate::plan::{Key, limits};
use crate::sys::file::open_quietly;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The directory of export keys beneath the trust directory.
const FOLDER: &str = "export";
/// Metadata's public key.
const METADATA_KEY: &str = "compute_init_export_key";
/// The name of the credential that holds the identity.
const CREDENTIAL: &str = "compute-init.identity";
/// Where systemd keeps credentials of the whole system.
const SYSTEM_CREDENTIALS: &str = "/run/credentials/@system";
/// Where a config drive keeps the identity.
const DRIVE_FILE: &str = "compute-init/identity";

/// Keys and credentials from outside the root.
pub struct Keyring {
    trust: Option<Result<Option<Trust>, Stop>>,
    credential: Option<Result<Identity, Stop>>,
}

impl Keyring {
    /// Opens what the command line and the service manager name.
    pub fn open(options: &Options) -> Keyring {
        let trust = options.trust.as_deref().map(|trust| folder(&trust.join(FOLDER)));
        let mut places: Vec<PathBuf> = options.credentials.iter().map(|dir| dir.join(CREDENTIAL)).collect();
        if options.root.is_none() || options.early {
            places.push(Path::new(SYSTEM_CREDENTIALS).join(CREDENTIAL));
        }
        Keyring { trust, credential: places.iter().find_map(|path| identity_file(path).transpose()) }
    }

    /// The keys that may sign an export; `None` where none is known.
    pub fn trust(&self, admitted: &Admitted) -> Result<Option<Trust>, Stop> {
        let image = match &self.trust {
            Some(given) => given.clone()?,
            None => folder(&Path::new(TRUST).join(FOLDER))?,
        };
        if image.is_some() {
            return Ok(image);
        }
        let Some(text) = admitted.meta.get(&Key(METADATA_KEY)).and_then(|key| key.as_str()) else { return Ok(None) };
        let key = PublicKey::from_text(text)
            .map_err(|e| Stop::refused(format!("metadata's {METADATA_KEY}: {e}")).hint("see docs/export.md"))?;
        let trust = Trust::keys("metadata", vec![(METADATA_KEY.to_owned(), key)]);
        trust.map(Some).map_err(|e| Stop::refused(e.to_string()).hint(e.hint()))
    }

    /// The identity of this node: a credential, else the file, else the config drive's.
    pub fn identity(&self, config: &Config) -> Result<Option<Identity>, Stop> {
        if let Some(credential) = &self.credential {
            return credential.clone().map(Some);
        }
        if let Some(identity) = identity_file(&config.identity)? {
            return Ok(Some(identity));
        }
        match metadata::drive_file(DRIVE_FILE, limits::IDENTITY) {
            Some(bytes) => parse(&bytes, &format!("{DRIVE_FILE} of the config drive")).map(Some),
            None => Ok(None),
        }
    }
}

/// The keys of a directory; without one, or with an empty one, none is known.
fn folder(path: &Path) -> Result<Option<Trust>, Stop> {
    match Trust::directory(path) {
        Ok(trust) => Ok(Some(trust)),
        Err(Fault::NoTrust { .. }) => Ok(None),
        Err(e) => Err(Stop::refused(e.to_string()).hint(e.hint())),
    }
}

/// A file that only its owner can read, who is root; `None` where there is none.
fn identity_file(path: &Path) -> Result<Option<Identity>, Stop> {
    let name = path.display().to_string();
    let read = || -> io::Result<(u32, u32, Vec<u8>)> {
        let file = open_quietly(path)?;
        let meta = file.metadata()?;
        let mut bytes = Vec::new();
        file.take(limits::IDENTITY + 1).read_to_end(&mut bytes)?;
        Ok((meta.mode(), meta.uid(), bytes))
    };
    match read() {
        Ok((mode, uid, _)) if mode & 0o077 != 0 || uid != 0 => Err(Stop::refused(format!(
            "the identity {name} is uid {uid}'s with mode {:04o}: it must be root's, and no one else's to read",
            mode & 0o7777
        ))
        .hint("chown root and chmod 0600; where others could read it, enrol the node anew")),
        Ok((.., bytes)) => parse(&bytes, &name).map(Some),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Stop::refused(format!("reading the identity {name}: {e}"))),
    }
}

fn parse(bytes: &[u8], name: &str) -> Result<Identity, Stop> {
    let refused = |why: String| Stop::refused(format!("the identity {name}: {why}")).hint("see compute-init enrol");
    if bytes.len() as u64 > limits::IDENTITY {
        return Err(refused(format!("it is larger than {} bytes", limits::IDENTITY)));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| refused("it is not text".to_owned()))?;
    Identity::parse(text).map_err(|e| refused(e.to_string()))
}

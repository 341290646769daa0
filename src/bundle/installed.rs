//! The installed form: a directory named by the manifest's digest, with `manifest.json`, `signatures/<key id>` and
//! `blobs/sha256/<hex>`. It holds the same bytes as the archive, ready to be read without unpacking.

use super::digest::Digest;
use super::fault::Fault;
use super::keys::KeyId;
use super::verify::{Envelope, Store};
use crate::plan::limits;
use crate::sys::directory::Directory;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// The manifest's file.
pub const MANIFEST: &str = "manifest.json";
/// The directory of signatures.
pub const SIGNATURES: &str = "signatures";
/// The directory of blobs.
pub const BLOBS: &str = "blobs/sha256";
/// The link beside the bundles that names the one to boot with.
pub const CURRENT: &str = "current";
/// The link beside the bundles that names the one before it.
pub const PREVIOUS: &str = "previous";

/// The directory that the link `current` in `bundles` names.
pub fn current(bundles: &Path) -> Result<PathBuf, super::Error> {
    let link = bundles.join(CURRENT);
    let refuse = |why: String| super::Error {
        bundle: bundles.to_owned(),
        fault: Fault::NotInstalled { link: link.clone(), why },
    };
    let target = std::fs::read_link(&link).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => refuse("is missing".to_owned()),
        _ => refuse(format!("cannot be read as a link: {e}")),
    })?;
    match target.to_str().and_then(Digest::from_hex) {
        Some(digest) => Ok(bundles.join(digest.hex())),
        None => Err(refuse(format!("leads to {}, which is not the digest of a bundle", target.display()))),
    }
}

/// Reads names, manifest and signatures of the bundle in `path`; blobs are only listed.
pub(super) fn read(path: &Path) -> Result<Envelope, Fault> {
    let dir = Directory::open(path).map_err(|e| Fault::read("opening", path, e))?;
    check_names(&dir, path, &["blobs", MANIFEST, SIGNATURES])?;
    let manifest = dir.read(MANIFEST, limits::MANIFEST).map_err(|e| Fault::read("reading", path.join(MANIFEST), e))?;
    let digest = Digest::of(&manifest);
    if path.file_name().and_then(|n| n.to_str()).and_then(Digest::from_hex) != Some(digest) {
        return Err(Fault::document(MANIFEST, format!("its digest is {digest}, which is not the directory's name")));
    }
    let signatures = read_signatures(&dir, path)?;
    let open = |dir: &Directory, name| dir.subdirectory(name).map_err(|e| Fault::read("opening", path.join(name), e));
    let blobs = open(&dir, "blobs")?;
    check_names(&blobs, path, &["sha256"])?;
    let blobs = open(&blobs, "sha256")?;
    let names = list(&blobs, &path.join(BLOBS))?;
    let mut present = BTreeSet::new();
    for name in names {
        let digest = name.to_str().and_then(Digest::from_hex);
        let refuse = || Fault::member(format!("{BLOBS}/{}", name.display()), "does not belong into a bundle");
        present.insert(digest.ok_or_else(refuse)?);
    }
    Ok(Envelope { manifest, digest, signatures, present, store: Store::Directory(blobs) })
}

fn list(dir: &Directory, path: &Path) -> Result<Vec<OsString>, Fault> {
    dir.names(limits::BUNDLE_MEMBERS).map_err(|e| match e.kind() {
        io::ErrorKind::FileTooLarge => {
            Fault::TooLarge { what: path.display().to_string(), limit: format!("{} files", limits::BUNDLE_MEMBERS) }
        }
        _ => Fault::read("listing", path, e),
    })
}

fn check_names(dir: &Directory, path: &Path, expected: &[&str]) -> Result<(), Fault> {
    let names = list(dir, path)?;
    if let Some(name) = names.iter().find(|n| !expected.iter().any(|e| e == n)) {
        return Err(Fault::member(name.display().to_string(), "does not belong into a bundle"));
    }
    match expected.iter().find(|e| !names.iter().any(|n| n == *e)) {
        Some(name) => Err(Fault::document(*name, "it is missing")),
        None => Ok(()),
    }
}

fn read_signatures(dir: &Directory, path: &Path) -> Result<BTreeMap<KeyId, Vec<u8>>, Fault> {
    let path = path.join(SIGNATURES);
    let dir = dir.subdirectory(SIGNATURES).map_err(|e| Fault::read("opening", &path, e))?;
    let mut signatures = BTreeMap::new();
    for name in list(&dir, &path)? {
        let shown = format!("{SIGNATURES}/{}", name.display());
        let key = name.to_str().and_then(KeyId::from_hex);
        let (Some(name), Some(key)) = (name.to_str(), key) else {
            return Err(Fault::member(shown, "does not belong into a bundle"));
        };
        if signatures.len() == limits::SIGNATURES {
            let limit = format!("{} signatures", limits::SIGNATURES);
            return Err(Fault::TooLarge { what: path.display().to_string(), limit });
        }
        let bytes = dir.read(name, limits::KEY).map_err(|e| Fault::read("reading", path.join(name), e))?;
        if bytes.len() != 64 {
            return Err(Fault::document(shown, "a signature has 64 bytes"));
        }
        signatures.insert(key, bytes);
    }
    Ok(signatures)
}

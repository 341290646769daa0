//! The installed form of one bundle. It is written under another name and renamed when it is complete, so that the
//! name by which nodes know it is there wholly or not at all.

use super::item::{Change, place};
use super::{BUNDLES, Error, Root};
use crate::bundle::{BLOBS, CURRENT, Digest, MANIFEST, PREVIOUS, SIGNATURES, Trust, Verified};
use crate::sys::file;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What unfinished directories end in.
const UNFINISHED: &str = ".unfinished";

/// A bundle to unpack.
pub(super) struct Release<'a> {
    pub bundle: &'a Verified,
    pub trust: &'a Trust,
}

impl Release<'_> {
    /// Its directory, inside the root.
    pub(super) fn path(&self) -> String {
        format!("{BUNDLES}/{}", self.bundle.digest().hex())
    }

    pub(super) fn change(&self, root: &Root) -> Result<Option<Change>, Error> {
        let path = self.path();
        let place = place(root, &path)?;
        let what = match place.symlink_metadata() {
            Err(_) => "create",
            // The same manifest with more signatures is the same bundle, but has to be written again.
            Ok(_) => match Verified::installed(&place, self.trust) {
                Ok(found) if found.signatures() == self.bundle.signatures() => return Ok(None),
                _ => "update",
            },
        };
        Ok(Some(Change { what, path: format!("/{path}"), to: None }))
    }

    pub(super) fn make(&self, root: &Root) -> Result<(), Error> {
        let target = place(root, &self.path())?;
        let unfinished = with_ending(&target, UNFINISHED);
        remove(&unfinished)?;
        self.unpack(&unfinished, &neighbours(root)?)?;
        let damaged = with_ending(&target, ".damaged");
        if target.symlink_metadata().is_ok() {
            remove(&damaged)?;
            fs::rename(&target, &damaged).map_err(Error::io("moving", &target))?;
        }
        fs::rename(&unfinished, &target).map_err(Error::io("moving", &unfinished))?;
        sync(file::parent(&target))?;
        remove(&damaged)
    }

    /// Blobs that a neighbour has already are linked, not written again.
    fn unpack(&self, dir: &Path, neighbours: &[PathBuf]) -> Result<(), Error> {
        let signatures = dir.join(SIGNATURES);
        let blobs = dir.join(BLOBS);
        let above = file::parent(&blobs).to_owned();
        for made in [dir, &signatures, &above, &blobs] {
            DirBuilder::new().mode(0o755).create(made).map_err(Error::io("making", made))?;
            // Whatever the umask.
            fs::set_permissions(made, Permissions::from_mode(0o755)).map_err(Error::io("making", made))?;
        }
        write(&dir.join(MANIFEST), self.bundle.manifest_bytes())?;
        for (key, signature) in self.bundle.signatures() {
            write(&signatures.join(key.to_string()), signature)?;
        }
        for (digest, size) in self.bundle.blobs() {
            let refuse = |fault| Error::Bundle(crate::bundle::Error { bundle: dir.to_owned(), fault });
            let bytes = self.bundle.blob(digest, size).map_err(refuse)?;
            let name = digest.trim_start_matches("sha256:");
            if !neighbours.iter().any(|from| link_same(&from.join(name), &blobs.join(name), &bytes)) {
                write(&blobs.join(name), &bytes)?;
            }
        }
        for written in [&blobs, &above, &signatures, dir] {
            sync(written)?;
        }
        Ok(())
    }
}

/// Names in the bundles' directory that nothing needs: bundles that are none of `kept`, and what was interrupted.
pub(super) fn superfluous(root: &Root, kept: &[Digest]) -> Result<Vec<String>, Error> {
    let dir = root.resolve(BUNDLES).map_err(Error::io("looking for", BUNDLES))?;
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("listing", dir)(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("listing", &dir))?.file_name();
        let Some(name) = name.to_str() else { continue };
        let stem = name.split('.').next().unwrap_or(name);
        // What is not named by a digest is not ours to remove.
        let Some(digest) = Digest::from_hex(stem) else { continue };
        if stem != name || !kept.contains(&digest) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The directories of blobs of the bundles that are installed.
fn neighbours(root: &Root) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for name in [CURRENT, PREVIOUS] {
        let link = place(root, &format!("{BUNDLES}/{name}"))?;
        let digest = fs::read_link(&link).ok().and_then(|t| t.to_str().and_then(Digest::from_hex));
        found.extend(digest.map(|digest| link.with_file_name(digest.hex()).join(BLOBS)));
    }
    Ok(found)
}

/// Links the file at `from` as `to` where it is what we would write: these bytes, ours, nobody else's to change.
fn link_same(from: &Path, to: &Path, bytes: &[u8]) -> bool {
    let owner = nix::unistd::geteuid().as_raw();
    let ours = |meta: &fs::Metadata| meta.is_file() && meta.uid() == owner && meta.mode() & 0o7777 == 0o644;
    from.symlink_metadata().is_ok_and(|meta| ours(&meta)) && file::holds(from, bytes) && fs::hard_link(from, to).is_ok()
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn remove(path: &Path) -> Result<(), Error> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path).map_err(Error::io("removing", path)),
        Ok(_) => fs::remove_file(path).map_err(Error::io("removing", path)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()
    })
    .map_err(Error::io("writing", path))
}

fn sync(dir: &Path) -> Result<(), Error> {
    file::sync_directory(dir).map_err(Error::io("writing", dir))
}

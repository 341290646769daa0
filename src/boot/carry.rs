//! `--carry`: within an initramfs, puts the tree that it carries (executor, bundle, keys, units) into the root that is
//! started next. The bundle is verified with the carried keys first; a root that refuses is left as it is, and starts.

use super::receive::{failed, refused, switch};
use super::stop::Stop;
use crate::bundle::{self, Trust, Verified};
use crate::plan::limits;
use crate::sys::file::{self, Look};
use crate::sys::mount::Writable;
use crate::sys::order;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where bundles, keys and the configuration are, in the tree as in the root.
const BUNDLES: &str = "var/lib/compute-init/bundles";
const TRUST: &str = "etc/compute-init/trust.d";
const CONFIG: &str = "etc/compute-init/config.yaml";
/// In every text of ours.
const MARK: &[u8] = b"Installed by compute-init";
/// What files that are put aside end in.
const ASIDE: &str = ".before-compute-init";
/// Entries of a tree; a bundle's are most of them.
const ENTRIES: usize = limits::BUNDLE_MEMBERS + 64;

/// What a tree holds, read before the root is entered: paths mean what they mean in the root from then on.
#[derive(Default)]
struct Cargo {
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, u32, Vec<u8>)>,
    links: Vec<(PathBuf, OsString)>,
    size: u64,
}

/// Verifies the bundle of `tree` with the keys of `tree`. Its digest.
pub fn verify(tree: &Path) -> Result<bundle::Digest, Stop> {
    let trust =
        Trust::directory(&tree.join(TRUST)).map_err(|fault| Stop::refused(fault.to_string()).hint(fault.hint()))?;
    let current = bundle::current(&tree.join(BUNDLES)).map_err(refused)?;
    Ok(Verified::installed(&current, &trust).map_err(refused)?.digest())
}

/// Carries `tree` into `root`, and enters `root` for that. The bundle's digest.
pub fn carry(tree: &Path, root: &Path) -> Result<bundle::Digest, Stop> {
    let digest = verify(tree)?;
    let mut cargo = Cargo::default();
    cargo.read(tree, Path::new(""))?;
    if !["etc", "usr"].iter().all(|part| root.join(part).is_dir()) {
        return Err(Stop::failed(format!("{} is no root file system: it has no etc and usr", root.display())));
    }
    let entered = nix::unistd::chroot(root).and_then(|()| nix::unistd::chdir("/"));
    entered.map_err(|e| failed("entering", root)(e.into()))?;
    let _writable = Writable::new(Path::new("/")).map_err(failed("making writable", root))?;
    cargo.write()?;
    switch(&Path::new("/").join(BUNDLES), digest)?;
    cargo.link()?;
    Ok(digest)
}

impl Cargo {
    fn read(&mut self, tree: &Path, below: &Path) -> Result<(), Stop> {
        let directory = tree.join(below);
        let entries = fs::read_dir(&directory).map_err(failed("listing", &directory))?;
        let mut names: Vec<OsString> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        order::ascending(&mut names);
        for name in names {
            let (path, place) = (below.join(&name), directory.join(&name));
            if self.directories.len() + self.files.len() + self.links.len() > ENTRIES {
                return Err(Stop::refused(format!("{} holds more than a bundle can have", tree.display())));
            }
            let meta = place.symlink_metadata().map_err(failed("looking at", &place))?;
            if meta.is_dir() {
                self.directories.push(path.clone());
                self.read(tree, &path)?;
            } else if meta.is_symlink() {
                self.links.push((path, fs::read_link(&place).map_err(failed("reading", &place))?.into()));
            } else {
                let left = limits::BUNDLE_UNPACKED.saturating_sub(self.size);
                let bytes = file::read_bounded(&place, left).map_err(failed("reading", &place))?;
                self.size += bytes.len() as u64;
                self.files.push((path, meta.permissions().mode() & 0o7777, bytes));
            }
        }
        Ok(())
    }

    fn write(&self) -> Result<(), Stop> {
        for path in &self.directories {
            let place = Path::new("/").join(path);
            if !place.is_dir() {
                DirBuilder::new().recursive(true).mode(0o755).create(&place).map_err(failed("making", &place))?;
                fs::set_permissions(&place, Permissions::from_mode(0o755)).map_err(failed("making", &place))?;
            }
        }
        for (path, mode, bytes) in &self.files {
            let place = place(path, bytes)?;
            let Some(place) = place else { continue };
            let look = Look { mode: *mode, ..Look::default() };
            file::replace_if_different(&place, bytes, &look).map_err(failed("writing", &place))?;
        }
        Ok(())
    }

    /// Links come last: what enables the unit finds everything there.
    fn link(&self) -> Result<(), Stop> {
        for (path, target) in self.links.iter().filter(|(path, _)| !path.starts_with(BUNDLES)) {
            let place = Path::new("/").join(path);
            if place.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                put_aside(&place)?;
            }
            if fs::read_link(&place).ok().as_deref() != Some(Path::new(target)) {
                file::replace_link(&place, target).map_err(failed("linking", &place))?;
            }
        }
        Ok(())
    }
}

/// Where a file of ours goes, if it goes anywhere: the root's configuration stays, another key of the same name is kept
/// beside ours, and what is not ours is put aside.
fn place(path: &Path, bytes: &[u8]) -> Result<Option<PathBuf>, Stop> {
    let place = Path::new("/").join(path);
    let found = match fs::read(&place) {
        Ok(found) if found != bytes => found,
        _ => return Ok(Some(place)),
    };
    if path == Path::new(CONFIG) {
        return Ok(None);
    }
    if path.starts_with(TRUST) {
        let stem = path.file_stem().unwrap_or_default().display();
        return Ok(Some(place.with_file_name(format!("{stem}-carried.pem"))));
    }
    let ours = path.starts_with("usr/libexec/compute-init") || path.starts_with(BUNDLES);
    if !ours && !found.windows(MARK.len()).any(|part| part == MARK) {
        put_aside(&place)?;
    }
    Ok(Some(place))
}

/// What was put aside first stays: it is the root's own.
fn put_aside(place: &Path) -> Result<(), Stop> {
    let mut name = place.as_os_str().to_owned();
    name.push(ASIDE);
    let kept = PathBuf::from(name);
    if kept.symlink_metadata().is_ok() {
        return Ok(());
    }
    fs::rename(place, &kept).map_err(failed("moving", place))
}

//! What an initramfs needs to carry compute-init into a root that does not have it: the tree that `install` makes, and
//! the hooks of each kind of initramfs, all below `usr/`. One archive extends any of them.
//!
//! Never an entry for `lib`, `bin`, `sbin` or `lib64`: it would replace the link of that name in what is extended.

use super::cpio::Cpio;
use super::{Error, Install, Mode, Root, install};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Where everything of ours is in an initramfs.
const HERE: &str = "usr/lib/compute-init/initramfs";
/// What each kind of initramfs finds us by.
const HOOKS: &[(&str, u32, &[u8])] = &[
    ("usr/lib/compute-init/initramfs/carry", 0o755, include_bytes!("../../templates/initramfs/carry")),
    ("usr/lib/compute-init/initramfs/arm", 0o755, include_bytes!("../../templates/initramfs/arm")),
    (
        "usr/lib/systemd/system/compute-init-carry.service",
        0o644,
        include_bytes!("../../templates/initramfs/compute-init-carry.service"),
    ),
    (
        "usr/lib/dracut/hooks/pre-pivot/50-compute-init.sh",
        0o755,
        include_bytes!("../../templates/initramfs/50-compute-init.sh"),
    ),
    (
        "usr/lib/udev/rules.d/90-compute-init.rules",
        0o644,
        include_bytes!("../../templates/initramfs/90-compute-init.rules"),
    ),
];
const WANTED: (&str, &str) =
    ("usr/lib/systemd/system/initrd.target.wants/compute-init-carry.service", "../compute-init-carry.service");

/// What extends an initramfs.
pub struct Initramfs {
    entries: BTreeMap<String, Entry>,
    /// The bundle's digest.
    pub bundle: String,
    /// The key that vouches for it.
    pub signer: String,
}

enum Entry {
    Directory,
    File(u32, Vec<u8>),
    Link(String),
}

impl Initramfs {
    /// Verifies the bundle and lays out everything.
    pub fn assemble(what: &Install) -> Result<Initramfs, Error> {
        let scratch = tempfile::tempdir().map_err(Error::io("making", std::env::temp_dir()))?;
        for directory in ["etc", "usr/lib", "var"] {
            let path = scratch.path().join(directory);
            fs::create_dir_all(&path).map_err(Error::io("making", path))?;
        }
        let release = scratch.path().join("usr/lib/os-release");
        fs::write(&release, "").map_err(Error::io("writing", &release))?;
        let report = install(&Root::open(scratch.path())?, what, Mode::Make, &mut |_| ())?;
        fs::remove_file(&release).map_err(Error::io("removing", &release))?;
        let mut found = Initramfs {
            entries: BTreeMap::new(),
            bundle: report.bundle.unwrap_or_default(),
            signer: report.signer.unwrap_or_default(),
        };
        found.tree(scratch.path(), &format!("{HERE}/root"))?;
        for (path, mode, bytes) in HOOKS {
            found.put(path, Entry::File(*mode, bytes.to_vec()));
        }
        found.put(WANTED.0, Entry::Link(WANTED.1.to_owned()));
        Ok(found)
    }

    /// As an archive.
    pub fn archive(&self) -> Vec<u8> {
        let mut cpio = Cpio::default();
        for (path, entry) in &self.entries {
            match entry {
                Entry::Directory => cpio.directory(path),
                Entry::File(mode, bytes) => cpio.file(path, *mode, bytes),
                Entry::Link(target) => cpio.link(path, target),
            }
        }
        cpio.finish()
    }

    /// As a directory, for generators that copy files. It must not be there yet.
    pub fn write(&self, directory: &Path) -> Result<(), Error> {
        fs::create_dir(directory).map_err(Error::io("making", directory))?;
        for (path, entry) in &self.entries {
            let place = directory.join(path);
            let made = match entry {
                Entry::Directory => fs::create_dir(&place),
                Entry::File(mode, bytes) => fs::write(&place, bytes)
                    .and_then(|()| fs::set_permissions(&place, fs::Permissions::from_mode(*mode))),
                Entry::Link(target) => symlink(target, &place),
            };
            made.map_err(Error::io("writing", place))?;
        }
        Ok(())
    }

    fn tree(&mut self, directory: &Path, path: &str) -> Result<(), Error> {
        for entry in fs::read_dir(directory).map_err(Error::io("listing", directory))? {
            let place = entry.map_err(Error::io("listing", directory))?.path();
            let name = place.file_name().unwrap_or_default().display();
            let path = format!("{path}/{name}");
            let meta = place.symlink_metadata().map_err(Error::io("looking at", &place))?;
            if meta.is_dir() {
                self.tree(&place, &path)?;
            } else if meta.is_symlink() {
                let target = fs::read_link(&place).map_err(Error::io("reading", &place))?;
                self.put(&path, Entry::Link(target.display().to_string()));
            } else {
                let bytes = fs::read(&place).map_err(Error::io("reading", &place))?;
                self.put(&path, Entry::File(meta.permissions().mode() & 0o7777, bytes));
            }
        }
        Ok(())
    }

    /// Adds an entry and the directories above it.
    fn put(&mut self, path: &str, entry: Entry) {
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Directory);
        }
        self.entries.insert(path.to_owned(), entry);
    }
}

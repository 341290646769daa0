//! The key that fake builds sign with: one per developer, in the user's own state directory, made on first use. A root
//! trusts it only where it trusted nobody yet or where that was asked for; a root with a site's keys never does by itself.

use super::{Error, Root, TRUST};
use crate::bundle::{Fault, PublicKey, SigningKey, Trust};
use crate::plan::limits;
use crate::sys::file::{self, Look, Staged};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The key's file in its directory.
const FILE: &str = "development.key";

/// A development key and where it is kept.
pub struct DevelopmentKey {
    /// The key.
    pub key: SigningKey,
    /// Its file.
    pub path: PathBuf,
    /// The name of its public half in a root's trust directory. No two developers' keys have the same.
    pub name: String,
}

/// Whether a root that trusts other keys is to trust the development key, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It was asked for.
    Asked,
    /// It was not.
    NotAsked,
}

impl DevelopmentKey {
    /// The key in `directory`; made there if there is none.
    pub fn load_or_make(directory: &Path) -> Result<DevelopmentKey, Error> {
        let path = directory.join(FILE);
        if file::lstat(&path).map_err(Error::io("looking at", &path))?.is_none() {
            make(directory, &path)?;
        }
        let key = read(&path)?;
        let name = trust_name(&key.public());
        Ok(DevelopmentKey { key, path, name })
    }

    /// The keys that the root has to be given before it accepts what this key signed: none, or this one.
    pub fn admit(&self, root: &Root, admission: Admission) -> Result<Vec<(String, PublicKey)>, Error> {
        let public = self.key.public();
        let directory = root.resolve(TRUST).map_err(Error::io("looking for", root.path().join(TRUST)))?;
        let trusted = match Trust::directory(&directory) {
            Ok(trust) => trust.names(),
            Err(Fault::NoTrust { .. }) => Vec::new(),
            Err(fault) => return Err(Error::Trust(fault)),
        };
        let known = trusted.iter().any(|(_, id)| *id == public.id());
        match (known, admission) {
            (true, _) => Ok(Vec::new()),
            (false, Admission::NotAsked) if !trusted.is_empty() => Err(Error::NotAdmitted {
                root: root.path().to_owned(),
                trusted: trusted.into_iter().map(|(name, _)| name).collect(),
            }),
            (false, _) => Ok(vec![(self.name.clone(), public)]),
        }
    }
}

/// `development-<the id's first digits>.pem`.
pub fn trust_name(key: &PublicKey) -> String {
    let id = key.id().to_string();
    format!("development-{}.pem", id.get(..12).unwrap_or(&id))
}

/// Makes the key so that it is there wholly or not at all, and never over another.
fn make(directory: &Path, path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(Error::io("making", directory))?;
    let write = || -> io::Result<()> {
        let key = SigningKey::generate()?;
        let mut staged = Staged::beside(path)?;
        staged.fill(&mut key.to_pem().as_bytes())?;
        staged.dress(&Look { mode: 0o600, ..Look::fresh(path)? })?;
        std::fs::File::open(staged.path())?.sync_all()?;
        match std::fs::hard_link(staged.path(), path) {
            // Another fake build was first: its key is ours, too.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked.and_then(|()| file::sync_directory(directory)),
        }
    };
    write().map_err(Error::io("writing", path))
}

fn read(path: &Path) -> Result<SigningKey, Error> {
    let refuse = |why: String| Error::DevelopmentKey { path: path.to_owned(), why };
    let meta = path.symlink_metadata().map_err(Error::io("looking at", path))?;
    if !meta.is_file() {
        return Err(refuse("it is not a plain file".to_owned()));
    }
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(refuse("it belongs to somebody else".to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(refuse(format!("others can get at it (mode {mode:04o}): remove it, and a new one is made")));
    }
    let bytes = file::read_bounded(path, limits::KEY).map_err(Error::io("reading", path))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse("not text".to_owned()))?;
    SigningKey::from_pem(text).map_err(|e| refuse(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{Admission, DevelopmentKey};
    use crate::bundle::SigningKey;
    use crate::image::{Error, Root, TRUST};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn root() -> (tempfile::TempDir, Root) {
        let scratch = tempfile::tempdir().unwrap();
        for dir in ["etc", "usr/lib", "var"] {
            fs::create_dir_all(scratch.path().join(dir)).unwrap();
        }
        fs::write(scratch.path().join("usr/lib/os-release"), "").unwrap();
        let root = Root::open(scratch.path()).unwrap();
        (scratch, root)
    }

    #[test]
    fn it_is_made_once_and_for_its_owner_only() {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path().join("state/compute-init");
        let first = DevelopmentKey::load_or_make(&state).unwrap();
        let mode = |path: &std::path::Path| path.metadata().unwrap().mode() & 0o7777;
        assert_eq!((mode(&first.path), mode(&state)), (0o600, 0o700));
        let second = DevelopmentKey::load_or_make(&state).unwrap();
        assert_eq!(first.key.public().id(), second.key.public().id());
        assert_eq!(first.name, second.name);
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }

    #[test]
    fn a_key_that_others_can_get_at_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let error = || match DevelopmentKey::load_or_make(scratch.path()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("accepted"),
        };
        let made = DevelopmentKey::load_or_make(scratch.path()).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&made.path, Permissions::from_mode(mode)).unwrap();
            assert!(error().contains("others can get at it"), "{mode:o}");
        }
        fs::set_permissions(&made.path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&made.path, "nonsense").unwrap();
        assert!(error().contains("not an Ed25519 private key"));
        fs::write(&made.path, made.key.public().to_pem()).unwrap();
        assert!(error().contains("public key"));
        fs::rename(&made.path, scratch.path().join("elsewhere")).unwrap();
        symlink("elsewhere", &made.path).unwrap();
        assert!(error().contains("not a plain file"));
    }

    #[test]
    fn only_a_root_that_trusts_nobody_trusts_it_unasked() {
        let state = tempfile::tempdir().unwrap();
        let development = DevelopmentKey::load_or_make(state.path()).unwrap();
        let (_scratch, root) = root();
        let added = development.admit(&root, Admission::NotAsked).unwrap();
        assert_eq!(added[0].0, development.name);
        let trust = root.path().join(TRUST);
        fs::create_dir_all(&trust).unwrap();
        fs::write(trust.join("site.pem"), SigningKey::generate().unwrap().public().to_pem()).unwrap();
        let refused = development.admit(&root, Admission::NotAsked);
        let Err(error @ Error::NotAdmitted { .. }) = refused else { panic!("admitted") };
        assert!(error.to_string().contains("site.pem") && error.to_string().contains("--trust-development"));
        assert_eq!(development.admit(&root, Admission::Asked).unwrap().len(), 1);
        // Once it is there it needs no asking.
        fs::write(trust.join(&development.name), development.key.public().to_pem()).unwrap();
        assert!(development.admit(&root, Admission::NotAsked).unwrap().is_empty());
        // A trust directory that cannot be read is not one that is empty.
        fs::write(trust.join("site.pem"), "nonsense").unwrap();
        assert!(matches!(development.admit(&root, Admission::Asked), Err(Error::Trust(_))));
    }
}

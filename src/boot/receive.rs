//! `--receive`: takes a bundle from standard input, verifies it with this node's own keys, and only then makes it the
//! current one. The stream is a tar archive of the installed form, in which a blob that the node has already is a
//! link. `--undo` makes the previous bundle current again.

use super::config;
use super::stop::Stop;
use crate::bundle::{self, BLOBS, CURRENT, Digest, MANIFEST, PREVIOUS, SIGNATURES, Trust, Verified};
use crate::plan::limits;
use crate::sys::file;
use crate::sys::lock::{Lock, LockError};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tar::{Archive, EntryType};

/// Where a bundle is until it is verified.
const INCOMING: &str = ".incoming";

/// Where this node keeps its bundles: below its configuration's `state_dir`, where every boot looks for them.
pub fn bundles(config: &Path) -> Result<PathBuf, Stop> {
    let mistakes = |found: Vec<String>| Stop::refused(found.join("; ")).hint("mend the configuration first");
    Ok(config::at(config).map_err(mistakes)?.state_dir.join("bundles"))
}

/// Takes a bundle into the directory `bundles` if a key in `trust` vouches for it. Its digest.
pub fn receive(input: &mut dyn Read, bundles: &Path, trust: &Path) -> Result<Digest, Stop> {
    let trust = open_trust(trust)?;
    DirBuilder::new().recursive(true).mode(0o755).create(bundles).map_err(failed("making", bundles))?;
    let _lock = lock(bundles)?;
    let incoming = Incoming::new(bundles)?;
    // Headers and padding come on top of what the files may have.
    let bound = limits::BUNDLE_UNPACKED + 1024 * limits::BUNDLE_MEMBERS as u64;
    let hex = unpack(&mut input.take(bound), &incoming.0, bundles)?;
    let dir = incoming.0.join(&hex);
    let verified = Verified::installed(&dir, &trust).map_err(refused)?;
    let digest = verified.digest();
    let target = bundles.join(digest.hex());
    match Verified::installed(&target, &trust) {
        // More signatures over the same manifest are written again.
        Ok(there) if there.signatures() == verified.signatures() => (),
        _ => {
            if target.symlink_metadata().is_ok() {
                fs::rename(&target, incoming.0.join("damaged")).map_err(failed("moving", &target))?;
            }
            fs::rename(&dir, &target).map_err(failed("moving", &dir))?;
            file::sync_directory(bundles).map_err(failed("writing", bundles))?;
        }
    }
    switch(bundles, digest)?;
    Ok(digest)
}

/// Makes the previous bundle current, if it verifies. Its digest.
pub fn undo(bundles: &Path, trust: &Path) -> Result<Digest, Stop> {
    let trust = open_trust(trust)?;
    let _lock = lock(bundles)?;
    let previous = named(bundles, PREVIOUS).ok_or_else(|| {
        Stop::refused(format!("{} names no bundle: there is nothing to go back to", bundles.join(PREVIOUS).display()))
    })?;
    let verified = Verified::installed(&bundles.join(previous.hex()), &trust).map_err(refused)?;
    switch(bundles, verified.digest())?;
    Ok(verified.digest())
}

/// The bundle before stays as the previous one; older ones go.
pub(super) fn switch(bundles: &Path, digest: Digest) -> Result<(), Stop> {
    let link = |name: &str, to: Digest| {
        let path = bundles.join(name);
        file::replace_link(&path, to.hex().as_ref()).map_err(failed("linking", &path))
    };
    let before = named(bundles, CURRENT);
    if before == Some(digest) {
        return Ok(());
    }
    if let Some(before) = before {
        link(PREVIOUS, before)?;
    }
    link(CURRENT, digest)?;
    for entry in fs::read_dir(bundles).map_err(failed("listing", bundles))?.flatten() {
        let old = entry.file_name().to_str().and_then(Digest::from_hex);
        if old.is_some_and(|old| old != digest && Some(old) != before) {
            fs::remove_dir_all(entry.path()).map_err(failed("removing", &entry.path()))?;
        }
    }
    Ok(())
}

fn named(bundles: &Path, link: &str) -> Option<Digest> {
    fs::read_link(bundles.join(link)).ok()?.to_str().and_then(Digest::from_hex)
}

fn open_trust(trust: &Path) -> Result<Trust, Stop> {
    Trust::directory(trust).map_err(|fault| Stop::refused(fault.to_string()).hint(fault.hint()))
}

fn lock(bundles: &Path) -> Result<Lock, Stop> {
    Lock::take(&bundles.join(".lock")).map_err(|e| match e {
        LockError::Held(_) => Stop::failed("another bundle is being received"),
        LockError::Io(e) => failed("locking", bundles)(e),
    })
}

/// A directory that is gone afterwards, whatever came of it.
struct Incoming(PathBuf);

impl Incoming {
    fn new(bundles: &Path) -> Result<Incoming, Stop> {
        let dir = bundles.join(INCOMING);
        match fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed("removing", &dir)(e)),
            _ => DirBuilder::new().mode(0o700).create(&dir).map_err(failed("making", &dir))?,
        }
        Ok(Incoming(dir))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // What is left is removed by the next one that is received.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Writes the stream's members below `incoming`. Only the names of the installed form are taken; whether they hold what
/// they should is for verification. The name of the one bundle in it.
fn unpack(input: &mut dyn Read, incoming: &Path, bundles: &Path) -> Result<String, Stop> {
    let broken = |e: io::Error| Stop::refused(format!("the stream is not a bundle: {e}"));
    let odd =
        |name: &Path| Stop::refused(format!("the stream is not a bundle: {} does not belong into it", name.display()));
    let have: Vec<PathBuf> =
        [CURRENT, PREVIOUS].iter().filter_map(|l| Some(bundles.join(named(bundles, l)?.hex()))).collect();
    let (mut seen, mut bundle) = (BTreeSet::new(), None);
    for entry in Archive::new(input).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let name = path.to_str().ok_or_else(|| odd(&path))?;
        let (hex, inside) = name.split_once('/').ok_or_else(|| odd(&path))?;
        let first = bundle.get_or_insert_with(|| hex.to_owned());
        if Digest::from_hex(hex).is_none() || hex != first || !belongs(inside) || seen.len() == limits::BUNDLE_MEMBERS {
            return Err(odd(&path));
        }
        let target = incoming.join(name);
        if seen.is_empty() {
            make_directories(&incoming.join(hex))?;
        }
        if !seen.insert(name.to_owned()) {
            return Err(Stop::refused(format!("the stream is not a bundle: {name} is there twice")));
        }
        match entry.header().entry_type() {
            EntryType::Regular => write(&target, &mut entry)?,
            EntryType::Link if inside.starts_with(BLOBS) => {
                let linked = have.iter().any(|from| fs::hard_link(from.join(inside), &target).is_ok());
                if !linked {
                    return Err(Stop::refused(format!("{name} is not on this node, and was not sent")));
                }
            }
            _ => return Err(odd(&path)),
        }
    }
    let bundle = bundle.ok_or_else(|| Stop::refused("the stream is empty"))?;
    for dir in [BLOBS, SIGNATURES, "."] {
        let dir = incoming.join(&bundle).join(dir);
        file::sync_directory(&dir).map_err(failed("writing", &dir))?;
    }
    Ok(bundle)
}

/// Whether a path is one of the installed form.
fn belongs(inside: &str) -> bool {
    let hex = |prefix: &str| {
        let name = inside.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| Digest::from_hex(name).is_some())
    };
    inside == MANIFEST || hex(SIGNATURES) || hex(BLOBS)
}

fn make_directories(bundle: &Path) -> Result<(), Stop> {
    let (blobs, signatures) = (bundle.join(BLOBS), bundle.join(SIGNATURES));
    for dir in [bundle, &signatures, file::parent(&blobs), &blobs] {
        DirBuilder::new().mode(0o755).create(dir).map_err(failed("making", dir))?;
    }
    Ok(())
}

fn write(target: &Path, from: &mut dyn Read) -> Result<(), Stop> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(target);
    let written = file.and_then(|mut file| {
        io::copy(from, &mut file)?;
        file.sync_all()
    });
    written.map_err(failed("writing", target))
}

pub(super) fn failed(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Stop {
    let what = format!("{doing} {}", path.display());
    move |e| Stop::failed(format!("{what}: {e}"))
}

/// A bundle that is refused. Slurm has no room for its path.
pub(super) fn refused(error: bundle::Error) -> Stop {
    let reason = format!("{} [{}]", error.fault, error.fault.code());
    Stop::refused(error.to_string()).hint(error.fault.hint()).reason(reason)
}

#[cfg(test)]
mod tests {
    use super::{CURRENT, PREVIOUS, named, receive, undo};
    use crate::bundle::{Digest, SigningKey, Trust, Verified, assemble};
    use crate::plan::status::State;
    use crate::plan::{FORMAT, FileRef, Plan};
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::PathBuf;
    use tar::{Builder, EntryType, Header};

    struct Bench {
        dir: tempfile::TempDir,
        key: SigningKey,
    }

    impl Bench {
        fn new() -> Bench {
            let bench = Bench { dir: tempfile::tempdir().unwrap(), key: SigningKey::generate().unwrap() };
            fs::create_dir(bench.at("trust")).unwrap();
            fs::write(bench.at("trust/site.pem"), bench.key.public().to_pem()).unwrap();
            bench
        }

        fn at(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// The members of a bundle that holds `text` and a file that all bundles have.
        fn members(&self, text: &str, key: &SigningKey) -> Vec<(String, Vec<u8>)> {
            let files = BTreeMap::from([
                ("files/common".to_owned(), b"common".to_vec()),
                ("files/text".to_owned(), text.as_bytes().to_vec()),
            ]);
            let mut plan = Plan { format: FORMAT, playbook: "site.yml".into(), ..Plan::default() };
            for (path, bytes) in &files {
                let digest = Digest::of(bytes).to_string();
                plan.files.insert(path.clone(), FileRef { digest, size: bytes.len() as u64, mode: 0o644 });
            }
            let mut sealed = assemble(&plan, &files).unwrap();
            sealed.sign(key);
            let archive = self.at("archive");
            fs::write(&archive, sealed.archive(0).unwrap()).unwrap();
            let trust = Trust::keys("test", vec![("k.pem".into(), key.public())]).unwrap();
            let verified = Verified::archive(&archive, &trust).unwrap();
            let hex = verified.digest().hex();
            let mut members = vec![(format!("{hex}/manifest.json"), verified.manifest_bytes().to_vec())];
            members.extend(verified.signatures().iter().map(|(key, s)| (format!("{hex}/signatures/{key}"), s.clone())));
            for (digest, size) in verified.blobs() {
                let name = format!("{hex}/blobs/sha256/{}", digest.trim_start_matches("sha256:"));
                members.push((name, verified.blob(digest, size).unwrap()));
            }
            members
        }

        fn take(&self, stream: &[u8]) -> Result<String, (State, String)> {
            let taken = receive(&mut &stream[..], &self.at("bundles"), &self.at("trust"));
            assert!(!self.at("bundles/.incoming").exists());
            taken.map(|digest| digest.hex()).map_err(|stop| (stop.state, stop.message))
        }

        fn refuses(&self, stream: &[u8], why: &str) {
            let before = named(&self.at("bundles"), CURRENT);
            let (state, message) = self.take(stream).unwrap_err();
            assert!(state == State::Refused && message.contains(why), "{message:?} lacks {why:?}");
            assert_eq!(named(&self.at("bundles"), CURRENT), before);
        }
    }

    /// A stream; members without content are links.
    fn stream(members: &[(String, Vec<u8>)], links: &BTreeSet<String>) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = Header::new_ustar();
            header.set_mode(0o644);
            if links.contains(name) {
                header.set_entry_type(EntryType::Link);
                header.set_size(0);
                builder.append_link(&mut header, name, "blob").unwrap();
                continue;
            }
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_bundle_is_taken_and_the_one_before_can_come_back() {
        let bench = Bench::new();
        let first = bench.take(&stream(&bench.members("one", &bench.key), &BTreeSet::new())).unwrap();
        // The second time only what is new is sent.
        let members = bench.members("two", &bench.key);
        let common = Digest::of(b"common").hex();
        let link: BTreeSet<String> = members.iter().map(|(n, _)| n.clone()).filter(|n| n.ends_with(&common)).collect();
        assert_eq!(link.len(), 1);
        let second = bench.take(&stream(&members, &link)).unwrap();
        let link = |name: &str| named(&bench.at("bundles"), name).unwrap().hex();
        assert_eq!((link(CURRENT), link(PREVIOUS)), (second.clone(), first.clone()));
        assert_eq!(bench.take(&stream(&members, &BTreeSet::new())).unwrap(), second);
        assert_eq!(link(PREVIOUS), first);
        let back = undo(&bench.at("bundles"), &bench.at("trust")).unwrap();
        assert_eq!((back.hex(), link(PREVIOUS)), (first.clone(), second));
        let third = bench.take(&stream(&bench.members("three", &bench.key), &BTreeSet::new())).unwrap();
        assert_eq!((link(CURRENT), link(PREVIOUS)), (third, first));
        let kept = fs::read_dir(bench.at("bundles")).unwrap().flatten();
        assert_eq!(kept.filter(|e| Digest::from_hex(&e.file_name().to_string_lossy()).is_some()).count(), 2);
    }

    #[test]
    fn what_nobody_vouches_for_is_refused() {
        let bench = Bench::new();
        bench.take(&stream(&bench.members("one", &bench.key), &BTreeSet::new())).unwrap();
        let stranger = SigningKey::generate().unwrap();
        bench.refuses(&stream(&bench.members("two", &stranger), &BTreeSet::new()), "signed by");
        let good = bench.members("two", &bench.key);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at].1[0] ^= 1;
            bench.refuses(&stream(&bad, &BTreeSet::new()), "");
            bad.remove(at);
            bench.refuses(&stream(&bad, &BTreeSet::new()), "");
        }
        let whole = stream(&good, &BTreeSet::new());
        bench.refuses(&whole[..whole.len() / 2], "");
        bench.refuses(&[], "empty");
        bench.refuses(
            b"not a tar archive, but long enough to be read as a header of one".repeat(20).as_slice(),
            "stream",
        );
        fs::remove_file(bench.at("trust/site.pem")).unwrap();
        bench.refuses(&whole, "");
    }

    #[test]
    fn names_that_do_not_belong_are_refused() {
        let bench = Bench::new();
        let good = bench.members("one", &bench.key);
        let hex = good[0].0.split('/').next().unwrap().to_owned();
        let other = "0".repeat(64);
        for name in [
            "etc/passwd".to_owned(),
            "manifest.json".to_owned(),
            format!("{hex}/more"),
            format!("{hex}/blobs/sha256/x"),
            format!("{hex}/signatures/{other}/x"),
            format!("{other}/manifest.json"),
        ] {
            let mut bad = good.clone();
            bad.push((name, b"x".to_vec()));
            bench.refuses(&stream(&bad, &BTreeSet::new()), "does not belong");
        }
        let twice = [good.clone(), vec![good[0].clone()]].concat();
        bench.refuses(&stream(&twice, &BTreeSet::new()), "twice");
        let manifest = BTreeSet::from([good[0].0.clone()]);
        bench.refuses(&stream(&good, &manifest), "does not belong");
        let blob = BTreeSet::from([good.last().unwrap().0.clone()]);
        bench.refuses(&stream(&good, &blob), "was not sent");
        let none = undo(&bench.at("bundles"), &bench.at("trust")).unwrap_err();
        assert!(none.message.contains("nothing to go back to"));
    }
}

//! Roots, bundles and programs to install.

use compute_init::bundle::{PublicKey, SigningKey, assemble};
use compute_init::image::{Change, Error, Install, Mode, Report, Root, install};
use compute_init::plan::{FORMAT, FileRef, Plan};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A root file system, a key, and things to install.
pub struct Scratch {
    dir: tempfile::TempDir,
    pub key: SigningKey,
}

impl Scratch {
    pub fn new() -> Scratch {
        let dir = tempfile::tempdir().expect("a directory");
        for made in ["root/etc", "root/usr/lib", "root/var"] {
            fs::create_dir_all(dir.path().join(made)).expect("makes");
        }
        fs::write(dir.path().join("root/etc/os-release"), "ID=test\n").expect("writes");
        // Programs of ours are known by this text in them.
        fs::write(dir.path().join("executor"), [&program(62, &[1])[..], b"compute-init-boot"].concat())
            .expect("writes");
        Scratch { dir, key: SigningKey::generate().expect("a key") }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// A path in the root.
    pub fn root(&self, path: &str) -> PathBuf {
        self.at("root").join(path)
    }

    /// A bundle that holds `text`, signed by `key`.
    pub fn bundle(&self, text: &str, key: Option<&SigningKey>) -> PathBuf {
        let bytes = text.as_bytes().to_vec();
        let mut plan = Plan { format: FORMAT, playbook: "site.yml".into(), ..Plan::default() };
        let digest = compute_init::bundle::Digest::of(&bytes).to_string();
        plan.files.insert("files/text".into(), FileRef { digest, size: bytes.len() as u64, mode: 0o644 });
        let mut sealed = assemble(&plan, &BTreeMap::from([("files/text".into(), bytes)])).expect("assembles");
        key.map(|key| sealed.sign(key));
        let path = self.at(&format!("{}.bundle", text.trim()));
        fs::write(&path, sealed.archive(0).expect("packs")).expect("writes");
        path
    }

    /// The key as `install` takes it.
    pub fn trust(&self) -> Vec<(String, PublicKey)> {
        vec![("site.pem".into(), self.key.public())]
    }

    pub fn install(&self, bundle: &Path) -> Result<Report, Error> {
        self.run(bundle, Mode::Make, &mut |_| ())
    }

    pub fn run(&self, bundle: &Path, mode: Mode, watch: &mut dyn FnMut(&Change)) -> Result<Report, Error> {
        let executor = self.at("executor");
        let trust = self.trust();
        let what = Install { bundle, executor: &executor, command: None, trust: &trust, config: None };
        install(&Root::open(&self.at("root"))?, &what, mode, watch)
    }

    /// What files are in the root, and what is in them.
    pub fn contents(&self) -> Vec<String> {
        let of = |line: &String| {
            let (path, content) = (line.split(' ').next(), line.rsplit(' ').next());
            format!("{} {}", path.unwrap_or(""), content.unwrap_or(""))
        };
        self.snapshot().iter().filter(|line| line.contains("Digest")).map(of).collect()
    }

    /// Everything in the root: path, type and mode, content or target, inode and time.
    pub fn snapshot(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.at("root"), &mut found);
        found.sort();
        found
    }
}

fn list(dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).expect("lists") {
        let path = entry.expect("an entry").path();
        let meta = path.symlink_metadata().expect("a file");
        let content = match meta.file_type() {
            t if t.is_symlink() => fs::read_link(&path).expect("a link").display().to_string(),
            t if t.is_file() => format!("{:?}", compute_init::bundle::Digest::of(&fs::read(&path).expect("reads"))),
            _ => String::new(),
        };
        let (mode, inode) = (meta.mode(), meta.ino());
        let time = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
        found.push(format!("{} {mode:o} {inode} {time:?} {content}", path.display()));
        if meta.is_dir() {
            list(&path, found);
        }
    }
}

/// A program with the given machine and program headers.
pub fn program(machine: u16, kinds: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56 * kinds.len()];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[16] = 3;
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32] = 64;
    bytes[54] = 56;
    bytes[56] = u8::try_from(kinds.len()).expect("few");
    for (n, kind) in kinds.iter().enumerate() {
        bytes[64 + 56 * n..][..4].copy_from_slice(&kind.to_le_bytes());
    }
    bytes
}

//! A cluster of one test: hosts with shared and own variables, secrets, identities, a key, and a directory.

use compute_init::bundle::age::Identity;
use compute_init::bundle::generation::{self, Fetch, Generation, GenerationError};
use compute_init::bundle::{SigningKey, Trust};
use compute_init::export::generation::{Keep, Seal, Settings, WriteError, Written, write};
use compute_init::export::recipients::Recipients;
use compute_init::export::{ClusterExport, ExportFile, Groups, HostExport, Layer, Other};
use compute_init::plan::Data;
use compute_init::plan::export::{CURRENT, HostIndex, Part, Secrets};
use indexmap::IndexMap;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A secret that all hosts share.
pub const SHARED: &str = "SECRET-munge-key";
/// A secret file that all hosts share.
pub const FILE: &str = "SECRET-share-info";

/// The secret of one host.
pub fn own_secret(n: usize) -> String {
    format!("SECRET-of-host-{n}-only")
}

pub struct Cluster {
    pub dir: tempfile::TempDir,
    pub key: SigningKey,
    pub export: ClusterExport,
    pub seal: bool,
    pub now: u64,
    pub valid: Option<Duration>,
    pub keep: Keep,
}

pub fn layer(vars: &[(&str, &str)], secret: &[&str]) -> Layer {
    Layer {
        vars: vars.iter().map(|(name, value)| ((*name).to_owned(), Data::str(*value))).collect(),
        secret: secret.iter().map(|s| (*s).to_owned()).collect::<BTreeSet<_>>(),
    }
}

fn file(path: &str, text: &str, secret: bool) -> ExportFile {
    ExportFile { path: path.to_owned(), bytes: text.as_bytes().to_vec(), secret }
}

/// The identity that host number `n` has in all tests.
pub fn identity(n: usize) -> Identity {
    let mut random = [9; 32];
    // Not the first byte: three of its bits do not count.
    random[8..16].copy_from_slice(&(n as u64).to_le_bytes());
    Identity::from_random(random)
}

/// In memory where that can be had: what is measured here is not a disk, and each write waits for it.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

impl Cluster {
    /// A cluster of `count` hosts `n0.cluster`, `n1.cluster`, ...
    pub fn new(count: usize) -> Cluster {
        Cluster::within(&memory(), count)
    }

    /// The same with its directory in one that somebody else removes, for who is killed.
    pub fn within(place: &Path, count: usize) -> Cluster {
        let everyone = Arc::new(layer(
            &[("domain", "cluster"), ("proxy", "{{ hostvars['ctl'].addr }}:3128"), ("munge", SHARED)],
            &["munge"],
        ));
        let odd = Arc::new(layer(&[("partition", "{{ 'odd' }}")], &[]));
        let names: Vec<String> = (0..count).map(|n| format!("n{n}.cluster")).collect();
        let odd_names = names.iter().skip(1).step_by(2).cloned().collect();
        let groups: Arc<Groups> = Arc::new([("all".to_owned(), names.clone()), ("odd".to_owned(), odd_names)].into());
        let ctl =
            Other { vars: layer(&[("addr", "10.0.0.1"), ("token", "SECRET-token")], &["token"]), ..Other::default() };
        let others = Arc::new(IndexMap::from([("ctl".to_owned(), ctl)]));
        let mut export = ClusterExport::default();
        for (n, name) in names.iter().enumerate() {
            let address = format!("10.1.{}.{}", n / 250, n % 250);
            let own = layer(&[("address", &address), ("password", &own_secret(n))], &["password"]);
            let mut vars = vec![everyone.clone(), Arc::new(own)];
            let mut group_names = vec!["compute".to_owned()];
            if n % 2 == 1 {
                vars.push(odd.clone());
                group_names.push("odd".to_owned());
            }
            let short = name.split('.').next().unwrap();
            let files = vec![
                file(&format!("hostconfig/{short}/nhc.conf"), "check\n", false),
                file(&format!("hostconfig/{short}/sssd.conf"), &format!("password = {}\n", own_secret(n)), true),
            ];
            let host = HostExport { vars, group_names, groups: groups.clone(), others: others.clone(), files };
            export.hosts.insert(name.clone(), host);
        }
        let hosts: String = (0..count).map(|n| format!("10.1.{}.{} n{n}.cluster n{n}\n", n / 250, n % 250)).collect();
        export.shared = vec![file("hosts", &hosts, false), file("manila_share_info.yml", FILE, true)];
        Cluster {
            dir: tempfile::Builder::new().prefix("generation").tempdir_in(place).unwrap(),
            key: SigningKey::generate().unwrap(),
            export,
            seal: true,
            now: 1_800_000_000,
            valid: None,
            keep: Keep::default(),
        }
    }

    pub fn dest(&self) -> PathBuf {
        self.dir.path().join("export")
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dest().join(name)
    }

    pub fn settings(&self) -> Settings {
        let mut recipients = Recipients::default();
        for n in 0..self.export.hosts.len() {
            recipients.insert(&format!("n{n}"), identity(n).recipient());
        }
        Settings {
            dest: self.dest(),
            cluster: "test".to_owned(),
            keys: vec![SigningKey::from_pem(&self.key.to_pem()).unwrap()],
            seal: if self.seal { Seal::To(recipients) } else { Seal::Not },
            owner: (0, 301),
            valid: self.valid,
            keep: self.keep,
            now: self.now,
        }
    }

    pub fn try_write(&self) -> Result<Written, WriteError> {
        write(&self.export, &self.settings())
    }

    pub fn write(&self) -> Written {
        self.try_write().unwrap()
    }

    /// Gives host `n` another value of a variable.
    pub fn change(&mut self, n: usize, name: &str, value: &str) {
        let (_, host) = self.export.hosts.get_index_mut(n).unwrap();
        for layer in &mut host.vars {
            if layer.vars.contains_key(name) {
                let mut changed = (**layer).clone();
                changed.vars.insert(name.to_owned(), Data::str(value));
                *layer = Arc::new(changed);
            }
        }
    }

    pub fn trust(&self) -> Trust {
        Trust::keys("test", vec![("export.pem".to_owned(), self.key.public())]).unwrap()
    }

    pub fn open(&self) -> Result<Generation, GenerationError> {
        Generation::open(&fs::read(self.at(CURRENT)).unwrap(), &self.trust())
    }

    /// Everything that host `n` gets.
    pub fn read(&self, n: usize) -> Result<View, GenerationError> {
        let mut from = Disk::new(&self.dest());
        let generation = self.open()?;
        let host = generation.host(&format!("n{n}"), &mut from)?.expect("the host is exported");
        let part = generation.merged(&host, &mut from)?;
        let secrets = generation::secrets(&host, Some(&identity(n)), &mut from)?;
        let mut files = Vec::new();
        for (path, blob) in &part.files {
            files.push((path.clone(), generation::blob(blob, &mut from)?));
        }
        let index = fs::metadata(self.at(CURRENT)).unwrap().len();
        Ok(View { host, part, secrets, files, bytes: from.bytes + index, requests: from.requests + 1 })
    }
}

pub struct View {
    pub host: HostIndex,
    pub part: Part,
    pub secrets: Secrets,
    pub files: Vec<(String, Vec<u8>)>,
    pub bytes: u64,
    pub requests: usize,
}

impl View {
    pub fn var(&self, name: &str) -> Option<&str> {
        self.part.vars.get(name).and_then(Data::as_str)
    }
}

/// Reads from a directory and counts.
pub struct Disk {
    base: PathBuf,
    pub bytes: u64,
    pub requests: usize,
}

impl Disk {
    pub fn new(base: &Path) -> Disk {
        Disk { base: base.to_owned(), bytes: 0, requests: 0 }
    }
}

impl Fetch for Disk {
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.requests += 1;
        let bytes = match fs::read(self.base.join(path)) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        if bytes.len() as u64 > limit {
            return Err(io::Error::from_raw_os_error(nix::libc::EFBIG));
        }
        self.bytes += bytes.len() as u64;
        Ok(Some(bytes))
    }
}

/// Every byte below a directory, names included.
pub fn everything(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    let mut next = vec![dir.to_owned()];
    while let Some(dir) = next.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            all.extend(entry.file_name().as_encoded_bytes());
            if entry.file_type().unwrap().is_dir() {
                next.push(entry.path());
            } else {
                all.extend(fs::read(entry.path()).unwrap());
            }
        }
    }
    all
}

pub fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle.as_bytes())
}

/// Names and modification times below a directory: equal where nothing was written.
pub fn listing(dir: &Path) -> Vec<(PathBuf, std::time::SystemTime)> {
    let mut all = Vec::new();
    let mut next = vec![dir.to_owned()];
    while let Some(dir) = next.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            // The lock is touched by whoever takes it.
            if entry.file_name() == ".lock" {
                continue;
            }
            all.push((entry.path(), entry.metadata().unwrap().modified().unwrap()));
            if entry.file_type().unwrap().is_dir() {
                next.push(entry.path());
            }
        }
    }
    all.sort();
    all
}

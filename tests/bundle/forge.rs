//! A second, independent writer of the format, which can also write what must be refused.

use compute_init::bundle::{Error, Fault, PublicKey, Sealed, SigningKey, Trust, Verified, assemble};
use compute_init::plan::{FORMAT, FileRef, Node, Plan, Play, Role, RoleUse, Task};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey as RawKey};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;

/// A plan of two roles and four files, two of them equal.
pub fn sample() -> (Plan, BTreeMap<String, Vec<u8>>) {
    let files: BTreeMap<String, Vec<u8>> = [
        ("roles/alpha/templates/a.conf.j2", "server {{ name }}\n"),
        ("roles/alpha/files/same", "the same bytes\n"),
        ("roles/beta/files/same", "the same bytes\n"),
        ("files/empty", ""),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .into();
    let mut plan = Plan { format: FORMAT, playbook: "site.yml".into(), ..Plan::default() };
    for (path, bytes) in &files {
        let file = FileRef { digest: digest(bytes), size: bytes.len() as u64, mode: 0o644 };
        plan.files.insert(path.clone(), file);
    }
    for name in ["alpha", "beta"] {
        let path = format!("roles/{name}");
        let task =
            Task { action: compute_init::plan::Action::Module("ansible.builtin.copy".into()), ..Task::default() };
        plan.task_files.insert(format!("{path}/tasks/main.yml"), vec![Node::Task(Box::new(task))]);
        plan.roles.insert(name.into(), Role { name: name.into(), path, ..Role::default() });
    }
    let roles = ["alpha", "beta"].map(|r| RoleUse { role: r.into(), ..RoleUse::default() }).into();
    plan.plays.push(Play { hosts: vec!["localhost".into()], roles, ..Play::default() });
    (plan, files)
}

pub fn sealed() -> Sealed {
    let (plan, files) = sample();
    assemble(&plan, &files).expect("assembles")
}

/// A key that is the same in every run.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_pem(&pem(seed)).expect("a key")
}

pub fn pem(seed: u8) -> String {
    use base64::Engine;
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend([seed; 32]);
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

pub fn trust(keys: &[(&str, PublicKey)]) -> Trust {
    Trust::keys("the test", keys.iter().map(|(n, k)| ((*n).to_owned(), k.clone())).collect()).expect("keys")
}

pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |hex, b| hex + &format!("{b:02x}"))
}

fn blob(digest: &str) -> String {
    format!("blobs/sha256/{}", &digest[7..])
}

/// The member that a descriptor names.
fn named(descriptor: &Value) -> String {
    blob(descriptor["digest"].as_str().expect("text"))
}

/// A bundle taken apart.
#[derive(Clone)]
pub struct Forge {
    pub members: BTreeMap<String, Vec<u8>>,
    manifest: String,
    signature: String,
}

impl Forge {
    /// The sample, signed by `key(1)`.
    pub fn new() -> Forge {
        let mut sealed = sealed();
        sealed.sign(&key(1));
        Forge::open(&sealed.archive(0).expect("packs"))
    }

    pub fn open(archive: &[u8]) -> Forge {
        let mut members = BTreeMap::new();
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(archive)).entries().expect("a tar") {
            let mut entry = entry.expect("a member");
            let name = entry.path().expect("a path").to_str().expect("text").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("reads");
            members.insert(name, bytes);
        }
        let index: Value = serde_json::from_slice(&members["index.json"]).expect("json");
        let entry = &index["manifests"][0];
        let signature = entry["annotations"].as_object().expect("annotations").iter();
        let signature = signature.filter(|(k, _)| k.starts_with("io.compute-init.signature.")).map(|(_, v)| v);
        let text = |v: &Value| v.as_str().expect("text").to_owned();
        let signature = signature.map(text).next().unwrap_or_default();
        Forge { manifest: text(&entry["digest"]), signature, members }
    }

    pub fn manifest_name(&self) -> String {
        blob(&self.manifest)
    }

    pub fn manifest(&self) -> String {
        String::from_utf8(self.members[&self.manifest_name()].clone()).expect("text")
    }

    pub fn layer(&self, at: usize) -> String {
        let manifest: Value = serde_json::from_str(&self.manifest()).expect("json");
        named(&manifest["layers"][at])
    }

    /// Replaces text in the manifest and signs it as its builder would have.
    pub fn change_manifest(&mut self, from: &str, to: &str) {
        let manifest = self.manifest();
        assert!(manifest.contains(from), "{from} is not in {manifest}");
        self.set_manifest(manifest.replace(from, to).as_bytes());
    }

    /// Another manifest, signed.
    pub fn set_manifest(&mut self, bytes: &[u8]) {
        let raw = RawKey::from_pkcs8_pem(&pem(1)).expect("a key");
        self.set_signed(bytes, &raw.sign(bytes).to_bytes());
    }

    /// Another manifest with a given signature.
    pub fn set_signed(&mut self, bytes: &[u8], signature: &[u8]) {
        self.members.remove(&blob(&self.manifest));
        self.members.remove(&blob(&self.signature));
        (self.manifest, self.signature) = (digest(bytes), digest(signature));
        self.members.insert(blob(&self.manifest), bytes.to_vec());
        self.members.insert(blob(&self.signature), signature.to_vec());
        let index = format!(
            concat!(
                r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"#,
                r#""mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"annotations":{{"#,
                r#""io.compute-init.signature.{}":"{}","org.opencontainers.image.ref.name":"bundle"}},"#,
                r#""artifactType":"application/vnd.compute-init.bundle.v1"}}]}}"#
            ),
            self.manifest,
            bytes.len(),
            key(1).public().id(),
            self.signature
        );
        self.members.insert("index.json".into(), index.into_bytes());
    }

    /// Another plan in a manifest that names it, signed.
    pub fn set_plan(&mut self, plan: &[u8]) {
        let mut manifest: Value = serde_json::from_str(&self.manifest()).expect("json");
        let mut config: Value = serde_json::from_slice(&self.members[&named(&manifest["config"])]).expect("json");
        self.members.remove(&named(&manifest["layers"][0]));
        self.members.remove(&named(&manifest["config"]));
        manifest["layers"][0]["digest"] = json!(digest(plan));
        manifest["layers"][0]["size"] = json!(plan.len());
        config["rootfs"]["diff_ids"][0] = json!(digest(plan));
        let config = config.to_string().into_bytes();
        manifest["config"]["digest"] = json!(digest(&config));
        manifest["config"]["size"] = json!(config.len());
        self.members.insert(blob(&digest(plan)), plan.to_vec());
        self.members.insert(blob(&digest(&config)), config);
        self.set_manifest(manifest.to_string().as_bytes());
    }

    pub fn plan(&self) -> Value {
        let manifest: Value = serde_json::from_str(&self.manifest()).expect("json");
        serde_json::from_slice(&self.members[&named(&manifest["layers"][0])]).expect("json")
    }

    pub fn change_index(&mut self, from: &str, to: &str) {
        let index = String::from_utf8(self.members["index.json"].clone()).expect("text");
        assert!(index.contains(from), "{from} is not in {index}");
        self.members.insert("index.json".into(), index.replace(from, to).into_bytes());
    }

    /// The archive's bytes.
    pub fn pack(&self) -> Vec<u8> {
        let entries: Vec<_> = self.members.iter().map(|(n, b)| (header(n, b.len()), b.clone())).collect();
        gzip(&tar(&entries))
    }
}

/// A header as the format wants it.
pub fn header(name: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size as u64);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    header
}

pub fn tar(entries: &[(tar::Header, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (header, contents) in entries {
        bytes.extend(header.as_bytes());
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("packs");
    out.finish().expect("packs")
}

/// Verifies an archive's bytes against `trust`.
pub fn verify_with(archive: &[u8], trust: &Trust) -> Result<Verified, Error> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), archive).expect("writes");
    Verified::archive(file.path(), trust)
}

/// Verifies against the key that [`Forge::new`] signs with.
pub fn verify(archive: &[u8]) -> Result<Verified, Error> {
    verify_with(archive, &trust(&[("site.pem", key(1).public())]))
}

/// Asserts that `result` is refused with `code` and a message that holds `text`, and that a hint comes with it.
#[track_caller]
pub fn refused<T>(what: &str, result: Result<T, Error>, code: &str, text: &str) {
    let Err(error) = result else { panic!("{what}: accepted") };
    assert_fault(what, &error.fault, code, text);
    assert_eq!(error.state().exit_code(), 5);
}

#[track_caller]
pub fn assert_fault(what: &str, fault: &Fault, code: &str, text: &str) {
    assert!(fault.code() == code && fault.to_string().contains(text), "{what}: {} {fault}", fault.code());
    assert!(!fault.hint().is_empty());
}

/// Writes the installed form of a bundle below `bundles` and gives its directory.
pub fn unpack(verified: &Verified, bundles: &Path) -> std::path::PathBuf {
    let dir = bundles.join(verified.digest().hex());
    std::fs::create_dir_all(dir.join("blobs/sha256")).expect("makes");
    std::fs::create_dir(dir.join("signatures")).expect("makes");
    std::fs::write(dir.join("manifest.json"), verified.manifest_bytes()).expect("writes");
    for (key, signature) in verified.signatures() {
        std::fs::write(dir.join("signatures").join(key.to_string()), signature).expect("writes");
    }
    for (digest, size) in verified.blobs() {
        let bytes = verified.blob(digest, size).expect("a blob");
        std::fs::write(dir.join(blob(digest)), bytes).expect("writes");
    }
    dir
}

//! What is fuzzed on the node's side: plans, bundles, exports, metadata. Hostile bytes reach most of it only behind a
//! signature of a trusted key, so the harness signs what it broke.

use super::kinds::small;
use super::mutate::Corpus;
use compute_init::boot::metadata;
use compute_init::bundle::generation::{Fetch, Generation};
use compute_init::bundle::{Digest, SigningKey, Trust, Unverified, assemble, lines, signed};
use compute_init::plan::Plan;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::OnceLock;

const JSON_WORDS: &[&str] = &[
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "-",
    "1e999",
    "\"\\ud800\"",
    "\\u0000",
    "{\"a\":",
    "[[",
    "\"$map\"",
    "\"$bytes\"",
    "\"/../../etc/x\"",
    "0",
];
const BYTES: &[&str] =
    &["\0", "\0\0\0\0", "ustar", "../", "/", "\u{7f}", "blobs/sha256/", "sha256:", "0000644", "777777777777", "\u{ff}"];

pub fn plans() -> Corpus {
    Corpus { inputs: vec![serde_json::to_vec(&small().0).expect("JSON")], words: JSON_WORDS }
}

/// A plan that can be read must also be one that a bundle can be made of, or is refused; and be told of.
pub fn read_plan(input: &[u8]) {
    let Ok(plan) = serde_json::from_slice::<Plan>(input) else { return };
    let Ok(mut sealed) = assemble(&plan, &small().1) else { return };
    sealed.sign(key());
    let Ok(archive) = sealed.archive(0) else { return };
    if let Ok(read) = Unverified::bytes(Path::new("bundle"), &archive) {
        let _ = serde_json::to_vec(&read.summary());
    }
}

fn key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::generate().expect("a key"))
}

/// First byte: whether the rest is the archive, or what is to be compressed.
pub fn bundles() -> Corpus {
    let (plan, files) = small();
    let mut sealed = assemble(&plan, &files).expect("a bundle");
    sealed.sign(key());
    let archive = sealed.archive(0).expect("an archive");
    let mut plain = Vec::new();
    GzDecoder::new(&archive[..]).read_to_end(&mut plain).expect("inflates");
    let tar = [&[0], &plain[..]].concat();
    Corpus { inputs: vec![tar.clone(), tar.clone(), tar, [&[1], &archive[..]].concat()], words: BYTES }
}

pub fn read_bundle(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let archive = match first {
        1 => rest.to_vec(),
        _ => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(rest).expect("compresses");
            encoder.finish().expect("compresses")
        }
    };
    if let Ok(read) = Unverified::bytes(Path::new("bundle"), &archive) {
        let _ = serde_json::to_vec(&read.summary());
    }
}

/// Documents of an export, a line each: the common part, a host's index, a shard, the index. References between them are
/// `@0` to `@2`, and become what is true of the documents as they are.
pub fn exports() -> Corpus {
    let part = r#"{"vars":{"a":"{{ b }}","l":[1,2.5,null,true,{"k":"v"}]},"group_names":["g"],"groups":{"g":["n0","n1"]},"others":{"n1":{"vars":{"x":1},"group_names":["g"]}}}"#;
    let host =
        r#"{"host":"n0","name":"n0.example","class":0,"own":{"vars":{"a":1},"without":["l"],"files":{"etc/x":"@0"}}}"#;
    let shard = r#"{"n0":"@1"}"#;
    let index = r#"{"kind":"compute-init-export","format":1,"cluster":"c","serial":1,"created":1,"content":{"hosts":1,"shards":["@2"],"common":"@0","classes":["@0"]}}"#;
    let text = [part, host, shard, index].join("\n");
    Corpus { inputs: vec![text.into_bytes()], words: JSON_WORDS }
}

struct Blobs(BTreeMap<String, Vec<u8>>);

impl Fetch for Blobs {
    fn fetch(&mut self, path: &str, _: u64) -> std::io::Result<Option<Vec<u8>>> {
        Ok(path.rsplit('/').next().and_then(|digest| self.0.get(digest)).cloned())
    }
}

pub fn read_export(input: &[u8]) {
    let _ = lines::expand(input, 1 << 20);
    let text = String::from_utf8_lossy(input);
    let mut documents: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let Some(mut index) = documents.pop() else { return };
    let (mut blobs, mut references) = (BTreeMap::new(), Vec::new());
    for document in documents.iter().take(9) {
        let whole = with_references(document, &references);
        let digest = Digest::of(whole.as_bytes()).hex();
        references.push(format!("{digest} {}", whole.len()));
        blobs.insert(digest, whole.into_bytes());
    }
    index = with_references(&index, &references);
    let trust = Trust::keys("fuzz", vec![("fuzz".to_owned(), key().public())]).expect("trust");
    let Ok(generation) = Generation::open(&signed::sign(&index, &[key()]), &trust) else { return };
    let mut from = Blobs(blobs);
    let _ = generation.hosts(&mut from);
    if let Ok(Some(host)) = generation.host("n0", &mut from) {
        let _ = generation.merged(&host, &mut from);
    }
}

fn with_references(document: &str, references: &[String]) -> String {
    references.iter().enumerate().fold(document.to_owned(), |text, (n, r)| text.replace(&format!("@{n}"), r))
}

pub fn metadata() -> Corpus {
    let inputs = [
        r#"{"uuid":"a","meta":{"compute":"true","control_address":"10.0.0.1","n":1,"l":["x",2.5,null]}}"#,
        "instance-id: i-1\nlocal-hostname: n0\nmeta:\n  compute: yes\n  control_address: '{{ x }}'\n",
    ];
    Corpus { inputs: inputs.iter().map(|t| t.as_bytes().to_vec()).collect(), words: JSON_WORDS }
}

pub fn read_metadata(input: &[u8]) {
    let _ = metadata::parse_file(input, "a file");
}

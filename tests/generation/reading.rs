//! What a node refuses: indices that are not the cluster's, and blobs that are not what an index says.

use crate::cluster::{Cluster, Disk, identity};
use compute_init::bundle::generation::{self, Generation, GenerationError};
use compute_init::bundle::{SigningKey, signed};
use compute_init::plan::export::{BLOBS, Blob, CURRENT, HostIndex, Index, Sealed};
use std::fs;

/// The index in force, changed and signed again by the cluster's key.
fn forged(cluster: &Cluster, change: impl Fn(&mut serde_json::Value)) -> Result<Generation, GenerationError> {
    let bytes = fs::read(cluster.at(CURRENT)).unwrap();
    let line = bytes.split(|b| *b == b'\n').next().unwrap();
    let mut index: serde_json::Value = serde_json::from_slice(line).unwrap();
    change(&mut index);
    Generation::open(&signed::sign(&index.to_string(), &[&cluster.key]), &cluster.trust())
}

fn says(result: Result<impl Sized, GenerationError>, words: &str) {
    let error = result.err().expect("it is refused");
    assert!(error.to_string().contains(words), "{error} lacks {words:?}");
    assert!(!error.hint().is_empty());
}

#[test]
fn an_index_that_is_not_signed_by_the_cluster_is_refused() {
    let cluster = Cluster::new(2);
    cluster.write();
    let bytes = fs::read(cluster.at(CURRENT)).unwrap();
    let line = String::from_utf8(bytes.split(|b| *b == b'\n').next().unwrap().to_vec()).unwrap();
    says(Generation::open(format!("{line}\n").as_bytes(), &cluster.trust()), "not signed");
    let stranger = SigningKey::generate().unwrap();
    says(Generation::open(&signed::sign(&line, &[&stranger]), &cluster.trust()), "not trusted here");
    let changed = String::from_utf8(bytes.clone()).unwrap().replacen("\"cluster\":\"test\"", "\"cluster\":\"tesu\"", 1);
    says(Generation::open(changed.as_bytes(), &cluster.trust()), "not that of key export.pem");
    says(Generation::open(&bytes[..bytes.len() - 9], &cluster.trust()), "cut");
    says(Generation::open(b"", &cluster.trust()), "cut");
}

#[test]
fn a_signature_over_anything_but_an_export_is_no_index() {
    let cluster = Cluster::new(1);
    cluster.write();
    says(forged(&cluster, |i| i["kind"] = "other".into()), "not as an export");
    says(forged(&cluster, |i| *i = serde_json::json!({"schemaVersion": 2, "layers": []})), "not as an export");
    says(forged(&cluster, |i| i["format"] = 2.into()), "newer");
    says(forged(&cluster, |i| i["more"] = 1.into()), "not as this format");
    says(forged(&cluster, |i| i["serial"] = (-1).into()), "not as this format");
    says(forged(&cluster, |i| i["content"]["shards"] = serde_json::json!([])), "no shards");
    says(forged(&cluster, |i| i["content"]["common"] = "../../etc/shadow 5".into()), "not as this format");
    says(Generation::open(&signed::sign("no json", &[&cluster.key]), &cluster.trust()), "cannot be read");
    assert!(forged(&cluster, |_| ()).is_ok());
}

#[test]
fn blobs_that_are_not_what_the_index_says_are_refused() {
    let cluster = Cluster::new(3);
    cluster.write();
    let good = cluster.read(1).unwrap();
    let hosts = &good.part.files["hosts"];
    let path = cluster.at(&format!("{BLOBS}/{}", hosts.digest));
    let bytes = fs::read(&path).unwrap();
    let mut changed = bytes.clone();
    changed[0] ^= 1;
    for (now, words) in [
        (changed, "digest"),
        (bytes[..bytes.len() - 1].to_vec(), "not as large"),
        ([bytes.clone(), vec![0]].concat(), "larger than its index"),
    ] {
        fs::write(&path, now).unwrap();
        let error = cluster.read(1).err().unwrap();
        assert!(error.may_be_gone() && error.to_string().contains(words), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let error = cluster.read(1).err().unwrap();
    assert!(error.may_be_gone() && error.to_string().contains("missing"), "{error}");
    fs::write(&path, bytes).unwrap();
    cluster.read(1).unwrap();
}

#[test]
fn sizes_that_lie_are_found_before_memory_is_spent() {
    let cluster = Cluster::new(400);
    cluster.write();
    let mut from = Disk::new(&cluster.dest());
    let hosts = cluster.read(1).unwrap().part.files["hosts"].clone();
    let inflated = hosts.inflated.expect("a file this large is deflated");
    let told = hosts.told.expect("lines that differ in their numbers alone are told by them");
    for (lie, words) in [
        (Blob { inflated: Some(inflated - 1), ..hosts.clone() }, "inflate"),
        (Blob { inflated: Some(inflated + 1), ..hosts.clone() }, "inflate"),
        (Blob { inflated: Some(u64::MAX), ..hosts.clone() }, "larger than a file"),
        (Blob { told: Some(told - 1), ..hosts.clone() }, "does not tell the lines"),
        (Blob { told: Some(told + 1), ..hosts.clone() }, "does not tell the lines"),
        (Blob { told: Some(u64::MAX), ..hosts.clone() }, "larger than a file"),
        (Blob { size: u64::MAX, ..hosts.clone() }, "larger than a file"),
        (Blob { size: hosts.size + 1, ..hosts.clone() }, "not as large"),
        (Blob { size: 1, ..hosts.clone() }, "larger than its index"),
    ] {
        says(generation::blob(&lie, &mut from), words);
    }
    assert_eq!(generation::blob(&hosts, &mut from).unwrap().len() as u64, told);
    let plain = generation::blob(&Blob { told: None, ..hosts }, &mut from).unwrap();
    assert!(plain.len() as u64 == inflated && inflated < told, "records are shorter than lines");
}

#[test]
fn another_hosts_index_or_secrets_are_not_this_ones() {
    let cluster = Cluster::new(2);
    cluster.write();
    let generation = cluster.open().unwrap();
    let mut from = Disk::new(&cluster.dest());
    assert!(generation.host("n7", &mut from).unwrap().is_none());
    let host = generation.host("n1", &mut from).unwrap().unwrap();
    let own = identity(1);
    says(generation::secrets(&host, Some(&identity(0)), &mut from), "sealed to age1");
    says(generation::secrets(&host, None, &mut from), "has no identity");
    let claims = HostIndex { host: "n0".to_owned(), ..host.clone() };
    says(generation::secrets(&claims, Some(&own), &mut from), "another host's");
    let class = HostIndex { class: Some(99), ..host.clone() };
    says(generation.merged(&class, &mut from), "class 99");
    // Bytes that are what the index says, but not what was sealed.
    let common = generation.index().content.common.clone();
    let sealed = Sealed { recipient: own.recipient().to_string(), blob: common };
    let odd = HostIndex { sealed: Some(sealed), ..host };
    says(generation::secrets(&odd, Some(&own), &mut from), "not a file in the age format");
}

#[test]
fn an_index_is_read_back_as_it_was_written() {
    let cluster = Cluster::new(100);
    let written = cluster.write();
    let generation = cluster.open().unwrap();
    let index: &Index = generation.index();
    assert_eq!((generation.digest(), index.serial), (written.digest, written.serial));
    assert_eq!((index.content.hosts, index.content.shards.len(), index.content.classes.len()), (100, 16, 2));
    assert_eq!(generation.signer().name, "export.pem");
}

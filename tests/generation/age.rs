//! The age format against the stock tool: each opens what the other sealed.

use crate::cluster::{Cluster, Disk, identity, own_secret};
use compute_init::bundle::age::{AgeError, Identity, Sealer, open};
use compute_init::plan::export::BLOBS;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn age(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let mut child = Command::new("age")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the age tool is installed (package age)");
    let mut stdin = child.stdin.take().unwrap();
    // The tool writes while it reads, and may refuse before it has read everything.
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join().unwrap();
    if output.status.success() { Ok(output.stdout) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn keep(dir: &Path, identity: &Identity) -> String {
    let path = dir.join("identity");
    fs::write(&path, format!("# a test's\n{}\n", identity.reveal())).unwrap();
    path.display().to_string()
}

#[test]
fn the_stock_tool_opens_what_is_sealed_here_and_the_other_way_round() {
    let dir = tempfile::tempdir().unwrap();
    let (own, other) = (identity(1), identity(2));
    let file = keep(dir.path(), &own);
    for length in [0, 1, 5000, 65_536, 65_537, 300_000] {
        let plain: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        let sealed = Sealer::new([3; 32]).prepare(own.recipient(), &plain).seal();
        assert!(age(&["-d", "-i", &file], &sealed).unwrap() == plain, "{length}");
        let theirs = age(&["-r", &other.recipient().to_string(), "-r", &own.recipient().to_string()], &plain).unwrap();
        assert!(open(&theirs, &own).unwrap() == plain, "{length}");
        assert_eq!(open(&theirs, &identity(3)), Err(AgeError::Foreign(identity(3).recipient())));
    }
    let foreign = Sealer::new([3; 32]).prepare(other.recipient(), b"x").seal();
    assert!(age(&["-d", "-i", &file], &foreign).is_err());
    let protected = age(&["-r", &own.recipient().to_string(), "-a"], b"x").unwrap();
    assert!(matches!(open(&protected, &own), Err(AgeError::Format(_))), "armour is not taken");
}

#[test]
fn keys_of_the_stock_tool_are_keys_here() {
    let output = Command::new("age-keygen").output().expect("age-keygen is installed (package age)");
    let text = String::from_utf8(output.stdout).unwrap();
    let identity = Identity::parse(&text).unwrap();
    let public = text.lines().find_map(|l| l.strip_prefix("# public key: ")).unwrap();
    assert_eq!(identity.recipient().to_string(), public);
}

#[test]
fn the_stock_tool_opens_a_hosts_secrets() {
    let cluster = Cluster::new(2);
    cluster.write();
    let host = cluster.open().unwrap().host("n1", &mut Disk::new(&cluster.dest())).unwrap().unwrap();
    let blob = cluster.at(&format!("{BLOBS}/{}", host.sealed.unwrap().blob.digest));
    let file = keep(cluster.dir.path(), &identity(1));
    let opened = age(&["-d", "-i", &file], &fs::read(blob).unwrap()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&opened).unwrap();
    assert_eq!((json["host"].as_str(), json["vars"]["password"].as_str()), (Some("n1"), Some(own_secret(1).as_str())));
}

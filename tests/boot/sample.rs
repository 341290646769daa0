//! The sample cluster, exported from its inventory and booted from: no secret of it lies in the export, and none that is
//! not a node's own on the node.

use crate::harness::{Bench, Boot};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Texts that nobody else may see: every `vault_*` value of the inventory, and the keys of shares.
fn secrets() -> Vec<(String, String)> {
    let inventory: serde_json::Value =
        serde_json::from_slice(&fs::read("tests/cluster/inventory.json").unwrap()).unwrap();
    let mut all = Vec::new();
    for (name, value) in inventory["_meta"]["hostvars"]["bl-compute-0"].as_object().unwrap() {
        if name.starts_with("vault_") && value.as_str().is_some_and(|v| !v.contains("{{")) {
            // The first line says enough, however its end is written.
            let text = value.as_str().unwrap().lines().next().unwrap().to_owned();
            all.push((name.clone(), text));
        }
    }
    let shares = fs::read_to_string("tests/cluster/export/manila_share_info.yml").unwrap();
    for line in shares.lines().filter_map(|l| l.split_once("access_key:")) {
        all.push(("access_key".to_owned(), line.1.trim().trim_matches(['"', '\'']).to_owned()));
    }
    assert!(all.len() > 6 && all.iter().all(|(_, text)| text.len() > 8), "{all:?}");
    all
}

fn builder(dir: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_compute-init")).args(arguments).current_dir(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

fn copy(from: &str, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn no_secret_of_the_sample_cluster_is_read_by_others() {
    let bench = Bench::new();
    fs::remove_dir_all(bench.path("export")).unwrap();
    for file in ["hosts", "manila_share_info.yml", "cacerts/blCA.pem"] {
        copy(&format!("tests/cluster/export/{file}"), &bench.path("site").join(file));
    }
    let inventory = fs::canonicalize("tests/cluster/inventory.json").unwrap().display().to_string();
    let dir = bench.dir.path();
    builder(dir, &["keygen", "-q", "-o", "export.key"]);
    builder(dir, &["enrol", "-q", "-i", &inventory, "-l", "compute", "--identities", "ids", "--recipients", "to"]);
    builder(
        dir,
        &[
            "export",
            "-q",
            "-i",
            &inventory,
            "-l",
            "compute",
            "--dest",
            "export",
            "--layout",
            "signed",
            "--key",
            "export.key",
            "--recipients",
            "to",
            "--files",
            "site",
        ],
    );
    fs::set_permissions(bench.path("export"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let export = bytes(&bench.path("export"));
    assert!(export.len() > 10_000);
    for (name, text) in secrets() {
        assert!(!contains(&export, &text), "{name} is in the export");
    }

    fs::create_dir_all(bench.path("trust/export")).unwrap();
    fs::copy(bench.path("export.pub.pem"), bench.path("trust/export/export.pem")).unwrap();
    bench.config(&format!("identity: {}\n", bench.path("ids/bl-compute-0").display()));
    bench.metadata(r#"{"meta": {"compute": "true", "manila": "true"}}"#);
    let (export, metadata) =
        (bench.path("export").display().to_string(), bench.path("metadata.json").display().to_string());
    let boot = |host: &str| {
        let arguments = ["--export", &export, "--metadata", &metadata, "--host", host];
        Boot::of(bench.command(&arguments).output().unwrap())
    };
    let first = boot("bl-compute-0");
    first.ready();
    let staged = bytes(&bench.path("state/staged"));
    for (name, text) in secrets() {
        // The key of munge, the hash of a user that is made here, the keys of shares: what roles here use.
        let needed = matches!(name.as_str(), "vault_openhpc_mungekey" | "vault_demo_user_password" | "access_key");
        assert_eq!(contains(&staged, &text), needed, "{name} on the node");
        assert!(!contains(&bytes(&bench.path("run")), &text) && !first.out.contains(&text), "{name} in a report");
    }
    // With this identity, root here gets nothing of another node's.
    fs::remove_dir_all(bench.path("state")).unwrap();
    let other = boot("bl-compute-1");
    assert_eq!(other.code, 5, "{}", other.out);
    assert!(other.out.contains("but its identity is that of"), "{}", other.out);
    assert!(!bench.path("state/staged/current").exists());
}

/// Every byte below a directory.
fn bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            all.extend(bytes(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            all.extend(fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|w| w == needle.as_bytes())
}

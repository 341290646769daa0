//! What `compute-init export` reads, chooses and writes. The recordings of tests/export/expected are Ansible's own;
//! tests/export/oracle compares with Ansible itself.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

use compute_init::export;
use compute_init::source::inventory::{self, Sources};
use compute_init::vars::vault::Keyring;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sample() -> String {
    root().join("tests/cluster/inventory.json").to_string_lossy().into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn listed(sources: &[String]) -> Value {
    let keyring = Keyring::default();
    let wanted = Sources { inventories: sources, playbook_dir: None, facts: None, keyring: &keyring };
    export::list(&inventory::read(&wanted).unwrap_or_else(|e| panic!("{e}")))
}

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init"));
    command.arg("export").args(args).env_clear().env("DEMO_USER_PASSWORD", "from the environment");
    command.output().unwrap()
}

/// What is printed; the command must succeed.
fn done(args: &[&str]) -> String {
    let output = run(args);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stdout).unwrap()
}

/// What is said of it; the command must exit with this code.
fn refused(code: i32, args: &[&str]) -> String {
    let output = run(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    said
}

/// A directory with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn inventories_come_to_what_ansible_lists() {
    let layouts: [(&str, &[&str]); 4] = [
        ("ini", &["ini/hosts"]),
        ("yaml", &["yaml/hosts.yml"]),
        ("mixed", &["mixed"]),
        ("two", &["two/a/hosts.ini", "two/b/hosts.yml"]),
    ];
    let here = root().join("tests/export");
    for (name, sources) in layouts {
        let path = |s: &&str| here.join("inventories").join(s).to_string_lossy().into_owned();
        let sources: Vec<String> = sources.iter().map(path).collect();
        assert_eq!(listed(&sources), json(&here.join(format!("expected/{name}.json"))), "{name}");
    }
}

#[test]
fn a_listing_is_read_as_it_was_written() {
    assert_eq!(listed(&[sample()]), json(Path::new(&sample())));
}

#[test]
fn a_node_is_given_what_its_roles_use() {
    let view: Value = serde_json::from_str(&done(&["-i", &sample(), "--view", "bl-compute-0"])).unwrap();
    let names = |host: &str| -> BTreeSet<String> {
        let vars = view["_meta"]["hostvars"][host].as_object().unwrap_or_else(|| panic!("{host} is not in it"));
        vars.keys().cloned().collect()
    };
    let own = names("bl-compute-0");
    for used in ["openhpc_slurm_control_host", "vault_openhpc_mungekey", "cvmfs_http_proxy", "nfs_configurations"] {
        assert!(own.contains(used), "{used}");
    }
    assert!(own.iter().all(|n| !n.starts_with("grafana") && !n.starts_with("k3s") && n != "groups"), "{own:?}");
    assert!(own.len() < 40, "{}", own.len());
    // The proxy's address is read of the hosts of squid, and of nobody else.
    assert_eq!(names("bl-control").into_iter().collect::<Vec<_>>(), ["ansible_host", "squid_conf_mode"]);
    assert_eq!(view["_meta"]["hostvars"].as_object().unwrap().len(), 2);
    // Of this group it is asked only whether the node is in it.
    assert_eq!(view["cluster"]["hosts"], serde_json::json!(["bl-control", "bl-compute-0"]));
    // The deploy host's answer stands in the lookup's place.
    let user = view["_meta"]["hostvars"]["bl-compute-0"]["test_demo_user_password"].as_str().unwrap();
    assert!(!user.contains("lookup(") && user.contains("compute_init_lookup_"), "{user}");
    let answer = own.iter().find(|n| n.starts_with("compute_init_lookup_")).unwrap();
    let answer = &view["_meta"]["hostvars"]["bl-compute-0"][answer];
    assert_eq!(answer["__ansible_unsafe"], "from the environment");
}

#[test]
fn what_a_node_reads_does_not_grow_with_the_cluster() {
    let mut sizes = Vec::new();
    for count in [4, 400] {
        let mut listing = json(Path::new(&sample()));
        let first = listing["_meta"]["hostvars"]["bl-compute-0"].clone();
        let mut hosts = Vec::new();
        for n in 0..count {
            let name = format!("bl-compute-{n}");
            listing["_meta"]["hostvars"][&name] = first.clone();
            hosts.push(Value::String(name));
        }
        listing["bl_standard"]["hosts"] = Value::Array(hosts);
        let dir = tree(&[("inventory.json", &listing.to_string())]);
        sizes.push(done(&["-i", &at(&dir, "inventory.json"), "--view", "bl-compute-0"]).len());
    }
    assert_eq!(sizes[0], sizes[1]);
    assert!(sizes[0] < 64 << 10, "{sizes:?}");
}

#[test]
fn dynamic_access_is_told_and_everything_it_may_mean_is_exported() {
    let inventory = "[compute_init]\nn1 which=n2 a='{{ hostvars[which].x }}' b='{{ vars[pick] }}' pick=c c=1 d=2\n\
        n2 x=10 y=20\nn3 x=30 y=40\n";
    let play = |text: &str| format!("- hosts: all\n  tasks:\n    - debug:\n        msg: \"{text}\"\n");
    let names = |play: &str| -> (Value, String) {
        let dir = tree(&[("hosts", inventory), ("site.yml", play)]);
        let output = run(&[&at(&dir, "site.yml"), "-i", &at(&dir, "hosts"), "--view", "n1"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let check = run(&[&at(&dir, "site.yml"), "-i", &at(&dir, "hosts"), "--check", "--json"]);
        let report: Value = serde_json::from_slice(&check.stdout).unwrap();
        let view: Value = serde_json::from_slice(&output.stdout).unwrap();
        (view["_meta"]["hostvars"].clone(), report["warnings"].to_string())
    };
    // Which host a variable names is found out; nothing is dynamic then.
    let (vars, warnings) = names(&play("{{ a }}"));
    assert_eq!(vars["n2"], serde_json::json!({"x": 10}));
    assert!(vars.get("n3").is_none() && warnings == "[]", "{vars} {warnings}");
    // A computed host may be any, a computed variable too.
    let (vars, warnings) = names(&play("{{ hostvars['n' ~ c].x }}"));
    assert_eq!((&vars["n2"]["x"], &vars["n3"]["x"]), (&serde_json::json!(10), &serde_json::json!(30)));
    assert!(vars["n3"].get("y").is_none() && warnings.contains("site.yml:3"), "{warnings}");
    let (vars, warnings) = names(&play("{{ b }}"));
    assert_eq!(vars["n1"].as_object().unwrap().len(), 6, "{vars}");
    assert!(warnings.contains("hosts:2") && warnings.contains("all of the host's"), "{warnings}");
    let (vars, _) = names(&play("{{ hostvars.n3 | dict2items | length }}"));
    assert_eq!(vars["n3"].as_object().unwrap().len(), 2, "{vars}");
}

#[test]
fn limits_choose_and_the_group_is_the_default() {
    let hosts = |args: &[&str]| -> Value {
        let source = sample();
        let all: Vec<&str> = ["-i", &source, "--check", "--json"].iter().chain(args).copied().collect();
        serde_json::from_slice::<Value>(&run(&all).stdout).unwrap()["names"].clone()
    };
    assert_eq!(hosts(&[]).as_array().unwrap().len(), 4);
    assert_eq!(hosts(&["--limit", "compute_init:!bl-compute-0:!~.*-[23]"]), serde_json::json!(["bl-compute-1"]));
    for (limit, want) in [
        ("nosuch", "nosuch is no host, group or pattern of the inventory"),
        ("compute_init:!compute", "leaves no host to export"),
        ("compute[9]", "no hosts are chosen by the numbers"),
    ] {
        assert!(refused(1, &["-i", &sample(), "--check", "--limit", limit]).contains(want), "{limit}");
    }
}

#[test]
fn a_check_lists_what_is_unresolved_per_role() {
    let mut listing = json(Path::new(&sample()));
    for host in ["bl-compute-0", "bl-compute-2"] {
        listing["_meta"]["hostvars"][host].as_object_mut().unwrap().remove("vault_openhpc_mungekey");
    }
    listing["_meta"]["hostvars"]["bl-compute-1"]["nfs_server_default"] = "{{ nfs_configurations }}".into();
    let dir = tree(&[("inventory.json", &listing.to_string())]);
    let output = run(&["-i", &at(&dir, "inventory.json"), "--check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let key = &report["unresolved"]["openhpc"][0];
    assert_eq!(key["variable"], "vault_openhpc_mungekey");
    assert_eq!(key["hosts"], serde_json::json!(["bl-compute-0", "bl-compute-2"]));
    assert!(key["place"].as_str().unwrap().contains("roles/openhpc/"), "{key}");
    let cycle = report["unresolved"]["nfs"].to_string();
    assert!(cycle.contains("recursive loop") && cycle.contains("nfs_server_default"), "{cycle}");
}

#[test]
fn lookups_that_fail_are_told_for_all_hosts_at_once() {
    let vars = "cluster_domain_suffix: \"{{ lookup('file', 'no-such-file') }}\"\n\
        resolv_conf_nameservers: [\"{{ lookup('env', 'NOT_SET') }}\"]\n\
        openhpc_slurm_control_host: \"{{ lookup('pipe', 'false') }}\"\nnobody_asks: \"{{ lookup('file', 'x') }}\"\n";
    let dir = tree(&[("hosts", "[compute_init]\nn[1:3]\n"), ("group_vars/all.yml", vars)]);
    let said = refused(2, &["-i", &at(&dir, "hosts"), "--dest", &at(&dir, "out"), "--unsealed"]);
    assert!(
        said.contains("group_vars/all.yml:1: cluster_domain_suffix: lookup('file', 'no-such-file') cannot be"),
        "{said}"
    );
    assert!(said.contains("group_vars/all.yml:3: openhpc_slurm_control_host"), "{said}");
    assert!(said.contains("(3 hosts: n1, n2, n3)") && !said.contains("nobody_asks"), "{said}");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn encrypted_values_are_opened_here_or_refused() {
    // Made by ansible-vault 2.16 with the password `pw`: the text `opened`.
    let sealed = fs::read_to_string(root().join("tests/export/vaulted.yml")).unwrap();
    let dir = tree(&[("hosts", "[compute_init]\nn1\n"), ("group_vars/all.yml", &sealed), ("pw", "pw\n")]);
    let hosts = at(&dir, "hosts");
    let said = refused(2, &["-i", &hosts, "--dest", &at(&dir, "out")]);
    assert!(said.contains("group_vars/all.yml:1: vault_openhpc_mungekey"), "{said}");
    let view = done(&["-i", &hosts, "--view", "n1", "--vault-password-file", &at(&dir, "pw")]);
    assert!(view.contains("opened") && !view.contains("ANSIBLE_VAULT"), "{view}");
}

#[test]
fn todays_layout_is_whole_and_written_once() {
    let dir = TempDir::new().unwrap();
    let files = root().join("tests/cluster/export").to_string_lossy().into_owned();
    let uid = nix::unistd::getuid().to_string();
    let dest = at(&dir, "cluster");
    let source = sample();
    let args = ["-i", &source, "--layout", "classic", "--dest", &dest, "--files", &files, "--uid", &uid];
    done(&args);
    let vars = json(&dir.path().join("cluster/hostvars/bl-compute-1/hostvars.yml"));
    let old = json(&root().join("tests/cluster/export/hostvars/bl-compute-1/hostvars.yml"));
    assert_eq!((&vars["groups"]["nhc"], &vars["group_names"]), (&old["groups"]["nhc"], &old["group_names"]));
    assert_eq!(vars["groups"].as_object().unwrap().len(), old["groups"].as_object().unwrap().len());
    let inventory = json(Path::new(&source));
    for name in inventory["_meta"]["hostvars"]["bl-compute-1"].as_object().unwrap().keys() {
        assert!(vars.get(name).is_some(), "{name}");
    }
    assert_eq!(vars["networks"]["bl-net"]["fixed_ip_v4"], "10.20.0.31");
    for path in ["hosts", "manila_share_info.yml", "cacerts/blCA.pem", "hostconfig/bl-compute-1/nhc.conf"] {
        let (made, given) = (dir.path().join("cluster").join(path), root().join("tests/cluster/export").join(path));
        assert_eq!(fs::read(&made).unwrap(), fs::read(given).unwrap(), "{path}");
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o400, "{path}");
    }
    // What others are asked for is there, and no more of them.
    let control = json(&dir.path().join("cluster/hostvars/bl-control/hostvars.yml"));
    assert_eq!(control.as_object().unwrap().len(), 2, "{control}");
    let again: Value =
        serde_json::from_str(&done(&args.iter().copied().chain(["--json"]).collect::<Vec<_>>())).unwrap();
    assert_eq!(again["written"]["classic"]["changed"], 0);
}

#[test]
fn files_are_rendered_for_each_host() {
    let dir = tree(&[
        ("hosts", "[compute_init]\nn1.example.org port=22\nn2.example.org port=23\n"),
        (
            "files/hostconfig/sshd.conf.j2",
            "# {{ ansible_managed }}\nPort {{ port }} # {{ inventory_hostname_short }}\n",
        ),
        ("files/hostconfig/n2/own.conf", "own\n"),
        ("files/hosts.j2", "{% for h in groups['all'] %}{{ h }}\n{% endfor %}"),
        ("broken/hostconfig/x.j2", "a\n{{ nothing }}\n"),
    ]);
    let uid = nix::unistd::getuid().to_string();
    let (hosts, dest) = (at(&dir, "hosts"), at(&dir, "out"));
    let with = |files: &str| {
        vec!["-i", &hosts, "--layout", "classic", "--uid", &uid, "--dest", &dest, "--files"]
            .into_iter()
            .map(str::to_owned)
            .chain([at(&dir, files)])
            .collect::<Vec<_>>()
    };
    let args = with("files");
    done(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let read = |name: &str| fs::read_to_string(dir.path().join("out").join(name)).unwrap();
    assert_eq!(read("hostconfig/n1/sshd.conf"), "# Ansible managed\nPort 22 # n1\n");
    assert_eq!(read("hostconfig/n2/sshd.conf"), "# Ansible managed\nPort 23 # n2\n");
    assert_eq!(
        (read("hostconfig/n2/own.conf").as_str(), read("hosts").as_str()),
        ("own\n", "n1.example.org\nn2.example.org\n")
    );
    let args = with("broken");
    let said = refused(2, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(said.contains("x.j2") && said.contains("'nothing' is undefined") && said.contains("2 hosts"), "{said}");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let dir = tree(&[
        ("twins", "[compute_init]\nn1.a\nn1.b\n"),
        ("hosts", "[compute_init]\nn1\n"),
        ("broken.yml", "all:\n  hosts: {\n"),
        ("recipients", "nonsense\n"),
    ]);
    let (twins, hosts, out) = (at(&dir, "twins"), at(&dir, "hosts"), at(&dir, "out"));
    let broken = at(&dir, "broken.yml");
    let recipients = at(&dir, "recipients");
    let table: [(&[&str], &str); 7] = [
        (&["-i", &twins, "--check"], "n1.a and n1.b are all n1"),
        (&["-i", &broken, "--check"], "broken.yml:3:1"),
        (&["-i", "/nowhere/inventory", "--check"], "/nowhere/inventory: the inventory cannot be read"),
        (&["-i", &hosts, "--dest", &out], "give --recipients or compute_init_recipient in the inventory"),
        (&["-i", &hosts, "--dest", &out, "--recipients", &recipients], "recipients:1"),
        (&["-i", &hosts, "--dest", &out, "--unsealed"], "must be signed"),
        (&["-i", &hosts, "--view", "n2"], "n2 is not one of the hosts"),
    ];
    for (args, want) in table {
        let said = refused(1, args);
        assert!(said.contains(want), "{said}\n  instead of\n{want}");
    }
    assert!(!dir.path().join("out/compute-init/current").exists());
}

/// A key to sign with, and identities with their recipients for some hosts, in a directory.
fn enrolled(dir: &TempDir, hosts: &[&str]) -> [String; 2] {
    let (key, recipients) = (at(dir, "key.pem"), at(dir, "recipients"));
    for args in [
        vec!["keygen", "-o", &key],
        [&["enrol", "--identities", &at(dir, "ids"), "--recipients", &recipients], hosts].concat(),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_compute-init")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    [key, recipients]
}

#[test]
fn an_inventory_may_name_recipients() {
    let dir = TempDir::new().unwrap();
    let [key, recipients] = enrolled(&dir, &["n1", "n2"]);
    let recipient = |host: &str| fs::read_to_string(format!("{recipients}/{host}.pub")).unwrap().trim().to_owned();
    let (one, two) = (recipient("n1"), recipient("n2"));
    let vars = "cluster_domain_suffix: x\nvault_openhpc_mungekey: c2VjcmV0\n";
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("hosts", "[compute_init]\nn1\nn2\n");
    write(
        "group_vars/all.yml",
        &format!("{vars}keys:\n  n1: {one}\ncompute_init_recipient: \"{{{{ keys[inventory_hostname] }}}}\"\n"),
    );
    write("host_vars/n2.yml", &format!("# its own\ncompute_init_recipient: {two} expires=2000-01-01\n"));
    let (hosts, out) = (at(&dir, "hosts"), at(&dir, "out"));
    let args = ["-i", &hosts, "--dest", &out, "--key", &key];
    let said = refused(1, &args);
    assert!(said.contains("secrets of 1 host cannot be sealed: the recipient of n2 expired"), "{said}");
    write("host_vars/n2.yml", "# its own\ncompute_init_recipient: age1nonsense\n");
    let said = refused(1, &args);
    assert!(said.contains("host_vars/n2.yml:2: compute_init_recipient of n2:"), "{said}");
    write("host_vars/n2.yml", "compute_init_recipient: \"{{ keys.nobody }}\"\n");
    assert!(refused(1, &args).contains("host_vars/n2.yml:1: compute_init_recipient of n2:"));
    assert!(!dir.path().join("out/compute-init/current").exists());
    write("host_vars/n2.yml", &format!("compute_init_recipient: {two}\n"));
    done(&args);
    // What is given beside it counts more; the same recipients make the same generation.
    write("host_vars/n2.yml", &format!("compute_init_recipient: {one}\n"));
    let again = done(&[&args[..], &["--recipients", &recipients]].concat());
    assert!(again.contains("as before, nothing is written"), "{again}");
    assert!(done(&args).contains("(new)"));
}

#[test]
fn a_directory_that_root_is_squashed_in_is_said_and_served_as_before() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: needs root");
    }
    let dir = TempDir::new().unwrap();
    let [key, _] = enrolled(&dir, &["n1"]);
    fs::write(dir.path().join("hosts"), "[compute_init]\nn1 cluster_domain_suffix=x\n").unwrap();
    let (hosts, out) = (at(&dir, "hosts"), at(&dir, "out"));
    let args = ["export", "-i", &hosts, "--dest", &out, "--key", &key, "--unsealed"];
    let program = env!("CARGO_BIN_EXE_compute-init");
    assert!(Command::new(program).args(args).status().unwrap().success());
    let current = fs::read(dir.path().join("out/compute-init/current")).unwrap();
    // Somebody else's, and root of a user namespace has no more rights there than a client's root whom NFS squashes.
    assert!(Command::new("chown").args(["-R", "301:301", &out]).status().unwrap().success());
    assert!(Command::new("chmod").args(["-R", "a+rX", &out]).status().unwrap().success());
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(dir.path().join("hosts"), "[compute_init]\nn1 cluster_domain_suffix=y\n").unwrap();
    let output = Command::new("unshare").args(["--user", "--map-root-user", program]).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Permission denied") && said.contains("NFS squashes root"), "{said}");
    assert_eq!(fs::read(dir.path().join("out/compute-init/current")).unwrap(), current);
}

#[test]
fn a_check_judges_each_host_by_what_it_has() {
    // Equal inputs share a verdict: hosts that differ in one of them must not.
    let vars = "vault_openhpc_mungekey: \"{{ a[b] }}\"\na: {x: 1, y: 2}\nb: x\n";
    let mut files = vec![("hosts", "[compute_init]\nn[1:5]\n"), ("group_vars/all.yml", vars)];
    files.extend([("host_vars/n2.yml", "b: z\n"), ("host_vars/n3.yml", "b: y\n")]);
    files.extend([
        ("host_vars/n4.yml", "a: {}\n"),
        ("host_vars/n5.yml", "vault_openhpc_mungekey: \"{{ a[inventory_hostname] }}\"\n"),
    ]);
    let dir = tree(&files);
    let output = run(&["-i", &at(&dir, "hosts"), "--check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = report["unresolved"].as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
    let own = found.filter(|e| e["variable"] == "vault_openhpc_mungekey");
    let hosts: BTreeSet<&str> = own.flat_map(|e| e["hosts"].as_array().unwrap()).filter_map(Value::as_str).collect();
    assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["n2", "n4", "n5"], "{report}");
}

#[test]
fn a_change_is_seen_whatever_the_clock_says() {
    let dir = TempDir::new().unwrap();
    let [key, recipients] = enrolled(&dir, &["n1", "n2"]);
    fs::write(dir.path().join("hosts"), "[compute_init]\nn1\nn2\n").unwrap();
    fs::create_dir(dir.path().join("host_vars")).unwrap();
    let (path, when) = (dir.path().join("host_vars/n1.yml"), std::time::UNIX_EPOCH);
    // The same length, the same time: nothing but the content tells one from the other.
    let write = |value: &str| {
        fs::write(&path, format!("cluster_domain_suffix: {value}\nvault_openhpc_mungekey: c2VjcmV0\n")).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(when).unwrap();
    };
    let (hosts, out) = (at(&dir, "hosts"), at(&dir, "out"));
    let args = ["-i", &hosts, "--dest", &out, "--key", &key, "--recipients", &recipients];
    let view = || done(&["-i", &hosts, "--view", "n1"]);
    write("one");
    assert!(done(&args).contains("(new)"));
    assert!(done(&args).contains("as before, nothing is written"));
    write("two");
    assert!(done(&args).contains("(new)") && view().contains("two"));
    // Replaced by another file, as editors do, and by an older one, as a restored backup is.
    fs::rename(&path, dir.path().join("old")).unwrap();
    write("six");
    assert!(done(&args).contains("(new)") && view().contains("six"));
    fs::rename(dir.path().join("old"), &path).unwrap();
    assert!(done(&args).contains("(new)") && view().contains("two"));
    fs::remove_file(&path).unwrap();
    assert!(done(&args).contains("(new)") && !view().contains("cluster_domain_suffix"));
    // What an export keeps for itself (what was sealed before) is believed as far as it is true.
    write("two");
    done(&args);
    let sealed = dir.path().join("out/compute-init/.sealed");
    let kept = fs::read_to_string(&sealed).unwrap();
    assert!(!kept.contains("c2VjcmV0") && fs::metadata(&sealed).unwrap().mode() & 0o077 == 0);
    for broken in ["", "nonsense\n", &kept.replace(' ', " 0"), &kept.to_uppercase()] {
        fs::write(&sealed, broken).unwrap();
        let said = done(&args);
        assert!(said.contains("as before, nothing is written"), "{broken}: {said}");
    }
}

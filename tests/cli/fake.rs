//! Fake builds of a root directory: what they install, trust, show and refuse, and how they exit.

use crate::run::{Ran, command, ran, run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A source, a root, and what lies outside of it.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let bench = Bench { dir: tempfile::tempdir().expect("a directory") };
        // The export's user must be able to come here.
        fs::set_permissions(bench.dir.path(), Permissions::from_mode(0o755)).expect("changes the mode");
        for made in ["root/etc", "root/usr/lib", "root/var", "root/tmp", "root/run"] {
            fs::create_dir_all(bench.at(made)).expect("makes");
        }
        bench.write("root/etc/os-release", "ID=test\n");
        bench.write("root/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        bench.write("root/etc/group", "root:x:0:\n");
        bench.write("source/compute-init.yml", "- hosts: all\n  gather_facts: false\n  roles: [motd]\n");
        bench.task("- name: Greet\n  copy: {content: \"{{ greeting }}\\n\", dest: /etc/motd, mode: '0644'}\n");
        bench.write("source/roles/motd/files/notes", "the same in every bundle\n");
        bench.write("metadata.json", r#"{"meta": {"compute": "true"}}"#);
        bench.write("export/hosts", "10.0.0.1 ctl\n");
        bench.write("export/hostvars/n0/hostvars.yml", "greeting: hello\ngroups: {all: [n0]}\n");
        bench
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    /// Writes the role's first task; the second is always the same.
    fn task(&self, text: &str) {
        let notes = "- name: Note\n  copy: {src: notes, dest: /etc/notes, mode: '0644'}\n";
        self.write("source/roles/motd/tasks/main.yml", &format!("{text}{notes}"));
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let mut words: Vec<String> = vec!["build".into()];
        if !more.contains(&"--undo") {
            words.push("source".into());
        }
        let given =
            ["--fake-build", "--root", "root", "--node", "n0", "--metadata", "metadata.json", "--export", "export"];
        words.extend(given.iter().chain(more).map(|w| (*w).to_owned()));
        words
    }

    fn start(&self, more: &[&str]) -> std::process::Command {
        let words = self.arguments(more);
        let mut command = command(self.dir.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
        command.env("XDG_STATE_HOME", self.at("state"));
        command
    }

    fn fake(&self, more: &[&str]) -> Ran {
        ran(&mut self.start(more))
    }

    fn motd(&self) -> String {
        fs::read_to_string(self.at("root/etc/motd")).unwrap_or_default()
    }

    fn trusted(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.at("root/etc/compute-init/trust.d")) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn site_key(&self) {
        run(self.dir.path(), &["keygen", "-q", "-o", "site.key"]).expect(0);
        let pem = fs::read_to_string(self.at("site.pub.pem")).expect("reads");
        self.write("root/etc/compute-init/trust.d/site.pem", &pem);
    }
}

#[test]
fn an_edit_is_a_converged_root_and_can_be_undone() {
    let bench = Bench::new();
    let first = bench.fake(&[]).expect(0).says("made your development key").says("apply");
    assert!(first.out.contains("boot     ready") && first.out.contains("/etc/motd"), "{}", first.out);
    assert_eq!(bench.motd(), "hello\n");
    let key = bench.at("state/compute-init/development.key");
    assert_eq!(key.metadata().expect("a key").mode() & 0o777, 0o600);
    assert!(bench.trusted().len() == 1 && bench.trusted()[0].starts_with("development-"), "{:?}", bench.trusted());
    // Nothing was edited, so nothing changes.
    let again = bench.fake(&["--json"]).expect(0).json();
    assert_eq!((&again["installed"], &again["status"]["recap"]["changed"]), (&serde_json::json!([]), &0.into()));
    bench.task("- name: Greet\n  copy: {content: \"good day\\n\", dest: /etc/motd, mode: '0644'}\n");
    let edited = bench.fake(&["--json"]).expect(0).json();
    assert_eq!((edited["status"]["recap"]["changed"].as_u64(), bench.motd()), (Some(1), "good day\n".to_owned()));
    assert_ne!(edited["bundle"], again["bundle"]);
    let undone = bench.fake(&["--undo", "--json"]).expect(0).json();
    assert_eq!((&undone["bundle"], bench.motd()), (&again["bundle"], "hello\n".to_owned()));
}

#[test]
fn the_digest_is_that_of_the_real_build() {
    let bench = Bench::new();
    let fake = bench.fake(&["--json"]).expect(0).json();
    let real = run(bench.dir.path(), &["build", "source", "--json", "-o", "real.bundle"]).expect(0).json();
    assert_eq!(fake["bundle"], real["summary"]["digest"]);
}

#[test]
fn blobs_that_are_there_are_not_written_again() {
    let bench = Bench::new();
    bench.fake(&[]).expect(0);
    bench.task("- name: Greet\n  copy: {content: \"other\\n\", dest: /etc/motd, mode: '0644'}\n");
    bench.fake(&[]).expect(0);
    let bundles = bench.at("root/var/lib/compute-init/bundles");
    let links = |name: &str| {
        let blobs = fs::read_dir(bundles.join(name).join("blobs/sha256")).expect("lists");
        let meta = |e: fs::DirEntry| e.metadata().expect("a file");
        blobs.flatten().map(meta).map(|m| (m.size(), m.nlink())).collect::<Vec<_>>()
    };
    // The file is shared; plan and configuration are new.
    let shared: Vec<_> = links("current").into_iter().filter(|(_, links)| *links == 2).collect();
    assert_eq!(shared, [("the same in every bundle\n".len() as u64, 2)]);
    // One that was tampered with is not shared.
    bench.task("- name: Greet\n  copy: {content: \"third\\n\", dest: /etc/motd, mode: '0644'}\n");
    for blob in fs::read_dir(bundles.join("current/blobs/sha256")).expect("lists").flatten() {
        fs::write(blob.path(), "tampered").expect("writes");
    }
    bench.fake(&[]).expect(0);
    assert_eq!(fs::read_to_string(bench.at("root/etc/notes")).expect("reads"), "the same in every bundle\n");
}

#[test]
fn it_exits_as_the_boot_did() {
    let bench = Bench::new();
    bench.task("- name: Break\n  fail: {msg: broken on purpose}\n");
    let failed = bench.fake(&[]).expect(3);
    assert!(failed.out.contains("boot     failed") && failed.out.contains("broken on purpose"), "{}", failed.out);
    // Going back to nothing is refused, and says so.
    bench.fake(&["--undo"]).expect(1).says("nothing to go back to");
    bench.write("root/etc/compute-init/config.yaml", "resmue: slurm\n");
    bench.fake(&[]).expect(5).says("resmue");
}

#[test]
fn a_root_with_a_sites_keys_trusts_a_developer_only_when_asked_to() {
    let bench = Bench::new();
    bench.site_key();
    bench.fake(&[]).expect(1).says("site.pem").says("--trust-development");
    assert_eq!((bench.motd(), bench.trusted()), (String::new(), vec!["site.pem".to_owned()]));
    assert!(!bench.at("root/var/lib/compute-init").exists());
    // The site's own key needs no further trust.
    bench.fake(&["--key", "site.key"]).expect(0);
    assert_eq!((bench.motd(), bench.trusted().len()), ("hello\n".to_owned(), 1));
    bench.fake(&["--trust-development"]).expect(0);
    assert_eq!(bench.trusted().len(), 2);
    bench.fake(&[]).expect(0);
    // Another key that nobody trusts.
    run(bench.dir.path(), &["keygen", "-q", "-o", "other.key"]).expect(0);
    bench.fake(&["--key", "other.key"]).expect(5).says("[B10]");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_happens() {
    let bench = Bench::new();
    let refused = |words: &[&str], code: i32, why: &str| {
        let mut command = command(bench.dir.path(), words);
        ran(command.env("HOME", bench.at("home"))).expect(code).says(why);
    };
    refused(&["build", "source", "--root", "root"], 2, "--fake-build");
    refused(&["build", "source", "--watch"], 2, "--fake-build");
    refused(&["build", "source", "--fake-build", "-o", "x", "--root", "root"], 2, "--output");
    refused(&["build", "source", "--fake-build", "--undo", "--root", "root"], 2, "--undo");
    refused(&["build", "source", "--fake-build", "--root", "source"], 1, "not a root file system");
    refused(&["build", "source", "--fake-build", "--root", "missing"], 1, "missing");
    refused(&["build", "--fake-build", "--root", "root", "--watch"], 1, "does not change");
    refused(&["build", "source", "--fake-build", "--root", "root", "--executor", "none"], 1, "--executor");
    refused(&["build", "missing", "--fake-build", "--root", "root"], 2, "missing");
    bench.task("- name: Greet\n  copyy: {}\n");
    bench.fake(&[]).expect(2).says("roles/motd/tasks/main.yml:2");
    fs::set_permissions(bench.at("state/compute-init/development.key"), Permissions::from_mode(0o644))
        .expect("changes");
    bench.fake(&[]).expect(1).says("others can get at it");
    assert!(!bench.at("root/var/lib/compute-init").exists() && bench.trusted().is_empty());
}

const INVENTORY: &str = "all:
  hosts:
    n0: {greeting: \"{{ salute }}, {{ inventory_hostname }}\"}
    n1: {}
  vars: {salute: SALUTE, greeting: nobody}
";

/// What changed in the inventory reaches the node with what changed in the roles.
#[test]
fn an_inventory_is_exported_again() {
    let bench = Bench::new();
    let inventory = |salute: &str| bench.write("inventory/hosts.yml", &INVENTORY.replace("SALUTE", salute));
    let fake = |more: &[&str]| {
        let words =
            ["build", "source", "--fake-build", "--root", "root", "--node", "n0", "--metadata", "metadata.json"];
        let mut command = command(bench.dir.path(), &[&words[..], more].concat());
        ran(command.env("XDG_STATE_HOME", bench.at("state")))
    };
    let exporting = ["-i", "inventory", "--dest", "served"];
    inventory("good day");
    fake(&exporting).expect(0).says("exported   2 hosts to served");
    assert_eq!(bench.motd(), "good day, n0\n");
    inventory("good night");
    let second = fake(&[&exporting[..], &["--json"]].concat()).expect(0).json();
    assert_eq!((&second["installed"], bench.motd()), (&serde_json::json!([]), "good night, n0\n".to_owned()));
    // With a key, a generation; the root takes what it has a key for.
    run(bench.dir.path(), &["keygen", "-q", "-o", "export.key"]).expect(0);
    let pem = fs::read_to_string(bench.at("export.pub.pem")).expect("reads");
    bench.write("root/etc/compute-init/trust.d/export/export.pem", &pem);
    fake(&exporting).expect(5).says("signed");
    inventory("signed");
    fake(&[&exporting[..], &["--export-key", "export.key"]].concat()).expect(0).says("generation sha256:");
    assert_eq!(bench.motd(), "signed, n0\n");
    // What is wrong in the inventory stops it before anything is installed.
    let installed = fs::read_link(bench.at("root/var/lib/compute-init/bundles/current")).expect("a link");
    bench.task("- name: Greet\n  copy: {content: '{{ greeting }} now', dest: /etc/motd, mode: '0644'}\n");
    inventory("\"{{ lookup('file', '/none/there') }}\"");
    fake(&exporting).expect(2).says("/none/there");
    fake(&["-i", "missing", "--dest", "served"]).expect(1).says("missing");
    assert_eq!(fs::read_link(bench.at("root/var/lib/compute-init/bundles/current")).expect("a link"), installed);
    assert_eq!(bench.motd(), "signed, n0\n");
    fake(&["--dest", "served"]).expect(2).says("--inventory");
    fake(&["-i", "inventory/hosts.yml", "--dest", "inventory/served", "--watch"]).expect(1).says("which is watched");
}

/// A watch that ends with its owner.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_watch_does_it_at_every_save_and_stops_cleanly() {
    let bench = Bench::new();
    let log = bench.at("log");
    let err = fs::File::create(&log).expect("a log");
    let mut command = bench.start(&["--watch"]);
    let mut watch = Watch(command.stdout(Stdio::null()).stderr(err).spawn().expect("starts"));
    let waits = |log: &Path| fs::read_to_string(log).expect("reads").matches("waiting for changes").count();
    until("the first build", || waits(&log) == 1);
    assert_eq!(bench.motd(), "hello\n");
    bench.task("- name: Greet\n  copy: {content: \"saved\\n\", dest: /etc/motd, mode: '0644'}\n");
    until("the second build", || bench.motd() == "saved\n" && waits(&log) >= 2);
    // A mistake is shown, and the next save is watched for.
    let before = waits(&log);
    bench.task("- name: Greet\n  copyy: {}\n");
    until("the mistake", || waits(&log) > before);
    assert!(fs::read_to_string(&log).expect("reads").contains("copyy"));
    bench.task("- name: Greet\n  copy: {content: \"mended\\n\", dest: /etc/motd, mode: '0644'}\n");
    until("the third build", || bench.motd() == "mended\n");
    let before = waits(&log);
    until("the wait", || waits(&log) >= before.max(4));
    kill(Pid::from_raw(i32::try_from(watch.0.id()).expect("a pid")), Signal::SIGINT).expect("signals");
    assert_eq!(watch.0.wait().expect("ends").code(), Some(0));
}

//! Signed generations on a node: what is trusted, what is refused, what is opened, and what stands in.

use crate::harness::{Bench, Boot, Service, http};
use compute_init::bundle::SigningKey;
use compute_init::bundle::age::Identity;
use compute_init::bundle::report::{Report, ReportKey};
use compute_init::export::generation::{Keep, Seal, Settings, write};
use compute_init::export::recipients::Recipients;
use compute_init::export::{ClusterExport, ExportFile, HostExport, Layer, Other};
use compute_init::plan::Data;
use compute_init::plan::export::{BLOBS, CURRENT};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

const OWN: &str = "SECRET-of-n0";
const FOREIGN: &str = "SECRET-of-n1";

pub struct Signed {
    pub bench: Bench,
    key: SigningKey,
    now: u64,
    value: String,
    valid: Option<std::time::Duration>,
    cluster: &'static str,
    recipient: Identity,
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

fn layer(vars: &[(&str, &str)], secret: &str) -> Arc<Layer> {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), Data::str(*value))).collect();
    Arc::new(Layer { vars, secret: BTreeSet::from([secret.to_owned()]) })
}

impl Signed {
    /// A node with an identity and an export key, and a signed export for two hosts.
    pub fn new() -> Signed {
        let signed = Signed {
            bench: Bench::new(),
            key: SigningKey::generate().unwrap(),
            now: now(),
            value: "first".to_owned(),
            valid: None,
            cluster: "test",
            recipient: Identity::from_random([42; 32]),
        };
        fs::remove_dir_all(signed.bench.path("export")).unwrap();
        signed.bench.write("trust/export/export.pem", signed.key.public().to_pem());
        signed.bench.write("identity", signed.recipient.reveal() + "\n");
        fs::set_permissions(signed.bench.path("identity"), Permissions::from_mode(0o600)).unwrap();
        signed.config("");
        signed.export();
        signed
    }

    pub fn config(&self, more: &str) {
        let identity = self.bench.path("identity").display().to_string();
        self.bench.config(&format!("identity: {identity}\n{more}"));
    }

    fn export(&self) {
        let mut export = ClusterExport::default();
        let mut groups = compute_init::export::Groups::new();
        groups.insert("all".to_owned(), vec!["n0.cluster".to_owned(), "n1.cluster".to_owned()]);
        let groups = Arc::new(groups);
        let ctl = Other { vars: (*layer(&[("addr", "10.0.0.1")], "")).clone(), ..Other::default() };
        let others = Arc::new([("ctl".to_owned(), ctl)].into_iter().collect());
        for (name, secret) in [("n0", OWN), ("n1", FOREIGN)] {
            let host = HostExport {
                vars: vec![
                    layer(&[("wanted", "{{ hostvars['ctl'].addr }}"), ("value", &self.value)], ""),
                    layer(&[("password", secret)], "password"),
                ],
                group_names: vec!["compute".to_owned()],
                groups: groups.clone(),
                others: Arc::clone(&others),
                files: vec![ExportFile {
                    path: format!("hostconfig/{name}/sssd.conf"),
                    bytes: secret.as_bytes().to_vec(),
                    secret: true,
                }],
            };
            export.hosts.insert(format!("{name}.cluster"), host);
        }
        export.shared.push(ExportFile { path: "hosts".into(), bytes: b"10.0.0.1 ctl\n".to_vec(), secret: false });
        let mut recipients = Recipients::default();
        recipients.insert("n0", self.recipient.recipient());
        recipients.insert("n1", Identity::from_random([99; 32]).recipient());
        let settings = Settings {
            dest: self.bench.path("export"),
            cluster: self.cluster.to_owned(),
            keys: vec![SigningKey::from_pem(&self.key.to_pem()).unwrap()],
            seal: Seal::To(recipients),
            owner: (0, 301),
            valid: self.valid,
            keep: Keep::default(),
            now: self.now,
        };
        write(&export, &settings).unwrap();
        // The directory above is the site's.
        fs::set_permissions(self.bench.path("export"), Permissions::from_mode(0o755)).unwrap();
    }

    /// Another generation, later.
    fn next(&mut self, value: &str) {
        self.now += 1;
        value.clone_into(&mut self.value);
        self.export();
    }

    pub fn staged(&self) -> String {
        self.bench.tree("state/staged")
    }

    fn boot(&self) -> Boot {
        self.bench.boot(&[])
    }

    /// A boot that is refused, leaves the node untouched, and says why.
    fn refuses(&self, says: &str) {
        self.bench.refused(&[], "refused", 5, says);
    }
}

#[test]
fn a_node_stages_what_is_signed_and_opens_what_is_its_own() {
    let signed = Signed::new();
    let boot = signed.boot();
    boot.ready();
    assert!(boot.out.contains("signed by export.pem"), "{}", boot.out);
    let tree = signed.staged();
    for wanted in ["hosts 600: 10.0.0.1 ctl", "hostconfig/n0/sssd.conf 600", OWN, "n0.cluster", r#""addr":"10.0.0.1""#]
    {
        assert!(tree.contains(wanted), "{wanted}: {tree}");
    }
    assert!(!tree.contains(FOREIGN), "{tree}");
    assert!(!boot.out.contains(OWN) && !signed.bench.tree("run").contains(OWN));
    let again = signed.boot();
    again.ready();
    assert!(again.out.contains("(unchanged)"), "{}", again.out);
}

#[test]
fn without_a_key_a_signed_export_is_refused_and_a_classic_one_is_taken() {
    let signed = Signed::new();
    fs::remove_dir_all(signed.bench.path("trust/export")).unwrap();
    signed.refuses("knows no key");
    signed.bench.export();
    signed.boot().ready();
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.config("require_signed_export: true\n");
    signed.refuses("must be signed, but no key is known");
}

#[test]
fn with_a_key_a_classic_export_is_refused_unless_policy_takes_it() {
    let signed = Signed::new();
    fs::remove_dir_all(signed.bench.path("export")).unwrap();
    signed.bench.export();
    signed.refuses("must be signed, but it has no generation");
    // Before the first deployment there is nothing yet.
    fs::remove_dir_all(signed.bench.path("export/hostvars/n0")).unwrap();
    signed.bench.refused(&[], "unconfigured", 0, "does not name this node");
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.bench.export();
    signed.config("require_signed_export: false\n");
    let boot = signed.boot();
    boot.ready();
    assert!(boot.out.contains("not signed"), "{}", boot.out);
    // Policy takes what is not signed, never what is signed wrongly.
    signed.export();
    let index = signed.bench.path("export").join(CURRENT);
    let text = fs::read_to_string(&index).unwrap().replacen("test", "tesu", 1);
    fs::write(&index, text).unwrap();
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.refuses("not that of key export.pem");
}

#[test]
fn metadata_may_bring_the_key_where_the_image_has_none() {
    let signed = Signed::new();
    fs::remove_dir_all(signed.bench.path("trust/export")).unwrap();
    let key: String = signed.key.public().to_pem().lines().filter(|l| !l.starts_with("--")).collect();
    let metadata = |key: &str| format!(r#"{{"meta": {{"compute": "true", "compute_init_export_key": "{key}"}}}}"#);
    signed.bench.metadata(&metadata(&key));
    let boot = signed.boot();
    boot.ready();
    assert!(boot.out.contains("signed by compute_init_export_key"), "{}", boot.out);
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.bench.metadata(&metadata("rubbish"));
    signed.refuses("compute_init_export_key: neither PEM nor base64");
    // The image's keys win: metadata cannot add to them.
    signed.bench.metadata(&metadata(&key));
    signed.bench.write("trust/export/other.pem", SigningKey::generate().unwrap().public().to_pem());
    signed.refuses("not trusted here (other.pem is)");
}

#[test]
fn a_key_of_bundles_signs_no_export() {
    let signed = Signed::new();
    fs::remove_dir_all(signed.bench.path("trust/export")).unwrap();
    signed.bench.write("trust/more.pem", signed.key.public().to_pem());
    signed.refuses("knows no key");
}

#[test]
fn an_old_generation_is_not_taken_again() {
    let mut signed = Signed::new();
    let old = signed.bench.path("old");
    let copy = |from: &Path, to: &Path| {
        assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&signed.bench.path("export"), &old);
    signed.next("second");
    signed.boot().ready();
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    fs::remove_dir_all(signed.bench.path("export")).unwrap();
    copy(&old, &signed.bench.path("export"));
    signed.refuses("is an old one");
    assert!(signed.staged().contains("second") && !signed.staged().contains("first"));
    // The same serial, other content.
    signed.value = "third".to_owned();
    fs::remove_dir_all(signed.bench.path("export")).unwrap();
    signed.export();
    signed.refuses("has the serial");
    // Another cluster of the same key.
    signed.cluster = "other";
    signed.now += 10;
    fs::remove_dir_all(signed.bench.path("export")).unwrap();
    signed.export();
    signed.refuses("this node belongs to \"test\"");
    fs::remove_file(signed.bench.path("state/export-seen.json")).unwrap();
    signed.boot().ready();
    signed.bench.write("state/export-seen.json", "{");
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.refuses("export-seen.json cannot be read");
}

#[test]
fn a_generation_past_its_end_is_refused() {
    let mut signed = Signed::new();
    signed.valid = Some(std::time::Duration::from_secs(600));
    signed.now -= 1200;
    fs::remove_dir_all(signed.bench.path("export")).unwrap();
    signed.export();
    signed.refuses("ended 10 minutes ago");
}

#[test]
fn a_node_without_its_identity_says_to_whom_it_is_sealed() {
    let signed = Signed::new();
    let recipient = signed.recipient.recipient().to_string();
    let identity = signed.bench.path("identity");
    fs::remove_file(&identity).unwrap();
    signed.refuses(&format!("sealed to {recipient}, but the node has no identity"));
    let other = Identity::from_random([7; 32]);
    for (text, mode, says) in [
        (other.reveal(), 0o600, format!("sealed to {recipient}, but its identity is that of {}", other.recipient())),
        (signed.recipient.reveal(), 0o644, "with mode 0644".to_owned()),
        ("rubbish\n".to_owned(), 0o600, "not an age identity".to_owned()),
        ("x".repeat(20_000), 0o600, "larger than".to_owned()),
    ] {
        fs::write(&identity, &text).unwrap();
        fs::set_permissions(&identity, Permissions::from_mode(mode)).unwrap();
        signed.refuses(&says);
        let shown = signed.boot().out + &signed.bench.tree("run");
        assert!(!shown.contains(signed.recipient.reveal().as_str()) && !shown.contains(other.reveal().as_str()));
    }
    // A credential of the service manager comes before the file.
    signed.bench.write("credentials/compute-init.identity", signed.recipient.reveal());
    fs::set_permissions(signed.bench.path("credentials/compute-init.identity"), Permissions::from_mode(0o400)).unwrap();
    let (export, metadata) = (signed.bench.path("export"), signed.bench.path("metadata.json"));
    let arguments = ["--export", export.to_str().unwrap(), "--metadata", metadata.to_str().unwrap()];
    let mut command = signed.bench.command(&arguments);
    command.env("CREDENTIALS_DIRECTORY", signed.bench.path("credentials"));
    Boot::of(command.output().unwrap()).ready();
}

#[test]
fn a_host_that_is_not_exported_is_left_alone() {
    let signed = Signed::new();
    let boot = signed.bench.boot(&["--host", "n7"]);
    assert_eq!((boot.code, signed.bench.status()["state"].as_str()), (0, Some("unconfigured")), "{}", boot.out);
}

#[test]
fn damage_is_refused_and_the_last_good_generation_stands_in_where_policy_says_so() {
    let mut signed = Signed::new();
    signed.boot().ready();
    signed.next("second");
    for entry in fs::read_dir(signed.bench.path("export").join(BLOBS)).unwrap().flatten() {
        let mut bytes = fs::read(entry.path()).unwrap();
        bytes[0] ^= 1;
        fs::write(entry.path(), bytes).unwrap();
    }
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.refuses("does not have the digest");
    signed.config("export: {stale: 1h}\n");
    let boot = signed.boot();
    boot.ready();
    assert!(boot.out.contains("stands in"), "{}", boot.out);
    assert!(signed.staged().contains("first") && !signed.staged().contains("second"));
    // Without one the fault itself is said.
    fs::remove_dir_all(signed.bench.path("state")).unwrap();
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.refuses("does not have the digest");
}

#[test]
fn a_generation_that_is_replaced_while_it_is_read_is_read_anew() {
    let mut signed = Signed::new();
    let index = signed.bench.path("export").join(CURRENT);
    let old = fs::read(&index).unwrap();
    signed.next("second");
    let new = fs::read(&index).unwrap();
    // As if pruned: what only the old index leads to is gone.
    let line = String::from_utf8(old.clone()).unwrap();
    let json: serde_json::Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let digest = json["content"]["common"].as_str().unwrap().split(' ').next().unwrap();
    fs::remove_file(signed.bench.path("export").join(BLOBS).join(digest)).unwrap();
    fs::write(&index, &old).unwrap();
    let later = index.clone();
    let writer = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(450));
        fs::write(later, new).unwrap();
    });
    let boot = signed.boot();
    writer.join().unwrap();
    boot.ready();
    assert!(signed.staged().contains("second"));
    fs::write(&index, &old).unwrap();
    fs::remove_dir_all(signed.bench.path("state")).unwrap();
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.refuses("is missing (read 4 times)");
}

#[test]
fn a_web_server_may_serve_it() {
    let signed = Signed::new();
    let base = signed.bench.path("export");
    let service = Service::serving(base);
    let url = service.url.replace("/openstack/latest/meta_data.json", "");
    let boot = signed.bench.boot(&["--export", &url]);
    boot.ready();
    assert!(signed.staged().contains(OWN));
    assert!(service.asked() <= 8, "{} requests", service.asked());
    // What a web server says is believed no more than a file.
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    for (answer, state, code, says) in [
        (http("200 OK", "<html>"), "refused", 5, "cut"),
        (http("404 Not Found", ""), "unconfigured", 0, "has no compute-init/current yet"),
        (http("403 Forbidden", ""), "refused", 5, "answers 403"),
        (http("503 Busy", ""), "unreachable", 4, "answers 503"),
    ] {
        signed.config("deadlines: {mount: 1}\n");
        let service = Service::saying(&answer);
        signed.bench.refused(&["--export", &service.url], state, code, says);
        let _ = fs::remove_file(signed.bench.path("done"));
    }
    signed.bench.refused(&["--export", "http://127.0.0.1:9/x"], "unreachable", 4, "out of reach");
}

#[test]
fn https_goes_through_the_nodes_curl_and_shows_no_password() {
    let signed = Signed::new();
    let base = signed.bench.path("export").display().to_string();
    let log = signed.bench.path("curl.log").display().to_string();
    signed.bench.program(
        "curl",
        &format!(
            "echo \"$@\" >> {log}\nconfig=$(cat)\nurl=$(printf '%s' \"$config\" | sed -n 's/^url = \"\\(.*\\)\"$/\\1/p')\n\
             case $url in *\"'\"*) exit 3;; https://user:hidden@ctl/x/*) cat \"{base}/${{url#https://user:hidden@ctl/x/}}\" && printf '\\n200' ;; esac\n"
        ),
    );
    let boot = signed.bench.boot(&["--export", "https://user:hidden@ctl/x"]);
    boot.ready();
    assert!(signed.staged().contains(OWN));
    let seen = fs::read_to_string(signed.bench.path("curl.log")).unwrap() + &boot.out + &signed.bench.tree("run");
    assert!(!seen.contains("hidden"), "{seen}");
    signed.config("deadlines: {mount: 1}\n");
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.bench.program("curl", "echo 'curl: (60) certificate problem' >&2; exit 60\n");
    signed.bench.refused(&["--export", "https://ctl/x"], "unreachable", 4, "certificate problem");
}

/// What scontrol was asked to change.
fn updates(bench: &Bench) -> Vec<String> {
    let calls = fs::read_to_string(bench.path("bin/calls")).unwrap_or_default();
    calls.lines().filter_map(|line| line.strip_prefix("update nodename=n0 ")).map(str::to_owned).collect()
}

#[test]
fn a_report_is_left_where_it_is_wanted_and_is_the_nodes_own() {
    let signed = Signed::new();
    let shows = "NodeName=n0 Arch=x State=IDLE SlurmdStartTime=2035-01-01T00:00:00";
    let script = format!("echo \"$*\" >> \"$(dirname \"$0\")/calls\"\ncase $1 in -o) echo '{shows}' ;; esac\n");
    signed.bench.program("scontrol", &script);
    signed.bench.program("systemctl", "echo active\n");
    signed.boot().ready();
    assert_eq!(updates(&signed.bench), [""; 0], "nobody asked for one");
    for field in ["comment", "extra"] {
        fs::remove_file(signed.bench.path("bin/calls")).unwrap();
        signed.config(&format!("report: {field}\n"));
        signed.boot().ready();
        let left = updates(&signed.bench);
        let [word] = left.iter().filter_map(|l| l.strip_prefix(&format!("{field}="))).collect::<Vec<_>>()[..] else {
            panic!("{left:?}")
        };
        let report = Report::read(word).unwrap();
        assert_eq!((report.state.as_str(), report.serial), ("ready", signed.now));
        assert!(report.is_by(word, &ReportKey::of_exporter(&signed.key, &signed.recipient.recipient()), "n0"));
    }
    // A check leaves none, nor does a boot that is to leave Slurm alone; Slurm's saying no is told, and fails nothing.
    fs::remove_file(signed.bench.path("bin/calls")).unwrap();
    signed.bench.boot(&["--check"]);
    assert_eq!(updates(&signed.bench), [""; 0]);
    signed.bench.boot(&["--no-resume"]).ready();
    assert_eq!(updates(&signed.bench), [""; 0], "--no-resume leaves Slurm alone");
    let refusing = format!("case $1 in -o) echo '{shows}' ;; *) echo 'Access denied' >&2; exit 1 ;; esac\n");
    signed.bench.program("scontrol", &refusing);
    let boot = signed.boot();
    boot.ready();
    assert!(boot.out.contains("report   not left: Access denied"), "{}", boot.out);
}

//! `enrol`, `serve` and `nodes`: the control node's side beyond the export itself.

use crate::run::{command, ran, run};
use compute_init::bundle::SigningKey;
use compute_init::bundle::age::Identity;
use compute_init::bundle::report::{Report, ReportKey};
use compute_init::export::generation::{Keep, Seal, Settings, write};
use compute_init::export::recipients::Recipients;
use compute_init::export::{ClusterExport, HostExport, Layer};
use compute_init::plan::Data;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

#[test]
fn enrol_makes_what_export_and_age_take_and_never_makes_it_twice() {
    let dir = tempfile::tempdir().unwrap();
    let folders = ["--identities", "secret", "--recipients", "public"];
    let enrol = |more: &[&str]| run(dir.path(), &[&["enrol"], &folders[..], more].concat());
    let made = enrol(&["n0", "n1.cluster", "--expires", "2099-01-01", "--json"]).expect(0).json();
    assert_eq!(made["enrolled"], serde_json::json!(["n0", "n1"]));
    let secret = fs::read_to_string(dir.path().join("secret/n1")).unwrap();
    let identity = Identity::parse(&secret).unwrap();
    assert_eq!(dir.path().join("secret").metadata().unwrap().mode() & 0o777, 0o700);
    assert_eq!(dir.path().join("secret/n1").metadata().unwrap().mode() & 0o777, 0o600);
    assert!(!made.to_string().contains(&identity.reveal()));
    let recipients = Recipients::load(&dir.path().join("public")).unwrap();
    assert_eq!(recipients.of("n1", 0).unwrap(), identity.recipient());
    assert!(recipients.of("n1", 5_000_000_000).unwrap_err().contains("expired"));
    let again = enrol(&["n1", "n2", "--json"]).expect(0).json();
    assert_eq!((again["enrolled"].clone(), again["kept"].as_u64()), (serde_json::json!(["n2"]), Some(1)));
    assert_eq!(fs::read_to_string(dir.path().join("secret/n1")).unwrap(), secret);
    enrol(&["n1", "--renew"]).expect(0);
    assert_ne!(fs::read_to_string(dir.path().join("secret/n1")).unwrap(), secret);
    fs::write(dir.path().join("hosts"), "[compute]\nc[0:3]\n[login]\nl0\n").unwrap();
    let all = enrol(&["-i", "hosts", "-l", "compute", "--json"]).expect(0).json();
    assert_eq!(all["enrolled"].as_array().unwrap().len(), 4);
    enrol(&["../x"]).expect(1).says("cannot be the name of a node");
    enrol(&["n9", "--expires", "soon"]).expect(1).says("not a day");
    enrol(&[]).expect(2);
    enrol(&["-i", "hosts", "-l", "nothing"]).expect(1).says("nothing");
    assert!(!dir.path().join("public/n9.pub").exists());
}

#[test]
fn serve_writes_one_file_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("export")).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let export = dir.path().join("export").display().to_string();
    let serve = |more: &[&str]| {
        let mut command = command(dir.path(), &[&["serve", "--dest", &export, "--folder", "exports.d"], more].concat());
        // No exportfs of this machine.
        ran(command.env("PATH", "/nowhere"))
    };
    let told = serve(&["-n", "10.20.0.0/16"]).expect(0);
    assert!(told.out.contains("compute-init.exports (written)"), "{}", told.out);
    let text = fs::read_to_string(dir.path().join("exports.d/compute-init.exports")).unwrap();
    assert!(text.contains(&format!("{export} 10.20.0.0/16(ro,root_squash,secure,")), "{text}");
    assert!(serve(&["-n", "10.20.0.0/16"]).expect(0).out.contains("as it was"));
    serve(&["-n", "0.0.0.0/0"]).expect(1).says("nearly everybody");
    serve(&[]).expect(2);
    fs::set_permissions(&export, fs::Permissions::from_mode(0o777)).unwrap();
    serve(&["-n", "10.20.0.0/16"]).expect(1).says("mode 0777");
}

fn export(dir: &Path, key: &SigningKey, now: u64, values: &[(&str, &str)]) {
    let mut export = ClusterExport::default();
    for (name, value) in values {
        let layer = |name: &str, value: &str| {
            Arc::new(Layer { vars: [(name.to_owned(), Data::str(value))].into_iter().collect(), ..Layer::default() })
        };
        let host = HostExport { vars: vec![layer("value", value), layer("same", "x")], ..HostExport::default() };
        export.hosts.insert((*name).to_owned(), host);
    }
    let settings = Settings {
        dest: dir.to_owned(),
        cluster: "test".to_owned(),
        keys: vec![SigningKey::from_pem(&key.to_pem()).unwrap()],
        seal: Seal::Not,
        owner: (0, 0),
        valid: None,
        keep: Keep::default(),
        now,
    };
    write(&export, &settings).unwrap();
}

#[test]
fn nodes_tells_by_content_what_a_boot_would_see_changed() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    fs::write(dir.path().join("key"), key.to_pem()).unwrap();
    fs::write(dir.path().join("pub"), key.public().to_pem()).unwrap();
    let place = dir.path().join("export");
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(
        bin.join("sinfo"),
        "#!/bin/sh\n# Stand-in for sinfo, made by a test.\necho 'a|idle|none'\necho 'b|down*|Not responding'\n",
    )
    .unwrap();
    fs::set_permissions(bin.join("sinfo"), fs::Permissions::from_mode(0o755)).unwrap();
    let nodes = |more: &[&str]| {
        let mut command = command(dir.path(), &[&["nodes", "--dest", "export"], more].concat());
        ran(command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())))
    };
    nodes(&["--key", "pub"]).expect(1).says("compute-init/current is missing");
    export(&place, &key, 1000, &[("a", "1"), ("b", "1"), ("c", "1")]);
    let first = nodes(&["--key", "pub", "--plan", "--json"]).expect(0).json();
    assert_eq!((first["nodes"].as_array().unwrap().len(), first["since"].is_null()), (3, true));
    assert_eq!(first["nodes"][1]["reason"], "Not responding");
    export(&place, &key, 2000, &[("a", "1"), ("b", "2"), ("c", "1"), ("d", "1")]);
    let plan = nodes(&["--key", "key", "--plan", "--json"]).expect(2).json();
    let changes: Vec<String> = plan["nodes"].as_array().unwrap().iter().map(|n| n["changes"].to_string()).collect();
    assert_eq!(changes, ["[]", "[\"value\"]", "[]", "[\"new\"]"]);
    nodes(&["--key", "pub"]).expect(0);
    // A value that all have in common.
    export(&place, &key, 3000, &[("a", "3"), ("b", "3"), ("c", "3")]);
    let plan = nodes(&["--key", "pub", "--plan", "--json"]).expect(2).json();
    assert_eq!(plan["nodes"][0]["changes"], serde_json::json!(["value"]));
    assert_eq!(plan["nodes"][3]["changes"], serde_json::json!(["gone"]));
    let since = nodes(&["--key", "pub", "--plan", "--since", "1000", "--json"]).expect(2).json();
    assert_eq!(since["since"], 1000);
    nodes(&["--key", "pub", "--plan", "--since", "7"]).expect(1).says("serial 7 is kept");
    let stranger = SigningKey::generate().unwrap().public().to_pem();
    fs::write(dir.path().join("other"), stranger).unwrap();
    nodes(&["--key", "other"]).expect(1).says("not trusted");
    fs::remove_file(bin.join("sinfo")).unwrap();
    nodes(&["--key", "pub"]).expect(0).says("no sinfo here");
}

/// What stands for a program of Slurm in a test: it prints a text.
fn stand_in(bin: &Path, name: &str, text: &str) {
    fs::create_dir_all(bin).unwrap();
    let script = format!("#!/bin/sh\n# Stand-in for {name}, made by a test.\ncat <<'END'\n{text}\nEND\n");
    fs::write(bin.join(name), script).unwrap();
    fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn nodes_shows_the_last_reports_and_whose_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::generate().unwrap();
    fs::write(dir.path().join("key"), key.to_pem()).unwrap();
    fs::write(dir.path().join("pub"), key.public().to_pem()).unwrap();
    let identity = |n: u8| Identity::from_random([n; 32]);
    let mut recipients = Recipients::default();
    let mut export = ClusterExport::default();
    for (n, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        recipients.insert(name, identity(n as u8 + 1).recipient());
        let secret = Layer {
            vars: [("password".to_owned(), Data::str("x"))].into_iter().collect(),
            secret: ["password".to_owned()].into(),
        };
        export.hosts.insert(name.to_owned(), HostExport { vars: vec![Arc::new(secret)], ..HostExport::default() });
    }
    let settings = Settings {
        dest: dir.path().join("export"),
        cluster: "test".to_owned(),
        keys: vec![SigningKey::from_pem(&key.to_pem()).unwrap()],
        seal: Seal::To(recipients),
        owner: (0, 0),
        valid: None,
        keep: Keep::default(),
        now: 1000,
    };
    write(&export, &settings).unwrap();
    let report = Report { serial: 1000, state: "ready".to_owned(), changed: 3, time: 1_795_392_000 };
    let word = |n: u8, host: &str| report.word(&ReportKey::of_node(&identity(n), &key.public()), host);
    // a's own; b's, made with c's identity; c's, brought from a; d has a remark of somebody's.
    let lines = [
        format!("NodeName=a Arch=x State=IDLE Comment={}", word(1, "a")),
        format!("NodeName=b State=IDLE Extra={} X=y", word(3, "b")),
        format!("NodeName=c State=IDLE Comment={}", word(1, "a")),
        "NodeName=d State=IDLE Comment=fan was replaced".to_owned(),
    ];
    let bin = dir.path().join("bin");
    stand_in(&bin, "sinfo", "a|idle|none");
    stand_in(&bin, "scontrol", &lines.join("\n"));
    let nodes = |more: &[&str]| {
        let mut command = command(dir.path(), &[&["nodes", "--dest", "export"], more].concat());
        ran(command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())))
    };
    let all = nodes(&["--key", "key", "--json"]).expect(0).json();
    let genuine: Vec<String> =
        all["nodes"].as_array().unwrap().iter().map(|n| n["report"]["genuine"].to_string()).collect();
    assert_eq!(genuine, ["true", "false", "false", "null"]);
    assert_eq!(
        (&all["nodes"][0]["report"]["changed"], &all["nodes"][3]["report"]),
        (&3.into(), &serde_json::Value::Null)
    );
    let shown = nodes(&["--key", "key"]).expect(0).out;
    assert!(
        shown.contains("ready, 3 changed, 2026-11-23T00:00Z, serial 1000 ") && shown.contains("NOT ITS OWN"),
        "{shown}"
    );
    // The public key verifies the export, but cannot tell whose a report is.
    let public = nodes(&["--key", "pub", "--json"]).expect(0).json();
    assert!(public["nodes"][0]["report"]["genuine"].is_null() && public["nodes"][0]["report"]["serial"] == 1000);
    assert!(nodes(&["--key", "pub"]).expect(0).out.contains("not verified"));
    fs::write(bin.join("scontrol"), "#!/bin/sh\n# Stand-in, made by a test.\necho slurmctld is away >&2; exit 1\n")
        .unwrap();
    nodes(&["--key", "key"]).expect(0).says("reports are not shown: slurmctld is away");
}

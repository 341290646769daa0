//! `status`: what happened at boot.

use crate::run::{command, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn status(state: &str) -> Value {
    json!({
        "format": 1, "state": state, "message": "a sentence", "hint": "do this", "version": "0.1.0",
        "bundle": "sha256:00", "signer": "site.pem", "host": "node-1",
        "started": 1.0, "elapsed_ms": 1234.5, "commands_ms": 200.0,
        "stages": [{ "name": "verify", "ms": 1.5, "note": "signed by site.pem" }],
        "tasks": [
            { "role": "motd", "task": "Greet", "place": "roles/motd/tasks/main.yml:1", "result": "changed", "ms": 2.0,
              "changes": [{ "what": "content", "target": "/etc/motd", "mode": "0644", "owner": "root:root" }] },
            { "task": "Look", "place": "site.yml:3", "result": "ok", "ms": 1.0 }
        ],
        "recap": { "ok": 2, "changed": 1, "failed": 0, "skipped": 0, "rescued": 0, "ignored": 0 }
    })
}

fn write(dir: &Path, state: &str) {
    fs::write(dir.join("new"), status(state).to_string()).expect("writes");
    fs::rename(dir.join("new"), dir.join("status.json")).expect("renames");
}

#[test]
fn every_state_has_its_exit_code() {
    let dir = tempfile::tempdir().expect("a directory");
    let codes = [
        ("ready", 0),
        ("disabled", 0),
        ("not-compute", 0),
        ("unconfigured", 0),
        ("running", 1),
        ("failed", 3),
        ("unreachable", 4),
        ("refused", 5),
    ];
    for (state, code) in codes {
        write(dir.path(), state);
        let shown = run(dir.path(), &["status", "--file", "status.json"]).expect(code).out;
        assert!(shown.starts_with(&format!("{state}: a sentence\n  hint: do this\n")), "{shown}");
    }
}

#[test]
fn what_changed_is_shown_and_the_rest_on_demand() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "ready");
    let short = run(dir.path(), &["status", "--file", "status.json"]).expect(0).out;
    assert!(short.contains("motd : Greet") && short.contains("content /etc/motd 0644 root:root"), "{short}");
    assert!(short.contains("ok=2 changed=1") && !short.contains("Look"), "{short}");
    assert!(run(dir.path(), &["status", "--all", "--file", "status.json"]).expect(0).out.contains("Look"));
    let json = run(dir.path(), &["status", "--json", "--file", "status.json"]).expect(0).json();
    assert_eq!(json["tasks"].as_array().map(Vec::len), Some(2));
}

#[test]
fn nothing_and_nonsense_are_errors() {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["status", "--file", "status.json"]).expect(1).says("nothing has run");
    for text in ["", "{", "[]", "{\"state\": \"ready\"}", "{\"state\": \"odd\"}"] {
        fs::write(dir.path().join("status.json"), text).expect("writes");
        run(dir.path(), &["status", "--file", "status.json"]).expect(1).says("reading status.json");
    }
    run(dir.path(), &["status", "--wait", "soon"]).expect(2).says("soon");
}

#[test]
fn waiting_ends_with_the_boot_or_with_the_deadline() {
    let dir = tempfile::tempdir().expect("a directory");
    run(dir.path(), &["status", "--wait", "0", "--file", "status.json"])
        .expect(1)
        .says("has not ended within 0 seconds");
    write(dir.path(), "running");
    run(dir.path(), &["status", "--wait", "1", "--file", "status.json"])
        .expect(1)
        .says("has not ended within 1 seconds");
    let mut waiting = command(dir.path(), &["status", "--wait", "--file", "status.json"]);
    let mut waiting = waiting.stdout(Stdio::null()).spawn().expect("starts");
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.try_wait().expect("waits").is_none(), "it does not wait");
    write(dir.path(), "failed");
    assert_eq!(waiting.wait().expect("ends").code(), Some(3));
}

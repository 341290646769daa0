//! `check`, `build`, `verify`, `inspect`: from a source to a bundle that is accepted, or to a clear no.

use crate::run::{command, ran, run, with_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Files of a small source: a playbook, a role, a template.
const SOURCE: [(&str, &str); 4] = [
    ("compute-init.yml", "- hosts: localhost\n  roles: [motd]\n"),
    ("roles/motd/tasks/main.yml", "- name: Greet\n  template: {src: motd.j2, dest: /etc/motd, mode: '0644'}\n"),
    ("roles/motd/templates/motd.j2", "{{ greeting }} from {{ inventory_hostname }}\n"),
    ("roles/motd/defaults/main.yml", "greeting: hello\n"),
];

fn write<'a>(dir: &Path, files: impl IntoIterator<Item = &'a (&'a str, &'a str)>) {
    for (path, text) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        fs::write(path, text).expect("writes");
    }
}

#[test]
fn the_shipped_role_set_is_built_verified_and_inspected() {
    let dir = with_key();
    let built = run(dir.path(), &["--json", "build", "--key", "compute-init.key"]).expect(0).json();
    let verified = run(dir.path(), &["--json", "verify", "compute-init.bundle", "--key", "compute-init.pub.pem"]);
    assert_eq!(verified.expect(0).json()["digest"], built["summary"]["digest"]);
    let inspected = run(dir.path(), &["--json", "inspect", "compute-init.bundle"]).expect(0).json();
    assert_eq!(inspected, built["summary"]);
    let roles = inspected["plays"][0]["roles"].as_array().expect("roles");
    assert_eq!(roles.len(), 7, "{roles:?}");
    let text = run(dir.path(), &["inspect", "compute-init.bundle"]).expect(0).out;
    for part in ["sha256:", "signed by", "roles resolv_conf, etc_hosts", "roles/resolv_conf/templates/resolv.conf.j2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn the_commands_that_verify_prints_verify() {
    let dir = with_key();
    run(dir.path(), &["build", "-q", "--key", "compute-init.key"]).expect(0);
    let text = run(dir.path(), &["verify", "compute-init.bundle", "--key", "compute-init.pub.pem"]).expect(0).out;
    let by_hand = text.split("The same by hand").nth(1).expect("commands");
    let script: String = by_hand.lines().skip(1).map(|l| format!("{l}\n")).collect();
    let script = format!("set -e\n{}", script.replace("PUBLIC.pem", "compute-init.pub.pem"));
    let done = Command::new("sh").arg("-c").arg(&script).current_dir(dir.path()).output().expect("runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("Verified Successfully"), "{script}{said}");
}

#[test]
fn the_same_source_gives_the_same_bytes_anywhere() {
    let dir = with_key();
    let (one, two) = (dir.path().join("one"), dir.path().join("somewhere/else/two"));
    write(&one, &SOURCE);
    // Made in another order, with other permissions and another time.
    write(&two, SOURCE.iter().rev());
    for (path, _) in SOURCE {
        fs::set_permissions(two.join(path), fs::Permissions::from_mode(0o600)).expect("changes the mode");
        let file = fs::File::options().append(true).open(two.join(path)).expect("opens");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(5)).expect("changes the time");
    }
    let key = dir.path().join("compute-init.key");
    let build = |source: &Path, name: &str, change: &dyn Fn(&mut Command)| {
        let mut built = Command::new("/bin/sh");
        // The second build runs with the other umask.
        let umask = if name == "b.bundle" { "077" } else { "022" };
        built.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_compute-init")]);
        built.args(["build", ".", "-q", "-o", name, "--key"]).arg(&key).current_dir(source).env_clear();
        change(&mut built);
        ran(&mut built).expect(0);
        fs::read(source.join(name)).expect("reads")
    };
    let first = build(&one, "a.bundle", &|_| ());
    let odd = |c: &mut Command| {
        c.env("TZ", "Asia/Tokyo").env("LANG", "de_DE.UTF-8").env("HOME", "/nonexistent").env("USER", "x");
    };
    fs::remove_file(one.join("a.bundle")).expect("removes");
    assert_eq!(first, build(&two, "b.bundle", &odd));
    let dated = build(&one, "c.bundle", &|c| {
        c.env("SOURCE_DATE_EPOCH", "1700000000");
    });
    assert_ne!(first, dated);
    let digest = |name: &Path| {
        let name = name.to_str().expect("text");
        run(dir.path(), &["--json", "inspect", name]).expect(0).json()["digest"].clone()
    };
    assert_eq!(digest(&one.join("c.bundle")), digest(&two.join("b.bundle")));
}

#[test]
fn a_mistake_in_the_source_builds_nothing_and_is_shown_with_its_place() {
    let dir = with_key();
    let bad = ("roles/motd/tasks/main.yml", "- name: Greet\n  templte: {src: motd.j2}\n- copy: {dest: /x, mood: 1}\n");
    write(dir.path(), SOURCE.iter().chain([&bad]));
    fs::write(dir.path().join("out.bundle"), "as before").expect("writes");
    let args = ["build", ".", "-o", "out.bundle", "--key", "compute-init.key"];
    let built =
        run(dir.path(), &args).expect(2).says("roles/motd/tasks/main.yml:2:").says("roles/motd/tasks/main.yml:3:");
    assert!(built.out.contains("2 errors") && built.out.contains("nothing is built"), "{}", built.out);
    assert_eq!(fs::read_to_string(dir.path().join("out.bundle")).expect("reads"), "as before");
    let found = run(dir.path(), &["check", ".", "--json"]).expect(2).json();
    assert_eq!((&found["errors"], found["diagnostics"].as_array().map(Vec::len)), (&2.into(), Some(2)));
    // Each has a code that can be explained.
    for diagnostic in found["diagnostics"].as_array().expect("a list") {
        let code = diagnostic["code"].as_str().expect("a code");
        assert!(run(dir.path(), &["explain", code]).expect(0).out.starts_with(code), "{code}");
    }
}

#[test]
fn warnings_fail_only_where_they_are_asked_to() {
    let dir = with_key();
    // The classic: an unquoted mode without its leading zero is a decimal number.
    let odd = ("roles/motd/tasks/main.yml", "- template: {src: motd.j2, dest: /etc/motd, mode: 644}\n");
    write(dir.path(), SOURCE.iter().chain([&odd]));
    let found = run(dir.path(), &["check", ".", "--json"]).expect(0).json();
    assert_eq!((&found["errors"], &found["warnings"]), (&0.into(), &1.into()), "{found}");
    run(dir.path(), &["check", ".", "--strict"]).expect(1).says("roles/motd/tasks/main.yml:1:");
    run(dir.path(), &["build", ".", "--strict", "-o", "x.bundle"]).expect(1);
    assert!(!dir.path().join("x.bundle").exists());
    run(dir.path(), &["build", ".", "-o", "x.bundle", "--key", "compute-init.key"]).expect(0);
}

#[test]
fn sources_and_keys_that_are_not_there_are_named() {
    let dir = with_key();
    run(dir.path(), &["check", "missing.yml"]).expect(2).says("missing.yml");
    run(dir.path(), &["check", "."]).expect(1).says("holds no compute-init.yml");
    run(dir.path(), &["build", "--key", "missing.key"]).expect(1).says("reading the key missing.key");
    run(dir.path(), &["build", "--key", "compute-init.pub.pem"]).expect(1).says("it is a public key");
    run(dir.path(), &["build", "-o", "missing/x.bundle", "--key", "compute-init.key"])
        .expect(1)
        .says("missing/x.bundle");
    run(dir.path(), &["build", "--roles-path", "missing"]).expect(1).says("opening the roles path missing");
    ran(command(dir.path(), &["build"]).env("SOURCE_DATE_EPOCH", "tomorrow")).expect(1).says("SOURCE_DATE_EPOCH");
    run(dir.path(), &["build", "--no-such-flag"]).expect(2).says("--no-such-flag");
    assert!(!dir.path().join("compute-init.bundle").exists());
}

#[test]
fn unsigned_is_built_with_a_warning_and_refused_by_everyone() {
    let dir = with_key();
    run(dir.path(), &["build"]).expect(0).says("not signed");
    run(dir.path(), &["verify", "compute-init.bundle", "--key", "compute-init.pub.pem"]).expect(5).says("[B09]");
    let text = run(dir.path(), &["inspect", "compute-init.bundle"]).expect(0).out;
    assert!(text.contains("by nobody"), "{text}");
}

#[test]
fn refusals_name_code_and_hint_and_exit_with_their_own_code() {
    let dir = with_key();
    run(dir.path(), &["build", "-q", "--key", "compute-init.key"]).expect(0);
    run(dir.path(), &["keygen", "-q", "-o", "other.key"]).expect(0);
    let refused = run(dir.path(), &["verify", "compute-init.bundle", "--key", "other.pub.pem"]).expect(5);
    let refused = refused.says("bundle compute-init.bundle is refused: signed by").says("[B10]").says("hint: ");
    assert_eq!(refused.out, "");
    let json = run(dir.path(), &["verify", "compute-init.bundle", "--key", "other.pub.pem", "--json"]).expect(5).json();
    assert_eq!(json["error"]["code"], "B10");
    run(dir.path(), &["verify", "compute-init.bundle", "--trust", "."]).expect(0);
    run(dir.path(), &["verify", "compute-init.bundle", "--trust", "missing"]).expect(5).says("[B07]");
    run(dir.path(), &["verify", "compute-init.bundle", "--key", "compute-init.key"]).expect(1).says("is a private key");
    let bytes = fs::read(dir.path().join("compute-init.bundle")).expect("reads");
    fs::write(dir.path().join("cut.bundle"), &bytes[..bytes.len() - 9]).expect("writes");
    run(dir.path(), &["inspect", "cut.bundle"]).expect(5).says("[B03]");
}

#[test]
fn keys_that_others_can_read_are_warned_about() {
    let dir = with_key();
    let key = dir.path().join("compute-init.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("changes the mode");
    run(dir.path(), &["build", "--key", "compute-init.key"]).expect(0).says("others can read the key");
}

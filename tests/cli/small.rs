//! `keygen`, `explain`, `completion`, `version`, and what holds for all commands.

use crate::run::{command, ran, run};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

#[test]
fn keygen_writes_a_pair_and_never_over_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let made = run(dir.path(), &["keygen", "-o", "site.key", "--json"]).expect(0).json();
    let mode = |name: &str| dir.path().join(name).metadata().expect(name).mode() & 0o777;
    assert_eq!((mode("site.key"), mode("site.pub.pem") & 0o600), (0o600, 0o600));
    assert_eq!(made["id"].as_str().map(str::len), Some(64));
    let before = fs::read(dir.path().join("site.key")).expect("reads");
    assert!(!made.to_string().contains(String::from_utf8_lossy(&before).lines().nth(1).expect("a line")));
    run(dir.path(), &["keygen", "-o", "site.key"]).expect(1).says("never overwritten");
    fs::remove_file(dir.path().join("site.key")).expect("removes");
    run(dir.path(), &["keygen", "-o", "site.key"]).expect(1).says("site.pub.pem exists");
    assert!(!dir.path().join("site.key").exists());
    std::os::unix::fs::symlink("nowhere", dir.path().join("link.key")).expect("links");
    run(dir.path(), &["keygen", "-o", "link.key"]).expect(1).says("link.key exists");
    run(dir.path(), &["keygen", "-o", "missing/site.key"]).expect(1).says("writing missing/site.key");
    run(dir.path(), &["keygen", "-o", "x.pub.pem"]).expect(0);
}

#[test]
fn codes_are_explained_however_they_are_written() {
    let dir = tempfile::tempdir().expect("a directory");
    for code in ["B10", "b10", "[B10]"] {
        let text = run(dir.path(), &["explain", code]).expect(0).out;
        assert!(text.starts_with("B10: signed by a key that is not trusted\n"), "{text}");
    }
    assert_eq!(run(dir.path(), &["explain", "B10", "--json"]).expect(0).json()["code"], "B10");
    run(dir.path(), &["explain", "B99"]).expect(1).says("not a code");
    run(dir.path(), &["explain", "nonsense"]).expect(1).says("not a code");
}

#[test]
fn every_shell_gets_a_completion_script() {
    let dir = tempfile::tempdir().expect("a directory");
    for shell in ["bash", "zsh", "fish"] {
        let script = run(dir.path(), &["completion", shell]).expect(0).out;
        assert!(script.contains("keygen") && script.contains("compute-init"), "{shell}");
    }
    let script = run(dir.path(), &["completion", "bash"]).expect(0).out;
    fs::write(dir.path().join("script"), script).expect("writes");
    let bash = std::process::Command::new("bash").arg("-n").arg(dir.path().join("script")).status().expect("bash");
    assert!(bash.success());
    run(dir.path(), &["completion", "tcsh"]).expect(2).says("tcsh");
}

#[test]
fn help_lists_the_exit_codes_and_versions_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(run(dir.path(), &["--help"]).expect(0).out.contains("5 a bundle"));
    run(dir.path(), &[]).expect(2).says("Usage");
    let version = run(dir.path(), &["version", "--json"]).expect(0).json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(run(dir.path(), &["--version"]).expect(0).out.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn colour_is_for_those_who_ask() {
    let dir = tempfile::tempdir().expect("a directory");
    let coloured = |args: &[&str]| run(dir.path(), args).expect(1).err.contains('\x1b');
    assert!(coloured(&["--color", "always", "explain", "B99"]));
    assert!(!coloured(&["--color", "never", "explain", "B99"]));
    assert!(!coloured(&["explain", "B99"]), "standard error is no terminal here");
    let plain = ran(command(dir.path(), &["explain", "B99"]).env("NO_COLOR", "1")).expect(1);
    assert!(!plain.err.contains('\x1b'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut child = command(dir.path(), &["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("reads");
    assert!(child.wait().expect("ends").success(), "{said}");
    assert_eq!(said, "");
}

#[test]
fn the_page_lists_every_command() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md")).expect("reads");
    let table: String = page.lines().filter(|l| l.starts_with("| `")).collect();
    let help = run(dir.path(), &["--help"]).expect(0).out;
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands");
    // A line that goes on is indented further.
    let names = commands.lines().filter_map(|l| l.strip_prefix("  ").filter(|l| !l.starts_with(' ')));
    for name in names.filter_map(|l| l.split(' ').next()) {
        assert!(
            table.contains(&format!("`{name} ")) || table.contains(&format!("`{name}`")),
            "{name} is not in docs/cli.md"
        );
    }
}

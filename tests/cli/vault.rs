//! Ansible Vault: what real ansible-vault encrypted is opened by `apply` and `render` as ansible-playbook opens it
//! (`tests/cli/vault/make` made all of it), shown nowhere, and never gets into a bundle.

use crate::run::{Ran, ran, run};
use std::fs;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/vault")
}

const BOTH: [&str; 4] = ["--vault-id", "dev@site/first.pass", "--vault-id", "prod@site/second-client"];

/// `compute-init apply` of the site, with these options, into `out`.
fn apply(out: &Path, options: &[&str]) -> Ran {
    let out = format!("out={}", out.display());
    let mut args = vec!["apply", "-i", "node,", "-e", &out];
    args.extend(options);
    args.push("site/play.yml");
    let mut command = crate::run::command(&data(), &args);
    ran(command.env("PATH", "/usr/bin:/bin"))
}

fn written(dir: &Path) -> String {
    let mut names: Vec<PathBuf> = fs::read_dir(dir).expect("lists").map(|e| e.expect("an entry").path()).collect();
    names.sort();
    let mut all = String::new();
    for path in names {
        let text = fs::read_to_string(&path).expect("reads");
        all.push_str(&format!("== {}\n{text}", path.file_name().expect("a name").to_string_lossy()));
    }
    all
}

#[test]
fn everything_is_opened_as_ansible_opens_it() {
    let out = tempfile::tempdir().expect("a directory");
    let ran = apply(out.path(), &[&BOTH[..], &["-e", "@site/extra.yml", "-vvv", "--diff"]].concat()).expect(0);
    assert_eq!(written(out.path()), fs::read_to_string(data().join("expected.txt")).expect("reads"));
    for secret in ["dev s3cret", "lines of it", "in a list", "of the role", "include me", "a file with a key"] {
        assert!(!ran.out.contains(secret), "{secret} is shown: {}", ran.out);
    }
    assert!(ran.out.contains("********"), "{}", ran.out);
}

#[test]
fn a_wrong_or_missing_password_names_the_place() {
    let out = tempfile::tempdir().expect("a directory");
    let one = ["--vault-id", "dev@site/first.pass", "-e", "@site/extra.yml"];
    let ran = apply(out.path(), &one);
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("roles/keys/vars/main.yml") && ran.err.contains("vault id prod"), "{}", ran.err);
    apply(out.path(), &["-e", "@site/extra.yml"]).expect(1).says("site/extra.yml: it is encrypted with Ansible Vault");
    apply(out.path(), &["--vault-password-file", "site/none"]).expect(1).says("site/none");
    let empty = out.path().join("empty");
    fs::write(&empty, "\n").expect("writes");
    apply(out.path(), &["--vault-password-file", &empty.to_string_lossy()]).expect(1).says("is empty");
    apply(out.path(), &["--vault-id", "other@site/second-client"]).expect(1).says("ended with");
    let wrong = out.path().join("wrong");
    fs::write(&wrong, "guess").expect("writes");
    let file = wrong.to_string_lossy();
    let args = ["render", "-x", "inline_prod", "--vars", "site/group_vars/all.yml", "--vault-password-file", &file];
    run(&data(), &args).expect(1).says("site/group_vars/all.yml:10:14: none of the vault passwords");
}

#[test]
fn render_opens_what_it_has_the_password_of() {
    let args = ["render", "--json", "-x", "{{ inline_dev }}", "--vars", "site/group_vars/all.yml", BOTH[0], BOTH[1]];
    let shown = run(&data(), &args).expect(0).json();
    assert_eq!(shown["value"], "dev s3cret {{ never templated }}");
    let args = ["render", "-x", "plain_not_there | default('x')", "--vars", "site/host_vars/node.yml"];
    run(&data(), &args).expect(1).says("there is no vault password");
}

#[test]
fn a_bundle_takes_nothing_that_is_encrypted() {
    let ran = run(&data().join("site"), &["check", "--json", "play.yml"]).expect(2);
    let all = format!("{}{}", ran.out, ran.err);
    for place in [
        "roles/keys/defaults/main.yml",
        "roles/keys/vars/main.yml",
        "files/key.txt",
        "templates/t.j2",
        "vars/included.yml",
        "files/run.sh",
    ] {
        assert!(all.contains(place), "{place} is accepted: {all}");
    }
    assert!(all.contains("the filter `vault` is not for a node"), "{all}");
}

//! `become_user`: a module's files are that user's, its commands too, and what comes after it is root's again. And
//! check mode, which keeps no password.

use super::run::{Ran, run};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

fn apply(dir: &Path, playbook: &str, more: &[&str]) -> Ran {
    fs::create_dir_all(dir.join("templates")).expect("a directory");
    fs::write(dir.join("templates/t.j2"), "{{ lookup('file', 'secret') }}\n").expect("a template");
    fs::create_dir_all(dir.join("files")).expect("a directory");
    fs::write(dir.join("files/secret"), "only root reads this").expect("a file");
    fs::set_permissions(dir.join("files/secret"), fs::Permissions::from_mode(0o600)).expect("a mode");
    fs::write(dir.join("site.yml"), playbook).expect("a playbook");
    let site = dir.join("site.yml");
    run(dir, &[&["apply", site.to_str().expect("text"), "-i", "localhost,"], more].concat())
}

/// A directory that everybody can reach, with `open` that nobody may write to and `closed` that only root may.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    for (name, mode) in [("open", 0o777), ("closed", 0o700)] {
        fs::create_dir(dir.path().join(name)).expect("a directory");
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    dir
}

#[test]
fn files_and_commands_are_the_users() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let dir = place();
    let at = dir.path().display();
    let playbook = format!(
        "- hosts: all
  gather_facts: false
  tasks:
    - copy: {{content: x, dest: {at}/open/copied}}
      become: true
      become_user: nobody
    - template: {{src: t.j2, dest: {at}/open/rendered}}
      become: true
      become_user: nobody
    - file: {{path: {at}/open/made, state: directory}}
      become: true
      become_user: nobody
    - command: id -un
      register: who
      become: true
      become_user: nobody
    - command: id -un
      register: after
    - copy: {{content: '{{{{ who.stdout }}}} {{{{ after.stdout }}}}', dest: {at}/closed/said}}
"
    );
    apply(dir.path(), &playbook, &[]).expect(0);
    for name in ["copied", "rendered", "made"] {
        let meta = dir.path().join("open").join(name).metadata().expect(name);
        assert_eq!((meta.uid(), meta.gid()), (65534, 65534), "{name}");
    }
    let said = dir.path().join("closed/said");
    assert_eq!(fs::read_to_string(&said).expect("a file"), "nobody root");
    assert_eq!(said.metadata().expect("a file").uid(), 0);
    let rendered = fs::read_to_string(dir.path().join("open/rendered")).expect("a file");
    assert_eq!(rendered, "only root reads this\n");
}

#[test]
fn what_the_user_may_not_do_fails() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for task in [
        "copy: {content: x, dest: @/closed/f}",
        "file: {path: @/closed/d, state: directory}",
        "copy: {content: x, dest: @/open/f, owner: root}",
        "slurp: {src: /etc/shadow}",
        "lineinfile: {path: @/kept, line: more}",
    ] {
        let dir = place();
        fs::write(dir.path().join("kept"), "kept\n").expect("a file");
        let task = task.replace('@', &dir.path().to_string_lossy());
        let playbook = format!(
            "- hosts: all\n  gather_facts: false\n  become: true\n  become_user: nobody\n  tasks:\n    - {task}\n"
        );
        let ran = apply(dir.path(), &playbook, &[]).expect(2);
        assert!(ran.out.contains("failed=1"), "{task}: {}", ran.out);
        assert_eq!(fs::read_dir(dir.path().join("closed")).expect("a directory").count(), 0, "{task}");
        assert_eq!(fs::read_to_string(dir.path().join("kept")).expect("a file"), "kept\n", "{task}");
    }
}

#[test]
fn an_unknown_user_is_nobody_to_become() {
    let dir = place();
    let file = dir.path().join("open/f");
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {{content: x, dest: {}}}\n      become: true\n      \
         become_user: no-such-user\n",
        file.display()
    );
    let ran = apply(dir.path(), &playbook, &[]).expect(2);
    assert!(ran.out.contains("there is no user") && ran.out.contains("no-such-user"), "{}", ran.out);
    assert!(!file.exists());
}

#[test]
fn check_mode_keeps_no_password() {
    let dir = place();
    let kept = dir.path().join("deep/password");
    let playbook = format!(
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {{msg: \"{{{{ lookup('password', '{}') }}}}\"}}\n",
        kept.display()
    );
    apply(dir.path(), &playbook, &["--check"]).expect(0);
    assert!(!dir.path().join("deep").exists());
    apply(dir.path(), &playbook, &[]).expect(0);
    let first = fs::read_to_string(&kept).expect("the password");
    assert_eq!(kept.metadata().expect("a file").mode() & 0o777, 0o600);
    // One that is kept is used in check mode too.
    let ran = apply(dir.path(), &playbook, &["--check"]).expect(0);
    assert!(ran.out.contains(first.trim()), "{}", ran.out);
}

//! What extends an initramfs, and what it does to the root that is started next.

use crate::scratch::Scratch;
use compute_init::bundle::{SigningKey, Trust, Verified, current};
use compute_init::image::{Initramfs, Install};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const HERE: &str = "usr/lib/compute-init/initramfs";

/// A scratch with the real executor and a bundle `one`.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    fs::copy(env!("CARGO_BIN_EXE_compute-init-boot"), scratch.at("executor")).expect("copies");
    fs::create_dir(scratch.root("usr/bin")).expect("makes");
    scratch.bundle("one", Some(&scratch.key));
    fs::write(scratch.at("site.pem"), scratch.key.public().to_pem()).expect("writes");
    scratch
}

fn assemble(scratch: &Scratch) -> Initramfs {
    let (bundle, executor, trust) = (scratch.at("one.bundle"), scratch.at("executor"), scratch.trust());
    let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &trust, config: None };
    Initramfs::assemble(&what).expect("assembles")
}

/// The tree that is carried, in a directory.
fn tree(scratch: &Scratch) -> PathBuf {
    let directory = scratch.at("unpacked");
    assemble(scratch).write(&directory).expect("writes");
    directory.join(HERE).join("root")
}

fn command(scratch: &Scratch, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init"));
    command.arg("initramfs").args(arguments).current_dir(scratch.at("")).output().expect("runs")
}

fn carry(tree: &Path, root: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init-boot"));
    let output = command.arg("--carry").arg(tree).arg("--root").arg(root).output().expect("runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn verify(tree: &Path) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init-boot"));
    command.arg("--verify").arg(tree).output().expect("runs").status.code()
}

/// Path to mode and content, as the kernel would unpack an archive.
fn unpack(archive: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
    let (mut at, mut found) = (0, BTreeMap::new());
    loop {
        let field = |n: usize| {
            let text = std::str::from_utf8(&archive[at + 6 + 8 * n..][..8]).expect("text");
            u32::from_str_radix(text, 16).expect("a number")
        };
        assert_eq!(&archive[at..at + 6], b"070701", "at {at}");
        assert_eq!([field(2), field(3), field(5)], [0; 3], "owner and time");
        let (mode, size, length) = (field(1), field(6) as usize, field(11) as usize);
        let name = String::from_utf8(archive[at + 110..at + 109 + length].to_vec()).expect("text");
        let content = (at + 110 + length).next_multiple_of(4);
        at = (content + size).next_multiple_of(4);
        if name == "TRAILER!!!" {
            assert!(archive[at..].iter().all(|b| *b == 0));
            return found;
        }
        if let Some((above, _)) = name.rsplit_once('/') {
            assert!(found.contains_key(above), "{name} before the directory that it lies in");
        }
        assert!(
            found.insert(name.clone(), (mode, archive[content..content + size].to_vec())).is_none(),
            "{name} twice"
        );
    }
}

#[test]
fn the_archive_is_deterministic_and_all_below_usr() {
    let scratch = scratch();
    let archive = assemble(&scratch).archive();
    assert_eq!(assemble(&scratch).archive(), archive);
    assert_eq!(archive.len() % 512, 0);
    let entries = unpack(&archive);
    assert!(entries.keys().all(|path| path == "usr" || path.starts_with("usr/")));
    // These are links in what is extended: an entry would replace them.
    assert!(!entries.keys().any(|path| ["usr/bin", "usr/sbin", "usr/lib64", "lib", "bin"].contains(&path.as_str())));
    let executor = &entries[&format!("{HERE}/root/usr/libexec/compute-init/compute-init-boot")];
    assert_eq!(executor.0, 0o100_755);
    assert!(executor.1 == fs::read(scratch.at("executor")).expect("reads"), "the executor is not itself");
    assert!(!entries.contains_key(&format!("{HERE}/root/usr/lib/os-release")));
    assert_eq!(entries[&format!("{HERE}/carry")].0, 0o100_755);
    let wanted = &entries["usr/lib/systemd/system/initrd.target.wants/compute-init-carry.service"];
    assert_eq!((wanted.0, &wanted.1[..]), (0o120_777, &b"../compute-init-carry.service"[..]));
}

#[test]
fn the_command_writes_what_cpio_and_gzip_read() {
    let scratch = scratch();
    let common = ["one.bundle", "--trust", "site.pem", "--executor", "executor"];
    let run = |more: &[&str]| command(&scratch, &[&common, more].concat());
    assert!(run(&["-o", "a.cpio"]).status.success() && run(&["-o", "b.cpio.gz", "--gzip"]).status.success());
    let read = |name: &str| fs::read(scratch.at(name)).expect("reads");
    let list = |program: &str, input: &str| {
        let stdin = Stdio::from(fs::File::open(scratch.at(input)).expect("opens"));
        let arguments: &[&str] = if program == "cpio" { &["-it", "--quiet"] } else { &["-dc"] };
        let output = Command::new(program).args(arguments).stdin(stdin).output();
        let Ok(output) = output else { panic!("{program} is needed for this test") };
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let names = String::from_utf8(list("cpio", "a.cpio")).expect("text");
    assert_eq!(names.lines().count(), unpack(&read("a.cpio")).len());
    assert!(list("gzip", "b.cpio.gz") == read("a.cpio"));
    // Behind an image whose length is odd.
    fs::write(scratch.at("base.img"), b"base!").expect("writes");
    assert!(run(&["-o", "joined.img", "--onto", "base.img"]).status.success());
    let joined = read("joined.img");
    assert!(joined.starts_with(b"base!\x00\x00\x00070701") && joined[8..] == read("a.cpio"));
    // It follows the umask of nobody and leaves nothing else.
    assert_eq!(fs::metadata(scratch.at("a.cpio")).expect("there").mode() & 0o777, 0o644);
    assert!(
        !fs::read_dir(scratch.at(""))
            .expect("lists")
            .flatten()
            .any(|e| e.file_name().to_string_lossy().ends_with(".tmp"))
    );
}

#[test]
fn what_no_node_would_accept_is_not_packed() {
    let scratch = scratch();
    let other = SigningKey::generate().expect("a key");
    scratch.bundle("foreign", Some(&other));
    fs::write(scratch.at("bad.yaml"), "resumee: x\n").expect("writes");
    let refused = |arguments: &[&str], code: i32, text: &str| {
        let output = command(&scratch, &[arguments, &["-o", "x.cpio"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && said.contains(text), "{arguments:?}: {said}");
        assert!(!scratch.at("x.cpio").exists());
    };
    let with = ["--trust", "site.pem", "--executor", "executor"];
    refused(&[&["foreign.bundle"][..], &with].concat(), 5, "[B10]");
    refused(&[&["missing.bundle"][..], &with].concat(), 5, "[B01]");
    refused(&["one.bundle", "--executor", "executor"], 2, "--trust");
    refused(&["one.bundle", "--trust", "none.pem", "--executor", "executor"], 1, "none.pem");
    refused(&["one.bundle", "--trust", "site.pem", "--executor", "site.pem"], 1, "not an ELF program");
    refused(&[&["one.bundle", "--config", "bad.yaml"][..], &with].concat(), 2, "did you mean resume?");
    refused(&[&["one.bundle", "--onto", "none.img"][..], &with].concat(), 1, "none.img");
}

#[test]
fn a_root_gets_what_install_would_put_there() {
    let scratch = scratch();
    let (code, said) = carry(&tree(&scratch), &scratch.at("root"));
    assert_eq!(code, Some(0), "{said}");
    let carried = scratch.contents();
    let before = scratch.snapshot();
    assert_eq!(carry(&scratch.at("unpacked").join(HERE).join("root"), &scratch.at("root")).0, Some(0));
    assert_eq!(scratch.snapshot(), before, "a second time changes something");
    // Installing over it changes nothing either, so nothing is missing and nothing is different.
    let bundle = scratch.at("one.bundle");
    assert_eq!(scratch.install(&bundle).expect("installs").changes, []);
    assert_eq!(scratch.contents(), carried);
}

#[test]
fn the_roots_own_is_kept() {
    let scratch = scratch();
    scratch.bundle("old", Some(&scratch.key));
    scratch.install(&scratch.at("old.bundle")).expect("installs");
    let other = SigningKey::generate().expect("a key").public().to_pem();
    fs::write(scratch.root("etc/compute-init/trust.d/site.pem"), &other).expect("writes");
    fs::write(scratch.root("etc/compute-init/config.yaml"), "resume: slurm\n").expect("writes");
    let unit = "usr/lib/systemd/system/compute-init.service";
    fs::write(scratch.root(unit), "[Unit]\nDescription=somebody's\n").expect("writes");
    let alias = scratch.root("etc/systemd/system/ansible-init.service");
    fs::remove_file(&alias).expect("removes");
    fs::write(&alias, "[Unit]\nDescription=the tool before\n").expect("writes");
    let old = fs::read_link(scratch.root("var/lib/compute-init/bundles/current")).expect("a link");
    let (code, said) = carry(&tree(&scratch), &scratch.at("root"));
    assert_eq!(code, Some(0), "{said}");
    let read = |path: &str| fs::read_to_string(scratch.root(path)).expect(path);
    assert_eq!(read("etc/compute-init/config.yaml"), "resume: slurm\n");
    assert_eq!(read("etc/compute-init/trust.d/site.pem"), other);
    assert_eq!(read("etc/compute-init/trust.d/site-carried.pem"), scratch.key.public().to_pem());
    assert!(read(&format!("{unit}.before-compute-init")).contains("somebody's") && read(unit).contains("ExecStart="));
    assert!(read("etc/systemd/system/ansible-init.service.before-compute-init").contains("the tool before"));
    assert!(fs::read_link(&alias).expect("a link").ends_with("compute-init.service"));
    assert_eq!(fs::read_link(scratch.root("var/lib/compute-init/bundles/previous")).expect("a link"), old);
    let trust = Trust::directory(&scratch.root("etc/compute-init/trust.d")).expect("keys");
    let installed = current(&scratch.root("var/lib/compute-init/bundles")).expect("a bundle");
    assert!(Verified::installed(&installed, &trust).is_ok());
}

#[test]
fn what_does_not_verify_is_not_carried() {
    let scratch = scratch();
    let tree = tree(&scratch);
    let before = scratch.snapshot();
    let refused = |code: i32, text: &str| {
        let (found, said) = carry(&tree, &scratch.at("root"));
        assert!(found == Some(code) && said.contains(text), "{found:?} {said}");
        assert_eq!(scratch.snapshot(), before);
        // What generators of images ask says the same.
        assert_eq!(verify(&tree), Some(code));
    };
    assert_eq!(verify(&tree), Some(0));
    let blob = fs::read_dir(current(&tree.join("var/lib/compute-init/bundles")).expect("there").join("blobs/sha256"));
    let blob = blob.expect("lists").flatten().next().expect("a blob").path();
    let good = fs::read(&blob).expect("reads");
    fs::write(&blob, "tampered").expect("writes");
    refused(5, "refused");
    fs::write(&blob, good).expect("writes");
    let key = tree.join("etc/compute-init/trust.d/site.pem");
    fs::write(&key, SigningKey::generate().expect("a key").public().to_pem()).expect("writes");
    refused(5, "signed");
    fs::remove_file(&key).expect("removes");
    refused(5, "no trust key");
    fs::write(&key, scratch.key.public().to_pem()).expect("writes");
    let (code, said) = carry(&tree, &scratch.at("unpacked"));
    assert!(code == Some(3) && said.contains("is no root file system"), "{said}");
}

#[test]
fn a_root_that_is_read_only_is_so_again_afterwards() {
    let scratch = scratch();
    let (tree, root) = (tree(&scratch), scratch.at("disk"));
    fs::create_dir(&root).expect("makes");
    mount(Some("tmpfs"), &root, Some("tmpfs"), MsFlags::MS_NODEV, Some("size=256m")).expect("mounts: run as root");
    for made in ["etc", "usr", "var"] {
        fs::create_dir(root.join(made)).expect("makes");
    }
    mount(
        None::<&str>,
        &root,
        None::<&str>,
        MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NODEV,
        None::<&str>,
    )
    .expect("mounts again");
    let (code, said) = carry(&tree, &root);
    let (writable, there) =
        (fs::write(root.join("etc/x"), "").is_ok(), root.join("etc/compute-init/trust.d/site.pem").exists());
    umount2(&root, MntFlags::MNT_DETACH).expect("unmounts");
    assert_eq!((code, writable, there), (Some(0), false, true), "{said}");
}

const PLAYBOOK: &str = "- hosts: all
  gather_facts: false
  tasks:
    - name: Write what needs no service
      ansible.builtin.copy: {content: '{{ address }}', dest: /etc/early, mode: '0644'}
      tags: stage:initramfs
      notify: Tell the service
    - name: Write the rest
      ansible.builtin.copy: {content: late, dest: /etc/late, mode: '0600'}
  handlers:
    - name: Tell the service
      ansible.builtin.copy: {content: told, dest: /etc/told, mode: '0644'}
";

/// Early and then whole, or whole at once: the same files. Handlers are told of changes that services could have missed,
/// and early there are no services.
#[test]
fn what_is_applied_early_is_what_is_applied_later() {
    let scratch = scratch();
    fs::write(scratch.at("site.yml"), PLAYBOOK).expect("writes");
    fs::write(scratch.at("site.key"), scratch.key.to_pem()).expect("writes");
    fs::set_permissions(scratch.at("site.key"), fs::Permissions::from_mode(0o600)).expect("changes the mode");
    let mut build = Command::new(env!("CARGO_BIN_EXE_compute-init"));
    build.args(["build", "site.yml", "-o", "site.bundle", "--key", "site.key"]).current_dir(scratch.at(""));
    let built = build.output().expect("runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    scratch.install(&scratch.at("site.bundle")).expect("installs");
    fs::create_dir_all(scratch.at("export/hostvars/n0")).expect("makes");
    fs::set_permissions(scratch.at(""), fs::Permissions::from_mode(0o755)).expect("changes the mode");
    fs::write(scratch.at("export/hostvars/n0/hostvars.yml"), r#"{"address": "10.0.0.7"}"#).expect("writes");
    fs::write(scratch.at("metadata.json"), r#"{"meta": {"compute": true}}"#).expect("writes");
    for made in ["proc", "sys", "dev", "run"] {
        fs::create_dir(scratch.root(made)).expect("makes");
    }
    let boot = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init-boot"));
        command.arg("--root").arg(scratch.at("root")).arg("--metadata").arg(scratch.at("metadata.json"));
        command.arg("--export").arg(scratch.at("export")).args(["--host", "n0"]).args(more);
        let output = command.output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let there = |path: &str| scratch.root(path).exists();
    let (code, said) = boot(&["--early"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((there("etc/early"), there("etc/late"), there("etc/told")), (true, false, false), "{said}");
    // The boot itself follows: nobody may take this for it.
    assert!(!there("var/lib/ansible-init.done") && !there("run/compute-init/status.json"));
    assert!(!there("proc/self"), "a mount was left");
    let (code, said) = boot(&["--no-resume"]);
    assert!(code == Some(0) && said.contains("1 changed"), "{said}");
    let both = scratch.contents();
    for path in ["etc/early", "etc/late"] {
        fs::remove_file(scratch.root(path)).expect("removes");
    }
    let (code, said) = boot(&["--no-resume"]);
    assert!(code == Some(0) && said.contains("3 changed"), "{said}");
    fs::remove_file(scratch.root("etc/told")).expect("removes");
    let state = |lines: Vec<String>| lines.into_iter().filter(|l| !l.contains("/run/")).collect::<Vec<_>>();
    assert_eq!(state(scratch.contents()), state(both));
    // Where something is missing, the boot itself will say so; here it only costs seconds.
    fs::write(scratch.at("metadata.json"), "no metadata").expect("writes");
    assert_eq!(boot(&["--early"]).0, Some(5));
}

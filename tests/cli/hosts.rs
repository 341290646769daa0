//! Fake builds over ssh: a real sshd in an overlay of this machine's root, in a mount namespace of its own.

use crate::run::{Ran, command, ran, run};
use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A machine that is reached by ssh; gone with its owner.
struct Machine {
    dir: tempfile::TempDir,
    sshd: Child,
}

/// Makes the machine's root over ours, and becomes its sshd. `$1` is where, `$2` the port.
const START: &str = r#"
set -e
mount -t tmpfs tmpfs "$1/layers"
mkdir "$1/layers/root" "$1/layers/upper" "$1/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layers/upper,workdir=$1/layers/work" "$1/layers/root"
root="$1/layers/root"
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/run/sshd" "$root/machine/export/hostvars/n0"
rm -rf "$root/var/lib/compute-init" "$root/etc/compute-init" "$root/usr/libexec/compute-init"
cp "$1/host" "$1/user.pub" "$root/machine/"
chmod 600 "$root/machine/host" "$root/machine/user.pub"
echo '10.0.0.1 ctl' > "$root/machine/export/hosts"
echo 'greeting: hello' > "$root/machine/export/hostvars/n0/hostvars.yml"
echo '{"meta": {"compute": "true"}}' > "$root/machine/metadata.json"
exec chroot "$root" /usr/sbin/sshd -D -f /dev/null -h /machine/host -o ListenAddress=127.0.0.1 -o Port="$2" \
  -o AuthorizedKeysFile=/machine/user.pub -o StrictModes=no -o 'Subsystem=sftp internal-sftp' -o PermitRootLogin=yes -o UsePAM=no -o PidFile=none
"#;

impl Machine {
    fn start() -> Machine {
        let dir = tempfile::tempdir().expect("a directory");
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("changes the mode");
        for key in ["host", "user"] {
            let mut made = Command::new("ssh-keygen");
            made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(dir.path().join(key));
            assert!(made.status().expect("ssh-keygen is needed for this test").success());
        }
        fs::create_dir(dir.path().join("layers")).expect("makes");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let at = dir.path().display();
        let config = format!(
            "Host n0\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile {at}/user\n IdentitiesOnly yes\n \
             StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n\
             Host gone\n HostName 127.0.0.1\n Port 1\n"
        );
        fs::write(dir.path().join("ssh_config"), config).expect("writes");
        let mut sshd = Command::new("unshare");
        sshd.args(["--mount", "--propagation", "private", "sh", "-c", START, "sh"])
            .arg(dir.path())
            .arg(port.to_string());
        let sshd = sshd.stdin(Stdio::null()).spawn().expect("starts");
        let machine = Machine { dir, sshd };
        machine.write("source/compute-init.yml", "- hosts: all\n  gather_facts: false\n  roles: [motd]\n");
        machine.write("source/roles/motd/files/notes", "the same in every bundle\n");
        machine.greet("{{ greeting }}");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "sshd did not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        fs::write(path, text).expect("writes");
    }

    fn greet(&self, text: &str) {
        let tasks = format!(
            "- copy: {{content: \"{text}\\n\", dest: /machine/motd, mode: '0644'}}\n\
             - copy: {{src: notes, dest: /machine/notes, mode: '0644'}}\n"
        );
        self.write("source/roles/motd/tasks/main.yml", &tasks);
    }

    /// A path in the machine's root, which only it sees mounted.
    fn at(&self, path: &str) -> PathBuf {
        let root = format!("/proc/{}/root", self.sshd.id());
        PathBuf::from(root).join(path)
    }

    fn fake(&self, host: &[&str], more: &[&str]) -> Ran {
        let mut words = vec!["build"];
        words.extend((!more.contains(&"--undo")).then_some("source"));
        words.extend(["--fake-build", "--json", "--ssh-config", "ssh_config", "--node", "n0"]);
        words.extend(["--metadata", "/machine/metadata.json", "--export", "/machine/export"]);
        words.extend(more);
        words.push("--host");
        words.extend(host);
        let path = std::env::var("PATH").unwrap_or_default();
        ran(command(self.dir.path(), &words).env("PATH", path).env("XDG_STATE_HOME", self.dir.path().join("state")))
    }

    fn motd(&self) -> String {
        fs::read_to_string(self.at("machine/motd")).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The namespace and all that is mounted in it go with its only process.
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

#[test]
fn a_machine_gets_what_it_lacks_and_boots_again() {
    let machine = Machine::start();
    let first = machine.fake(&["n0"], &[]).expect(0).json();
    assert_eq!((machine.motd().as_str(), &first["hosts"][0]["status"]["state"]), ("hello\n", &"ready".into()));
    let all = first["hosts"][0]["sent"].as_u64().expect("a number");
    machine.greet("edited");
    // One host is away; the other gets its bundle all the same, and only what is new of it.
    let second = machine.fake(&["n0", "gone", "-oProxyCommand=x"], &[]);
    assert_eq!(second.code, 2, "an option is no host: {}", second.err);
    let second = machine.fake(&["gone", "n0", "a;b"], &[]).expect(4).json();
    let codes: Vec<u64> = (0..3).filter_map(|n| second["hosts"][n]["code"].as_u64()).collect();
    assert_eq!((codes, machine.motd().as_str()), (vec![4, 0, 1], "edited\n"), "{second}");
    assert_eq!(second["hosts"][1]["sent"].as_u64(), Some(all - 1));
    let undone = machine.fake(&["n0"], &["--undo"]).expect(0).json();
    assert_eq!((&undone["hosts"][0]["status"]["bundle"], machine.motd().as_str()), (&first["bundle"], "hello\n"));
}

#[test]
fn a_machine_of_a_site_refuses_a_stranger() {
    let machine = Machine::start();
    run(machine.dir.path(), &["keygen", "-q", "-o", "site.key"]).expect(0);
    let trust = machine.at("etc/compute-init/trust.d");
    fs::create_dir_all(&trust).expect("makes");
    fs::copy(machine.dir.path().join("site.pub.pem"), trust.join("site.pem")).expect("copies");
    let refused = machine.fake(&["n0"], &[]).expect(1).json();
    assert!(refused["hosts"][0]["error"].as_str().is_some_and(|e| e.contains("site.pem")), "{refused}");
    run(machine.dir.path(), &["keygen", "-q", "-o", "other.key"]).expect(0);
    machine.fake(&["n0"], &["--key", "other.key"]).expect(5);
    assert_eq!(machine.motd(), "");
    assert!(!machine.at("var/lib/compute-init/bundles/current").exists());
    machine.fake(&["n0"], &["--trust-development"]).expect(0);
    assert_eq!(machine.motd(), "hello\n");
}

/// The real clush, over the same ssh.
#[test]
fn clush_delivers_to_sets_of_nodes() {
    let machine = Machine::start();
    let first = machine.fake(&["n[0-0]"], &["--via", "clush"]).expect(0).json();
    assert_eq!((machine.motd().as_str(), &first["hosts"][0]["status"]["state"]), ("hello\n", &"ready".into()));
    assert_eq!(fs::read_dir(machine.at("tmp")).expect("lists").flatten().filter(left).count(), 0, "a parcel was left");
    machine.greet("edited");
    let second = machine.fake(&["gone", "n0"], &["--via", "clush"]).expect(4).json();
    let of = |name: &str| second["hosts"].as_array().expect("hosts").iter().find(|h| h["host"] == name).expect("there");
    assert_eq!((&of("n0")["code"], &of("gone")["code"], machine.motd().as_str()), (&0.into(), &4.into(), "edited\n"));
    let undone = machine.fake(&["n0"], &["--via", "clush", "--undo"]).expect(0).json();
    assert_eq!((&undone["hosts"][0]["status"]["bundle"], machine.motd().as_str()), (&first["bundle"], "hello\n"));
    // A site's machine, and a boot that fails.
    run(machine.dir.path(), &["keygen", "-q", "-o", "site.key"]).expect(0);
    let trust = machine.at("etc/compute-init/trust.d");
    fs::remove_dir_all(&trust).and_then(|()| fs::create_dir(&trust)).expect("empties");
    fs::copy(machine.dir.path().join("site.pub.pem"), trust.join("site.pem")).expect("copies");
    let refused = machine.fake(&["n0"], &["--via", "clush"]).expect(1).json();
    assert!(refused["hosts"][0]["error"].as_str().is_some_and(|e| e.contains("it trusts site.pem")), "{refused}");
    assert_eq!((machine.motd().as_str(), fs::read_dir(&trust).expect("lists").count()), ("hello\n", 1));
    machine.write("source/roles/motd/tasks/main.yml", "- fail: {msg: broken on purpose}\n");
    let failed = machine.fake(&["n0"], &["--via", "clush", "--trust-development"]).expect(3).json();
    assert_eq!(failed["hosts"][0]["status"]["state"], "failed", "{failed}");
}

/// Whether something is a parcel that nobody needs any more.
fn left(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with("compute-init")
}

#[test]
fn engines_that_cannot_work_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |more: &[&str], code: i32, why: &str| {
        let words = [&["build", "--fake-build"][..], more].concat();
        let mut command = command(dir.path(), &words);
        ran(command.env("HOME", dir.path()).env("PATH", std::env::var("PATH").unwrap_or_default()))
            .expect(code)
            .says(why);
    };
    refused(&["--via", "slurm"], 1, "salloc --nodelist=NODES");
    refused(&["--via", "slurm", "--host", "n0"], 1, "leave --host out");
    refused(&["--via", "clush"], 1, "name them with --host");
    refused(&["--via", "clush", "--host=n[0-"], 1, "nodeset");
    refused(&["--via", "clush", "--host=n0 n1"], 1, "no set of nodes");
    refused(&["--via", "clush", "--host", "n0", "--ssh-config", "a b"], 1, "blanks");
    refused(&["--via", "ansible", "--host", "n0"], 2, "--via");
    refused(&["--via", "slurm", "--root", "/none"], 2, "--root");
    refused(&["--sudo"], 1, "--sudo is for other machines");
}

/// Stand-ins that hang where the real ones may: naming the nodes, and running on them; and an ssh that hangs.
#[test]
fn engines_and_hosts_that_hang_are_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).expect("makes");
    let program = |name: &str, script: &str| {
        fs::write(bin.join(name), format!("#!/bin/sh\n{script}\n")).expect("writes");
        fs::set_permissions(bin.join(name), Permissions::from_mode(0o755)).expect("changes the mode");
    };
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let build = |words: &[&str]| {
        let words = [&["build", "--fake-build", "--undo"][..], words].concat();
        let mut command = command(dir.path(), &words);
        ran(command.env("HOME", dir.path()).env("PATH", &path).env("SLURM_JOB_ID", "1").env("SLURM_JOB_NODELIST", "n1"))
    };
    for name in ["nodeset", "scontrol", "ssh"] {
        program(name, "exec sleep 1000");
    }
    let named = build(&["--via", "clush", "--host", "n[1-2]", "--deadline", "1"]).expect(1);
    named.says("nodeset").says("took longer than 1 s (--deadline) and was ended");
    build(&["--via", "slurm", "--deadline", "1s"]).expect(1).says("scontrol").says("took longer than 1 s");
    let host = build(&["--json", "--host", "n1", "--deadline", "1"]).expect(4).json();
    assert_eq!(host["hosts"][0]["error"], "it did not come to an end within 1 s (--deadline)");
    // One node is through; the other is not, and says what is known of it.
    program("nodeset", "echo n1; echo n2");
    program("clush", "echo 'n1: say refused'; echo 'n1: code 5'; echo 'n2: say booting'; exec sleep 1000");
    let ended = build(&["--json", "--via", "clush", "--host", "n[1-2]", "--deadline", "10"]).expect(5).json();
    let of = |n: usize, key: &str| ended["hosts"][n][key].clone();
    assert_eq!((of(0, "code"), of(0, "error"), of(1, "code")), (5.into(), "refused".into(), 4.into()));
    let late = "it did not come to an end (the engine took longer than 10 s (--deadline) and was ended): booting";
    assert_eq!(of(1, "error"), late);
    for wrong in ["0", "31d", "soon", "-1"] {
        build(&["--host", "n1", &format!("--deadline={wrong}")]).expect(2).says("from 1s to 30d");
    }
}

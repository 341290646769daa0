//! A node of one test: where its state is, what it is given, how it is booted.

use compute_init::bundle::{SigningKey, assemble};
use compute_init::plan::{self, Action, Args, Data, FORMAT, Map, Node, Plan, Play, Role, RoleUse, Task};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A secret of another host, or of a role that is off: must not be found on the node.
pub const FOREIGN: &str = "FOREIGN-SECRET";
/// A secret of this host: must not be found in reports.
pub const OWN: &str = "OWN-SECRET";

pub struct Bench {
    pub dir: tempfile::TempDir,
}

pub struct Boot {
    pub code: i32,
    pub out: String,
}

impl Bench {
    /// A node with a bundle of one role whose task makes the file `made`, and an export for two nodes.
    pub fn new() -> Bench {
        let bench = Bench { dir: tempfile::Builder::new().prefix("boot").tempdir().unwrap() };
        // The export's user must be able to come here.
        fs::set_permissions(bench.dir.path(), Permissions::from_mode(0o755)).unwrap();
        for folder in ["trust", "bin/slurm"] {
            fs::create_dir_all(bench.path(folder)).unwrap();
        }
        let made = bench.path("made").display().to_string();
        bench.bundle(&[("Make it", command(&format!("/bin/touch {made}"), Some(&made)))]);
        bench.metadata(r#"{"meta": {"compute": "true", "etc_hosts": "true"}}"#);
        bench.export();
        bench.config("");
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }

    /// A bundle whose role `alpha` has these tasks.
    pub fn bundle(&self, tasks: &[(&str, Map)]) {
        self.seal(&self.plan(tasks));
    }

    /// A plan whose role `alpha` has these tasks.
    pub fn plan(&self, tasks: &[(&str, Map)]) -> Plan {
        let mut plan = Plan { format: FORMAT, playbook: "site.yml".into(), ..Plan::default() };
        plan.sources.push("roles/alpha/tasks/main.yml".into());
        plan.needs.variables = vec!["wanted".into()];
        let task = |(name, args): &(&str, Map)| {
            Node::Task(Box::new(Task {
                name: Some((*name).to_owned()),
                action: Action::Module("ansible.builtin.command".into()),
                args: Args::Map(args.clone()),
                role: Some("alpha".into()),
                ..Task::default()
            }))
        };
        plan.task_files.insert("roles/alpha/tasks/main.yml".into(), tasks.iter().map(task).collect());
        let mut role = Role { name: "alpha".into(), path: "roles/alpha".into(), ..Role::default() };
        role.tasks.insert("main".into(), "roles/alpha/tasks/main.yml".into());
        plan.roles.insert("alpha".into(), role);
        let roles = vec![RoleUse { role: "alpha".into(), ..RoleUse::default() }];
        let gather_facts = Some(Data::Bool(false));
        plan.plays.push(Play { hosts: vec!["all".into()], gather_facts, roles, ..Play::default() });
        plan
    }

    /// The bundle of a plan, signed by a key that the node trusts.
    pub fn seal(&self, plan: &Plan) {
        let mut sealed = assemble(plan, &BTreeMap::new()).unwrap();
        let key = SigningKey::generate().unwrap();
        sealed.sign(&key);
        fs::write(self.path("bundle.tar.gz"), sealed.archive(0).unwrap()).unwrap();
        fs::write(self.path("trust/site.pem"), key.public().to_pem()).unwrap();
    }

    pub fn metadata(&self, json: &str) {
        self.write("metadata.json", json);
    }

    /// `state_dir` and the like are the test's own; `more` is further YAML.
    pub fn config(&self, more: &str) {
        let base = self.dir.path().display();
        let dirs = format!("state_dir: {base}/state\nrun_dir: {base}/run\nsentinel: {base}/done\n");
        self.write("config.yaml", dirs + more);
    }

    pub fn export(&self) {
        self.write("export/hosts", "10.0.0.1 ctl\n");
        let own = format!(
            r#"{{"inventory_hostname": "n0", "wanted": "{{{{ hostvars['n1'].addr }}}}", "vault_own": "{OWN}",
                "groups": {{"all": ["n0", "n1"]}}}}"#
        );
        self.write("export/hostvars/n0/hostvars.yml", own);
        let other = format!(r#"{{"addr": "10.0.0.2", "vault_other": "{FOREIGN}"}}"#);
        self.write("export/hostvars/n1/hostvars.yml", other);
        self.write("export/manila_share_info.yml", format!("os_manila_mount_share_info:\n- access_key: {FOREIGN}\n"));
        self.write("export/hostconfig/n0/nhc.conf", "ours\n");
        self.write("export/hostconfig/n1/nhc.conf", FOREIGN);
        self.write("export/cacerts/ca.pem", "ca\n");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compute-init-boot"));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).stdin(Stdio::null());
        command.args(["--host", "n0.cluster", "--config"]).arg(self.path("config.yaml"));
        command.arg("--bundle").arg(self.path("bundle.tar.gz")).arg("--trust").arg(self.path("trust"));
        command.args(arguments);
        command
    }

    fn given(&self, arguments: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        for (flag, name) in [("--metadata", "metadata.json"), ("--export", "export")] {
            if !all.iter().any(|a| a == flag) {
                all.extend([flag.to_owned(), self.path(name).display().to_string()]);
            }
        }
        all
    }

    /// Boots with the test's metadata and export, unless the arguments name others.
    pub fn boot(&self, arguments: &[&str]) -> Boot {
        let all = self.given(arguments);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Boot::of(self.command(&all).output().unwrap())
    }

    /// Starts a boot and leaves it running.
    pub fn start(&self) -> Child {
        let all = self.given(&[]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        self.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn status(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path("run/status.json")).unwrap()).unwrap()
    }

    /// Everything below a directory, as `path: content`.
    pub fn tree(&self, name: &str) -> String {
        fn walk(path: &Path, out: &mut String) {
            let Ok(meta) = fs::symlink_metadata(path) else { return };
            out.push_str(&format!("{} {:o}: ", path.display(), meta.permissions().mode() & 0o7777));
            if meta.is_dir() {
                let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
                names.sort();
                names.iter().for_each(|p| walk(p, out));
            } else if meta.is_symlink() {
                out.push_str(&fs::read_link(path).unwrap().display().to_string());
            } else {
                out.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
            }
            out.push('\n');
        }
        let mut out = String::new();
        walk(&self.path(name), &mut out);
        out
    }

    /// A stand-in for a program of the node.
    pub fn program(&self, name: &str, script: &str) {
        self.write(&format!("bin/{name}"), format!("#!/bin/sh\n# Stand-in for {name}, made by a test.\n{script}"));
        fs::set_permissions(self.path(&format!("bin/{name}")), Permissions::from_mode(0o755)).unwrap();
    }

    /// The outcome of a boot that must leave the node untouched.
    pub fn refused(&self, arguments: &[&str], state: &str, code: i32, says: &str) {
        let boot = self.boot(arguments);
        assert_eq!(boot.code, code, "{}", boot.out);
        assert_eq!(self.status()["state"], state, "{}", boot.out);
        assert!(boot.out.contains(says), "{says:?} is not in:\n{}", boot.out);
        assert!(!self.path("made").exists(), "the node was touched:\n{}", boot.out);
        assert_eq!(self.path("done").exists(), code == 0, "the sentinel tells success only");
        let again = code == 4 || state == "unconfigured";
        assert_eq!(self.path("run/retry").exists(), again, "what may be there later is tried again");
    }
}

impl Boot {
    pub fn of(output: Output) -> Boot {
        let out = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        Boot { code: output.status.code().unwrap_or(-1), out }
    }

    pub fn ready(&self) {
        assert_eq!(self.code, 0, "{}", self.out);
        assert!(self.out.contains("ready: "), "{}", self.out);
    }
}

/// Arguments of the command module.
pub fn command(line: &str, creates: Option<&str>) -> Map {
    let mut args = Map::default();
    args.insert(Data::str("_raw_params"), Data::str(line));
    if let Some(path) = creates {
        args.insert(Data::str("creates"), Data::str(path));
    }
    args
}

/// What a metadata service does with one connection; the count starts at 0.
pub type Answer = dyn Fn(usize, &mut TcpStream) + Send + Sync;

/// A metadata service that runs for the time of a test.
pub struct Service {
    pub url: String,
    asked: Arc<AtomicUsize>,
}

impl Service {
    pub fn new(answer: Box<Answer>) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/openstack/latest/meta_data.json", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 2048];
                let _ = stream.read(&mut head);
                answer(count.fetch_add(1, Ordering::SeqCst), &mut stream);
            }
        });
        Service { url, asked }
    }

    /// A service that always says this.
    pub fn saying(text: &str) -> Service {
        let text = text.to_owned();
        Service::new(Box::new(move |_, stream| {
            let _ = stream.write_all(text.as_bytes());
        }))
    }

    /// A service that serves the files of a directory.
    pub fn serving(base: PathBuf) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/openstack/latest/meta_data.json", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut head = [0; 2048];
                let length = stream.read(&mut head).unwrap_or(0);
                count.fetch_add(1, Ordering::SeqCst);
                let text = String::from_utf8_lossy(&head[..length]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                let (status, body) = match fs::read(base.join(path)) {
                    Ok(bytes) => ("200 OK", bytes),
                    Err(_) => ("404 Not Found", Vec::new()),
                };
                let _ =
                    stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
                let _ = stream.write_all(&body);
            }
        });
        Service { url, asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Where the plan's sources would lie on a node; nothing must be there.
pub const SOURCE_ROOT: &str = plan::SOURCE_ROOT;

//! Modules against what real Ansible did with the same cases (tests/modules/README.md). Needs root, because owners are
//! part of the cases.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use compute_init::modules::{Context, Module, here};
use compute_init::plan::{Data, Map};
use compute_init::spec;
use compute_init::sys::command::SystemRunner;
use compute_init::vars::pyre::{Flags, Regex, Template};
use compute_init::vars::{Files, Templar, Var, Variables};
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Variables of a case.
struct Scope(Map);

impl Variables for Scope {
    fn get(&self, name: &str) -> Option<Var> {
        let data = self.0.get(&Data::str(name))?;
        Some(Var { data: Rc::new(data.clone()), templated: true })
    }
    fn names(&self) -> Vec<String> {
        self.0.keys().filter_map(|k| k.as_str().map(str::to_owned)).collect()
    }
}

/// The playbook's directory.
struct Source(PathBuf);

impl Files for Source {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        let tried = [self.0.join(kind).join(name), self.0.join(name)];
        let found = tried.iter().find(|p| p.exists()).map(|p| p.to_string_lossy().into_owned());
        found.ok_or_else(|| tried.iter().map(|p| p.to_string_lossy().into_owned()).collect())
    }
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }
    fn list(&self, path: &str) -> std::io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()));
        }
        names.sort();
        Ok(names)
    }
}

fn data(json: &Value) -> Data {
    match json {
        Value::Null => Data::Null,
        Value::Bool(b) => Data::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Data::Float(n.as_f64().unwrap()), Data::from),
        Value::String(s) => Data::str(s),
        Value::Array(l) => Data::List(l.iter().map(data).collect()),
        Value::Object(m) => Data::Map(m.iter().map(|(k, v)| (Data::str(k), data(v))).collect()),
    }
}

fn plain(data: &Data) -> Value {
    match data {
        Data::Null => Value::Null,
        Data::Bool(b) => json!(b),
        Data::Int(i) => json!(i64::try_from(*i).unwrap()),
        Data::Float(f) if *f > 1e6 => json!("TIME"),
        Data::Float(f) => json!(f),
        Data::List(l) | Data::Tuple(l) => l.iter().map(plain).collect(),
        Data::Map(m) => m.iter().map(|(k, v)| (k.as_str().unwrap_or("?").to_owned(), plain(v))).collect(),
        other => json!(String::from_utf8_lossy(other.text_bytes().unwrap_or(b"?"))),
    }
}

fn write_tree(root: &Path, tree: &Value) {
    std::fs::create_dir_all(root).unwrap();
    for (path, entry) in tree.as_object().into_iter().flatten() {
        let full = root.join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        let text =
            |name: &str| entry.get(name).and_then(Value::as_str).map(|s| s.replace('@', &root.to_string_lossy()));
        if let Some(to) = text("link") {
            std::os::unix::fs::symlink(to, &full).unwrap();
            continue;
        }
        if let Some(to) = text("hard") {
            std::fs::hard_link(root.join(to), &full).unwrap();
            continue;
        }
        let mut mode = 0o644;
        if entry.get("fifo").is_some() {
            nix::unistd::mkfifo(&full, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        } else if let Some(hex) = entry.get("hex").and_then(Value::as_str) {
            let bytes = (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap());
            std::fs::write(&full, bytes.collect::<Vec<u8>>()).unwrap();
        } else if let Some(content) = entry.as_str().or_else(|| entry.get("content").and_then(Value::as_str)) {
            std::fs::write(&full, content).unwrap();
        } else {
            std::fs::create_dir_all(&full).unwrap();
            mode = 0o755;
        }
        if let Some(text) = entry.get("mode").and_then(Value::as_str) {
            mode = u32::from_str_radix(text, 8).unwrap();
        }
        std::fs::set_permissions(&full, std::fs::Permissions::from_mode(mode)).unwrap();
        let id = |name: &str| Some(entry.get(name).and_then(Value::as_u64).unwrap_or(0) as u32);
        std::os::unix::fs::lchown(&full, id("uid"), id("gid")).unwrap();
        let old = nix::sys::time::TimeSpec::new(1_000_000_000, 0);
        let follow = nix::sys::stat::UtimensatFlags::FollowSymlink;
        nix::sys::stat::utimensat(nix::fcntl::AT_FDCWD, &full, &old, &old, follow).unwrap();
    }
}

fn read_tree(root: &Path, below: &Path, out: &mut serde_json::Map<String, Value>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let name = below.join(entry.unwrap().file_name());
        let full = root.join(&name);
        let meta = full.symlink_metadata().unwrap();
        let mut seen = json!({"owner": format!("{}:{}", meta.uid(), meta.gid())});
        if meta.is_symlink() {
            seen["link"] = json!(std::fs::read_link(&full).unwrap().to_string_lossy());
        } else {
            seen["mode"] = json!(format!("{:04o}", meta.mode() & 0o7777));
            if meta.is_file() {
                let bytes = std::fs::read(&full).unwrap();
                match String::from_utf8(bytes) {
                    Ok(text) => seen["content"] = json!(text),
                    Err(e) => {
                        let hex: Vec<String> = e.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
                        seen["hex"] = json!(hex.concat());
                    }
                }
                seen["links"] = json!(meta.nlink());
                if meta.mtime() == 1_000_000_000 && meta.mtime_nsec() == 0 {
                    seen["old"] = json!(true);
                }
            } else {
                seen["kind"] = json!(if meta.is_dir() { "d" } else { "p" });
            }
        }
        out.insert(name.to_string_lossy().into_owned(), seen);
        if meta.is_dir() {
            read_tree(root, &name, out);
        }
    }
}

/// The server of tests/tools/http-server.py, started once; it ends when this process does.
fn server_url() -> String {
    static SERVER: std::sync::OnceLock<(std::process::Child, String)> = std::sync::OnceLock::new();
    let (_, url) = SERVER.get_or_init(|| {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/http-server.py");
        let (input, output) = (std::process::Stdio::piped(), std::process::Stdio::piped());
        let mut child = std::process::Command::new(program).stdin(input).stdout(output).spawn().expect("python3");
        let mut port = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut port).unwrap();
        (child, format!("http://127.0.0.1:{}", port.trim()))
    });
    url.clone()
}

/// What differs from run to run, made the same; as tests/tools/make-golden.py does.
fn normal(value: Value, root: &str, source: &str) -> Value {
    match value {
        Value::Object(m) => {
            m.into_iter().map(|(k, v)| (normal_text(&k, root, source), normal(v, root, source))).collect()
        }
        Value::Array(l) => l.into_iter().map(|v| normal(v, root, source)).collect(),
        Value::String(s) => json!(normal_text(&s, root, source)),
        other => other,
    }
}

fn normal_text(text: &str, root: &str, source: &str) -> String {
    let text = text.replace(&server_url(), "%URL%").replace(root, "@").replace(source, "SOURCE");
    let backup = Regex::new(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", Flags::default()).unwrap();
    let template = Template::new(".BACKUP", &backup).unwrap();
    backup.replace(&text, &template, 0).unwrap()
}

fn run(name: &str, case: &Value, root: &Path) -> Value {
    let root_text = root.to_string_lossy().into_owned();
    let Module { spec, run } = here::anywhere(name).unwrap_or_else(|| panic!("no module {name}"));
    let substituted = case["args"].to_string().replace('@', &root_text).replace("%URL%", &server_url());
    let given = data(&serde_json::from_str(&substituted).unwrap());
    let Data::Map(given) = given else { panic!("args of {case}") };
    let scope = Scope(case.get("vars").map(data).and_then(|d| d.as_map().cloned()).unwrap_or_default());
    let source = Source(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules/source"));
    let runner = SystemRunner::new();
    let ctx = Context {
        check: case.get("check").is_some(),
        diff: case.get("diff").is_some(),
        runner: &runner,
        files: &source,
        templar: &Templar::new(&scope, &source),
        environment: &[],
        become_user: None,
        raw: &given,
    };
    let args = match spec::check(spec, &given) {
        Ok(args) => args,
        Err(problems) => return json!({"changed": false, "failed": true, "refused": problems.len(), "msg": "refused"}),
    };
    match run(&ctx, &args) {
        Ok(outcome) => {
            let mut result = plain(&Data::Map(outcome.result));
            result["changed"] = json!(outcome.changed);
            for (key, value) in [("failed", outcome.failed), ("skipped", outcome.skipped)] {
                if value {
                    result[key] = json!(true);
                }
            }
            assert!(!outcome.changed || !outcome.changes.is_empty(), "{}: a change that no report shows", case["name"]);
            result
        }
        Err(failure) => {
            let mut result = plain(&Data::Map(failure.result));
            result["changed"] = result.get("changed").cloned().unwrap_or(json!(false));
            result["failed"] = json!(true);
            result["msg"] = json!(failure.msg);
            result
        }
    }
}

/// Where a file lies on its disk is another matter in each run.
fn without_place(value: Value) -> Value {
    match value {
        Value::Object(m) => {
            let kept = m.into_iter().filter(|(k, _)| !["inode", "dev", "blocks", "block_size"].contains(&k.as_str()));
            kept.map(|(k, v)| (k, without_place(v))).collect()
        }
        Value::Array(l) => {
            let mut all: Vec<Value> = l.into_iter().map(without_place).collect();
            if all.iter().all(|v| v.get("path").is_some()) {
                // Ansible finds files in the order of the directory.
                all.sort_by_key(|v| v["path"].as_str().unwrap_or_default().to_owned());
            }
            all.into()
        }
        other => other,
    }
}

/// A link's size is the length of its target, which is somewhere else in each run.
fn without_lengths(result: Value) -> Value {
    let mut result = without_place(result);
    if result["state"] == json!("link") {
        result.as_object_mut().unwrap().remove("size");
    }
    result
}

/// Whether the operating system's own words are in the text; Python and Rust put them differently.
fn system_words(text: &Value) -> bool {
    text.as_str().is_some_and(|t| t.contains("[Errno") || t.contains("Traceback") || t.contains("refused"))
}

fn compare(case: &Value, expected: &Value, seen: &Value, wrong: &mut Vec<String>) {
    let differs = |key: &str| case.get("differs").and_then(|d| d.get(key)).is_some();
    let refused = seen.get("refused").is_some() && expected.get("failed") == Some(&json!(true));
    // Ansible's module came to grief; that it failed is all there is to compare.
    if expected["msg"].as_str().is_some_and(|m| m.starts_with("MODULE FAILURE")) {
        if seen["failed"] != json!(true) {
            wrong.push(format!("  {}: does not fail, but {seen}", case["name"]));
        }
        return;
    }
    let (Some(expected), Some(seen)) = (expected.as_object(), seen.as_object()) else { panic!("no results") };
    let keys: std::collections::BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
    // Made by the executor of any result that has text, and how long a request took.
    for key in keys.into_iter().filter(|k| !["stdout_lines", "stderr_lines", "elapsed"].contains(&k.as_str())) {
        let (e, s) = (expected.get(key).unwrap_or(&Value::Null), seen.get(key).unwrap_or(&Value::Null));
        let unsaid = key == "changed" && e.is_null() && *s == json!(false);
        let same =
            e == s || unsaid || (refused && key != "failed") || differs(key) || (key == "msg" && system_words(e));
        if !same {
            wrong.push(format!("  {}: {key}: Ansible {e}, ours {s}", case["name"]));
        }
    }
}

fn check(module: &str, full: &str) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: owners are part of the cases, which needs root");
        return;
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules");
    let read = |dir: &str| -> Vec<Value> {
        let path = base.join(dir).join(format!("{module}.json"));
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
    };
    let (cases, golden) = (read("cases"), read("golden"));
    assert_eq!(cases.len(), golden.len(), "make-golden.py was not run after the cases of {module} changed");
    let source = base.join("source").to_string_lossy().into_owned();
    let dir = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (i, (case, golden)) in cases.iter().zip(&golden).enumerate() {
        assert_eq!(case["name"], golden["name"]);
        let root = dir.path().join(format!("{i:03}"));
        let root_text = root.to_string_lossy().into_owned();
        write_tree(&root, case.get("tree").unwrap_or(&Value::Null));
        for expected in golden["results"].as_array().unwrap() {
            let name = case.get("module").and_then(Value::as_str).unwrap_or(full);
            let seen = without_lengths(normal(run(name, case, &root), &root_text, &source));
            compare(case, &without_lengths(expected.clone()), &seen, &mut wrong);
        }
        let mut tree = serde_json::Map::default();
        read_tree(&root, Path::new(""), &mut tree);
        let tree = normal(Value::Object(tree), &root_text, &source);
        if tree != golden["tree"] && case.get("differs").and_then(|d| d.get("tree")).is_none() {
            wrong.push(format!("  {}: tree: Ansible {}\n        ours {tree}", case["name"], golden["tree"]));
        }
    }
    wrong.retain(|w| !w.contains("src: Ansible \"TMP\""));
    assert!(wrong.is_empty(), "{} differences in {module}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn file() {
    check("file", "ansible.builtin.file");
}

#[test]
fn copy() {
    check("copy", "ansible.builtin.copy");
}

#[test]
fn lineinfile() {
    check("lineinfile", "ansible.builtin.lineinfile");
}

#[test]
fn blockinfile() {
    check("blockinfile", "ansible.builtin.blockinfile");
}

#[test]
fn replace() {
    check("replace", "ansible.builtin.replace");
}

#[test]
fn template() {
    check("template", "ansible.builtin.template");
}

#[test]
fn stat() {
    check("stat", "ansible.builtin.stat");
}

#[test]
fn slurp() {
    check("slurp", "ansible.builtin.slurp");
}

#[test]
fn find() {
    check("find", "ansible.builtin.find");
}

#[test]
fn assemble() {
    check("assemble", "ansible.builtin.assemble");
}

#[test]
fn wait_for_connection() {
    check("wait_for_connection", "ansible.builtin.wait_for_connection");
}

#[test]
fn authorized_key() {
    check("authorized_key", "ansible.posix.authorized_key");
}

#[test]
fn ini_file() {
    check("ini_file", "community.general.ini_file");
}

#[test]
fn get_url() {
    check("get_url", "ansible.builtin.get_url");
}

#[test]
fn uri() {
    check("uri", "ansible.builtin.uri");
}

#[test]
fn known_hosts() {
    check("known_hosts", "ansible.builtin.known_hosts");
}

#[test]
fn patch() {
    check("patch", "ansible.posix.patch");
}

#[test]
fn unarchive() {
    check("unarchive", "ansible.builtin.unarchive");
}

#[test]
fn openssh_keypair() {
    check("openssh_keypair", "community.crypto.openssh_keypair");
}

#[test]
fn synchronize() {
    check("synchronize", "ansible.posix.synchronize");
}

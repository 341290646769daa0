//! Modules against recordings of how real Ansible called the system's tools (tests/modules/commands). The tools here
//! only answer as the case says, so nothing on this machine changes and no rights are needed.

use super::{Context, Failure, Module, Outcome, mount, on_node, systemd, user};
use crate::plan::{Data, Map};
use crate::spec::{self, Args};
use crate::sys::command::{Command, CommandError, Output, Runner};
use crate::sys::order;
use crate::vars::{Files, Templar, Var, Variables};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// No variables, and no files.
pub struct Nothing;

impl Variables for Nothing {
    fn get(&self, _: &str) -> Option<Var> {
        None
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Files for Nothing {
    fn find(&self, _: &str, name: &str) -> Result<String, Vec<String>> {
        Err(vec![name.to_owned()])
    }
    fn read(&self, _: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
    fn list(&self, _: &str) -> std::io::Result<Vec<(String, bool)>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// Stands for the machine's tools.
pub struct Tools {
    programs: Vec<String>,
    answers: Vec<Value>,
    pub calls: RefCell<Vec<Command>>,
}

impl Tools {
    pub fn new(programs: &[Value], answers: Vec<Value>) -> Tools {
        let programs = programs.iter().filter_map(|p| p.as_str().map(str::to_owned)).collect();
        Tools { programs, answers, calls: RefCell::default() }
    }

    /// The calls, each with the bare name of its program.
    fn trace(&self) -> Vec<Vec<String>> {
        self.calls.borrow().iter().map(words).collect()
    }
}

fn words(command: &Command) -> Vec<String> {
    let mut words: Vec<String> = command.argv.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    words[0] = words[0].trim_start_matches("/shims/").to_owned();
    words
}

impl Runner for Tools {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        self.calls.borrow_mut().push(command.clone());
        let argv = words(command);
        let fits = |answer: &&Value| {
            let start: Vec<&str> = answer["argv"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            argv.len() >= start.len() && argv.iter().zip(&start).all(|(a, b)| a == b)
        };
        let answer = self.answers.iter().find(fits).cloned().unwrap_or_else(|| json!({}));
        let text = |key: &str| answer[key].as_str().unwrap_or_default().as_bytes().to_vec();
        let rc = i32::try_from(answer["rc"].as_i64().unwrap_or(0)).expect("small exit codes");
        Ok(Output { rc, stdout: text("stdout"), stderr: text("stderr") })
    }

    fn which(&self, program: &str) -> Option<PathBuf> {
        self.programs.iter().any(|p| p == program).then(|| Path::new("/shims").join(program))
    }
}

pub fn data(json: &Value) -> Data {
    match json {
        Value::Object(m) => Data::Map(m.iter().map(|(k, v)| (Data::str(k), data(v))).collect()),
        Value::Array(l) => Data::List(l.iter().map(data).collect()),
        Value::String(s) => Data::str(s),
        other => super::facts::from_json(other.clone()),
    }
}

fn plain(data: &Data) -> Value {
    match data {
        Data::Null => Value::Null,
        Data::Bool(b) => json!(b),
        Data::Int(i) => json!(i64::try_from(*i).expect("small numbers")),
        Data::Float(f) => json!(f),
        Data::List(l) => l.iter().map(plain).collect(),
        Data::Map(m) => m.iter().map(|(k, v)| (k.as_str().unwrap_or("?").to_owned(), plain(v))).collect(),
        other => json!(String::from_utf8_lossy(other.text_bytes().unwrap_or(b"?"))),
    }
}

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modules/commands").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("the recordings")).expect("JSON")
}

/// Runs one case; the module's outcome and the tools that it called.
fn play(spec_of_all: &Value, case: &Value, scratch: &Path) -> (Result<Outcome, Failure>, Tools) {
    let root = scratch.join("root");
    for (path, text) in spec_of_all["files"].as_object().expect("files") {
        let path = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("files have directories")).expect("a directory");
        std::fs::write(path, text.as_str().expect("text")).expect("a file");
    }
    for path in spec_of_all["directories"].as_array().expect("directories").iter().filter_map(Value::as_str) {
        std::fs::create_dir_all(root.join(path.trim_start_matches('/'))).expect("a directory");
    }
    let fill = |text: &str| text.replace("@DIR@", &scratch.join("case").to_string_lossy());
    std::fs::create_dir_all(scratch.join("case")).expect("a directory");
    if let Some(text) = case["fstab"].as_str() {
        std::fs::write(scratch.join("case/fstab"), fill(text)).expect("fstab");
    }
    let given: Value = serde_json::from_str(&fill(&case["args"].to_string())).expect("arguments");
    let Data::Map(given) = data(&given) else { panic!("arguments are a dictionary") };
    let own = case["answers"].as_array().cloned().unwrap_or_default();
    let common = spec_of_all["answers"].as_array().cloned().unwrap_or_default();
    let tools = Tools::new(spec_of_all["programs"].as_array().expect("programs"), [own, common].concat());
    let name = case["module"].as_str().expect("a module");
    let outcome = run(name, &given, case["check"] == true, (&tools, &root));
    (outcome, tools)
}

fn run(name: &str, given: &Map, check: bool, (tools, root): (&Tools, &Path)) -> Result<Outcome, Failure> {
    let Module { spec: module, run } = on_node(name).expect("a module");
    let args: Args = spec::check(module, given).map_err(|problems| Failure::new(problems[0].message.clone()))?;
    let templar = Templar::new(&Nothing, &Nothing);
    let ctx = Context {
        check,
        diff: false,
        runner: tools,
        files: &Nothing,
        templar: &templar,
        environment: &[],
        become_user: None,
        raw: given,
    };
    match module.name {
        "ansible.builtin.user" => user::run_at(&ctx, &args, root),
        "ansible.builtin.group" => super::group::run_at(&ctx, &args, root),
        "ansible.builtin.systemd_service" => systemd::run_at(&ctx, &args, Path::new("/")),
        "ansible.posix.mount" => {
            mount::run_with(&ctx, &args, Some(std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo")))
        }
        _ => run(&ctx, &args),
    }
}

/// Groups that Ansible keeps in a set have no order.
fn sorted(mut calls: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for call in &mut calls {
        if let Some(at) = call.iter().position(|w| w == "-G" || w == "-A") {
            let mut groups: Vec<&str> = call[at + 1].split(',').collect();
            order::ascending(&mut groups);
            call[at + 1] = groups.join(",");
        }
    }
    calls
}

/// What is wrong with a case, each in a line.
fn differences(case: &Value, spec_of_all: &Value, golden: &Value) -> Vec<String> {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (outcome, tools) = play(spec_of_all, case, scratch.path());
    let mut wrong = Vec::new();
    let here = scratch.path().join("case").to_string_lossy().into_owned();
    let back = |text: &str| text.replace(&here, "@DIR@").replace("/shims/", "");
    let calls: Vec<Vec<String>> = tools.trace().iter().map(|c| c.iter().map(|w| back(w)).collect()).collect();
    let meant = case.get("differs").and_then(|d| d.get("commands")).unwrap_or(&golden["commands"]);
    let mut theirs: Vec<Vec<String>> = serde_json::from_value(meant.clone()).expect("commands");
    // Ansible asks usermod what it can for every user who exists; ours only where the answer is needed.
    theirs.retain(|c| c[1..] != ["--help"] || calls.contains(c));
    if sorted(calls.clone()) != sorted(theirs.clone()) {
        wrong.push(format!("called {calls:?}, not {theirs:?}"));
    }
    let mut ours = match outcome {
        Ok(outcome) => {
            let mut result = plain(&Data::Map(outcome.result));
            result["changed"] = json!(outcome.changed);
            if outcome.failed {
                result["failed"] = json!(true);
            }
            if !outcome.facts.is_empty() {
                result["ansible_facts"] = plain(&Data::Map(outcome.facts));
            }
            result
        }
        Err(failure) => {
            let mut result = plain(&Data::Map(failure.result));
            result["msg"] = json!(failure.msg);
            result["failed"] = json!(true);
            result["changed"] = json!(false);
            result
        }
    };
    ours = serde_json::from_str(&back(&ours.to_string())).expect("JSON");
    for (key, value) in golden["result"].as_object().expect("a result") {
        let same = match (&ours[key], value) {
            // Which directories were searched for a program depends on the machine.
            (Value::String(own), Value::String(other)) if key == "msg" && other.contains("in paths:") => {
                own.split("in paths:").next() == other.split("in paths:").next()
            }
            (Value::String(own), Value::String(other)) if key == "msg" => own.trim_end() == other.trim_end(),
            (Value::Null, Value::Bool(false)) if key == "failed" => true,
            (own, other) => own == other || matches!((own, other), (Value::Null, Value::Object(o)) if o.is_empty()),
        };
        if !same {
            wrong.push(format!("{key} is {}, not {value}", ours[key]));
        }
    }
    let fstab = case["args"]["fstab"].as_str().map(|f| f.replace("@DIR@", &here));
    let fstab = fstab.and_then(|f| std::fs::read_to_string(f).ok()).map(|text| back(&text));
    if fstab.as_deref() != golden["fstab"].as_str() {
        wrong.push(format!("fstab is {fstab:?}, not {:?}", golden["fstab"].as_str()));
    }
    let mut left: Vec<String> = std::fs::read_dir(scratch.path().join("case"))
        .expect("the case's directory")
        .map(|e| e.expect("an entry"))
        .filter(|e| e.path().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    order::ascending(&mut left);
    if json!(left) != golden["left"] {
        wrong.push(format!("directories left are {left:?}, not {}", golden["left"]));
    }
    wrong.into_iter().map(|w| format!("{}: {w}", case["name"].as_str().unwrap_or_default())).collect()
}

#[test]
fn calls_the_systems_tools_as_ansible_does() {
    let (spec_of_all, golden) = (read("cases.json"), read("golden.json"));
    let cases = spec_of_all["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), golden.as_object().expect("an object").len(), "recordings are of these cases");
    let wrong: Vec<String> = cases
        .iter()
        .flat_map(|case| differences(case, &spec_of_all, &golden[case["name"].as_str().expect("a name")]))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// A password's hash is in no argument, and the command that reads it is kept out of records.
#[test]
fn a_hash_goes_through_standard_input_alone() {
    let spec_of_all = read("cases.json");
    let cases = spec_of_all["cases"].as_array().expect("cases").iter();
    let with_hash: Vec<&Value> = cases.filter(|c| c["differs"]["reason"] == "password hash").collect();
    assert_eq!(with_hash.len(), 5);
    for case in with_hash {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (outcome, tools) = play(&spec_of_all, case, scratch.path());
        assert!(outcome.is_ok_and(|o| o.changed), "{}", case["name"]);
        let calls = tools.calls.borrow();
        assert!(calls.iter().flat_map(|c| &c.argv).all(|w| !w.to_string_lossy().contains("$6$")), "{}", case["name"]);
        let reader = calls.last().expect("a command");
        assert!(reader.secret, "{}", case["name"]);
        assert_eq!(String::from_utf8_lossy(&reader.stdin), case["differs"]["stdin"].as_str().expect("a line"));
    }
}

#[test]
fn a_hash_that_cannot_be_set_fails_the_task() {
    let mut spec_of_all = read("cases.json");
    let find = |name: &str| {
        let cases = spec_of_all["cases"].as_array().expect("cases");
        cases.iter().find(|c| c["name"] == name).expect("a case of that name").clone()
    };
    let run = |spec: &Value, case: &Value| {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (outcome, tools) = play(spec, case, scratch.path());
        (outcome.map(|_| ()).map_err(|f| f.msg), tools.trace())
    };
    let (mut failing, mut broken) = (find("user: new, everything"), find("user: new password"));
    failing["answers"] = json!([{"argv": ["chpasswd"], "rc": 1, "stderr": "cannot lock /etc/shadow"}]);
    assert_eq!(run(&spec_of_all, &failing).0, Err("cannot lock /etc/shadow".to_owned()));
    // useradd's failure comes first, and no hash is set after it.
    failing["answers"] = json!([{"argv": ["useradd"], "rc": 4, "stderr": "UID 4000 is not unique"}]);
    let (said, calls) = run(&spec_of_all, &failing);
    assert_eq!((said, calls.len()), (Err("UID 4000 is not unique".to_owned()), 1));
    for hash in ["$6$a:0:0", "$6$a\nroot:$6$b", "\u{0}"] {
        broken["args"]["password"] = json!(hash);
        let (said, calls) = run(&spec_of_all, &broken);
        assert!(said.is_err_and(|m| m.contains("colon or a control character")) && calls.is_empty(), "{hash:?}");
    }
    let keeps = |p: &Value| p != "chpasswd";
    let programs = spec_of_all["programs"].as_array().expect("programs").iter().filter(|p| keeps(p)).cloned().collect();
    let case = find("user: new password");
    spec_of_all["programs"] = programs;
    assert!(run(&spec_of_all, &case).0.is_err_and(|m| m.contains("\"chpasswd\"")));
}

#[test]
fn a_passphrase_of_a_key_is_in_no_argument() {
    let mut spec_of_all = read("cases.json");
    spec_of_all["programs"].as_array_mut().expect("programs").push(json!("ssh-keygen"));
    let args = json!({"name": "alice", "generate_ssh_key": true, "ssh_key_passphrase": "hunter2"});
    let case =
        json!({"module": "user", "args": args, "answers": [{"argv": ["ssh-keygen", "-t"], "rc": 1, "stderr": "no"}]});
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (outcome, tools) = play(&spec_of_all, &case, scratch.path());
    let msg = outcome.map(|_| ()).expect_err("ssh-keygen fails").msg;
    assert_eq!(msg, "no", "{:?}", tools.trace());
    let calls = tools.calls.borrow();
    let made = calls.iter().find(|c| words(c)[0] == "ssh-keygen").expect("a key is made");
    assert!(made.detached && made.stdin == b"hunter2\nhunter2\n");
    assert!(!words(made).iter().any(|w| w.contains("hunter2") || w == "-N"));
}

/// Check mode runs nothing but what only looks.
#[test]
fn check_mode_changes_nothing() {
    let spec_of_all = read("cases.json");
    for case in spec_of_all["cases"].as_array().expect("cases") {
        let mut case = case.clone();
        case["check"] = json!(true);
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let (_, tools) = play(&spec_of_all, &case, scratch.path());
        for call in tools.calls.borrow().iter() {
            assert!(call.read_only, "{} ran {:?}", case["name"], call.argv);
        }
        let fstab = std::fs::read_to_string(scratch.path().join("case/fstab")).ok();
        let here = scratch.path().join("case").to_string_lossy().into_owned();
        assert_eq!(fstab.map(|t| t.replace(&here, "@DIR@")).as_deref(), case["fstab"].as_str(), "{}", case["name"]);
    }
}

/// Runs a module with tools that answer as `answers` says.
pub fn with_tools(
    name: &str,
    args: Value,
    answers: Value,
    check: bool,
) -> (Result<Outcome, Failure>, Vec<Vec<String>>) {
    let (outcome, tools) = commands(name, &args, &answers, check);
    (outcome, tools.trace())
}

/// [`with_tools`], with the whole commands.
pub fn commands(name: &str, args: &Value, answers: &Value, check: bool) -> (Result<Outcome, Failure>, Tools) {
    let programs = json!(["crontab", "ip6tables", "iptables", "loginctl", "sysctl", "sh"]);
    let tools = Tools::new(programs.as_array().expect("a list"), answers.as_array().expect("a list").clone());
    let Data::Map(given) = data(args) else { panic!("arguments are a dictionary") };
    let outcome = run(name, &given, check, (&tools, Path::new("/")));
    (outcome, tools)
}

/// A return value.
pub fn result(outcome: &Outcome, key: &str) -> Value {
    outcome.result.get(&crate::plan::Key(key)).map_or(Value::Null, plain)
}

#[test]
fn command_splits_expands_and_strips() {
    let answers = json!([{"argv": ["ls"], "stdout": "a\nb\r\n\n", "stderr": "w\n"}]);
    let (outcome, calls) = with_tools(
        "command",
        json!({"_raw_params": "ls '$NOT_SET_HERE/x y' ${NOT_SET_HERE}", "stdin": "in"}),
        answers,
        false,
    );
    let outcome = outcome.expect("a command that works");
    assert_eq!(calls, [["ls", "$NOT_SET_HERE/x y", "${NOT_SET_HERE}"]]);
    assert!(outcome.changed && !outcome.failed);
    assert_eq!(result(&outcome, "stdout"), "a\nb");
    assert_eq!(result(&outcome, "stderr"), "w");
    assert_eq!(result(&outcome, "cmd"), json!(["ls", "$NOT_SET_HERE/x y", "${NOT_SET_HERE}"]));
    assert!(result(&outcome, "delta").as_str().is_some_and(|d| d.starts_with("0:00:0")));
}

#[test]
fn command_reports_a_failure_with_its_output() {
    let answers = json!([{"argv": ["false"], "rc": 3, "stdout": "o", "stderr": "e"}]);
    let (outcome, _) = with_tools("command", json!({"argv": ["false", "a b"]}), answers, false);
    let outcome = outcome.expect("an outcome with data");
    assert!(outcome.failed && outcome.changed);
    assert_eq!((result(&outcome, "rc"), result(&outcome, "msg")), (json!(3), json!("non-zero return code")));
}

#[test]
fn command_refuses_what_ansible_refuses() {
    for (args, msg) in [
        (json!({}), "no command given"),
        (json!({"_raw_params": "  "}), "no command given"),
        (json!({"_raw_params": "a", "argv": ["b"]}), "only command or argv can be given, not both"),
        (json!({"_raw_params": "a 'b"}), "splitting the command: No closing quotation"),
    ] {
        let (outcome, calls) = with_tools("command", args, json!([]), false);
        assert_eq!(outcome.map(|_| ()).map_err(|f| f.msg), Err(msg.to_owned()));
        assert!(calls.is_empty());
    }
    let (outcome, calls) = with_tools("command", json!({"_raw_params": "a", "chdir": "/no/such"}), json!([]), false);
    assert!(outcome.is_err_and(|f| f.msg.starts_with("Unable to change directory before execution: [Errno 2]")));
    assert!(calls.is_empty());
}

#[test]
fn command_is_not_run_where_its_work_is_done() {
    for (args, out) in [
        (json!({"_raw_params": "x", "creates": "/proc/s?lf"}), "skipped, since /proc/s?lf exists"),
        (json!({"_raw_params": "x", "removes": "/no/such*"}), "skipped, since /no/such* does not exist"),
    ] {
        let (outcome, calls) = with_tools("command", args, json!([]), false);
        let outcome = outcome.expect("nothing to do");
        assert!(!outcome.changed && calls.is_empty());
        assert_eq!(result(&outcome, "stdout"), out);
    }
    let (outcome, calls) = with_tools("command", json!({"_raw_params": "x"}), json!([]), true);
    assert!(outcome.is_ok_and(|o| o.skipped && !o.changed) && calls.is_empty());
    let (outcome, calls) = with_tools("command", json!({"_raw_params": "x", "creates": "/no/such"}), json!([]), true);
    assert!(outcome.is_ok_and(|o| o.changed && !o.skipped) && calls.is_empty());
}

#[test]
fn shell_hands_its_text_to_a_shell() {
    let (outcome, calls) =
        with_tools("shell", json!({"_raw_params": "echo $X | cat", "executable": "/bin/bash"}), json!([]), false);
    assert!(outcome.is_ok());
    assert_eq!(calls, [["/bin/bash", "-c", "echo $X | cat"]]);
    let (outcome, calls) = with_tools("raw", json!({"_raw_params": "true"}), json!([]), true);
    assert!(outcome.is_ok_and(|o| o.skipped) && calls.is_empty());
}

#[test]
fn sessions_end_only_where_there_are_any() {
    let answers = json!([{"argv": ["loginctl", "--no-legend"], "stdout": "  3 2001 alice seat0 tty1\n  4 0 root - -\n 12 2001 alice\n"}]);
    let (outcome, calls) = with_tools("terminate_user_sessions", json!({"user": "alice"}), answers.clone(), false);
    assert!(outcome.is_ok_and(|o| o.changed));
    assert_eq!(calls[1], ["loginctl", "terminate-session", "3"]);
    assert_eq!(calls[2], ["loginctl", "terminate-session", "12"]);
    let (outcome, calls) = with_tools("terminate_user_sessions", json!({"user": "ali"}), answers, false);
    assert!(outcome.is_ok_and(|o| !o.changed) && calls.len() == 1);
    let answers = json!([{"argv": ["loginctl"], "rc": 1, "stderr": "no bus"}]);
    let (outcome, _) = with_tools("terminate_user_sessions", json!({"user": "alice"}), answers, false);
    assert_eq!(outcome.map(|_| ()).map_err(|f| f.msg), Err("no bus".to_owned()));
}

#[test]
fn wait_for_refuses_and_times_out() {
    for (args, msg) in [
        (json!({"port": 1, "path": "/x"}), "port and path parameter can not both be passed to wait_for"),
        (
            json!({"path": "/x", "state": "stopped"}),
            "state=stopped should only be used for checking a port in the wait_for module",
        ),
        (json!({"path": "/no/such", "timeout": 0}), "Timeout when waiting for file /no/such"),
        (json!({"path": "/x", "search_regex": "("}), "Invalid regular expression"),
        (json!({"port": 70000}), "70000 is no port"),
    ] {
        let (outcome, _) = with_tools("wait_for", args, json!([]), false);
        let said = outcome.map(|_| ()).expect_err("a refusal").msg;
        assert!(said.starts_with(msg), "{said}");
    }
    let (outcome, _) =
        with_tools("wait_for", json!({"path": "/proc/cpuinfo", "search_regex": "^(proc)essor"}), json!([]), false);
    let outcome = outcome.expect("a file that says it");
    assert_eq!(result(&outcome, "match_groups"), json!(["proc"]));
}

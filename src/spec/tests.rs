//! Argument checks, with Ansible's own messages as the measure.

use super::{check, check_literals, find};
use crate::plan::{Data, Map};

fn map(json: &str) -> Map {
    match serde_json::from_str(json) {
        Ok(Data::Map(map)) => map,
        other => panic!("{json}: {other:?}"),
    }
}

fn refused(module: &str, json: &str) -> Vec<String> {
    let spec = find(module).expect("a module");
    check(spec, &map(json)).expect_err("is refused").into_iter().map(|p| p.message).collect()
}

fn passed(module: &str, json: &str, param: &str) -> String {
    let args = check(find(module).expect("a module"), &map(json)).expect("passes");
    serde_json::to_string(&args.map().get(&crate::plan::Key(param))).expect("serialises")
}

#[test]
fn values_come_to_their_documented_types() {
    assert_eq!(passed("file", r#"{"path": "/a", "follow": "no"}"#, "follow"), "false");
    assert_eq!(passed("file", r#"{"dest": "/a"}"#, "path"), r#""/a""#);
    assert_eq!(passed("file", r#"{"path": "/a"}"#, "state"), "null");
    assert_eq!(passed("wait_for", r#"{"port": " 2_2 "}"#, "port"), "22");
    assert_eq!(passed("find", r#"{"paths": "/a,/b"}"#, "paths"), r#"["/a","/b"]"#);
    assert_eq!(passed("copy", r#"{"dest": "/a", "content": {"a": 1}}"#, "content"), r#"{"a":1}"#);
    assert_eq!(passed("user", r#"{"name": 5}"#, "name"), r#""5""#);
    assert_eq!(passed("copy", r#"{"dest": "/a", "src": "b", "mode": 420}"#, "mode"), "420");
    assert_eq!(passed("set_fact", r#"{"anything": [1]}"#, "anything"), "[1]");
}

#[test]
fn mistakes_are_refused_in_ansibles_words() {
    assert_eq!(refused("file", "{}"), ["missing required arguments: path"]);
    assert_eq!(
        refused("file", r#"{"path": "/a", "state": "dir"}"#),
        ["value of state must be one of: absent, directory, file, hard, link, touch, got: dir"]
    );
    assert_eq!(
        refused("file", r#"{"path": "/a", "pth": 1}"#),
        ["Unsupported parameters for (ansible.builtin.file) module: pth"]
    );
    assert_eq!(
        refused("wait_for", r#"{"port": "ssh"}"#),
        ["argument 'port' is of type <class 'str'> and we were unable to convert to int: \
          <class 'str'> cannot be converted to an int"]
    );
    assert!(refused("file", r#"{"path": "/a", "follow": "maybe"}"#)[0].contains("'maybe' is not a valid boolean"));
    assert!(refused("user", r#"{"name": null}"#)[0].contains("is not a string"));
    assert_eq!(refused("file", r#"{"pth": 1, "state": "dir"}"#).len(), 3);
}

#[test]
fn open_values_are_left_alone() {
    let open = |d: &Data| d.as_str().is_some_and(|s| s.contains("{{"));
    let problems = |json: &str| check_literals(find("file").expect("file"), &map(json), &open).len();
    assert_eq!(problems(r#"{"path": "{{ p }}", "state": "{{ s }}", "follow": "{{ f }}"}"#), 0);
    assert_eq!(problems(r#"{"path": "{{ p }}", "state": "dir"}"#), 1);
    assert_eq!(problems(r#"{"state": "{{ s }}"}"#), 1);
}

#[test]
fn secrets_are_not_repeated() {
    for spec in super::all() {
        for param in spec.parameters().filter(|p| p.secret && !p.choices.is_empty()) {
            let given = map(&format!(r#"{{"{}": "hunter2"}}"#, param.name));
            let problems = check(spec, &given).expect_err("is refused");
            assert!(problems.iter().all(|p| !p.message.contains("hunter2")), "{}", spec.name);
        }
    }
}

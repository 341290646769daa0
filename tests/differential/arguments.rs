//! Arguments of modules for random playbooks: valid ones, on few names, so that tasks meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "d/e", "d/f"];
pub const LINES: [&str; 12] =
    ["a=1", "b = 2", "# comment", "a=2", "", "  indented", "ü ß", "key: value", "a=1 b=2", "[section]", "x\ty", "end."];
const PATTERNS: [&str; 9] = ["^a=", "b", "^#", "value$", "^$", "(a)=(\\d)", "[0-9]", "no such line", "^\\s+in"];
const EXPRESSIONS: [&str; 18] = [
    "{{ s }}",
    "{{ n + 1 }}",
    "{{ l | join(',') }}",
    "{{ d.k | default('none') }}",
    "{{ d.missing | default('none') }}",
    "{{ item | default('no item') }}",
    "{{ 'yes' if n > 2 else 'no' }}",
    "{{ l[-1] }} and {{ s | upper }}",
    "{{ l | map('upper') | list }}",
    "{{ d }}",
    "{% for x in l %}{{ loop.index }}{{ x }} {% endfor %}",
    "{{ s | regex_replace('e', 'E') }}",
    "{{ (l | length) ~ '-' ~ n }}",
    "{{ r0 is defined }}",
    "{{ r0.changed | default('unset') }}",
    "{{ ansible_failed_task.name | default('no failure') }}",
    "{{ index | default('no index') }}",
    "{{ d | dict2items | map(attribute='key') | first }}",
];
pub const CONDITIONS: [&str; 13] = [
    "n > 2",
    "n < 2",
    "r0 is changed",
    "r0 is not failed",
    "s in l",
    "d.k is defined and l | length > 1",
    "not flag",
    "item | default('one') != 'two'",
    "r1 is defined",
    "flag or n == 3",
    "rescued_by is defined",
    "index | default(1) == 1",
    "r1.rc | default(1) == 0",
];
const MODES: [&str; 8] = ["0644", "0600", "0755", "u=rw,g=r,o=", "u+x", "a-w", "g=u,o=", "u=rwX,go=rX"];

pub fn one(list: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(list).prop_map(str::to_owned)
}

/// A path of the case; in a loop it may depend on the item.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => one(&NAMES).prop_map(|n| format!("{{{{ root }}}}/{n}")),
        1 => Just("{{ root }}/{{ item | default('a') }}".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => one(&LINES), 2 => one(&EXPRESSIONS)]
}

/// Several lines, with or without an end.
fn body() -> impl Strategy<Value = String> {
    (vec(text(), 0..5), any::<bool>()).prop_map(|(lines, ended)| {
        let mut body = lines.join("\n");
        if ended {
            body.push('\n');
        }
        body
    })
}

/// Arguments that are given or not.
fn given(
    required: Vec<(&'static str, BoxedStrategy<Value>)>,
    optional: Vec<(&'static str, BoxedStrategy<Value>)>,
) -> BoxedStrategy<Value> {
    let required: Vec<_> = required.into_iter().map(|(n, s)| s.prop_map(move |v| Some((n, v))).boxed()).collect();
    let optional = optional.into_iter().map(|(n, s)| option::weighted(0.3, s.prop_map(move |v| (n, v))).boxed());
    let all: Vec<BoxedStrategy<Option<(&'static str, Value)>>> = required.into_iter().chain(optional).collect();
    all.prop_map(|pairs| pairs.into_iter().flatten().map(|(n, v)| (n.to_owned(), v)).collect::<Map<_, _>>().into())
        .boxed()
}

fn value(strategy: impl Strategy<Value = String> + 'static) -> BoxedStrategy<Value> {
    strategy.prop_map(Value::from).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn of(list: &'static [&'static str]) -> BoxedStrategy<Value> {
    value(one(list))
}

fn looks() -> Vec<(&'static str, BoxedStrategy<Value>)> {
    let id = select(vec![0, 12, 100]).prop_map(Value::from);
    vec![("mode", of(&MODES)), ("owner", id.clone().boxed()), ("group", id.boxed())]
}

fn file() -> BoxedStrategy<Value> {
    let states = &["file", "directory", "absent", "touch"];
    let plain = given(vec![("path", value(path())), ("state", of(states))], looks());
    let links = given(
        vec![("path", value(path())), ("src", value(path())), ("state", of(&["link", "hard"]))],
        vec![("force", flag())],
    );
    let relative =
        given(vec![("path", value(path())), ("src", of(&NAMES)), ("state", of(&["link"]))], vec![("force", flag())]);
    prop_oneof![4 => plain, 1 => links, 1 => relative].boxed()
}

fn copy() -> BoxedStrategy<Value> {
    let mut options = looks();
    options.extend([("force", flag()), ("backup", flag()), ("directory_mode", of(&MODES))]);
    let content = given(vec![("dest", value(path())), ("content", value(body()))], options);
    let mut options = looks();
    options.extend([("force", flag()), ("remote_src", Just(json!(true)).boxed())]);
    let src =
        given(vec![("dest", value(path())), ("src", of(&["plain.txt", "tree/", "tree"]))], vec![("force", flag())]);
    let remote = given(
        vec![("dest", value(path())), ("src", value(path())), ("remote_src", Just(json!(true)).boxed())],
        looks(),
    );
    prop_oneof![4 => content, 1 => src, 1 => remote].boxed()
}

fn template() -> BoxedStrategy<Value> {
    let mut options = looks();
    options.extend([("force", flag()), ("trim_blocks", flag()), ("lstrip_blocks", flag())]);
    given(vec![("dest", value(path())), ("src", of(&["one.j2", "two.j2"]))], options)
}

fn place() -> BoxedStrategy<Value> {
    prop_oneof![of(&["EOF", "BOF"]), of(&PATTERNS)].boxed()
}

fn lineinfile() -> BoxedStrategy<Value> {
    let present = given(
        vec![("path", value(path())), ("line", value(text().prop_filter("a line", |l| !l.is_empty())))],
        vec![
            ("regexp", of(&PATTERNS)),
            ("insertafter", place()),
            ("create", flag()),
            ("firstmatch", flag()),
            ("mode", of(&MODES)),
        ],
    );
    let before = given(
        vec![("path", value(path())), ("line", of(&["new line", "\\1-\\2"])), ("insertbefore", place())],
        vec![("create", flag()), ("backup", flag())],
    );
    let references = given(
        vec![("path", value(path())), ("line", of(&["\\1=9", "\\g<1>x"])), ("regexp", of(&["(a)=(\\d)", "^(b)"]))],
        vec![("backrefs", Just(json!(true)).boxed())],
    );
    let absent = given(
        vec![("path", value(path())), ("regexp", of(&PATTERNS)), ("state", Just(json!("absent")).boxed())],
        vec![],
    );
    prop_oneof![3 => present, 1 => before, 1 => references, 1 => absent].boxed()
}

fn blockinfile() -> BoxedStrategy<Value> {
    given(
        vec![("path", value(path())), ("block", value(body()))],
        vec![
            ("marker", of(&["# {mark} ours", "; {mark}"])),
            ("insertafter", place()),
            ("state", of(&["present", "absent"])),
            ("create", flag()),
            ("append_newline", flag()),
            ("prepend_newline", flag()),
        ],
    )
}

fn replace() -> BoxedStrategy<Value> {
    given(
        vec![("path", value(path())), ("regexp", of(&PATTERNS))],
        vec![
            ("replace", of(&["X", "\\g<0>!", ""])),
            ("after", of(&["^#", "b"])),
            ("before", of(&["end", "value"])),
            ("backup", flag()),
        ],
    )
}

/// `@` stands for the number of the case: accounts are the machine's, not the directory's.
fn group() -> BoxedStrategy<Value> {
    given(
        vec![("name", of(&["g@a", "g@b"])), ("state", of(&["present", "present", "absent"]))],
        vec![("gid", of(&["2@1", "2@2"]))],
    )
    .prop_map(|mut args| {
        // Whichever number is free next is another one on each side.
        args["gid"] = json!(if args["name"] == "g@a" { "2@1" } else { "2@2" });
        args
    })
    .boxed()
}

fn user() -> BoxedStrategy<Value> {
    let options = vec![
        ("comment", of(&["A user", "", "ü"])),
        ("shell", of(&["/bin/sh", "/usr/sbin/nologin"])),
        ("groups", of(&["g@a", "users", "", "g@a,users"])),
        ("append", flag()),
        ("group", of(&["users", "g@a"])),
        ("password", of(&["*", "!"])),
        ("create_home", flag()),
        ("state", of(&["present", "present", "absent"])),
        ("remove", flag()),
    ];
    given(vec![("name", of(&["u@"])), ("home", Just(json!("{{ root }}/home")).boxed())], options)
        .prop_map(|mut args| {
            args["uid"] = json!("2@3");
            args
        })
        .boxed()
}

fn facts() -> BoxedStrategy<Value> {
    given(
        vec![("s", value(text())), ("cacheable", Just(json!(false)).boxed())],
        vec![("n", (0..5i32).prop_map(Value::from).boxed())],
    )
}

fn command() -> BoxedStrategy<Value> {
    let read = path().prop_map(|p| format!("cat {p}"));
    given(vec![("cmd", value(read))], vec![("creates", value(path())), ("removes", value(path()))])
}

fn shell() -> BoxedStrategy<Value> {
    let script = select(vec!["echo '{{ s }}' >> {{ root }}/log", "exit 3", "wc -l < {{ root }}/a; echo e >&2"]);
    given(vec![("cmd", value(script.prop_map(str::to_owned)))], vec![("creates", value(path()))])
}

fn assertion() -> BoxedStrategy<Value> {
    let that = vec(one(&CONDITIONS), 1..3).prop_map(Value::from);
    given(vec![("that", that.boxed())], vec![("fail_msg", value(text())), ("quiet", flag())])
}

/// A module with its arguments.
pub fn action() -> BoxedStrategy<(String, Value)> {
    let named = |name: &'static str, args: BoxedStrategy<Value>| args.prop_map(move |a| (name.to_owned(), a)).boxed();
    prop_oneof![
        4 => named("file", file()),
        4 => named("copy", copy()),
        2 => named("template", template()),
        4 => named("lineinfile", lineinfile()),
        3 => named("blockinfile", blockinfile()),
        2 => named("replace", replace()),
        1 => named("group", group()),
        1 => named("user", user()),
        1 => named("set_fact", facts()),
        1 => named("command", command()),
        1 => named("shell", shell()),
        1 => named("debug", given(vec![("msg", value(text()))], vec![])),
        1 => named("fail", given(vec![("msg", value(text()))], vec![])),
        1 => named("assert", assertion()),
    ]
    .boxed()
}

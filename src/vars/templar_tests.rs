//! Laziness, cycles, other hosts, bounds: what the conformance data cannot show.

use crate::plan::{Data, Key, Map};
use crate::vars::jinja::Style;
use crate::vars::{Conversion, ErrorKind, Files, Rendering, Templar, TemplateError, Var, Variables};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Variables of one host, which note what is asked for.
#[derive(Default)]
struct Host {
    vars: Map,
    hosts: Vec<(String, Rc<Host>)>,
    asked: RefCell<Vec<String>>,
}

impl Host {
    fn new(vars: &[(&str, &str)]) -> Host {
        let vars = vars.iter().map(|(k, v)| (Data::str(*k), Data::str(*v))).collect();
        Host { vars, ..Host::default() }
    }
}

impl Variables for Host {
    fn get(&self, name: &str) -> Option<Var> {
        self.asked.borrow_mut().push(name.to_owned());
        Some(Var { data: Rc::new(self.vars.get(&Key(name))?.clone()), templated: true })
    }
    fn names(&self) -> Vec<String> {
        self.vars.keys().filter_map(|k| k.as_str().map(str::to_owned)).collect()
    }
    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        let found = self.hosts.iter().find(|(n, _)| n == host)?;
        Some(Rc::clone(&found.1) as Rc<dyn Variables>)
    }
    fn hosts(&self) -> Vec<String> {
        self.hosts.iter().map(|(n, _)| n.clone()).collect()
    }
}

/// Templates by name.
#[derive(Default)]
struct Tree(HashMap<String, String>);

impl Files for Tree {
    fn find(&self, _: &str, name: &str) -> Result<String, Vec<String>> {
        if self.0.contains_key(name) { Ok(name.to_owned()) } else { Err(vec![name.to_owned()]) }
    }
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        self.0.get(path).map(|t| t.clone().into_bytes()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
    fn list(&self, _: &str) -> std::io::Result<Vec<(String, bool)>> {
        Ok(Vec::new())
    }
}

fn value(vars: &dyn Variables, template: &str) -> Result<Data, TemplateError> {
    Templar::new(vars, &Tree::default()).value(&Data::str(template))
}

fn fails(template: &str) -> TemplateError {
    match value(&Host::default(), template) {
        Ok(_) => panic!("{} was evaluated", &template[..template.len().min(80)]),
        Err(e) => e,
    }
}

#[test]
fn only_what_is_used_is_looked_at() {
    let host = Host::new(&[("a", "{{ b }}-{{ b }}"), ("b", "x"), ("broken", "{{ .Go }}"), ("gone", "{{ nope }}")]);
    let tree = Tree::default();
    let templar = Templar::new(&host, &tree);
    assert_eq!(templar.value(&Data::str("{{ a }}")).expect("evaluates"), Data::str("x-x"));
    assert!(!host.asked.borrow().iter().any(|n| n == "broken" || n == "gone"));
    host.asked.borrow_mut().clear();
    // What was templated once is remembered.
    assert_eq!(templar.value(&Data::str("{{ a ~ '!' }}")).expect("evaluates"), Data::str("x-x!"));
    assert!(!host.asked.borrow().iter().any(|n| n == "b"));
    // Undefined within a variable counts when that variable is used, and not before.
    assert_eq!(templar.value(&Data::str("{{ gone | default('d') }}")).expect("evaluates"), Data::str("d"));
    assert_eq!(templar.value(&Data::str("{{ gone }}")).expect_err("is undefined").kind, ErrorKind::Undefined);
    assert_eq!(templar.value(&Data::str("{{ broken }}")).expect_err("is no Jinja").kind, ErrorKind::Syntax);
}

#[test]
fn a_cycle_says_its_path() {
    let host = Host::new(&[("a", "{{ b }}"), ("b", "{{ c | default(1) }}"), ("c", "{{ a }}")]);
    let error = value(&host, "{{ a }}").expect_err("is a cycle");
    assert_eq!(error.kind, ErrorKind::Recursion);
    assert!(error.message.contains("a -> b -> c -> a"), "{error}");
}

#[test]
fn other_hosts_are_templated_in_their_own_scope() {
    let other =
        Host::new(&[("ip", "{{ net }}.2"), ("net", "10.0"), ("gone", "{{ nope }}"), ("mine", "{{ hostvars.h.net }}")]);
    let mut host = Host::new(&[("net", "192.168"), ("proxy", "{{ hostvars['o'].ip }}")]);
    host.hosts = vec![("h".into(), Rc::new(Host::new(&[("net", "192.168")]))), ("o".into(), Rc::new(other))];
    let table = [
        ("{{ proxy }}", "10.0.2"),
        ("{{ hostvars.o.ip }}", "10.0.2"),
        ("{{ hostvars.values() | map(attribute='net') | join(',') }}", "192.168,10.0"),
        ("{{ ['h', 'o'] | map('extract', hostvars, 'net') | join(',') }}", "192.168,10.0"),
        ("{{ hostvars | list | join(',') }} {{ 'o' in hostvars }} {{ 'x' in hostvars }}", "h,o True False"),
        ("{{ hostvars['x'].ip | default('none') }}", "none"),
        ("{{ hostvars['o'].nope | default('none') }}", "none"),
        ("{{ hostvars['o'].gone }}", "{{ nope }}"),
    ];
    for (template, want) in table {
        assert_eq!(value(&host, template).expect(template), Data::str(want), "{template}");
    }
    let missing = value(&host, "{{ hostvars['o'].nope }}").expect_err("is undefined");
    assert!(missing.message.contains("has no attribute 'nope'"), "{missing}");
    assert_eq!(value(&host, "{{ hostvars['x'].ip }}").expect_err("is undefined").kind, ErrorKind::Undefined);
}

#[test]
fn text_from_outside_is_never_templated() {
    let mut host = Host::new(&[("safe", "{{ 1 }}")]);
    host.vars.insert(Data::str("raw"), Data::Unsafe("{{ safe }}".into()));
    for template in ["{{ raw }}", "{{ raw ~ '' }}", "{{ [raw] | first }}", "{% if raw %}{{ '{{ safe }}' }}{% endif %}"]
    {
        match value(&host, template).expect(template) {
            Data::Unsafe(text) => assert_eq!(text, "{{ safe }}", "{template}"),
            other => panic!("{template} gave {other:?}"),
        }
    }
}

#[test]
fn hostile_templates_are_errors() {
    let nested = |open: &str, close: &str| format!("{{{{ {}1{} }}}}", open.repeat(10_000), close.repeat(10_000));
    let long = |part: &str| format!("{{{{ a{} }}}}", part.repeat(10_000));
    let blocks = format!("{}{}", "{% if a %}".repeat(10_000), "{% endif %}".repeat(10_000));
    let syntax = [
        nested("(", ")"),
        nested("[", "]"),
        nested("{1:", "}"),
        nested("not ", ""),
        nested("- ", ""),
        nested("1 if 1 else ", ""),
        long(".b"),
        long("|string"),
        long("+1"),
        long("()"),
        blocks,
    ];
    for template in syntax {
        assert_eq!(fails(&template).kind, ErrorKind::Syntax, "{}", &template[..40]);
    }
    let bounded = [
        "{{ range(10**12) | list }}",
        "{% for i in range(10**12) %}{% endfor %}",
        "{{ 'a' * 10**12 }}",
        "{{ [0] * 10**12 }}",
        "{{ '%999999999999d' % 1 }}",
        "{{ '{:999999999999}'.format(1) }}",
        "{{ 'x'.ljust(10**12) }}",
        "{{ 2 ** (10 ** 12) }}",
        "{{ 'aa'.replace('', 'b' * 60000000) }}",
        "{% set ns = namespace(t='ab') %}{% for i in range(60) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
        "{% for i in range(10**4) %}{% for j in range(10**4) %}{% endfor %}{% endfor %}",
    ];
    for template in bounded {
        assert_eq!(fails(template).kind, ErrorKind::Other, "{template}");
    }
    let endless = [
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m(a) %}{{ m([a]) }}{% endmacro %}{{ m(1) }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ];
    for template in endless {
        assert_eq!(fails(template).kind, ErrorKind::Recursion, "{template}");
    }
}

#[test]
fn nesting_without_end_is_dropped_in_peace() {
    let deep = "{% set ns = namespace(l=[]) %}{% for i in range(300000) %}{% set ns.l = [ns.l] %}{% endfor %}ok";
    assert_eq!(value(&Host::default(), deep).expect("evaluates"), Data::str("ok"));
    let ring = "{% set l = [] %}{{ l.append(l) }}";
    assert_eq!(value(&Host::default(), &format!("{ring}ok")).expect("evaluates"), Data::str("ok"));
    assert_eq!(fails(&format!("{ring}{{{{ l }}}}")).kind, ErrorKind::Other);
}

#[test]
fn templates_that_include_each_other_end() {
    let tree = Tree(HashMap::from([
        ("a".to_owned(), "{% include 'b' %}".to_owned()),
        ("b".to_owned(), "{% include 'a' %}".to_owned()),
        ("e".to_owned(), "{% extends 'e' %}".to_owned()),
        ("i".to_owned(), "{% import 'i' as i %}".to_owned()),
    ]));
    let vars = Host::default();
    for name in ["a", "e", "i"] {
        let template = Data::Str(format!("{{% include '{name}' %}}"));
        assert!(Templar::new(&vars, &tree).value(&template).is_err(), "{name}");
    }
    let up = Templar::new(&vars, &tree).value(&Data::str("{% include '../a' %}"));
    assert_eq!(up.expect_err("leaves the search path").kind, ErrorKind::NotFound);
}

#[test]
fn files_without_a_tag_stay_as_they_are() {
    let tree = Tree(HashMap::from([("inc".to_owned(), "{{ 1 }} [[ 1 ]]\n".to_owned())]));
    let vars = Host::default();
    let rendered = |source: &str| {
        let style = Style { variable: ("[[".into(), "]]".into()), ..Style::default() };
        let how = Rendering { name: "t.j2", style, conversion: Conversion::Text, playbook: false };
        let bytes = Templar::new(&vars, &tree).file(source.as_bytes(), &how, &Map::default()).expect("renders");
        String::from_utf8(bytes).expect("is text")
    };
    for source in ["a\r\nb\r\n", "#jinja2: trim_blocks: False\na\r\n", "{{ x }}\r", "\n\n"] {
        assert_eq!(rendered(source), source);
    }
    assert_eq!(rendered("#jinja2: trim_blocks: False\na\r\n[[ 2 ]]\r\n"), "a\n2\n");
    // What a file includes is written as the file itself.
    assert_eq!(rendered("{% include 'inc' %}\n"), "{{ 1 }} 1\n");
}

/// The sample cluster's inventory, as `ansible-inventory --list` prints it.
fn cluster() -> serde_json::Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/inventory.json");
    let text = std::fs::read_to_string(path).expect("the inventory is there");
    serde_json::from_str(&text).expect("the inventory is JSON")
}

/// The hosts of a group and of the groups beneath it.
fn members(inventory: &serde_json::Value, group: &str) -> Vec<String> {
    let texts = |key: &str| {
        let list = inventory[group][key].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|t| t.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut out = texts("hosts");
    for child in texts("children") {
        for host in members(inventory, &child) {
            if !out.contains(&host) {
                out.push(host);
            }
        }
    }
    out
}

#[test]
fn the_proxy_of_the_sample_cluster_reads_every_host() {
    let inventory = cluster();
    let groups: Vec<String> =
        inventory.as_object().expect("groups").keys().filter(|g| *g != "_meta").cloned().collect();
    let texts = |list: &[String]| Data::List(list.iter().map(|t| Data::str(t.as_str())).collect());
    let all: Map = groups.iter().map(|g| (Data::str(g.as_str()), texts(&members(&inventory, g)))).collect();
    let hostvars: Map = serde_json::from_value(inventory["_meta"]["hostvars"].clone())
        .map(|d: Data| match d {
            Data::Map(m) => m,
            _ => Map::default(),
        })
        .expect("hostvars");
    let mut hosts = Vec::new();
    for (name, vars) in &hostvars {
        let name = name.as_str().expect("a name").to_owned();
        let own: Vec<String> = groups.iter().filter(|g| members(&inventory, g).contains(&name)).cloned().collect();
        let mut vars = vars.as_map().expect("variables").clone();
        vars.insert(Data::str("group_names"), texts(&own));
        vars.insert(Data::str("groups"), Data::Map(all.clone()));
        vars.insert(Data::str("inventory_hostname"), Data::str(name.as_str()));
        hosts.push((name, vars));
    }
    let node = hosts.iter().find(|(n, _)| n.contains("compute")).expect("a compute node").1.clone();
    let shared = hosts.into_iter().map(|(n, vars)| (n, Rc::new(Host { vars, ..Host::default() }))).collect();
    let host = Host { vars: node, hosts: shared, asked: RefCell::default() };
    let proxies = members(&inventory, "squid").len();
    assert!(proxies > 0, "the sample cluster has a proxy");
    let proxy = value(&host, "{{ cvmfs_http_proxy }}").expect("evaluates");
    let text = proxy.as_str().expect("is text");
    assert_eq!(text.split('|').filter(|p| p.starts_with("http://") && p.contains(':')).count(), proxies, "{text}");
}

/// What Ansible gives with ANSIBLE_JINJA2_NATIVE=1 (its target jinja2_native_types, and tried).
#[test]
fn native_types_are_what_expressions_give() {
    let host = Host::new(&[("s", "2"), ("text", "\"quoted\""), ("word", "x")]);
    let tree = Tree::default();
    let templar = Templar::new(&host, &tree).native(true);
    for (template, expected) in [
        ("{{ 1 + 1 }}", Data::Int(2)),
        ("{{ s }}", Data::Int(2)),
        ("{{ s | string }}", Data::str("2")),
        ("'{{ s }}'", Data::str("'2'")),
        ("{{ text }}", Data::str("\"quoted\"")),
        ("{{ none }}", Data::Null),
        ("{% if false %}x{% endif %}", Data::Null),
        ("{{ (1, 2) }}", Data::Tuple(vec![Data::Int(1), Data::Int(2)])),
        ("{% for x in [4, 2] %}{{ x }}{% endfor %}", Data::Int(42)),
        ("[{% for x in [4, 2] %}{{ x }},{% endfor %}]", Data::List(vec![Data::Int(4), Data::Int(2)])),
        ("{{ [1] }} + {{ [2] }}", Data::str("[1] + [2]")),
        ("{{ [1] | to_json }}", Data::str("[1]")),
        (" {{ 1 }}", Data::str(" 1")),
        ("{{ word }}", Data::str("x")),
    ] {
        let got = templar.value(&Data::str(template)).unwrap_or_else(|e| panic!("{template}: {e}"));
        assert_eq!(got, expected, "{template}");
    }
    for wrong in ["{{ nothing }}", "{{ [{'a': nothing}] }}", "{{ {} + {} }}"] {
        assert!(templar.value(&Data::str(wrong)).is_err(), "{wrong}");
    }
    // Conditions are what they always are.
    assert!(templar.condition(&Data::str("1 == 1")).unwrap() && !templar.condition(&Data::str("s == '3'")).unwrap());
}

#[test]
fn what_expressions_made_is_told_from_what_the_author_wrote() {
    let host = Host::new(&[("s", "2")]);
    let tree = Tree::default();
    let templar = Templar::new(&host, &tree);
    for (template, class) in [
        ("{{ s }}", "AnsibleUnicode"),
        ("{{ s ~ 'x' }}", "str"),
        ("{{ [1] | to_json }}", "NativeJinjaText"),
        ("{{ s.__class__ }}", "str"),
    ] {
        let made = templar.value_as_made(&Data::str(template)).unwrap();
        let again = Host { vars: [(Data::str("m"), made)].into_iter().collect(), ..Host::default() };
        assert_eq!(value(&again, "{{ m | type_debug }}").unwrap(), Data::str(class), "{template}");
    }
    // Text that a filter made is not read as a list when it is used again; other text is.
    for (template, expected) in
        [("{{ [1] | to_json }}", Data::str("[1]")), ("{{ '[1' ~ ']' }}", Data::List(vec![Data::Int(1)]))]
    {
        let made = templar.value_as_made(&Data::str(template)).unwrap();
        let again = Host { vars: [(Data::str("m"), made)].into_iter().collect(), ..Host::default() };
        assert_eq!(value(&again, "{{ m }}").unwrap(), expected, "{template}");
    }
    assert!(value(&host, "{{ s.__class__.__mro__ }}").is_err());
    assert!(value(&host, "{{ s.__dict__ }}").is_err());
    assert_eq!(value(&host, "{{ s.__class__.__name__ }}").unwrap(), Data::str("AnsibleUnicode"));
}

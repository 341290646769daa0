//! What is fuzzed on the builder's side: YAML, templates, patterns, whole roles; the node's side is beside this.

use super::mutate::Corpus;
use super::node;
use super::words::{JINJA_WORDS, PATTERN_WORDS, YAML_WORDS};
use compute_init::compile::{Options, compile};
use compute_init::plan::{Data, Map};
use compute_init::source::{FileBytes, Tree};
use compute_init::vars::jinja::Style;
use compute_init::vars::{Conversion, Files, Rendering, Templar, Var, Variables};
use compute_init::yaml::{self, Flavour};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// A kind of input.
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// How many inputs every run of the tests takes.
    pub inputs: u64,
    /// Good inputs.
    pub corpus: fn() -> Corpus,
    /// Takes an input; it may be refused, no more.
    pub run: fn(&[u8]),
}

/// All kinds.
pub const KINDS: &[Kind] = &[
    Kind { name: "yaml", inputs: 6000, corpus: yaml_corpus, run: read_yaml },
    Kind { name: "template", inputs: 2500, corpus: template_corpus, run: render },
    Kind { name: "pattern", inputs: 150, corpus: pattern_corpus, run: search },
    Kind { name: "role", inputs: 150, corpus: role_corpus, run: build },
    Kind { name: "plan", inputs: 1500, corpus: node::plans, run: node::read_plan },
    Kind { name: "bundle", inputs: 1500, corpus: node::bundles, run: node::read_bundle },
    Kind { name: "export", inputs: 3000, corpus: node::exports, run: node::read_export },
    Kind { name: "metadata", inputs: 3000, corpus: node::metadata, run: node::read_metadata },
];

/// Files of the repository's tests and shipped roles, whose names end so.
fn files(ends: &[&str]) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for below in ["templates", "tests/playbooks", "tests/refusals"] {
        gather(&root.join(below), &mut found);
    }
    found.sort();
    let wanted = found.iter().filter(|p| ends.iter().any(|e| p.to_string_lossy().ends_with(e)));
    wanted.map(|p| std::fs::read(p).expect("reads")).filter(|bytes| bytes.len() < 16 << 10).collect()
}

fn gather(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("lists") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => gather(&path, found),
            false => found.push(path),
        }
    }
}

/// Texts of the conformance data.
fn conformance(file: &str, member: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(file);
    let cases: serde_json::Value = serde_json::from_slice(&std::fs::read(path).expect("reads")).expect("JSON");
    let list = cases["cases"].as_array().or_else(|| cases.as_array()).expect("cases").clone();
    list.iter().filter_map(|c| c[member].as_str()).map(|t| t.as_bytes().to_vec()).collect()
}

fn yaml_corpus() -> Corpus {
    let mut inputs = files(&[".yml", ".yaml"]);
    inputs.extend(conformance("yaml.json", "yaml"));
    Corpus { inputs, words: YAML_WORDS }
}

fn read_yaml(input: &[u8]) {
    for flavour in [Flavour::Safe, Flavour::Ansible] {
        if let Ok(list) = yaml::read_all(input, flavour) {
            for data in list.iter().take(2) {
                let _ = yaml::dump(data, &yaml::DumpOptions::default());
            }
        }
    }
    let _ = yaml::read_vars(input);
    let _ = yaml::read_json(input);
}

fn template_corpus() -> Corpus {
    let mut inputs = files(&[".j2"]);
    for file in ["templates.json", "filters.json"] {
        inputs.extend(conformance(file, "template"));
    }
    inputs.retain(|i| harmless(i));
    Corpus { inputs, words: JINJA_WORDS }
}

/// Whether a template asks for nothing outside: a fuzzer must not fetch, write or run anything.
fn harmless(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    !["url", "password", "lookup", "query", "q("].iter().any(|word| text.contains(word))
}

struct Few;

impl Variables for Few {
    fn get(&self, name: &str) -> Option<Var> {
        let of = |list: &[&str]| Data::List(list.iter().map(|t| Data::str(*t)).collect());
        let data = match name {
            "s" | "text" => Data::str("some text, aaaaaaaaaaaaaaaaaaaaaaaaac"),
            "n" => Data::Int(7),
            "l" | "list" | "items" => of(&["a", "b", "10.0.0.0/8", "{{ n }}"]),
            "d" => Data::Map(Map::from_iter([(Data::str("k"), of(&["v"])), (Data::str("a"), Data::str("{{ l }}"))])),
            "around" => Data::str("{{ around }}"),
            _ => return None,
        };
        Some(Var { data: Rc::new(data), templated: true })
    }
    fn names(&self) -> Vec<String> {
        ["s", "n", "l", "d", "around"].map(String::from).to_vec()
    }
}

/// No file is there.
struct Nothing;

impl Files for Nothing {
    fn find(&self, _: &str, _: &str) -> Result<String, Vec<String>> {
        Err(Vec::new())
    }
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path.to_owned()))
    }
    fn list(&self, path: &str) -> std::io::Result<Vec<(String, bool)>> {
        Err(std::io::Error::new(std::io::ErrorKind::NotFound, path.to_owned()))
    }
}

fn render(input: &[u8]) {
    if !harmless(input) {
        return;
    }
    let (vars, files) = (Few, Nothing);
    let templar = Templar::new(&vars, &files).changing_nothing();
    if let Ok(text) = std::str::from_utf8(input) {
        let _ = templar.value(&Data::str(text));
        let _ = templar.condition(&Data::str(text));
    }
    let how = Rendering { name: "t.j2", style: Style::default(), conversion: Conversion::Text, playbook: false };
    let _ = templar.file(input, &how, &Map::default());
}

fn pattern_corpus() -> Corpus {
    let inputs =
        ["^a=", "(a)=(\\d)", "(?P<name>[a-z]+)-(?P=name)", "[[:alpha:]]", "(?<=a)b+?", "x{2,5}|y", "(a+)+$", "^\\s*#"];
    Corpus { inputs: inputs.iter().map(|t| t.as_bytes().to_vec()).collect(), words: PATTERN_WORDS }
}

fn search(input: &[u8]) {
    let Ok(pattern) = std::str::from_utf8(input) else { return };
    let (vars, files) = (Pattern(pattern.to_owned()), Nothing);
    let templar = Templar::new(&vars, &files).changing_nothing();
    for template in [
        "{{ t | regex_findall(p) }}",
        "{{ t | regex_replace(p, '\\\\1x') }}",
        "{{ t is match(p) }}",
        "{{ t | regex_search(p, multiline=true) }}",
    ] {
        let _ = templar.value(&Data::str(template));
    }
}

struct Pattern(String);

impl Variables for Pattern {
    fn get(&self, name: &str) -> Option<Var> {
        let data = match name {
            "p" => Data::Unsafe(self.0.clone()),
            "t" => Data::Unsafe(format!("a=1 b = 2\n# x-x\n{}!", "a".repeat(40))),
            _ => return None,
        };
        Some(Var { data: Rc::new(data), templated: true })
    }
    fn names(&self) -> Vec<String> {
        ["p", "t"].map(String::from).to_vec()
    }
}

/// Files of roles, of which one is exchanged: its number comes before its bytes.
fn role_corpus() -> Corpus {
    let inputs = shipped().into_iter().enumerate().map(|(n, (_, bytes))| [&[n as u8], &bytes[..]].concat());
    Corpus { inputs: inputs.collect(), words: YAML_WORDS }
}

/// Files of the shipped roles that the compiler reads.
fn shipped() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut found = Vec::new();
    gather(&root, &mut found);
    found.sort();
    let name = |p: &Path| p.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
    found
        .iter()
        .map(|p| (name(p), std::fs::read(p).expect("reads")))
        .filter(|(n, _)| n.contains("roles/") || n == "compute-init.yml")
        .collect()
}

fn build(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    let shipped = shipped();
    let at = usize::from(*first) % shipped.len();
    let files: BTreeMap<String, FileBytes> = shipped
        .into_iter()
        .enumerate()
        .map(|(n, (name, own))| (name, FileBytes { bytes: if n == at { bytes.to_vec() } else { own }, mode: 0o644 }))
        .collect();
    let _ = compile(&Tree::memory(files), "compute-init.yml", &Options::default());
}

/// A plan with the files that it names, of a small playbook.
pub fn small() -> (compute_init::plan::Plan, BTreeMap<String, Vec<u8>>) {
    let play = "- hosts: all\n  vars: {l: [1, 2.5, yes]}\n  tasks:\n    - copy: {src: a, dest: /x, mode: '0644'}\n      when: l\n      loop: '{{ l }}'\n    - block:\n        - template: {src: t.j2, dest: /y}\n      rescue: [{fail: {}}]\n  handlers: [{name: h, command: 'true'}]\n";
    let texts = [("p.yml", play), ("files/a", "a\n"), ("templates/t.j2", "{{ l }}\n")];
    let file = |t: &str| FileBytes { bytes: t.as_bytes().to_vec(), mode: 0o644 };
    let tree = Tree::memory(texts.iter().map(|(n, t)| ((*n).to_owned(), file(t))).collect());
    let compiled = compile(&tree, "p.yml", &Options::default()).expect("it compiles");
    let bytes = compiled.plan.files.keys().map(|n| (n.clone(), tree.read(n, 1 << 20).expect("reads").bytes)).collect();
    (compiled.plan, bytes)
}

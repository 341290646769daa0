//! Random playbooks that are valid: a few files, a few tasks that change them, users and groups, blocks, included files,
//! loops, conditions, handlers and tags. Everything lies beneath the case's own directory, and names of accounts are the
//! case's own.

use crate::arguments::{CONDITIONS, LINES, action, one};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// A playbook with the files that it finds.
#[derive(Clone, Debug)]
pub struct Case {
    pub files: Vec<(String, String)>,
    pub entries: Vec<Entry>,
}

/// What stands in a list of tasks.
#[derive(Clone, Debug)]
pub enum Entry {
    Task(Task),
    Block(Block),
    /// `include_tasks`, of a file with these entries; with `true` they are imported when the playbook is read.
    Include(Map<String, Value>, Vec<Entry>, bool),
}

/// A task; it is registered under its place in the playbook.
#[derive(Clone, Debug)]
pub struct Task {
    pub module: String,
    pub args: Value,
    pub keywords: Map<String, Value>,
    /// It is tried again until this holds.
    pub until: Option<String>,
}

/// A block; without entries a section is not there.
#[derive(Clone, Debug)]
pub struct Block {
    pub keywords: Map<String, Value>,
    pub block: Vec<Entry>,
    pub rescue: Vec<Entry>,
    pub always: Vec<Entry>,
}

/// How a number of cases is run: arguments of ansible-playbook, which both sides take.
pub const MANNERS: [&str; 5] = ["", "--check", "--tags t1", "", "--skip-tags t1,t2"];

type Keyword = BoxedStrategy<Option<(&'static str, Value)>>;

fn keyword(often: f64, name: &'static str, value: BoxedStrategy<Value>) -> Keyword {
    option::weighted(often, value.prop_map(move |v| (name, v))).boxed()
}

fn keywords(list: Vec<Keyword>) -> BoxedStrategy<Map<String, Value>> {
    list.prop_map(|pairs| pairs.into_iter().flatten().map(|(n, v)| (n.to_owned(), v)).collect()).boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let several = vec(one(&CONDITIONS), 2..3).prop_map(Value::from);
    prop_oneof![5 => one(&CONDITIONS).prop_map(Value::from), 1 => several].boxed()
}

fn always(value: Value) -> BoxedStrategy<Value> {
    Just(value).boxed()
}

fn tags() -> BoxedStrategy<Value> {
    select(vec![json!("t1"), json!("t2"), json!(["t1", "t2"]), json!("never"), json!(["never", "t1"]), json!("always")])
        .boxed()
}

fn vars() -> BoxedStrategy<Value> {
    select(vec![json!({"s": "nearer"}), json!({"n": 1, "flag": true}), json!({"l": ["{{ s }}", "last"]})]).boxed()
}

/// Keywords that repeat a task, an item each.
fn repeated() -> BoxedStrategy<Map<String, Value>> {
    let items = vec(select(vec!["one", "two", "a", "b"]), 0..4).prop_map(|l| json!({"loop": l}));
    let others = select(vec![
        json!({"loop": "{{ l }}"}),
        json!({"with_items": ["a", ["b", "c"]]}),
        json!({"with_sequence": "start=1 end=2"}),
        json!({"loop": ["a", "b"], "loop_control": {"index_var": "index"}}),
        json!({"loop": ["a", "c"], "loop_control": {"extended": true, "label": "{{ item }}"}}),
        json!({"loop": "{{ missing_list | default([]) }}"}),
    ]);
    prop_oneof![2 => items, 1 => others].prop_map(|v| v.as_object().expect("keywords").clone()).boxed()
}

/// A task; where something waits for its failure it fails more often.
fn task() -> BoxedStrategy<Entry> {
    let plain = keywords(vec![
        keyword(0.25, "when", condition()),
        keyword(0.25, "notify", select(vec!["h0", "h1", "topic"]).prop_map(Value::from).boxed()),
        keyword(0.1, "check_mode", select(vec![true, true, false]).prop_map(Value::from).boxed()),
        keyword(0.1, "changed_when", condition()),
        keyword(0.05, "failed_when", condition()),
        keyword(0.8, "ignore_errors", always(json!(true))),
        keyword(0.2, "tags", tags()),
        keyword(0.1, "vars", vars()),
    ]);
    let until = option::weighted(0.05, one(&["r@ is not failed", "r@ is changed", "n > 2", "r@.attempts == 2"]));
    (action(), option::weighted(0.2, repeated()), plain, until)
        .prop_map(|((module, args), repeated, mut keywords, until)| {
            // ansible-playbook comes to an end where this cannot be evaluated for an item.
            if let (Some(_), Some(condition)) = (&repeated, keywords.get_mut("failed_when")) {
                *condition = json!("item | default('one') != 'two'");
            }
            keywords.extend(repeated.into_iter().flatten());
            Entry::Task(Task { module, args, keywords, until })
        })
        .boxed()
}

fn of_several() -> BoxedStrategy<Map<String, Value>> {
    keywords(vec![
        keyword(0.3, "when", condition()),
        keyword(0.2, "tags", tags()),
        keyword(0.2, "vars", vars()),
        keyword(0.1, "ignore_errors", always(json!(true))),
    ])
}

fn block(depth: u32) -> BoxedStrategy<Entry> {
    let section = || option::weighted(0.6, entries(depth, 1)).prop_map(Option::unwrap_or_default);
    (of_several(), entries(depth, 3), section(), section())
        .prop_map(|(keywords, block, rescue, always)| Entry::Block(Block { keywords, block, rescue, always }))
        .boxed()
}

fn include(depth: u32) -> BoxedStrategy<Entry> {
    let included = (of_several(), option::weighted(0.3, repeated()), entries(depth, 2)).prop_map(|(mut k, r, list)| {
        k.extend(r.into_iter().flatten());
        Entry::Include(k, list, false)
    });
    let imported = (of_several(), entries(depth, 2)).prop_map(|(keywords, list)| Entry::Include(keywords, list, true));
    prop_oneof![3 => included, 1 => imported].boxed()
}

fn entries(depth: u32, most: usize) -> BoxedStrategy<Vec<Entry>> {
    let entry = match depth {
        0 => task(),
        _ => prop_oneof![8 => task(), 2 => block(depth - 1), 1 => include(depth - 1)].boxed(),
    };
    vec(entry, 1..=most).boxed()
}

/// All cases.
pub fn cases() -> BoxedStrategy<Case> {
    let lines = vec(one(&LINES), 0..6).prop_map(|l| l.iter().map(|l| format!("{l}\n")).collect::<String>());
    let file = (one(&["a", "b", "d/e"]), lines);
    (vec(file, 0..3), entries(2, 4)).prop_map(|(files, entries)| Case { files, entries }).boxed()
}

/// Files of a playbook as they are written down.
struct Writer {
    number: usize,
    /// Tasks that have been written.
    tasks: usize,
    /// Files that are included, by their names.
    included: Vec<(String, Value)>,
}

impl Writer {
    fn list(&mut self, entries: &[Entry]) -> Vec<Value> {
        entries.iter().map(|entry| self.entry(entry)).collect()
    }

    fn entry(&mut self, entry: &Entry) -> Value {
        match entry {
            Entry::Task(task) => self.task(task),
            Entry::Block(block) => {
                let mut written = block.keywords.clone();
                let sections = [("block", &block.block), ("rescue", &block.rescue), ("always", &block.always)];
                for (name, section) in sections.into_iter().filter(|(_, section)| !section.is_empty()) {
                    written.insert(name.into(), self.list(section).into());
                }
                written.into()
            }
            Entry::Include(keywords, entries, imported) => {
                let list = self.list(entries);
                let name = format!("i{}.{}.yml", self.number, self.included.len());
                let mut written = keywords.clone();
                let module = if *imported { "import_tasks" } else { "include_tasks" };
                written.insert(module.into(), json!(name));
                self.included.push((name, list.into()));
                written.into()
            }
        }
    }

    fn task(&mut self, task: &Task) -> Value {
        let (number, at) = (self.number, self.tasks);
        self.tasks += 1;
        let mut written = task.keywords.clone();
        written.insert("name".into(), json!(format!("{number}.{at} {}", task.module)));
        written.insert(task.module.clone(), task.args.clone());
        written.insert("register".into(), json!(format!("r{at}")));
        if let Some(until) = &task.until {
            written.insert("until".into(), json!(until.replace('@', &at.to_string())));
            written.extend([("retries".to_owned(), json!(2)), ("delay".to_owned(), json!(0))]);
        }
        written.into()
    }
}

impl Case {
    /// The arguments that a case with this number is run with; those of a batch are one.
    pub fn manner(batch: usize) -> &'static str {
        MANNERS[batch % MANNERS.len()]
    }

    /// How many tasks are written down.
    pub fn tasks(&self) -> usize {
        let mut writer = Writer { number: 0, tasks: 0, included: Vec::new() };
        writer.list(&self.entries);
        writer.tasks
    }

    /// The play of the case with this number, on a host of its own, and the files that it includes.
    pub fn play(&self, number: usize) -> (Value, Vec<(String, Value)>) {
        let mut writer = Writer { number, tasks: 0, included: Vec::new() };
        let mut tasks = writer.list(&self.entries);
        tasks.push(json!({"meta": "flush_handlers"}));
        let registers = (0..writer.tasks).map(|at| format!("r{at}"));
        let known = registers.chain(["h0", "h1", "rescued_by"].map(String::from));
        let pairs: Vec<String> = known.map(|r| format!("'{r}': {r} | default('never')")).collect();
        let results = format!("RESULTS {number} {{{{ {{{}}} | to_json(sort_keys=true) }}}}", pairs.join(", "));
        let handler = |name: &str, listen: &str| {
            let line = format!("{name} ran");
            json!({"name": name, "listen": listen, "register": name,
                   "lineinfile": {"path": "{{ root }}/handled", "line": line, "create": true}})
        };
        let play = json!({
            "hosts": format!("c{number}"),
            "gather_facts": false,
            "vars": {"root": format!("/mnt/c{number}"), "s": "text", "n": 3, "l": ["x", "text", "z"], "d": {"k": "v"}, "flag": false},
            "tasks": [{
                "block": tasks,
                // A host that fails would end the run for all that come after it.
                "rescue": [{"name": "rescued", "set_fact": {"rescued_by": "{{ ansible_failed_task.name }}"}, "tags": "always"}],
                "always": [{"name": "results", "debug": {"msg": results}, "tags": "always"}],
            }],
            "handlers": [handler("h0", "topic"), handler("h1", "topic")],
        });
        let mark = format!("{:04}", number % 10_000);
        let included = writer.included.into_iter().map(|(name, list)| (name, numbered(list, &mark))).collect();
        (numbered(play, &mark), included)
    }
}

/// `@` in names and numbers of accounts becomes the case's number.
fn numbered(value: Value, number: &str) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('@', number)),
        Value::Array(list) => list.into_iter().map(|v| numbered(v, number)).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, numbered(v, number))).collect(),
        other => other,
    }
}

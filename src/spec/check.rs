//! Checks arguments against a specification and coerces them, as `AnsibleModule` does, in its order and its words.

use super::convert::{self, python_str};
use super::{Kind, ModuleSpec, Param};
use crate::plan::{Data, Key, Map};

/// Arguments that passed: aliases resolved, defaults filled in, values of their documented types.
#[derive(Clone, Debug, Default)]
pub struct Args {
    map: Map,
}

impl Args {
    /// The argument, unless it is absent or null.
    pub fn get(&self, name: &str) -> Option<&Data> {
        self.map.get(&Key(name)).filter(|v| !v.is_null())
    }

    /// Arguments that need no check because the program itself made them.
    pub fn made(map: Map) -> Args {
        Args { map }
    }

    /// All of them, by their documented names.
    pub fn map(&self) -> &Map {
        &self.map
    }
}

/// What is wrong with one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The parameter as the author wrote it; empty where several are meant.
    pub param: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    fn new(param: &str, message: impl Into<String>) -> Problem {
        Problem { param: param.to_owned(), message: message.into(), hint: None }
    }
}

/// Parameters that modules with `file_common` take.
static FILE_COMMON: &[Param] = &[
    Param { name: "mode", kind: Kind::Raw, ..Param::DEFAULT },
    Param { name: "owner", ..Param::DEFAULT },
    Param { name: "group", ..Param::DEFAULT },
    Param { name: "seuser", ..Param::DEFAULT },
    Param { name: "serole", ..Param::DEFAULT },
    Param { name: "selevel", ..Param::DEFAULT },
    Param { name: "setype", ..Param::DEFAULT },
    Param { name: "attributes", aliases: &["attr"], ..Param::DEFAULT },
    Param { name: "unsafe_writes", kind: Kind::Bool, default: Some("false"), ..Param::DEFAULT },
];

impl ModuleSpec {
    /// Its parameters, those of all file modules included.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Param> {
        let own = self.params;
        let common: &[Param] = if self.file_common { FILE_COMMON } else { &[] };
        own.iter().chain(common.iter().filter(move |c| !own.iter().any(|p| p.name == c.name)))
    }

    /// The parameter that answers to `name`.
    pub fn parameter(&self, name: &str) -> Option<&'static Param> {
        self.parameters().find(|p| p.name == name || p.aliases.contains(&name))
    }
}

/// What Ansible's actions say before their modules are asked, where a required parameter is missing.
const ACTIONS_WORDS: &[(&str, &str)] = &[
    ("ansible.builtin.assemble", "src and dest are required"),
    ("ansible.builtin.copy", "dest is required"),
    ("ansible.builtin.fetch", "src and dest are required"),
    ("ansible.builtin.group_by", "the 'key' param is required when using group_by"),
    ("ansible.builtin.template", "src and dest are required"),
    ("ansible.builtin.unarchive", "src (or content) and dest are required"),
];

/// Actions that name their unknown options in words of their own.
const STRICT_ACTIONS: [&str; 5] = ["assert", "fail", "group_by", "set_stats", "wait_for_connection"];

/// Checks `given` against `spec`; all problems at once, in the order in which Ansible would find them.
pub fn check(spec: &'static ModuleSpec, given: &Map) -> Result<Args, Vec<Problem>> {
    let (map, problems) = Checker { spec, open: &|_| false }.run(given);
    if problems.is_empty() { Ok(Args { map }) } else { Err(problems) }
}

/// The problems that can be told before templates are evaluated: `open` says which values are not known yet.
pub fn check_literals(spec: &'static ModuleSpec, given: &Map, open: &dyn Fn(&Data) -> bool) -> Vec<Problem> {
    Checker { spec, open }.run(given).1
}

struct Checker<'a> {
    spec: &'static ModuleSpec,
    open: &'a dyn Fn(&Data) -> bool,
}

impl Checker<'_> {
    fn run(&self, given: &Map) -> (Map, Vec<Problem>) {
        let mut problems = Vec::new();
        let params: Vec<&'static Param> = self.spec.parameters().collect();
        let mut map = self.canonical(given, &params, &mut problems);
        self.exclusive(&map, &mut problems);
        // What the author gave counts for the groups below; defaults do where they are not null.
        fill_defaults(&params, &mut map);
        self.required(&params, &map, &mut problems);
        for param in &params {
            if let Some(value) = map.get_mut(&Key(param.name)) {
                self.coerce(param, param.name, value, &mut problems);
            }
        }
        self.groups(&map, &mut problems);
        for param in &params {
            map.entry(Data::str(param.name)).or_insert(Data::Null);
        }
        (map, problems)
    }

    /// Aliases resolved, unknown names reported.
    fn canonical(&self, given: &Map, params: &[&'static Param], problems: &mut Vec<Problem>) -> Map {
        let (map, unknown) = resolve(given, params.iter().copied());
        let action = self.spec.name.strip_prefix("ansible.builtin.").filter(|name| STRICT_ACTIONS.contains(name));
        let mut map: Map = map;
        for (name, value) in unknown {
            let known = name == "_raw_params" && self.spec.free_form;
            if known || self.spec.any_params {
                map.insert(Data::str(name), value);
                continue;
            }
            // Few, and not worth a sort of their own in the executor.
            let mut supported: Vec<&str> = Vec::new();
            for param in params {
                supported.insert(supported.partition_point(|name| *name < param.name), param.name);
            }
            // Where Ansible's action plugin looks before the module does, it says the short name.
            let module = match self.spec.name {
                "ansible.builtin.debug" => "debug",
                "ansible.builtin.shell" => "shell",
                name => name,
            };
            let message = match action {
                Some(action) => format!("Invalid options for {action}: {name}"),
                None => format!("Unsupported parameters for ({module}) module: {name}"),
            };
            problems.push(Problem {
                param: name,
                message,
                hint: Some(format!("Supported parameters include: {}.", supported.join(", "))),
            });
        }
        map
    }

    fn is_open(&self, map: &Map, name: &str) -> bool {
        map.get(&Key(name)).is_some_and(|v| (self.open)(v))
    }

    fn exclusive(&self, map: &Map, problems: &mut Vec<Problem>) {
        for group in self.spec.mutually_exclusive {
            let given = group.iter().filter(|n| map.contains_key(&Key(n)) && !self.is_open(map, n)).count();
            if given > 1 {
                let message = format!("parameters are mutually exclusive: {}", group.join("|"));
                let last = group.iter().rev().find(|n| map.contains_key(&Key(n))).copied().unwrap_or_default();
                problems.push(Problem::new(last, message));
            }
        }
    }

    fn required(&self, params: &[&'static Param], map: &Map, problems: &mut Vec<Problem>) {
        let words = ACTIONS_WORDS.iter().find(|(module, _)| *module == self.spec.name).map(|(_, words)| *words);
        // An action looks at values, a module at what was given at all.
        let given = |p: &Param| map.get(&Key(p.name)).is_some_and(|v| words.is_none() || !v.is_null());
        let mut missing: Vec<&str> = Vec::new();
        for param in params.iter().filter(|p| p.required && !given(p)) {
            missing.insert(missing.partition_point(|name| *name < param.name), param.name);
        }
        if missing.is_empty() {
            return;
        }
        let listed = format!("missing required arguments: {}", missing.join(", "));
        problems.push(match words {
            Some(words) => Problem { param: String::new(), message: words.to_owned(), hint: Some(listed) },
            None => Problem::new("", listed),
        });
    }

    fn groups(&self, map: &Map, problems: &mut Vec<Problem>) {
        let given = |n: &&&str| map.contains_key(&Key(n));
        for group in self.spec.required_together {
            let count = group.iter().filter(given).count();
            let known = !group.iter().any(|n| self.is_open(map, n));
            if count > 0 && count < group.len() && known {
                problems.push(Problem::new("", format!("parameters are required together: {}", group.join(", "))));
            }
        }
        for group in self.spec.required_one_of {
            if !group.iter().any(|n| map.contains_key(&Key(n))) {
                problems.push(Problem::new("", format!("one of the following is required: {}", group.join(", "))));
            }
        }
        for (name, value, others) in self.spec.required_if {
            let Some(got) = map.get(&Key(name)).filter(|v| !(self.open)(v)) else { continue };
            let missing: Vec<&str> = others.iter().filter(|n| !given(n)).copied().collect();
            if same(got, value) && !missing.is_empty() {
                let missing = missing.join(", ");
                let message = format!("{name} is {value} but all of the following are missing: {missing}");
                problems.push(Problem::new(name, message));
            }
        }
        for (name, others) in self.spec.required_by {
            let missing: Vec<&str> = others.iter().filter(|n| !given(n)).copied().collect();
            if map.contains_key(&Key(name)) && !missing.is_empty() {
                let message = format!("missing parameter(s) required by '{name}': {}", missing.join(", "));
                problems.push(Problem::new(name, message));
            }
        }
    }

    /// Brings a value to its parameter's type, and checks choices and sub-options.
    fn coerce(&self, param: &'static Param, shown: &str, value: &mut Data, problems: &mut Vec<Problem>) {
        let optional = !param.required && param.default.is_none();
        if (self.open)(value) || param.untemplated || (value.is_null() && optional) {
            return;
        }
        let elements = match param.kind {
            Kind::List(kind) => Some(*kind),
            _ => None,
        };
        match convert::convert(param.kind, value) {
            Ok(converted) => *value = converted,
            Err(why) => {
                let class = convert::class(value);
                let wanted = convert::kind_name(param.kind);
                let message =
                    format!("argument '{shown}' is of type {class} and we were unable to convert to {wanted}: {why}");
                problems.push(Problem::new(shown, message));
                return;
            }
        }
        if let (Some(kind), Data::List(items)) = (elements, &mut *value) {
            for item in items.iter_mut().filter(|i| !(self.open)(i)) {
                match convert::convert(kind, item) {
                    Ok(converted) => *item = converted,
                    Err(why) => problems.push(Problem::new(
                        shown,
                        format!(
                            "Elements value for option '{shown}' is of type {} and we were unable to convert to {}: {why}",
                            convert::class(item),
                            convert::kind_name(kind)
                        ),
                    )),
                }
            }
        }
        self.choices(param, shown, value, problems);
        self.sub_options(param, shown, value, problems);
    }

    fn choices(&self, param: &Param, shown: &str, value: &mut Data, problems: &mut Vec<Problem>) {
        if param.choices.is_empty() {
            return;
        }
        let all = param.choices.join(", ");
        if let Data::List(items) = value {
            let wrong: Vec<String> =
                items.iter().filter(|i| !(self.open)(i) && !listed(param, i)).map(python_str).collect();
            if !wrong.is_empty() {
                let wrong = wrong.join(", ");
                let message = format!("value of {shown} must be one or more of: {all}. Got no match for: {wrong}");
                problems.push(Problem::new(shown, message));
            }
            return;
        }
        if !listed(param, value) {
            // YAML made a bool of a word: where only one choice can be meant, it is taken.
            let words: &[&str] = match python_str(value).as_str() {
                "False" => &["n", "no", "off", "0", "false", "f"],
                "True" => &["y", "yes", "on", "1", "true", "t"],
                _ => &[],
            };
            let meant: Vec<&str> = words.iter().filter(|w| param.choices.contains(w)).copied().collect();
            if let [word] = meant.as_slice() {
                *value = Data::str(*word);
                return;
            }
            let got = if param.secret { "a hidden value".to_owned() } else { python_str(value) };
            problems.push(Problem::new(shown, format!("value of {shown} must be one of: {all}, got: {got}")));
        }
    }

    fn sub_options(&self, param: &'static Param, shown: &str, value: &mut Data, problems: &mut Vec<Problem>) {
        if param.options.is_empty() {
            return;
        }
        let params: Vec<&'static Param> = param.options.iter().collect();
        let mut one = |item: &mut Data, prefix: String| {
            if (self.open)(item) {
                return;
            }
            let Data::Map(given) = item else {
                let message = format!("value of '{shown}' must be of type dict or list of dicts");
                problems.push(Problem::new(shown, message));
                return;
            };
            let (mut map, unknown) = resolve(given, params.iter().copied());
            for (name, _) in unknown {
                let name = format!("{prefix}.{name}");
                problems.push(Problem::new(&name, format!("Unsupported parameters for option {shown}: {name}")));
            }
            fill_defaults(&params, &mut map);
            for sub in &params {
                let shown = format!("{prefix}.{}", sub.name);
                match map.get_mut(&Key(sub.name)) {
                    Some(value) => self.coerce(sub, &shown, value, problems),
                    None if sub.required => {
                        let message = format!("missing required arguments: {} found in {prefix}", sub.name);
                        problems.push(Problem::new(&prefix, message));
                    }
                    None => {
                        map.insert(Data::str(sub.name), Data::Null);
                    }
                }
            }
            *item = Data::Map(map);
        };
        match value {
            Data::List(items) => {
                items.iter_mut().enumerate().for_each(|(n, item)| one(item, format!("{shown}[{n}]")));
            }
            Data::Null => {}
            value => one(value, shown.to_owned()),
        }
    }
}

/// Splits what is given into parameters by their own names, and what is unknown. An alias wins over the name.
fn resolve(given: &Map, params: impl Iterator<Item = &'static Param> + Clone) -> (Map, Vec<(String, Data)>) {
    let mut map = Map::default();
    let mut unknown = Vec::new();
    for (key, value) in given {
        let name = python_str(key);
        match params.clone().find(|p| p.name == name || p.aliases.contains(&name.as_str())) {
            Some(param) => {
                let alias_given = |p: &Param| p.aliases.iter().any(|a| given.contains_key(&Key(a)));
                if param.name != name || !alias_given(param) {
                    map.insert(Data::str(param.name), value.clone());
                }
            }
            None => unknown.push((name, value.clone())),
        }
    }
    (map, unknown)
}

fn fill_defaults(params: &[&'static Param], map: &mut Map) {
    for param in params {
        if let Some(json) = param.default
            && !map.contains_key(&Key(param.name))
        {
            let value = serde_json::from_str(json).unwrap_or_else(|_| Data::str(json));
            map.insert(Data::str(param.name), value);
        }
    }
}

fn listed(param: &Param, value: &Data) -> bool {
    param.choices.iter().any(|c| same(value, c))
}

/// Whether a value is the one that a table writes as text.
fn same(value: &Data, text: &str) -> bool {
    match value {
        Data::Bool(b) => text.eq_ignore_ascii_case(if *b { "true" } else { "false" }),
        value => python_str(value) == text,
    }
}

//! What the roles of a bundle ask for: variables per role, lists of `groups`, other hosts' variables. Read off the plan
//! and its templates.

use super::resolve::RESULT;
use crate::plan::{Plan, Span};
use crate::vars::reach::{self, Reach};
use crate::yaml;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Keywords and arguments whose text is a condition: an expression without braces.
const CONDITIONS: [&str; 6] = ["when", "until", "changed_when", "failed_when", "that", "var"];
/// What stands for tasks that are in no role.
pub const NO_ROLE: &str = "the playbook";

/// Names that are there without an inventory's setting them.
const MAGIC: [&str; 16] = [
    "groups",
    "group_names",
    "hostvars",
    "inventory_hostname",
    "inventory_hostname_short",
    "inventory_dir",
    "inventory_file",
    "item",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "template_path",
    "vars",
];

/// What is asked for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// By role: what it uses.
    pub roles: BTreeMap<String, Asked>,
    /// Names that plays, roles and tasks set themselves.
    pub provided: BTreeSet<String>,
    /// All names that anything uses.
    pub names: BTreeSet<String>,
}

/// What a role uses.
#[derive(Debug, Default)]
pub struct Asked {
    /// Variables, each with a place.
    pub variables: BTreeMap<String, String>,
    /// Those that may be missing.
    pub optional: BTreeSet<String>,
    /// Those that may not, for an assertion says so.
    pub asserted: BTreeSet<String>,
    /// Texts that reach groups, hosts or computed names, each with its place.
    pub texts: Vec<(String, Reach)>,
}

impl Wanted {
    /// Whether a name has a value without the inventory: from the roles, from the boot, or from the node.
    pub fn given(&self, name: &str) -> bool {
        self.provided.contains(name)
            || MAGIC.contains(&name)
            || ["ansible_", "compute_init_", RESULT].iter().any(|start| name.starts_with(start))
    }
}

/// A file of the bundle: its path in the source tree, and its bytes.
pub type File<'a> = (&'a str, &'a [u8]);

/// Reads a plan and its files.
pub fn read<'a>(plan: &Plan, files: impl Iterator<Item = File<'a>>) -> Result<Wanted, serde_json::Error> {
    let mut walk = Walk { plan, wanted: Wanted::default() };
    walk.wanted.names.extend(plan.needs.variables.iter().cloned());
    let value = serde_json::to_value(plan)?;
    let inside = |key: &str| value.get(key).and_then(Value::as_object).into_iter().flatten();
    let start = Place { role: NO_ROLE.to_owned(), ..Place::default() };
    walk.value(value.get("plays").unwrap_or(&Value::Null), &start);
    for (name, role) in inside("roles") {
        let path = plan.roles.get(name).map(|r| r.path.clone()).unwrap_or_default();
        let place = Place { role: name.clone(), file: path, ..Place::default() };
        for kind in ["defaults", "vars"] {
            for (stem, vars) in role.get(kind).and_then(Value::as_object).into_iter().flatten() {
                walk.provide(vars);
                walk.value(vars, &Place { file: format!("{}/{kind}/{stem}.yml", place.file), ..place.clone() });
            }
        }
        walk.value(role.get("handlers").unwrap_or(&Value::Null), &place);
        walk.value(role.get("dependencies").unwrap_or(&Value::Null), &place);
    }
    for (path, tasks) in inside("task_files") {
        walk.value(tasks, &Place { role: walk.role_of(path), file: path.clone(), ..Place::default() });
    }
    for (path, bytes) in files {
        walk.file(path, bytes);
    }
    Ok(walk.wanted)
}

/// Where a text stands.
#[derive(Clone, Debug, Default)]
struct Place {
    role: String,
    file: String,
    span: Option<Span>,
    condition: bool,
    /// The text must hold, or the task fails.
    assertion: bool,
}

struct Walk<'p> {
    plan: &'p Plan,
    wanted: Wanted,
}

impl Walk<'_> {
    /// The role that a file of the source tree belongs to.
    fn role_of(&self, path: &str) -> String {
        let within = |dir: &str| path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'));
        let found = self.plan.roles.iter().filter(|(_, r)| within(&r.path)).max_by_key(|(_, r)| r.path.len());
        found.map_or_else(|| NO_ROLE.to_owned(), |(name, _)| name.clone())
    }

    fn shown(&self, place: &Place) -> String {
        match place.span {
            Some(span) => self.plan.place(span).to_string(),
            None => place.file.clone(),
        }
    }

    fn value(&mut self, value: &Value, place: &Place) {
        match value {
            Value::String(text) => self.text(text, place),
            Value::Array(items) => items.iter().for_each(|i| self.value(i, place)),
            Value::Object(members) => {
                let mut place = place.clone();
                if let Some(span) = members.get("span").and_then(|s| serde_json::from_value::<Span>(s.clone()).ok())
                    && span.line > 0
                {
                    place.span = Some(span);
                }
                if let Some(role) =
                    members.get("role").and_then(Value::as_str).filter(|r| self.plan.roles.contains_key(*r))
                {
                    role.clone_into(&mut place.role);
                }
                self.set_by(members);
                for (name, value) in members {
                    if matches!(name.as_str(), "!unsafe" | "!raw" | "!bytes" | "span" | "role") {
                        continue;
                    }
                    let condition = place.condition || CONDITIONS.contains(&name.as_str());
                    let assertion = place.assertion || name == "that";
                    self.value(value, &Place { condition, assertion, ..place.clone() });
                }
            }
            _ => {}
        }
    }

    /// Names that a task, block or play sets.
    fn set_by(&mut self, members: &serde_json::Map<String, Value>) {
        for name in ["register", "var", "index_var"] {
            self.wanted.provided.extend(members.get(name).and_then(Value::as_str).map(str::to_owned));
        }
        if let Some(vars) = members.get("vars") {
            self.provide(vars);
        }
        if let Some(params) = members.get("params") {
            self.provide(params);
        }
        let module = members.get("action").and_then(|a| a.get("module")).and_then(Value::as_str);
        if module.is_some_and(|m| m.ends_with("set_fact"))
            && let Some(args) = members.get("args").and_then(|a| a.get("map"))
        {
            self.provide(args);
        }
        if members.contains_key("loop") {
            self.wanted.provided.extend(["item", "ansible_loop"].map(str::to_owned));
        }
    }

    fn provide(&mut self, vars: &Value) {
        self.wanted.provided.extend(vars.as_object().into_iter().flat_map(|m| m.keys().cloned()));
    }

    fn text(&mut self, text: &str, place: &Place) {
        let template = text.contains("{{") || text.contains("{%");
        let found = match (template, place.condition) {
            (true, _) => reach::text(text),
            (false, true) => reach::condition(text),
            (false, false) => return,
        };
        if let Some(found) = found {
            let shown = self.shown(place);
            if place.assertion {
                let asked = self.wanted.roles.entry(place.role.clone()).or_default();
                let said = |name: &&String| text.contains(&format!("{name} is defined"));
                asked.asserted.extend(found.variables.keys().filter(said).cloned());
            }
            self.reached(found, &place.role, &|_| shown.clone());
        }
    }

    fn file(&mut self, path: &str, bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if path.ends_with(".yml") || path.ends_with(".yaml") {
            // What include_vars or vars_files bring in.
            if let Ok(data) = yaml::read_vars(bytes) {
                let keys = data.as_map().into_iter().flat_map(|m| m.keys());
                self.wanted.provided.extend(keys.filter_map(|k| k.as_str().map(str::to_owned)));
            }
        }
        if text.contains("{{") || text.contains("{%") {
            let role = self.role_of(path);
            if let Some(found) = reach::file(text) {
                self.reached(found, &role, &|line| format!("{path}:{line}"));
            }
        }
    }

    fn reached(&mut self, found: Reach, role: &str, place: &dyn Fn(u32) -> String) {
        self.wanted.names.extend(found.variables.keys().cloned());
        let asked = self.wanted.roles.entry(role.to_owned()).or_default();
        for (name, at) in &found.variables {
            asked.variables.entry(name.clone()).or_insert_with(|| place(at.0));
        }
        asked.optional.extend(found.optional.iter().cloned());
        if found.computed.is_some() || !found.groups.is_empty() || !found.hosts.is_empty() {
            let line = found.computed.map_or(1, |at| at.0);
            asked.texts.push((place(line), found));
        }
    }
}

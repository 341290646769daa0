//! Which action a task names, and its arguments in all of Ansible's forms: pairs, dictionaries, free text, `args`,
//! `action`, `local_action`, one template for all of them.

use super::Findings;
use super::context::{Compiler, Scope, location};
use super::keyword::{BELOW_PLAY, COMMON, TASK, all, pairs};
use super::own_plugin::Kind;
use super::split::{Form, parse_pairs, split_args};
use super::template::is_template;
use crate::plan::{Args, Data, Key, Map};
use crate::source::Code;
use crate::spec;
use crate::vars::nearest;
use crate::yaml::{Content, Node};

/// A task's action, as written.
pub(super) struct Action<'n> {
    /// The module's name as the author wrote it.
    pub name: String,
    /// Where it is named.
    pub key: &'n Node,
    /// Its arguments as a node.
    pub value: &'n Node,
    /// `args:`
    pub beneath: Option<&'n Node>,
    /// Its arguments.
    pub args: Args,
    /// `local_action`
    pub local: bool,
}

impl Action<'_> {
    /// A named argument, where arguments are known.
    pub fn arg(&self, name: &str) -> Option<&Data> {
        match &self.args {
            Args::Map(map) => map.get(&Key(name)),
            Args::Template { with, .. } => with.get(&Key(name)),
        }
    }

    /// The node of a named argument, or of all of them.
    pub fn node(&self, name: &str) -> &Node {
        let beneath = self.beneath.and_then(|b| b.get(name));
        self.value.get(name).or(beneath).unwrap_or(if self.value.is_null() { self.key } else { self.value })
    }
}

/// What is not a module, but an action all the same.
pub(super) const BUILT_IN: &[&str] = &["import_role", "import_tasks", "include_role", "include_tasks", "meta"];

/// A name without `ansible.builtin.` and `ansible.legacy.`.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

/// What a task names that is no keyword: the module that it wants.
pub(super) fn stranger(task: &Node) -> Option<String> {
    let Content::Map(pairs) = &task.content else { return None };
    let known = all(&[COMMON, BELOW_PLAY, TASK, &["listen"]]);
    let mut names = pairs.iter().filter_map(|(key, _)| key.as_str());
    names.find(|name| !known.contains(name) && !name.starts_with("with_")).map(str::to_owned)
}

fn known_action(name: &str) -> bool {
    BUILT_IN.contains(&short(name)) || spec::find_anywhere(name).is_some() || super::module::elsewhere(name).is_some()
}

/// Modules whose whole text is free-form.
fn form_of(name: &str) -> Form {
    match short(name) {
        "command" | "shell" | "script" | "raw" => Form::Free,
        _ => Form::Pairs,
    }
}

/// Actions that may have free text beside their pairs.
fn takes_free_text(name: &str) -> bool {
    let short = short(name);
    BUILT_IN.contains(&short)
        || matches!(
            short,
            "command" | "shell" | "script" | "raw" | "include_vars" | "set_fact" | "group_by" | "add_host"
        )
}

impl Compiler<'_> {
    /// The task's action; what is wrong with the choice is reported.
    pub fn action<'n>(&mut self, scope: &Scope, task: &'n Node) -> Option<Action<'n>> {
        let known = all(&[COMMON, BELOW_PLAY, TASK, &["listen"]]);
        let beneath = task.get("args");
        let mut found: Vec<(&str, &Node, &Node)> = Vec::new();
        let mut strangers: Vec<&Node> = Vec::new();
        for (name, key, value) in pairs(self, scope, task) {
            if matches!(name, "action" | "local_action") || known_action(name) {
                found.push((name, key, value));
            } else if !known.contains(&name) && !name.starts_with("with_") {
                strangers.push(key);
            }
        }
        if let [first, second, ..] = found[..] {
            let message = format!("a task has one action, and this has two: `{}` and `{}`", first.0, second.0);
            self.error(scope, second.1, Code::SEVERAL_ACTIONS, message);
            return None;
        }
        let Some((name, key, value)) = found.first().copied() else {
            self.no_action(scope, task, &strangers);
            return None;
        };
        for stranger in strangers {
            self.unknown_keyword(scope, stranger, "task", &known);
        }
        match name {
            "action" | "local_action" => self.old_style(scope, (key, value), beneath, name == "local_action"),
            name => {
                let args = self.arguments(scope, name, value, beneath)?;
                Some(Action { name: name.to_owned(), key, value, beneath, args, local: false })
            }
        }
    }

    fn no_action(&mut self, scope: &Scope, task: &Node, strangers: &[&Node]) {
        let Some(first) = strangers.first() else {
            self.error(scope, task, Code::NO_ACTION, "this task has no action");
            return;
        };
        let name = first.as_str().unwrap_or_default();
        let message = format!("unknown module `{name}`");
        let keywords = all(&[COMMON, BELOW_PLAY, TASK]);
        let modules: Vec<&str> = spec::all().flat_map(|m| [m.name, short(m.name)]).collect();
        let near = nearest(name, modules.iter().copied().chain(keywords).chain(BUILT_IN.iter().copied()));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if short(name) == "include" => "use include_tasks or import_tasks".to_owned(),
            None => "compute-init has no such module, and a node has no Python to run a site's own; use a module that \
                     exists, or command or script"
                .to_owned(),
        };
        if scope.never {
            return;
        }
        if let Some(own) = self.own_plugin(scope, Kind::Module, name) {
            self.bag.push(own.at(location(first)));
            return;
        }
        self.error_hint(scope, first, Code::UNKNOWN_MODULE, (message, hint));
    }

    /// `action: copy src=a dest=b`, `action: {module: copy, src: a}`, and `local_action` likewise.
    fn old_style<'n>(
        &mut self,
        scope: &Scope,
        (key, value): (&'n Node, &'n Node),
        beneath: Option<&'n Node>,
        local: bool,
    ) -> Option<Action<'n>> {
        let mut own = Map::default();
        let text = match &value.content {
            Content::Scalar(Data::Str(text)) => text.clone(),
            Content::Map(_) => {
                let data = value.data();
                let module = data.get("module").and_then(Data::as_str).unwrap_or_default().to_owned();
                let Data::Map(mut map) = data else { return None };
                map.shift_remove(&Key("module"));
                if let Some(Data::Map(inner)) = map.shift_remove(&Key("args")) {
                    map.extend(inner);
                }
                own = map;
                module
            }
            _ => String::new(),
        };
        let parts = split_args(&text).unwrap_or_default();
        let Some(name) = parts.first().map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()) else {
            self.error(scope, value, Code::NO_ACTION, "this names no module");
            return None;
        };
        // Which module it is, is known when the task runs: by then it is only `apply` that can look.
        let later = super::template::is_template(&name) && self.options.findings == Findings::AtRunTime;
        if !later && !known_action(&name) {
            let stranger = Node { content: Content::Scalar(Data::Str(name)), ..value.clone() };
            self.no_action(scope, value, &[&stranger]);
            return None;
        }
        let rest = text.trim_start()[name.len()..].trim_start();
        let mut pairs = self.pairs_of(scope, &name, value, rest)?;
        pairs.extend(own);
        let args = self.settle(scope, &name, value, (pairs, beneath))?;
        Some(Action { name, key, value, beneath, args, local })
    }

    fn pairs_of(&mut self, scope: &Scope, name: &str, node: &Node, text: &str) -> Option<Map> {
        match parse_pairs(text, form_of(name)) {
            Ok(map) => Some(map),
            Err(why) => {
                self.error(scope, node, Code::BAD_ARGUMENTS, format!("{why} in the arguments of {name}"));
                None
            }
        }
    }

    fn arguments(&mut self, scope: &Scope, name: &str, value: &Node, beneath: Option<&Node>) -> Option<Args> {
        let own = match &value.content {
            Content::Map(_) => match value.data() {
                Data::Map(map) => map,
                _ => Map::default(),
            },
            Content::Scalar(Data::Null) => Map::default(),
            Content::Scalar(Data::Str(text)) => self.pairs_of(scope, name, value, text)?,
            Content::Scalar(Data::Unsafe(text)) if form_of(name) == Form::Free => {
                Map::from_iter([(Data::str("_raw_params"), Data::Unsafe(text.clone()))])
            }
            _ => {
                let message =
                    format!("the arguments of {name} are a dictionary or a text, not a {}", value.data().type_name());
                self.error(scope, value, Code::BAD_ARGUMENTS, message);
                return None;
            }
        };
        self.settle(scope, name, value, (own, beneath))
    }

    /// `args:` beneath the action's own arguments; free text and whole-argument templates told apart.
    fn settle(&mut self, scope: &Scope, name: &str, node: &Node, given: (Map, Option<&Node>)) -> Option<Args> {
        let (own, beneath) = given;
        let mut whole = None;
        let mut map = match beneath.map(Node::data) {
            None | Some(Data::Null) => Map::default(),
            Some(Data::Map(map)) => map,
            Some(Data::Str(text)) if is_template(&text) => {
                whole = Some(text);
                Map::default()
            }
            Some(_) => {
                let node = beneath.unwrap_or(node);
                self.error(scope, node, Code::BAD_ARGUMENTS, "`args` is a dictionary, or one template that gives one");
                return None;
            }
        };
        map.extend(own);
        let has_cmd = matches!(short(name), "command" | "shell" | "script");
        if has_cmd && map.contains_key(&Key("cmd")) {
            if map.get(&Key("_raw_params")).is_some_and(Data::truthy) {
                self.error(scope, node, Code::BAD_ARGUMENTS, "`cmd` cannot stand beside a free-form command");
                return None;
            }
            if let Some(cmd) = map.shift_remove(&Key("cmd")) {
                map.insert(Data::str("_raw_params"), cmd);
            }
        }
        if !takes_free_text(name)
            && let Some(raw) = map.get(&Key("_raw_params")).and_then(Data::as_str).map(str::to_owned)
        {
            if !is_template(&raw) {
                let message = format!("{name} takes no free text: `{}`", raw.trim());
                let hint = "write arguments as key=value, or as a dictionary".to_owned();
                self.error_hint(scope, node, Code::BAD_ARGUMENTS, (message, hint));
                return None;
            }
            map.shift_remove(&Key("_raw_params"));
            whole = Some(raw);
        }
        Some(match whole {
            Some(text) => Args::Template { text, with: map },
            None => Args::Map(map),
        })
    }
}

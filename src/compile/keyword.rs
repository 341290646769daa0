//! Keywords of plays, blocks, tasks and roles: which there are, which type each has, where each may stand.

use super::Findings;
use super::context::{Compiler, Scope};
use crate::plan::{Data, Keywords, Map};
use crate::source::{Code, Diagnostic};
use crate::spec;
use crate::vars::nearest;
use crate::yaml::{Content, Node};

/// What a name of a variable is made of.
pub const NAMES: &str = "letters, digits and underscores, not a digit first, and no Python keyword";
/// What tasks inherit: allowed on plays, blocks, tasks, roles and (through `apply`) includes.
pub const COMMON: &[&str] = &[
    "any_errors_fatal",
    "become",
    "become_exe",
    "become_flags",
    "become_method",
    "become_user",
    "check_mode",
    "collections",
    "connection",
    "debugger",
    "diff",
    "environment",
    "ignore_errors",
    "ignore_unreachable",
    "module_defaults",
    "name",
    "no_log",
    "port",
    "remote_user",
    "run_once",
    "tags",
    "throttle",
    "timeout",
    "vars",
];
/// Common ones that a play has not.
pub const BELOW_PLAY: &[&str] = &["delegate_facts", "delegate_to", "when"];
/// A block's own.
pub const BLOCK: &[&str] = &["always", "block", "notify", "rescue"];
/// A task's own.
pub const TASK: &[&str] = &[
    "action",
    "args",
    "async",
    "changed_when",
    "delay",
    "failed_when",
    "local_action",
    "loop",
    "loop_control",
    "notify",
    "poll",
    "register",
    "retries",
    "until",
];
/// A play's own.
pub const PLAY: &[&str] = &[
    "fact_path",
    "force_handlers",
    "gather_facts",
    "gather_subset",
    "gather_timeout",
    "handlers",
    "hosts",
    "max_fail_percentage",
    "order",
    "post_tasks",
    "pre_tasks",
    "roles",
    "serial",
    "strategy",
    "tasks",
    "vars_files",
    "vars_prompt",
];

/// Known, and without an effect: they choose how a control machine reaches a host, or name collections.
pub const WITHOUT_EFFECT: &[&str] = &["become_exe", "become_flags", "collections", "debugger", "port", "remote_user"];
/// A play's own without an effect: how many hosts at a time, and which facts. There is one host, and facts are read
/// when they are asked for.
pub const PLAY_WITHOUT_EFFECT: &[&str] = &["gather_subset", "gather_timeout", "max_fail_percentage", "order", "serial"];

/// Every keyword that may stand in an entry.
pub(super) fn all(lists: &[&[&'static str]]) -> Vec<&'static str> {
    lists.iter().flat_map(|l| l.iter().copied()).collect()
}

/// Pairs of a dictionary with text keys; the others are reported.
pub(super) fn pairs<'n>(c: &mut Compiler, scope: &Scope, node: &'n Node) -> Vec<(&'n str, &'n Node, &'n Node)> {
    let Content::Map(pairs) = &node.content else { return Vec::new() };
    let mut out = Vec::new();
    for (key, value) in pairs {
        match key.as_str() {
            Some(name) => out.push((name, key, value)),
            None => c.error(scope, key, Code::UNKNOWN_KEYWORD, "a keyword is text"),
        }
    }
    out
}

impl Compiler<'_> {
    /// Reports a keyword that nobody knows.
    pub fn unknown_keyword(&mut self, scope: &Scope, key: &Node, what: &str, known: &[&'static str]) {
        let name = key.as_str().unwrap_or_default().to_owned();
        let mut message = format!("`{name}` is not a keyword of a {what}");
        let mut hint = format!("a {what} has: {}", known.join(", "));
        if let Some(near) = nearest(&name, known.iter().copied()) {
            hint = format!("did you mean `{near}`?");
        } else if all(&[COMMON, BELOW_PLAY, BLOCK, TASK, PLAY]).contains(&name.as_str()) {
            message = format!("`{name}` is not allowed in a {what}");
        }
        self.error_hint(scope, key, Code::UNKNOWN_KEYWORD, (message, hint));
        let class = match what {
            "play" => "Play",
            "import_playbook" => "PlaybookInclude",
            "task" if scope.handlers => "Handler",
            "task" => "Task",
            _ => "Block",
        };
        self.bag.worded(format!("'{name}' is not a valid attribute for a {class}"));
    }

    /// Reads a common keyword into `keywords`. `false`: it is not one.
    pub fn common(&mut self, scope: &Scope, name: &str, value: &Node, keywords: &mut Keywords) -> bool {
        let k = keywords;
        match name {
            "name" => {}
            "when" => k.when = self.conditions(scope, value),
            "tags" => k.tags = self.tags(scope, value),
            "vars" => k.vars = self.variables(scope, value),
            "environment" => k.environment = self.layers(scope, value, "environment"),
            "module_defaults" => {
                k.module_defaults = self.layers(scope, value, "module_defaults");
                self.items(value).into_iter().for_each(|layer| self.known_defaults(scope, layer));
                let names = k.module_defaults.iter().filter_map(Data::as_map).flat_map(|m| m.keys());
                self.defaulted.extend(names.filter_map(Data::as_str).filter_map(spec::find_anywhere).map(|s| s.name));
            }
            "become" => k.become_ = self.flag(scope, value, name),
            "become_user" => k.become_user = self.text(scope, value, name),
            "become_method" => k.become_method = self.text(scope, value, name),
            "ignore_errors" => k.ignore_errors = self.flag(scope, value, name),
            "ignore_unreachable" => k.ignore_unreachable = self.flag(scope, value, name),
            "any_errors_fatal" => k.any_errors_fatal = self.flag(scope, value, name),
            "no_log" => k.no_log = self.flag(scope, value, name),
            "check_mode" => k.check_mode = self.flag(scope, value, name),
            "diff" => k.diff = self.flag(scope, value, name),
            "run_once" => k.run_once = self.flag(scope, value, name),
            "delegate_to" => k.delegate_to = self.text(scope, value, name),
            "delegate_facts" => k.delegate_facts = self.flag(scope, value, name),
            "timeout" => k.timeout = self.number(scope, value, name),
            "throttle" => k.throttle = self.number(scope, value, name),
            "connection" => k.connection = self.connection(scope, value),
            name if WITHOUT_EFFECT.contains(&name) => {}
            _ => return false,
        }
        true
    }

    fn wrong_type(&mut self, scope: &Scope, value: &Node, name: &str, wanted: &str) {
        let got = value.data().type_name();
        self.error(scope, value, Code::WRONG_TYPE, format!("`{name}` takes {wanted}, not a {got}"));
    }

    /// A list's items, or the one value as an item; null is none.
    pub fn items<'n>(&self, value: &'n Node) -> Vec<&'n Node> {
        match &value.content {
            Content::List(items) => items.iter().collect(),
            Content::Scalar(Data::Null) => Vec::new(),
            _ => vec![value],
        }
    }

    /// `when`, `until`, `changed_when`, `failed_when`: expressions, or truth values.
    pub fn conditions(&mut self, scope: &Scope, value: &Node) -> Vec<Data> {
        let mut conditions = Vec::new();
        for item in self.items(value) {
            let data = item.data();
            match &data {
                Data::Str(text) => self.condition(scope, item, text),
                Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Null => {}
                _ => self.wrong_type(scope, item, "a condition", "an expression"),
            }
            conditions.push(data);
        }
        conditions
    }

    fn tags(&mut self, scope: &Scope, value: &Node) -> Vec<Data> {
        let mut tags = Vec::new();
        for item in self.items(value) {
            match item.data() {
                Data::Str(text) if text.contains("{{") => {
                    self.template(scope, item, &text);
                    tags.push(Data::Str(text));
                }
                Data::Str(text) => tags.extend(text.split(',').map(|t| Data::str(t.trim()))),
                Data::Int(n) => tags.push(Data::Str(n.to_string())),
                Data::Bool(b) => tags.push(Data::Bool(b)),
                _ => self.wrong_type(scope, item, "tags", "names"),
            }
        }
        tags
    }

    /// `vars`: names and values that are templated only when they are used.
    pub fn variables(&mut self, scope: &Scope, value: &Node) -> Map {
        let mut vars = Map::default();
        for layer in self.items(value) {
            if !matches!(layer.content, Content::Map(_)) {
                self.wrong_type(scope, layer, "vars", "a dictionary");
                continue;
            }
            for (name, key, value) in pairs(self, scope, layer) {
                self.variable_name(scope, key, name);
                self.lazy(scope, value);
                vars.insert(Data::str(name), value.data());
            }
        }
        vars
    }

    /// Reports a name that no variable can have.
    pub fn variable_name(&mut self, scope: &Scope, node: &Node, name: &str) {
        if !is_identifier(name) {
            let message = format!("`{name}` cannot be the name of a variable");
            self.error_hint(scope, node, Code::BAD_NAME, (message, NAMES.to_owned()));
        }
    }

    fn layers(&mut self, scope: &Scope, value: &Node, name: &str) -> Vec<Data> {
        let mut layers = Vec::new();
        for item in self.items(value) {
            match &item.content {
                Content::Map(_) => self.templates(scope, item),
                Content::Scalar(Data::Str(text)) if text.contains("{{") => self.template(scope, item, text),
                _ => self.wrong_type(scope, item, name, "a dictionary"),
            }
            layers.push(item.data());
        }
        layers
    }

    /// A layer of `module_defaults`: modules that exist, and parameters that they have.
    fn known_defaults(&mut self, scope: &Scope, layer: &Node) {
        if scope.never || !matches!(layer.content, Content::Map(_)) {
            return;
        }
        for (name, key, value) in pairs(self, scope, layer) {
            // Groups of modules are collections' own; those of modules that are not here change nothing.
            let Some(spec) = spec::find_anywhere(name) else {
                let near = nearest(name, spec::all().map(|m| m.name.rsplit('.').next().unwrap_or(m.name)));
                if let Some(near) = near.filter(|_| !name.starts_with("group/")) {
                    let message = format!("module_defaults names the unknown module `{name}`");
                    self.warning_hint(scope, key, Code::UNKNOWN_MODULE, (message, format!("did you mean `{near}`?")));
                }
                continue;
            };
            for (param, key, value) in pairs(self, scope, value) {
                if spec.any_params || spec.parameter(param).is_some() {
                    self.default_value(scope, (spec, param), value);
                    continue;
                }
                let names: Vec<&str> = spec.parameters().map(|p| p.name).collect();
                let message = format!("{name} has no parameter `{param}`");
                match nearest(param, names.iter().copied()) {
                    Some(near) => {
                        let hint = format!("did you mean `{near}`?");
                        self.error_hint(scope, key, Code::UNKNOWN_PARAMETER, (message, hint));
                    }
                    None => self.error(scope, key, Code::UNKNOWN_PARAMETER, message),
                }
            }
        }
    }

    /// One default: of a choice that there is.
    fn default_value(&mut self, scope: &Scope, (spec, param): (&'static spec::ModuleSpec, &str), value: &Node) {
        let choices = spec.parameter(param).map(|p| p.choices).unwrap_or_default();
        let Some(text) = value.as_str().filter(|t| !t.contains("{{")) else { return };
        if !choices.is_empty() && !choices.contains(&text) {
            let message = format!("`{param}` is one of {}, not {text}", choices.join(", "));
            self.error(scope, value, Code::BAD_PARAMETER, message);
        }
    }

    /// A truth value, a word for one, or a template.
    pub fn flag(&mut self, scope: &Scope, value: &Node, name: &str) -> Option<Data> {
        let data = value.data();
        match &data {
            Data::Null => return None,
            Data::Str(text) if text.contains("{{") => self.template(scope, value, text),
            other if spec::boolean(other).is_ok() => {}
            // Ansible looks at it when the task runs.
            Data::Str(_) if self.options.findings == Findings::AtRunTime => {}
            _ => self.wrong_type(scope, value, name, "true or false"),
        }
        Some(data)
    }

    /// A text, which may be a template.
    pub fn text(&mut self, scope: &Scope, value: &Node, name: &str) -> Option<Data> {
        match &value.content {
            Content::Scalar(Data::Null) => return None,
            Content::Scalar(_) => self.templates(scope, value),
            _ => self.wrong_type(scope, value, name, "a text"),
        }
        Some(value.data())
    }

    /// A number, which may be a template.
    pub fn number(&mut self, scope: &Scope, value: &Node, name: &str) -> Option<Data> {
        let data = value.data();
        match &data {
            Data::Null => return None,
            Data::Int(_) | Data::Float(_) => {}
            Data::Str(text) if text.contains("{{") => self.template(scope, value, text),
            Data::Str(text) if text.trim().parse::<f64>().is_ok() => {}
            _ => self.wrong_type(scope, value, name, "a number"),
        }
        Some(data)
    }

    fn connection(&mut self, scope: &Scope, value: &Node) -> Option<Data> {
        let data = self.text(scope, value, "connection")?;
        let here =
            ["local", "ansible.builtin.local", "smart", "ssh", "ansible.builtin.ssh", "paramiko", "paramiko_ssh"];
        if let Some(text) = data.as_str()
            && !text.contains("{{")
            && !here.contains(&text)
        {
            let message = format!("connection `{text}` leads to another place than this node");
            self.error(scope, value, Code::UNSUPPORTED_KEYWORD, message);
        }
        Some(data)
    }

    /// Reports a keyword that means nothing on a node.
    pub fn unsupported(&mut self, scope: &Scope, key: &Node, message: &str, hint: &str) {
        let at = super::context::location(key);
        self.bag.push(Diagnostic::error(Code::UNSUPPORTED_KEYWORD, &scope.file, message).at(at).hint(hint));
    }
}

/// Python's words that cannot be names.
const PYTHON: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Whether a variable can have this name.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !PYTHON.contains(&name)
}

/// Whether a failure is foreseen: its author ignores errors.
pub(super) fn foreseen(keywords: &Keywords) -> bool {
    keywords.ignore_errors.as_ref().is_some_and(|v| spec::boolean(v) == Ok(true))
}

/// Whether a list of conditions holds one that is always false.
pub(super) fn always_false(when: &[Data]) -> bool {
    when.iter().any(|c| match c {
        Data::Bool(b) => !b,
        Data::Str(s) => matches!(s.trim(), "false" | "False" | "not true" | "not True"),
        _ => false,
    })
}

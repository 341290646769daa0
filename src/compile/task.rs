//! One task: its keywords, its loop, and what becomes of its action.

use super::Findings;
use super::argument::{Action as Named, short};
use super::context::{AT_RUN_TIME, Compiler, Scope};
use super::keyword::{NAMES, always_false, is_identifier, pairs};
use crate::plan::{Action, Args, Data, Key, Loop, Meta, Node as PlanNode, Task};
use crate::source::Code;
use crate::spec;
use crate::vars::{nearest, registry};
use crate::yaml::{Content, Node};

impl Compiler<'_> {
    /// A task, or what a static import was expanded to.
    pub fn task(&mut self, scope: &Scope, node: &Node) -> Option<PlanNode> {
        // Keywords are read even where the action is wrong: all mistakes in one run.
        let ignores = node.get("ignore_errors").is_some_and(|n| spec::boolean(&n.data()) == Ok(true));
        let scope = &Scope { foreseen: scope.foreseen || ignores, ..scope.clone() };
        let mut task = self.keywords(scope, node);
        let inner = self.beneath(scope, node, &task.keywords.vars);
        let scope = &Scope { never: scope.never || always_false(&task.keywords.when), ..inner };
        let before = self.bag.count();
        let done = self.acting(scope, node, task.clone());
        if done.is_some() {
            return done;
        }
        let softened = self.options.findings == Findings::AtRunTime;
        let message = match self.bag.error_since(before) {
            Some(found) if softened && AT_RUN_TIME.contains(&found.code) => found.message.clone(),
            None if scope.never && self.bag.count() == before => "this task never runs on a node".to_owned(),
            _ => return None,
        };
        // It is listed, and counted, as what it was meant to be.
        let written = super::argument::stranger(node).filter(|_| softened && task.name.is_none());
        task.called = task.called.or(written);
        task.action = Action::Module("ansible.builtin.fail".to_owned());
        task.args = Args::Map([(Data::str("msg"), Data::Unsafe(message))].into_iter().collect());
        Some(PlanNode::Task(Box::new(task)))
    }

    /// A task whose keywords are read, with its action.
    fn acting(&mut self, scope: &Scope, node: &Node, mut task: Task) -> Option<PlanNode> {
        let named = self.action(scope, node)?;
        if named.local {
            task.keywords.delegate_to = Some(Data::str("localhost"));
        }
        if task.name.is_none() && self.options.findings == Findings::AtRunTime && named.name != short(&named.name) {
            task.called = Some(named.name.clone());
        }
        if !self.delegation(scope, node, &task.keywords, task.register.as_deref()) {
            return None;
        }
        match short(&named.name) {
            "import_tasks" => self.import_tasks(scope, node, (&named, task)),
            "import_role" => self.import_role(scope, node, (&named, task)),
            "include_tasks" => self.include_tasks(scope, node, (&named, task)),
            "include_role" => self.include_role(scope, node, (&named, task)),
            "meta" => {
                task.action = Action::Meta(self.meta_action(scope, &named)?);
                Some(PlanNode::Task(Box::new(task)))
            }
            _ => {
                self.module(scope, &named);
                self.reach_files(scope, &named, &task);
                let name = spec::find_anywhere(&named.name).map_or(named.name.as_str(), |s| s.name);
                task.action = Action::Module(name.to_owned());
                task.args = named.args;
                Some(PlanNode::Task(Box::new(task)))
            }
        }
    }

    /// Everything of a task but its action and arguments.
    fn keywords(&mut self, scope: &Scope, node: &Node) -> Task {
        let mut task = Task { span: self.span(&scope.file, node.start), role: scope.role.clone(), ..Task::default() };
        for (name, key, value) in pairs(self, scope, node) {
            match name {
                "name" => task.name = self.text(scope, value, name).map(|d| spec::python_str(&d)),
                "register" => task.register = self.register(scope, value),
                "until" => task.until = self.conditions(scope, value),
                "changed_when" => task.changed_when = self.conditions(scope, value),
                "failed_when" => task.failed_when = self.conditions(scope, value),
                "retries" => task.retries = self.number(scope, value, name),
                "delay" => task.delay = self.number(scope, value, name),
                "async" => task.async_ = self.number(scope, value, name),
                "poll" => task.poll = self.number(scope, value, name),
                "notify" => task.notify = self.notify(scope, value),
                "listen" if scope.handlers => task.listen = self.listen(scope, value),
                "listen" => self.not_here(scope, key, "`listen` is for handlers", "only handlers listen; tasks notify"),
                "loop" | "loop_control" => {}
                name if name.starts_with("with_") => {}
                name => {
                    self.common(scope, name, value, &mut task.keywords);
                }
            }
        }
        task.loop_ = self.loop_of(scope, node);
        if scope.handlers
            && let Some(name) = &task.name
        {
            if name.contains("{{") {
                self.open_handlers = true;
            }
            self.handlers.insert(name.clone());
        }
        task
    }

    fn register(&mut self, scope: &Scope, value: &Node) -> Option<String> {
        let name = value.as_str().unwrap_or_default().to_owned();
        if !is_identifier(&name) {
            // Ansible's own words, which people search for.
            let message =
                format!("Invalid variable name in 'register' specified: '{}'", spec::python_str(&value.data()));
            self.error_hint(scope, value, Code::BAD_NAME, (message, NAMES.to_owned()));
            return None;
        }
        Some(name)
    }

    /// `notify`: names that must exist, or templates.
    pub fn notify(&mut self, scope: &Scope, value: &Node) -> Vec<Data> {
        let mut names = Vec::new();
        for item in self.items(value) {
            match item.as_str() {
                Some(text) if text.contains("{{") => self.template(scope, item, text),
                Some(text) if !scope.never => {
                    let place = self.place(scope, item);
                    self.notified.push((text.to_owned(), place));
                }
                Some(_) => {}
                None => self.error(scope, item, Code::WRONG_TYPE, "`notify` takes names of handlers"),
            }
            names.push(item.data());
        }
        names
    }

    fn listen(&mut self, scope: &Scope, value: &Node) -> Vec<Data> {
        let items = self.items(value);
        for item in &items {
            match item.as_str() {
                Some(text) => {
                    self.open_handlers |= text.contains("{{");
                    self.handlers.insert(text.to_owned());
                }
                None => self.error(scope, item, Code::WRONG_TYPE, "`listen` takes names of topics"),
            }
        }
        items.into_iter().map(Node::data).collect()
    }

    fn loop_of(&mut self, scope: &Scope, node: &Node) -> Option<Loop> {
        let mut found: Option<Loop> = None;
        for (name, key, value) in pairs(self, scope, node) {
            let with = match name.strip_prefix("with_") {
                Some(lookup) => {
                    let names = registry::lookup_names();
                    if registry::lookup(lookup).is_none() && !names.is_empty() {
                        let hint = match nearest(lookup, names.iter().copied()) {
                            Some(near) => format!("did you mean `with_{near}`?"),
                            None => "there is no such lookup".to_owned(),
                        };
                        self.error_hint(scope, key, Code::BAD_LOOP, (format!("unknown loop `{name}`"), hint));
                    }
                    Some(lookup.to_owned())
                }
                None if name == "loop" => None,
                None => continue,
            };
            if found.is_some() {
                self.error(scope, key, Code::BAD_LOOP, "a task has one loop");
            }
            if value.is_null() {
                self.error(scope, key, Code::BAD_LOOP, format!("`{name}` needs a value"));
            }
            if with.is_none() {
                self.loop_items(scope, value);
            }
            self.templates(scope, value);
            found = Some(Loop { with, items: value.data(), ..Loop::default() });
        }
        let control = node.get("loop_control");
        match (&mut found, control) {
            (Some(found), Some(control)) => self.loop_control(scope, control, found),
            (None, Some(control)) => {
                self.templates(scope, control);
            }
            _ => {}
        }
        found
    }

    /// `loop` takes a list, or a template that gives one.
    fn loop_items(&mut self, scope: &Scope, value: &Node) {
        let fits = match &value.content {
            Content::List(_) => true,
            Content::Scalar(Data::Str(text)) => text.contains("{{"),
            _ => value.is_null(),
        };
        if !fits {
            let message = format!("`loop` takes a list, not a {}", value.data().type_name());
            let hint = "a bare name is a text: write \"{{ name }}\"".to_owned();
            self.error_hint(scope, value, Code::BAD_LOOP, (message, hint));
        }
    }

    fn loop_control(&mut self, scope: &Scope, control: &Node, found: &mut Loop) {
        if !matches!(control.content, Content::Map(_)) {
            self.error(scope, control, Code::WRONG_TYPE, "`loop_control` takes a dictionary");
            return;
        }
        const KNOWN: &[&str] = &["extended", "extended_allitems", "index_var", "label", "loop_var", "pause"];
        for (name, key, value) in pairs(self, scope, control) {
            match name {
                "loop_var" => found.var = self.loop_name(scope, value),
                "index_var" => found.index_var = self.loop_name(scope, value),
                "label" => {
                    self.templates(scope, value);
                    found.label = Some(value.data());
                }
                "pause" => found.pause = self.number(scope, value, name),
                "extended" => found.extended = self.flag(scope, value, name),
                "extended_allitems" => found.extended_allitems = self.flag(scope, value, name),
                _ => self.unknown_keyword(scope, key, "loop_control", KNOWN),
            }
        }
    }

    fn loop_name(&mut self, scope: &Scope, value: &Node) -> Option<Data> {
        match value.as_str() {
            Some(name) if !name.contains("{{") => self.variable_name(scope, value, name),
            Some(text) => self.template(scope, value, text),
            None => self.error(scope, value, Code::WRONG_TYPE, "a variable's name is text"),
        }
        Some(value.data())
    }

    fn meta_action(&mut self, scope: &Scope, named: &Named) -> Option<Meta> {
        const NAMES: &[(&str, Meta)] = &[
            ("noop", Meta::Noop),
            ("flush_handlers", Meta::FlushHandlers),
            ("refresh_inventory", Meta::RefreshInventory),
            ("clear_facts", Meta::ClearFacts),
            ("clear_host_errors", Meta::ClearHostErrors),
            ("end_play", Meta::EndPlay),
            ("end_batch", Meta::EndBatch),
            ("end_host", Meta::EndHost),
            ("reset_connection", Meta::ResetConnection),
        ];
        let text = match &named.args {
            Args::Map(map) => map.get(&Key("_raw_params")).map(spec::python_str).unwrap_or_default(),
            Args::Template { text, .. } => text.clone(),
        };
        if let Some((_, meta)) = NAMES.iter().find(|(n, _)| *n == text) {
            if *meta == Meta::FlushHandlers && scope.handlers {
                self.error(scope, named.key, Code::BAD_META, "a handler cannot flush handlers");
            }
            return Some(*meta);
        }
        let hint = match nearest(&text, NAMES.iter().map(|(n, _)| *n)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("meta takes one of: {}", NAMES.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ")),
        };
        self.error_hint(scope, named.value, Code::BAD_META, (format!("unknown meta action `{text}`"), hint));
        None
    }
}

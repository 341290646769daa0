//! Plays: a playbook's own, and those it imports.

use super::Findings;
use super::context::{Compiler, Scope, location};
use super::keyword::{COMMON, PLAY, PLAY_WITHOUT_EFFECT, all, always_false, pairs};
use super::known::Layers;
use super::template::is_template;
use crate::plan::{Data, Keywords, Map, Play, RoleUse, limits};
use crate::source::{Code, Diagnostic, find_file, join, parent};
use crate::spec;
use crate::yaml::{Content, Flavour, Node};
use std::rc::Rc;

impl Compiler<'_> {
    /// All plays of a playbook.
    pub fn playbook(&mut self, path: &str) {
        self.plays(&Scope::of(path), &Keywords::default());
    }

    fn plays(&mut self, scope: &Scope, around: &Keywords) {
        let Some(root) = self.yaml(&scope.file) else { return };
        let Content::List(entries) = &root.content else {
            let message = "a playbook is a list of plays";
            self.bag.push(Diagnostic::error(Code::NOT_A_PLAYBOOK, &scope.file, message).at(location(&root)));
            self.bag.worded(match root.is_null() {
                true => format!("Empty playbook, nothing to do: /{}", scope.file),
                false => {
                    let class = python_class(&root);
                    format!("A playbook must be a list of plays, got a {class} instead: /{}", scope.file)
                }
            });
            return;
        };
        if entries.is_empty() {
            self.error(scope, &root, Code::NOT_A_PLAYBOOK, "this playbook has no plays");
            self.bag.worded(format!("A playbook must contain at least one play: /{}", scope.file));
        }
        for entry in entries {
            let import = entry.get("import_playbook").or_else(|| entry.get("ansible.builtin.import_playbook"));
            match import {
                Some(name) => self.import_playbook(scope, entry, (name, around)),
                None if matches!(entry.content, Content::Map(_)) => {
                    let play = self.play(scope, entry, around);
                    self.plan.plays.push(play);
                }
                None => {
                    self.error(scope, entry, Code::NOT_A_PLAYBOOK, "a play is a dictionary");
                    self.bag.worded("playbook entries must be either valid plays or 'import_playbook' statements");
                }
            }
        }
    }

    fn import_playbook(&mut self, scope: &Scope, entry: &Node, (name, around): (&Node, &Keywords)) {
        let mut keywords = around.clone();
        for (key_name, key, value) in pairs(self, scope, entry) {
            let mut own = Keywords::default();
            match key_name {
                "import_playbook" | "ansible.builtin.import_playbook" => {}
                key_name if self.common(scope, key_name, value, &mut own) => {
                    keywords.when.extend(own.when);
                    keywords.tags.extend(own.tags);
                    keywords.vars.extend(own.vars);
                }
                _ => self.unknown_keyword(scope, key, "import_playbook", &all(&[COMMON, &["when"]])),
            }
        }
        let inner = self.beneath(scope, entry, &keywords.vars);
        let Some(text) = self.import_name(&inner, name, name.as_str().unwrap_or_default()) else { return };
        let text = text.as_str();
        let path = join(parent(&scope.file), text).filter(|p| self.tree.has_file(p));
        let Some(path) = path else {
            self.error(scope, name, Code::TASKS_NOT_FOUND, format!("there is no playbook `{text}`"));
            return;
        };
        if scope.imports.contains(&path) || path == scope.file {
            self.error(scope, name, Code::INCLUDE_CYCLE, format!("{path} imports itself"));
            return;
        }
        let mut imports = scope.imports.clone();
        imports.push(scope.file.clone());
        self.plays(&Scope { imports, ..Scope::of(&path) }, &keywords);
    }

    fn play(&mut self, scope: &Scope, entry: &Node, around: &Keywords) -> Play {
        let mut play = Play { span: self.span(&scope.file, entry.start), ..Play::default() };
        let entries = pairs(self, scope, entry);
        for (name, key, value) in &entries {
            match *name {
                "name" => play.name = self.text(scope, value, name).map(|d| spec::python_str(&d)),
                "hosts" => play.hosts = self.hosts(scope, value),
                "gather_facts" => play.gather_facts = self.flag(scope, value, name),
                "force_handlers" => play.force_handlers = spec::boolean(&value.data()) == Ok(true),
                "vars_files" => play.vars_files = self.vars_files(scope, value),
                "vars_prompt" => self.vars_prompt(scope, (key, value), &mut play.keywords.vars),
                "user" if entry.get("remote_user").is_none() => {}
                "user" => {
                    let hint = "leave `user` out".to_owned();
                    self.error_hint(
                        scope,
                        key,
                        Code::NOT_HERE,
                        ("`user` is `remote_user`, which is here too".to_owned(), hint),
                    );
                    self.bag.worded(
                        "both 'user' and 'remote_user' are set for this play. The use of 'user' is deprecated, and \
                         should be removed",
                    );
                }
                "strategy" => self.strategy(scope, value),
                "fact_path" => self.fact_path(scope, value),
                name if PLAY_WITHOUT_EFFECT.contains(&name) => {}
                "roles" | "tasks" | "pre_tasks" | "post_tasks" | "handlers" => {}
                "when" | "delegate_to" | "delegate_facts" => {
                    self.unknown_keyword(scope, key, "play", &all(&[PLAY, COMMON]))
                }
                name if self.common(scope, name, value, &mut play.keywords) => {}
                _ => self.unknown_keyword(scope, key, "play", &all(&[PLAY, COMMON])),
            }
        }
        if entry.get("hosts").is_none() {
            let hint = "write `hosts: localhost` or `hosts: all`: on a node both mean the node".to_owned();
            self.error_hint(scope, entry, Code::NO_HOSTS, ("this play has no `hosts`".to_owned(), hint));
            self.bag.worded("the field 'hosts' is required but was not set");
        }
        play.keywords.when.splice(0..0, around.when.iter().cloned());
        play.keywords.tags.extend(around.tags.iter().cloned());
        play.keywords.vars.extend(around.vars.clone());
        let mut inner = self.beneath(scope, entry, &play.keywords.vars);
        inner.never |= always_false(&play.keywords.when);
        inner.known = self.with_vars_files(&inner, &play.vars_files);
        if let Some(roles) = entry.get("roles") {
            play.roles = self.roles(&inner, roles);
            inner.known = self.with_roles(&inner, &play.roles);
        }
        for (name, _, value) in &entries {
            match *name {
                "tasks" => play.tasks = self.section(&inner, "tasks", value),
                "pre_tasks" => play.pre_tasks = self.section(&inner, "pre_tasks", value),
                "post_tasks" => play.post_tasks = self.section(&inner, "post_tasks", value),
                "handlers" => {
                    play.handlers = self.section(&Scope { handlers: true, ..inner.clone() }, "handlers", value);
                }
                _ => {}
            }
        }
        play
    }

    /// A play's list of tasks.
    fn section(&mut self, scope: &Scope, name: &str, value: &Node) -> Vec<crate::plan::Node> {
        let malformed = !value.is_null() && !matches!(value.content, Content::List(_));
        let nodes = self.nodes(scope, value);
        if malformed {
            let class = python_class(value);
            let why = format!(": {} should be a list or None but is {class}", spec::python_str(&value.data()));
            let why = if name == "tasks" { why } else { String::new() };
            self.bag.worded(format!("A malformed block was encountered while loading {name}{why}"));
        }
        nodes
    }

    fn hosts(&mut self, scope: &Scope, value: &Node) -> Vec<String> {
        let mut hosts = Vec::new();
        for item in self.items(value) {
            match item.as_str() {
                Some(text) if is_template(text) => {
                    self.template(scope, item, text);
                    hosts.push(text.to_owned());
                }
                Some(text) => hosts.extend(text.split(',').map(|h| h.trim().to_owned())),
                None => self.error(scope, item, Code::WRONG_TYPE, "`hosts` takes names"),
            }
        }
        hosts.retain(|h| !h.is_empty());
        if hosts.is_empty() && !value.is_null() {
            self.error(scope, value, Code::NO_HOSTS, "`hosts` is empty");
            self.bag.worded("Hosts list cannot be empty. Please check your playbook");
        }
        hosts
    }

    /// What files of variables add, as far as their names are known; a list gives the first that is there.
    fn with_vars_files(&mut self, scope: &Scope, files: &[Data]) -> Rc<Layers> {
        let mut known = Rc::clone(&scope.known);
        let dirs = scope.directories(&self.playbook_dir);
        for item in files {
            let choices = match item {
                Data::List(list) => list.as_slice(),
                one => std::slice::from_ref(one),
            };
            let names = choices.iter().filter_map(|c| known.all(&self.options.extra_vars).text(c.as_str()?));
            let found = names.filter_map(|name| find_file(self.tree, "vars", &name, &dirs).ok()).next();
            // Its mistakes are reported where it is read for the plan.
            let root = found.and_then(|path| self.tree.read(&path, limits::YAML as u64).ok());
            let map = root.and_then(|file| crate::yaml::read(&file.bytes, Flavour::Ansible).ok());
            if let Some(Data::Map(map)) = map {
                known = known.with_vars(&map);
            }
        }
        known
    }

    /// What the play's roles show to all of it.
    fn with_roles(&self, scope: &Scope, roles: &[RoleUse]) -> Rc<Layers> {
        let mut known = Rc::clone(&scope.known);
        for used in roles {
            known = self.with_role(&known, (&used.role, &used.from));
        }
        known
    }

    fn roles(&mut self, scope: &Scope, value: &Node) -> Vec<crate::plan::RoleUse> {
        let Content::List(entries) = &value.content else {
            if !value.is_null() {
                self.error(scope, value, Code::WRONG_TYPE, "`roles` takes a list");
                self.bag.worded("A malformed role declaration was encountered.");
            }
            return Vec::new();
        };
        entries.iter().filter_map(|e| self.role_entry(scope, e)).collect()
    }

    fn vars_files(&mut self, scope: &Scope, value: &Node) -> Vec<Data> {
        let items = self.items(value);
        for item in &items {
            let choices = self.items(item);
            let alone = choices.len() == 1;
            for choice in choices {
                match choice.as_str() {
                    Some(name) => self.variable_file(scope, choice, (name, alone)),
                    None => self.error(scope, choice, Code::WRONG_TYPE, "`vars_files` takes names of files"),
                }
            }
        }
        items.into_iter().map(Node::data).collect()
    }

    /// `vars_prompt`: at boot there is nobody to ask; where a playbook runs without a terminal the defaults count.
    fn vars_prompt(&mut self, scope: &Scope, (key, value): (&Node, &Node), vars: &mut Map) {
        if value.is_null() {
            return;
        }
        if self.options.findings == Findings::Refuse {
            self.unsupported(scope, key, "there is nobody to ask at boot", "give the variables a value");
            return;
        }
        for prompt in self.items(value) {
            match prompt.get("name").and_then(Node::as_str) {
                Some(name) => {
                    let default = prompt.get("default").map_or(Data::Null, Node::data);
                    vars.insert(Data::str(name), default);
                }
                None => {
                    self.error(scope, prompt, Code::WRONG_TYPE, "a prompt needs the `name` of a variable");
                    self.bag.worded("Invalid vars_prompt data structure, missing 'name' key");
                }
            }
        }
    }

    /// A file of variables: one that is named alone must be there, of a list the first that is.
    fn variable_file(&mut self, scope: &Scope, node: &Node, (name, alone): (&str, bool)) {
        if is_template(name) {
            self.template(scope, node, name);
            self.need(scope, node, ("vars", name));
            return;
        }
        if name.starts_with('/') {
            return;
        }
        let dirs = scope.directories(&self.playbook_dir);
        match find_file(self.tree, "vars", name, &dirs) {
            Ok(_) => self.need(scope, node, ("vars", name)),
            Err(_) if alone => self.need(scope, node, ("vars", name)),
            Err(_) => {}
        }
    }

    fn strategy(&mut self, scope: &Scope, value: &Node) {
        let name = value.as_str().unwrap_or_default();
        if is_template(name) && self.options.findings == Findings::AtRunTime {
            return;
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if !matches!(last, "linear" | "free" | "host_pinned") {
            let hint = "leave it out: with one host there is one order";
            self.unsupported(scope, value, &format!("the strategy `{name}` means nothing on a node"), hint);
        }
    }

    fn fact_path(&mut self, scope: &Scope, value: &Node) {
        if value.as_str().map(|p| p.trim_end_matches('/')) != Some("/etc/ansible/facts.d") {
            let hint = "put the facts into /etc/ansible/facts.d";
            self.unsupported(scope, value, "local facts are read from /etc/ansible/facts.d only", hint);
        }
    }
}

/// The class of a value as Python names it in messages.
fn python_class(node: &Node) -> String {
    let class = match node.data() {
        Data::Map(_) => "ansible.parsing.yaml.objects.AnsibleMapping".to_owned(),
        Data::List(_) => "ansible.parsing.yaml.objects.AnsibleSequence".to_owned(),
        Data::Str(_) | Data::Unsafe(_) => "ansible.parsing.yaml.objects.AnsibleUnicode".to_owned(),
        other => other.type_name().to_owned(),
    };
    format!("<class '{class}'>")
}

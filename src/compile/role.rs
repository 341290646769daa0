//! Roles: found, and of their parts what can be reached.

use super::context::{Compiler, Scope, location};
use super::keyword::{BELOW_PLAY, COMMON, all, pairs};
use super::known::Layers;
use super::template::is_template;
use crate::plan::{Data, From, Keywords, Map, Role, RoleUse};
use crate::source::{Code, Diagnostic, Entry, find_role, main_file};
use crate::spec;
use crate::yaml::{Content, Node};
use std::rc::Rc;

impl Compiler<'_> {
    /// An entry of `roles:` or `dependencies:`.
    pub fn role_entry(&mut self, scope: &Scope, entry: &Node) -> Option<RoleUse> {
        let mut keywords = Keywords::default();
        let mut params = Map::default();
        let mut from = From::default();
        let mut named = entry;
        if let Content::Map(_) = &entry.content {
            named = entry.get("role").or_else(|| entry.get("name")).or_else(|| entry.get("src")).unwrap_or(entry);
            for (name, key, value) in pairs(self, scope, entry) {
                match name {
                    "role" | "name" | "src" | "version" | "scm" => {}
                    "tasks_from" => from.tasks = value.as_str().map(str::to_owned),
                    "vars_from" => from.vars = value.as_str().map(str::to_owned),
                    "defaults_from" => from.defaults = value.as_str().map(str::to_owned),
                    "handlers_from" => from.handlers = value.as_str().map(str::to_owned),
                    name if self.common(scope, name, value, &mut keywords) => {}
                    name => {
                        self.parameter(scope, (name, key), value);
                        params.insert(Data::str(name), value.data());
                    }
                }
            }
        }
        let Some(name) = named.as_str().map(str::to_owned).filter(|n| !n.is_empty()) else {
            self.error(scope, entry, Code::WRONG_TYPE, "a role is named, or is a dictionary with `role`");
            return None;
        };
        if name.contains(',') {
            let hint = "a role is named alone; Galaxy's requirements are for ansible-galaxy".to_owned();
            self.error_hint(scope, named, Code::ROLE_NOT_FOUND, (format!("`{name}` is no name of a role"), hint));
            self.bag.worded(format!("Invalid old style role requirement: {name}"));
            return None;
        }
        let name = self.import_name(scope, named, &name)?;
        let span = self.span(&scope.file, entry.start);
        let mut inner = self.beneath(scope, entry, &keywords.vars);
        inner.known = inner.known.with_vars(&params);
        inner.never |= super::keyword::always_false(&keywords.when);
        let role = self.use_role(&inner, named, &name, &from)?;
        Some(RoleUse { role, span, keywords, params, from, once: false })
    }

    /// A role parameter: any name, but one that is nearly a keyword was hardly meant as one.
    fn parameter(&mut self, scope: &Scope, (name, key): (&str, &Node), value: &Node) {
        let known = all(&[COMMON, BELOW_PLAY]);
        if let Some(near) = crate::vars::nearest(name, known.iter().copied())
            && name.len() > 3
        {
            let message = format!("`{name}` is taken for a parameter of the role");
            self.warning_hint(scope, key, Code::UNKNOWN_KEYWORD, (message, format!("did you mean `{near}`?")));
        }
        self.lazy(scope, value);
    }

    /// A role that is used: its key in the plan. Each part of it is compiled once.
    pub fn use_role(&mut self, scope: &Scope, node: &Node, name: &str, from: &From) -> Option<String> {
        let asking = scope.role_paths.first().map(String::as_str);
        let found = self.collection_role(scope, name);
        let collection = found.as_ref().map(|f| f.collection.clone());
        let (name, path) = match found {
            Some(found) => (found.name, found.path),
            None => match find_role(self.tree, name, &self.playbook_dir, asking) {
                Ok(path) => (name.to_owned(), path),
                Err(tried) => {
                    self.no_role(scope, node, (name, tried));
                    return None;
                }
            },
        };
        let name = name.as_str();
        if self.role_stack.contains(&path) {
            let chain = self.role_stack.join(" -> ");
            self.error(
                scope,
                node,
                Code::INCLUDE_CYCLE,
                format!("the role {name} depends on itself: {chain} -> {path}"),
            );
            return None;
        }
        let key = self.role_key((name, &path), collection.as_deref());
        let mut role_paths = vec![path.clone()];
        role_paths.extend(scope.role_paths.iter().filter(|p| **p != path).cloned());
        let mut inner = Scope {
            file: path.clone(),
            role: Some(key.clone()),
            role_paths,
            handlers: false,
            never: scope.never,
            foreseen: scope.foreseen,
            collections: collection.into_iter().collect(),
            known: Rc::clone(&scope.known),
            imports: Vec::new(),
            depth: scope.depth + 1,
        };
        inner.collections.extend(self.meta(&inner, &path));
        for (kind, stem) in [("defaults", &from.defaults), ("vars", &from.vars)] {
            self.role_vars(&inner, (node, &scope.file), (kind, stem.as_deref()));
        }
        inner.known = self.with_role(&inner.known, (&key, from));
        self.role_handlers(&inner, (node, &scope.file), from.handlers.as_deref());
        self.role_tasks(&inner, (node, &scope.file), from.tasks.as_deref());
        Some(key)
    }

    /// Whether a role is a collection's that is not at hand. Collections are installed beside a site's own files, and
    /// often not where a bundle is built.
    pub fn is_foreign(&self, scope: &Scope, name: &str) -> bool {
        let asking = scope.role_paths.first().map(String::as_str);
        is_of_collection(name)
            && self.collection_role(scope, name).is_none()
            && find_role(self.tree, name, &self.playbook_dir, asking).is_err()
    }

    /// A condition may keep every node from such a role, as it does with Ansible: no reason to refuse all the others.
    pub fn foreign_role(&mut self, scope: &Scope, node: &Node, name: &str) {
        if scope.never {
            return;
        }
        let message = format!("there is no role `{name}`: a node on which this condition holds fails here");
        let hint =
            format!("if any does, copy it to roles/{name}, or give its collection's directory with --roles-path");
        self.warning_hint(scope, node, Code::COLLECTION_ROLE, (message, hint));
    }

    fn no_role(&mut self, scope: &Scope, node: &Node, (name, tried): (&str, Vec<String>)) {
        let collection = is_of_collection(name);
        let code = if collection { Code::COLLECTION_ROLE } else { Code::ROLE_NOT_FOUND };
        let message = format!("there is no role `{name}`");
        let mut diagnostic = Diagnostic::error(code, &scope.file, message).at(location(node));
        if collection {
            diagnostic = diagnostic.hint(format!("copy it to roles/{name}, or give its directory with --roles-path"));
        } else {
            let known = self.tree.list(&format!("{}roles", prefix(&self.playbook_dir))).unwrap_or_default();
            if let Some(near) = crate::vars::nearest(name, known.iter().map(String::as_str)) {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
        }
        for path in tried {
            diagnostic = diagnostic.note(format!("tried {path}"));
        }
        if !scope.never {
            self.bag.push(diagnostic);
        }
    }

    /// The role's name, unless another directory has it already.
    fn role_key(&mut self, (name, path): (&str, &str), collection: Option<&str>) -> String {
        if let Some((key, _)) = self.plan.roles.iter().find(|(_, r)| r.path == path) {
            return key.clone();
        }
        let short = name.rsplit('/').next().unwrap_or(name);
        let key = if self.plan.roles.contains_key(short) { path } else { short };
        let name = match collection {
            Some(collection) => format!("{collection}.{}", name.rsplit('.').next().unwrap_or(name)),
            None => short.to_owned(),
        };
        let role = Role { name, path: path.to_owned(), collection: collection.map(str::to_owned), ..Role::default() };
        self.plan.roles.insert(key.to_owned(), role);
        key.to_owned()
    }

    fn begin(&mut self, scope: &Scope, part: &str) -> bool {
        self.begun.insert(format!("{}|{part}", self.circumstances(scope)))
    }

    /// What a role adds to the variables that are known.
    pub fn with_role(&self, known: &Rc<Layers>, (key, from): (&str, &From)) -> Rc<Layers> {
        let Some(role) = self.plan.roles.get(key) else { return Rc::clone(known) };
        let part = |stem: &Option<String>| stem_of(stem.as_deref().unwrap_or("main")).to_owned();
        let mut grown = Rc::clone(known);
        if let Some(defaults) = role.defaults.get(&part(&from.defaults)) {
            grown = grown.with_defaults(defaults);
        }
        if let Some(vars) = role.vars.get(&part(&from.vars)) {
            grown = grown.with_vars(vars);
        }
        grown
    }

    fn role_mut(&mut self, scope: &Scope) -> &mut Role {
        let key = scope.role.clone().unwrap_or_default();
        self.plan.roles.entry(key).or_default()
    }

    /// `meta/main.yml` and `meta/argument_specs.yml`; gives the collections that the role names.
    fn meta(&mut self, scope: &Scope, path: &str) -> Vec<String> {
        let mut collections = Vec::new();
        let first = self.begin(scope, "meta");
        if let Some((file, Entry::File)) = main_file(self.tree, &format!("{path}/meta"), "main")
            && let Some(root) = self.yaml(&file)
        {
            let scope = Scope { file, ..scope.clone() };
            if root.get("collections").is_some() {
                collections = self.collections(&scope, &root);
            }
            if !first {
                return collections;
            }
            self.role_stack.push(path.to_owned());
            let entries = root.get("dependencies").map(|d| self.items(d).into_iter().cloned().collect::<Vec<_>>());
            let dependencies: Vec<RoleUse> =
                entries.unwrap_or_default().iter().filter_map(|e| self.role_entry(&scope, e)).collect();
            self.role_stack.pop();
            let allow = root.get("allow_duplicates").is_some_and(|n| spec::boolean(&n.data()) == Ok(true));
            let specs = root.get("argument_specs").cloned();
            let role = self.role_mut(&scope);
            role.dependencies = dependencies;
            role.allow_duplicates = allow;
            if let Some(specs) = specs {
                self.argument_specs(&scope, &specs);
            }
        }
        if let Some((file, Entry::File)) = main_file(self.tree, &format!("{path}/meta"), "argument_specs")
            && first
            && let Some(root) = self.yaml(&file)
        {
            let scope = Scope { file, ..scope.clone() };
            match root.get("argument_specs") {
                Some(specs) => self.argument_specs(&scope, specs),
                // Ansible takes an empty file for none.
                None if root.data().is_null() => {}
                None => self.error(&scope, &root, Code::WRONG_TYPE, "`argument_specs` is missing at the top"),
            }
        }
        collections
    }

    fn argument_specs(&mut self, scope: &Scope, specs: &Node) {
        for (name, _, entry) in pairs(self, scope, specs) {
            match entry.get("options").map(Node::data) {
                None | Some(Data::Null | Data::Map(_)) => {
                    self.role_mut(scope).argument_specs.insert(Data::str(name), entry.data());
                }
                Some(_) => self.error(scope, entry, Code::WRONG_TYPE, "`options` takes a dictionary"),
            }
        }
    }

    /// `defaults/` or `vars/`: the main file, or the one that `*_from` names; all where that is a template.
    fn role_vars(&mut self, scope: &Scope, at: (&Node, &str), (kind, from): (&str, Option<&str>)) {
        for stem in self.stems(scope, kind, from) {
            if !self.begin(scope, &format!("{kind}|{stem}")) {
                continue;
            }
            let directory = format!("{}/{kind}", scope.role_paths[0]);
            let mut vars = Map::default();
            match main_file(self.tree, &directory, &stem) {
                Some((file, Entry::File)) => vars = self.vars_file(&file),
                Some((path, Entry::Directory)) => {
                    for file in self.tree.walk(&path).unwrap_or_default() {
                        if [".yml", ".yaml", ".json"].iter().any(|e| file.ends_with(e)) {
                            vars.extend(self.vars_file(&file));
                        }
                    }
                }
                None if from.is_some() => self.no_part(scope, at, (kind, &stem)),
                None => continue,
            }
            let stem = stem_of(&stem).to_owned();
            let role = self.role_mut(scope);
            let part = if kind == "vars" { &mut role.vars } else { &mut role.defaults };
            part.insert(stem, vars);
        }
    }

    fn role_handlers(&mut self, scope: &Scope, at: (&Node, &str), from: Option<&str>) {
        for stem in self.stems(scope, "handlers", from) {
            if !self.begin(scope, &format!("handlers|{stem}")) {
                continue;
            }
            match main_file(self.tree, &format!("{}/handlers", scope.role_paths[0]), &stem) {
                Some((file, Entry::File)) => {
                    let inner = Scope { file, handlers: true, ..scope.clone() };
                    let nodes = self.task_file(&inner);
                    self.role_mut(scope).handlers.insert(stem_of(&stem).to_owned(), nodes);
                }
                _ if from.is_some() => self.no_part(scope, at, ("handlers", &stem)),
                _ => {}
            }
        }
    }

    fn role_tasks(&mut self, scope: &Scope, at: (&Node, &str), from: Option<&str>) {
        for stem in self.stems(scope, "tasks", from) {
            if !self.begin(scope, &format!("tasks|{stem}")) {
                continue;
            }
            match main_file(self.tree, &format!("{}/tasks", scope.role_paths[0]), &stem) {
                Some((file, Entry::File)) => {
                    self.role_mut(scope).tasks.insert(stem_of(&stem).to_owned(), file.clone());
                    let inner = Scope { file: file.clone(), ..scope.clone() };
                    let nodes = self.task_file(&inner);
                    self.plan.task_files.insert(file, nodes);
                }
                _ if from.is_some() => self.no_part(scope, at, ("tasks", &stem)),
                _ => {}
            }
        }
    }

    /// The stems that a `*_from` can mean: `main` without one, all of the directory where it is a template.
    fn stems(&self, scope: &Scope, kind: &str, from: Option<&str>) -> Vec<String> {
        match from {
            None => vec!["main".to_owned()],
            Some(name) if !is_template(name) => vec![name.to_owned()],
            Some(name) => {
                let directory = format!("{}/{kind}", scope.role_paths[0]);
                let pattern = super::files::Pattern::new(name);
                let files = self.tree.walk(&directory).unwrap_or_default();
                let relative = files.iter().filter_map(|f| f.strip_prefix(&format!("{directory}/")));
                relative
                    .filter(|f| [".yml", ".yaml"].iter().any(|e| f.ends_with(e)))
                    .filter(|f| pattern.matches(f) || pattern.matches(stem_of(f)))
                    .map(|f| stem_of(f).to_owned())
                    .collect()
            }
        }
    }

    fn no_part(&mut self, scope: &Scope, (node, file): (&Node, &str), (kind, stem): (&str, &str)) {
        let role = scope.role.as_deref().unwrap_or_default();
        let message = format!("the role `{role}` has no {kind}/{stem}");
        let tried = format!("tried {}/{kind}/{stem}.yml, .yaml, .json", scope.role_paths[0]);
        self.bag.push(Diagnostic::error(Code::TASKS_NOT_FOUND, file, message).at(location(node)).note(tried));
    }

    /// A file of variables.
    pub fn vars_file(&mut self, path: &str) -> Map {
        let Some(root) = self.yaml(path) else { return Map::default() };
        let scope = Scope::of(path);
        match &root.content {
            Content::Map(_) => {
                self.lazy(&scope, &root);
                match root.into_data() {
                    Data::Map(map) => map,
                    _ => Map::default(),
                }
            }
            _ if root.is_null() => Map::default(),
            _ => {
                self.error(&scope, &root, Code::NOT_A_PLAYBOOK, "a file of variables is a dictionary");
                Map::default()
            }
        }
    }

    /// Every notification must reach somebody.
    pub fn check_notifications(&mut self) {
        if self.open_handlers {
            return;
        }
        for (name, place) in std::mem::take(&mut self.notified) {
            let bare = name.split_once(" : ").map_or(name.as_str(), |(_, handler)| handler);
            if self.handlers.contains(&name) || self.handlers.contains(bare) {
                continue;
            }
            let message = format!("no handler is named `{name}` or listens to it");
            let near = crate::vars::nearest(&name, self.handlers.iter().map(String::as_str));
            let mut diagnostic = Diagnostic::error(Code::NO_HANDLER, place.file, message).at(place.at);
            if let Some(near) = near {
                diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
            }
            self.bag.push(diagnostic);
        }
    }
}

fn prefix(dir: &str) -> String {
    if dir.is_empty() { String::new() } else { format!("{dir}/") }
}

/// A name without its extension, as `*_from` and the plan use it.
fn stem_of(name: &str) -> &str {
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

/// Whether a name is `namespace.collection.role`.
fn is_of_collection(name: &str) -> bool {
    name.split('.').count() >= 3
}

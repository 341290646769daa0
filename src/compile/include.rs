//! What a task brings in: imports are expanded here, includes make what they can name reachable.

use super::Findings;
use super::argument::{Action as Named, short};
use super::context::{Compiler, Scope, location};
use super::files::{Pattern, beneath_source_root};
use super::keyword::{BELOW_PLAY, COMMON, all, pairs};
use super::template::is_template;
use crate::plan::{
    Action, Args, Block, Data, From, IncludeFrom, Keywords, Map, Node as PlanNode, Origin, RoleUse, Task,
};
use crate::source::{Code, Diagnostic, join, parent};
use crate::spec;
use crate::vars::nearest;
use crate::yaml::Node;

/// Options of `include_role` and `import_role`.
const ROLE_OPTIONS: &[&str] = &[
    "allow_duplicates",
    "apply",
    "defaults_from",
    "handlers_from",
    "name",
    "public",
    "role",
    "rolespec_validate",
    "tasks_from",
    "vars_from",
];

/// `rolespec_validate: false`.
fn unchecked(named: &Named) -> bool {
    named.arg("rolespec_validate").is_some_and(|given| spec::boolean(given) == Ok(false))
}

impl Compiler<'_> {
    pub(super) fn import_tasks(
        &mut self,
        scope: &Scope,
        node: &Node,
        (named, task): (&Named, Task),
    ) -> Option<PlanNode> {
        self.no_task_keywords(scope, node, named);
        let (name_node, name) = self.file_name(scope, named)?;
        let name = self.import_name(scope, name_node, &name)?;
        let path = self.find_tasks(scope, name_node, &name)?;
        if scope.imports.contains(&path) || path == scope.file {
            let message = format!("{path} imports itself");
            self.error(scope, named.node("file"), Code::INCLUDE_CYCLE, message);
            return None;
        }
        // What is notified, the imported tasks notify.
        let mut keywords = Keywords { notify: task.notify, ..task.keywords };
        let params = std::mem::take(&mut keywords.vars);
        let mut imports = scope.imports.clone();
        imports.push(scope.file.clone());
        let inner = Scope { file: path.clone(), imports, depth: scope.depth + 1, ..scope.clone() };
        let block = self.task_file(&inner);
        let origin = Origin::ImportTasks { params, file: path };
        Some(PlanNode::Block(Box::new(Block {
            name: task.name,
            span: task.span,
            keywords,
            origin,
            block,
            ..Block::default()
        })))
    }

    pub(super) fn include_tasks(
        &mut self,
        scope: &Scope,
        node: &Node,
        (named, mut task): (&Named, Task),
    ) -> Option<PlanNode> {
        self.include_keywords(scope, node, named);
        self.options(scope, named, &["file", "apply", "_raw_params"]);
        let (name_node, name) = self.file_name(scope, named)?;
        let apply = self.apply(scope, named);
        if is_template(&name) {
            self.template(scope, name_node, &name);
        }
        if self.options.findings == Findings::AtRunTime {
            // Compiled when it is known what is meant.
        } else if is_template(&name) {
            self.open_tasks(scope, &name);
        } else {
            let path = self.find_tasks(scope, name_node, &name)?;
            self.reach_tasks(scope, &path);
        }
        task.action = Action::IncludeTasks { file: Data::Str(name), apply: Box::new(apply) };
        Some(PlanNode::Task(Box::new(task)))
    }

    pub(super) fn import_role(
        &mut self,
        scope: &Scope,
        node: &Node,
        (named, task): (&Named, Task),
    ) -> Option<PlanNode> {
        self.no_task_keywords(scope, node, named);
        self.options(scope, named, ROLE_OPTIONS);
        let (name_node, name) = self.role_name(scope, named)?;
        let name = self.import_name(scope, name_node, &name)?;
        let text = |c: &mut Self, option: &str| match named.arg(option).map(spec::python_str) {
            Some(text) if is_template(&text) => c.import_name(scope, named.node(option), &text),
            other => other,
        };
        let from = From {
            tasks: text(self, "tasks_from"),
            vars: text(self, "vars_from"),
            defaults: text(self, "defaults_from"),
            handlers: text(self, "handlers_from"),
            unchecked: unchecked(named),
        };
        let role = self.use_role(scope, name_node, &name, &from)?;
        let once = named.arg("allow_duplicates").is_some_and(|d| spec::boolean(d) == Ok(false));
        let keywords = Keywords { notify: task.notify, ..task.keywords };
        let used = RoleUse { role, span: task.span, keywords, params: Map::default(), from, once };
        Some(PlanNode::Block(Box::new(Block {
            name: task.name,
            span: task.span,
            origin: Origin::ImportRole { used: Box::new(used) },
            ..Block::default()
        })))
    }

    pub(super) fn include_role(
        &mut self,
        scope: &Scope,
        node: &Node,
        (named, mut task): (&Named, Task),
    ) -> Option<PlanNode> {
        self.include_keywords(scope, node, named);
        self.options(scope, named, ROLE_OPTIONS);
        let (name_node, name) = self.role_name(scope, named)?;
        let from = IncludeFrom {
            tasks: named.arg("tasks_from").cloned(),
            vars: named.arg("vars_from").cloned(),
            defaults: named.arg("defaults_from").cloned(),
            handlers: named.arg("handlers_from").cloned(),
            unchecked: unchecked(named),
        };
        for option in ["tasks_from", "vars_from", "defaults_from", "handlers_from", "public"] {
            if named.arg(option).is_some() {
                self.templates(scope, named.node(option));
            }
        }
        let literal = |d: &Option<Data>| d.as_ref().map(spec::python_str).filter(|s| !s.is_empty());
        let wanted = From {
            tasks: literal(&from.tasks),
            vars: literal(&from.vars),
            defaults: literal(&from.defaults),
            handlers: literal(&from.handlers),
            unchecked: from.unchecked,
        };
        if is_template(&name) {
            self.template(scope, name_node, &name);
        }
        if self.options.findings == Findings::AtRunTime {
            // Compiled when it is known what is meant.
        } else if is_template(&name) {
            for role in self.open_roles(scope, &name) {
                self.use_role(scope, name_node, &role, &wanted);
            }
        } else if !task.keywords.when.is_empty() && self.is_foreign(scope, &name) {
            self.foreign_role(scope, name_node, &name);
        } else {
            self.use_role(scope, name_node, &name, &wanted)?;
        }
        if self.options.findings == Findings::AtRunTime && task.name.is_none() {
            task.called = Some(format!("{} : {name}", named.name));
        }
        // Who runs it knows no list of collections.
        let found = self.collection_role(scope, &name).filter(|_| !is_template(&name));
        let name = found.map_or(name, |found| found.name);
        task.action = Action::IncludeRole {
            name: Data::Str(name),
            from: Box::new(from),
            apply: Box::new(self.apply(scope, named)),
            public: named.arg("public").cloned().unwrap_or(Data::Bool(false)),
            allow_duplicates: named.arg("allow_duplicates").is_none_or(|d| spec::boolean(d) != Ok(false)),
        };
        Some(PlanNode::Task(Box::new(task)))
    }

    /// An import happens when the bundle is built: a task's own keywords have nothing to act on.
    fn no_task_keywords(&mut self, scope: &Scope, node: &Node, named: &Named) {
        let what = short(&named.name).to_owned();
        for (name, key, _) in pairs(self, scope, node) {
            if name == "loop" || name.starts_with("with_") {
                let dynamic = what.replace("import", "include");
                let hint = format!("use {dynamic}, which runs once per item");
                self.not_here(
                    scope,
                    key,
                    &format!("{what} cannot loop: it is expanded when the bundle is built"),
                    &hint,
                );
            } else if matches!(name, "register" | "until" | "retries" | "async" | "changed_when" | "failed_when") {
                self.not_here(
                    scope,
                    key,
                    &format!("`{name}` has no effect on {what}"),
                    "put it on the tasks that are imported",
                );
            }
        }
    }

    /// What Ansible allows on an include.
    fn include_keywords(&mut self, scope: &Scope, node: &Node, named: &Named) {
        const ALLOWED: &[&str] = &[
            "action",
            "args",
            "collections",
            "debugger",
            "ignore_errors",
            "loop",
            "loop_control",
            "name",
            "no_log",
            "register",
            "run_once",
            "tags",
            "timeout",
            "vars",
            "when",
            "listen",
            "local_action",
        ];
        for (name, key, _) in pairs(self, scope, node) {
            let known = ALLOWED.contains(&name) || name.starts_with("with_") || name == named.name;
            if !known && all(&[COMMON, BELOW_PLAY, super::keyword::TASK]).contains(&name) {
                let message = format!("`{name}` is not allowed on {}", short(&named.name));
                self.not_here(scope, key, &message, "put it beneath `apply:`, which gives it to what is included");
            }
        }
    }

    fn options(&mut self, scope: &Scope, named: &Named, known: &[&str]) {
        let map = match &named.args {
            Args::Map(map) => map.clone(),
            Args::Template { .. } => {
                let message = format!("the arguments of {} must be written out", short(&named.name));
                self.error(scope, named.value, Code::BAD_ARGUMENTS, message);
                return;
            }
        };
        for key in map.keys().filter_map(Data::as_str).filter(|k| !known.contains(k)) {
            let hint = match nearest(key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes: {}", known.join(", ")),
            };
            let message = format!("{} has no parameter `{key}`", short(&named.name));
            self.error_hint(scope, named.node(key), Code::UNKNOWN_PARAMETER, (message, hint));
        }
    }

    fn apply(&mut self, scope: &Scope, named: &Named) -> Keywords {
        let mut keywords = Keywords::default();
        if named.arg("apply").is_none() {
            return keywords;
        }
        let node = named.node("apply").clone();
        for (name, key, value) in pairs(self, scope, &node) {
            if name == "notify" {
                keywords.notify = self.notify(scope, value);
            } else if !self.common(scope, name, value, &mut keywords) {
                self.unknown_keyword(scope, key, "apply", &all(&[COMMON, BELOW_PLAY]));
            }
        }
        keywords
    }

    fn file_name<'n>(&mut self, scope: &Scope, named: &'n Named) -> Option<(&'n Node, String)> {
        let option = if named.arg("file").is_some() { "file" } else { "_raw_params" };
        match named.arg(option).and_then(Data::as_str) {
            Some(name) if !name.trim().is_empty() => Some((named.node(option), name.trim().to_owned())),
            _ => {
                let message = format!("{} needs the name of a file", short(&named.name));
                self.error(scope, named.node(option), Code::MISSING_PARAMETER, message);
                None
            }
        }
    }

    fn role_name<'n>(&mut self, scope: &Scope, named: &'n Named) -> Option<(&'n Node, String)> {
        let option = if named.arg("role").is_some() { "role" } else { "name" };
        match named.arg(option).and_then(Data::as_str) {
            Some(name) if !name.trim().is_empty() => Some((named.node(option), name.trim().to_owned())),
            _ => {
                let message = format!("{} needs the name of a role", short(&named.name));
                self.error(scope, named.key, Code::MISSING_PARAMETER, message);
                None
            }
        }
    }

    /// The name of an import, with variables replaced that are known when the bundle is built.
    pub(super) fn import_name(&mut self, scope: &Scope, node: &Node, name: &str) -> Option<String> {
        let text = beneath_source_root(name, scope, self);
        if !is_template(&text) {
            return Some(text);
        }
        if let Some(text) = scope.known.all(&self.options.extra_vars).text(&text).filter(|t| !is_template(t)) {
            return Some(text);
        }
        let message = format!("the name of an import cannot be a template: {name}");
        let hint =
            "imports are expanded when the bundle is built, where only vars, vars_files, roles' variables and -e \
                    are known; use the include_ form, or write the name"
                .to_owned();
        self.error_hint(scope, node, Code::OPEN_IMPORT, (message, hint));
        None
    }

    /// The path of a file of tasks.
    fn find_tasks(&mut self, scope: &Scope, node: &Node, name: &str) -> Option<String> {
        let name = beneath_source_root(name, scope, self);
        let rooted = name.strip_prefix('\0');
        let mut tried = Vec::new();
        let candidates = match rooted {
            Some(path) => vec![join("", path)],
            None if self.tree.absolute(&name).is_some() => vec![join("", name.trim_start_matches('/'))],
            None => self.task_directories(scope).iter().map(|dir| join(dir, &name)).collect(),
        };
        for path in candidates.into_iter().flatten() {
            if self.tree.has_file(&path) {
                return Some(path);
            }
            if !tried.contains(&path) {
                tried.push(path);
            }
        }
        if tried.is_empty() {
            self.outside(scope, node, rooted.unwrap_or(&name));
            return None;
        }
        let mut diagnostic =
            Diagnostic::error(Code::TASKS_NOT_FOUND, &scope.file, format!("there is no file of tasks `{name}`"))
                .at(location(node));
        for path in tried {
            diagnostic = diagnostic.note(format!("tried {path}"));
        }
        self.bag.push(diagnostic);
        None
    }

    /// Where files of tasks are looked for.
    fn task_directories(&self, scope: &Scope) -> Vec<String> {
        let mut dirs = vec![parent(&scope.file).to_owned()];
        dirs.extend(scope.imports.iter().rev().map(|f| parent(f).to_owned()));
        if let Some(role) = scope.role_paths.first() {
            dirs.extend([format!("{role}/tasks"), format!("{role}/handlers"), role.clone()]);
        }
        dirs.extend([Some(self.playbook_dir.clone()), join(&self.playbook_dir, "tasks")].into_iter().flatten());
        dirs
    }

    /// A file of tasks that an include can name.
    fn reach_tasks(&mut self, scope: &Scope, path: &str) {
        if !self.begun.insert(format!("{}|{path}", self.circumstances(scope))) {
            return;
        }
        let inner = Scope { file: path.to_owned(), imports: Vec::new(), depth: scope.depth + 1, ..scope.clone() };
        let nodes = self.task_file(&inner);
        self.plan.task_files.insert(path.to_owned(), nodes);
    }

    /// All files that a templated name could mean.
    fn open_tasks(&mut self, scope: &Scope, name: &str) {
        let name = beneath_source_root(name, scope, self);
        let mut found = Vec::new();
        let directories = match name.starts_with('\0') {
            true => vec![String::new()],
            false => self.task_directories(scope),
        };
        let pattern = Pattern::new(name.trim_start_matches('\0'));
        for dir in directories {
            // The whole tree is no place for tasks: beside the playbook only tasks/ is, unless the name says more.
            let start = pattern.directory();
            if dir.is_empty() && start.is_empty() {
                continue;
            }
            let Some(start) = join(&dir, start) else { continue };
            for path in self.tree.walk(&start).unwrap_or_default() {
                let relative = if dir.is_empty() { &path } else { path[dir.len()..].trim_start_matches('/') };
                let is_yaml = [".yml", ".yaml", ".json"].iter().any(|e| path.ends_with(e));
                let inside_role =
                    !dir.is_empty() && scope.role_paths.first() == Some(&dir) && !relative.contains("tasks/");
                if is_yaml && !inside_role && pattern.matches(relative) && !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        for path in found {
            self.reach_tasks(scope, &path);
        }
    }

    /// All roles that a templated name could mean.
    fn open_roles(&mut self, scope: &Scope, name: &str) -> Vec<String> {
        // `{{ role_path }}/roles/x` is one role, and known.
        if let Some(path) = beneath_source_root(name, scope, self).strip_prefix('\0').filter(|p| !is_template(p)) {
            let up = self.playbook_dir.split('/').filter(|part| !part.is_empty()).map(|_| "../").collect::<String>();
            return vec![format!("{up}{path}")];
        }
        let pattern = Pattern::new(name);
        let mut places = vec![join(&self.playbook_dir, "roles").unwrap_or_default()];
        places.extend(self.tree.roles_paths().map(str::to_owned));
        places.extend(scope.role_paths.first().map(|p| parent(p).to_owned()));
        let mut found: Vec<String> = Vec::new();
        for place in places {
            for name in self.tree.list(&place).unwrap_or_default() {
                let is_role = self.tree.has_directory(&format!("{place}/{name}"));
                if is_role && pattern.matches(&name) && !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        found
    }
}

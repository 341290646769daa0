//! include_tasks and include_role: what to run is known only now, once per item of a loop.

use super::Run;
use super::files::TaskFiles;
use super::frame::{Frame, Kind};
use super::play::Current;
use super::report::Outcome;
use super::result::{Done, boolean};
use super::role::{Instance, Use, parent_dir};
use super::scope::Scope;
use super::task::Title;
use super::walk::Flow;
use crate::plan::{Action, Data, From, IncludeFrom, Keywords, Map, Node, Plan, Task, limits};
use crate::vars::Templar;
use std::borrow::Cow;
use std::rc::Rc;

/// What one item of an include asks for, templated.
enum Target<'p> {
    /// A task file.
    Tasks { plan: &'p Plan, nodes: &'p [Node], file: String },
    /// A role.
    Role(Rc<Instance<'p>>),
}

/// What an include names, before it is looked for.
enum Wanted {
    /// A task file.
    File(String),
    /// A role and its files.
    Role { name: String, from: From, public: bool, allow_duplicates: bool },
}

/// One item of an include.
struct Entry<'p, 't> {
    target: Target<'p>,
    apply: &'t Keywords,
    /// The item's variables, which what is included sees.
    locals: Map,
}

/// What an include comes to.
enum Entries<'p, 't> {
    /// Something to run.
    Found(Vec<Entry<'p, 't>>),
    /// Nothing: the result of the task.
    None(Box<Done>),
}

/// Why what an include names is not there.
struct Missing(String);

impl<'p> Run<'p> {
    /// Templates an include's names.
    fn wanted_role(&self, templar: &Templar<'_>, name: &Data, from: &IncludeFrom) -> Result<(String, From), String> {
        let text = |data: &Data| -> Result<String, String> {
            let value = templar.value(data).map_err(|e| e.to_string())?;
            value.as_str().map(str::to_owned).ok_or_else(|| format!("a name was expected, not {}", value.type_name()))
        };
        let optional = |data: &Option<Data>| data.as_ref().map(&text).transpose();
        let from = From {
            tasks: optional(&from.tasks)?,
            vars: optional(&from.vars)?,
            defaults: optional(&from.defaults)?,
            handlers: optional(&from.handlers)?,
            unchecked: from.unchecked,
        };
        Ok((text(name)?, from))
    }

    /// Looks for what an include names.
    fn target(&self, frame: &Rc<Frame<'p>>, wanted: Wanted) -> Result<Target<'p>, String> {
        match wanted {
            Wanted::File(name) => {
                let mut tried = Vec::new();
                for candidate in self.include_candidates(frame, &name) {
                    let plan = self.plan_with(frame, &candidate)?;
                    if let Some((file, nodes)) = plan.task_files.get_key_value(&candidate) {
                        return Ok(Target::Tasks { plan, nodes, file: file.clone() });
                    }
                    tried.push(candidate);
                }
                let first = self.source_path(tried.first().map_or(name.as_str(), String::as_str));
                Err(format!("Could not find or access '{first}' on the Ansible Controller."))
            }
            Wanted::Role { name, from, public, allow_duplicates } => {
                let (plan, key) = self.plan_of_role(frame, &name, &from)?;
                let used = Use {
                    key,
                    keywords: Cow::Owned(Keywords::default()),
                    params: Cow::Owned(Map::default()),
                    from,
                    repeat: allow_duplicates,
                };
                let parents = match &frame.role {
                    None => Vec::new(),
                    Some(role) => role.parents.iter().chain([role]).cloned().collect(),
                };
                let role = Instance::new(plan, used, parents)?;
                role.public.set(public);
                role.dependencies.iter().for_each(|d| d.public.set(public));
                Ok(Target::Role(role))
            }
        }
    }

    /// The plan in which a file of tasks may be: one that is made now, where that can be done.
    fn plan_with(&self, _frame: &Rc<Frame<'p>>, _path: &str) -> Result<&'p Plan, String> {
        #[cfg(feature = "builder")]
        if let Some(later) = self.world.later
            && let Some(plan) = later.tasks(_path, &self.standing(_frame))?
        {
            return Ok(plan);
        }
        Ok(self.world.plan)
    }

    /// A role by the name a task uses, and the plan that has it.
    fn plan_of_role(&self, frame: &Rc<Frame<'p>>, name: &str, _from: &From) -> Result<(&'p Plan, &'p str), String> {
        #[cfg(feature = "builder")]
        if let Some(later) = self.world.later {
            return later.role(name, _from, &self.standing(frame));
        }
        Ok((self.world.plan, self.role_key(frame, name)?))
    }

    /// The key of a role by the name a task uses: beside the role that asks, else any role of that name.
    fn role_key(&self, frame: &Rc<Frame<'p>>, name: &str) -> Result<&'p str, String> {
        let roles = &self.world.plan.roles;
        let beside = frame.role.as_ref().map(|r| format!("{}/{name}", parent_dir(&r.role.path)));
        let matches = |key: &str, role: &crate::plan::Role| {
            key == name || role.name == name || Some(&role.path) == beside.as_ref() || role.path == name
        };
        // A path, absolute or from beside the role.
        let paths: Vec<String> = beside.iter().map(|b| super::files::normal(b)).chain(self.in_source(name)).collect();
        let found = paths.iter().find_map(|p| roles.iter().find(|(_, r)| r.path == *p));
        let found = found.or_else(|| roles.iter().find(|(key, role)| matches(key, role)));
        found.map(|(key, _)| key.as_str()).ok_or_else(|| format!("the role '{name}' was not found in the bundle"))
    }

    /// Paths in the source tree at which an included task file may lie.
    fn include_candidates(&self, frame: &Rc<Frame<'p>>, name: &str) -> Vec<String> {
        if let Some(inside) = self.in_source(name) {
            return vec![inside];
        }
        let mut list = Vec::new();
        let mut add = |dir: &str| {
            let path = super::files::normal(&format!("{dir}/{name}"));
            if !list.contains(&path) {
                list.push(path);
            }
        };
        frame.chain().for_each(|f| add(&f.dir));
        if let Some(role) = &frame.role {
            add(&format!("{}/tasks", role.role.path));
            add(&format!("{}/handlers", role.role.path));
            add(&role.role.path);
        }
        add(&parent_dir(&self.world.plan.playbook));
        add(&format!("{}/tasks", parent_dir(&self.world.plan.playbook)));
        list
    }

    /// Runs what an include found, in a frame of its own.
    fn included(&self, play: &Current<'p>, frame: &Rc<Frame<'p>>, task: &Task, entry: Entry<'p, '_>) -> Flow {
        let Entry { target, apply, locals } = entry;
        if frame.depth > limits::INCLUDE_DEPTH {
            return self.fatal(task.span, frame, "includes are nested too deep: does a file include itself?");
        }
        let mut outer = frame.inner(Kind::Include, Cow::Owned(Keywords::default()));
        outer.params.clone_from(&task.keywords.vars);
        outer.params.extend(locals);
        let applied = |outer: Frame<'p>| {
            let outer = Rc::new(outer);
            let mut inner = outer.inner(Kind::Block, Cow::Owned(apply.clone()));
            inner.dir.clone_from(&outer.dir);
            Rc::new(inner)
        };
        match target {
            Target::Tasks { plan, nodes, file } => {
                outer.dir = parent_dir(&file);
                let parents: Vec<_> = outer.role.iter().flat_map(|r| r.parents.iter().chain([r])).cloned().collect();
                self.collect_imports(play, (plan, nodes), &parents);
                self.nodes(play, nodes, &applied(outer))
            }
            Target::Role(role) => {
                // What the including role was given is over what the include gives.
                if let Some(parent) = &outer.role {
                    outer.params.extend(parent.params.iter().map(|(k, v)| (k.clone(), v.clone())));
                }
                play.roles.borrow_mut().push(Rc::clone(&role));
                let inner = applied(outer);
                self.add_handlers(play, &role, &inner);
                self.collect_role_imports(play, &role);
                self.role(play, &role, &inner)
            }
        }
    }

    /// Runs an include: every item is resolved before the first of them runs, as Ansible does it.
    pub(super) fn include(
        &self,
        play: &Current<'p>,
        task: &Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
        title: Title,
    ) -> Flow {
        let entries = match self.entries(play, task, frame, scope) {
            Ok(Entries::Found(entries)) => entries,
            Ok(Entries::None(done)) => return self.finish(play, task, frame, scope, title, *done),
            // What is not there cannot be ignored: Ansible lets no ignore_errors apply to it.
            Err(Missing(reason)) => {
                let mut done = Done::default();
                done.put("reason", Data::Unsafe(reason));
                done.put("failed", Data::Bool(true));
                self.tell(Outcome::Failed, None, &done, "include");
                return self.record(task, frame, &title, Outcome::Failed, &done);
            }
        };
        let files = entries.iter().filter(|e| matches!(e.target, Target::Tasks { .. })).count();
        self.report.borrow_mut().recap.ok += u32::try_from(files).unwrap_or(u32::MAX);
        for entry in entries {
            let flow = self.included(play, frame, task, entry);
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    /// What there is to include, item by item; or the result of a task that includes nothing.
    fn entries<'t>(
        &self,
        play: &Current<'p>,
        task: &'t Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<Entries<'p, 't>, Missing> {
        let none = |done: Done| Ok(Entries::None(Box::new(done)));
        let items = match self.loop_items(task, frame, scope) {
            Ok(items) => items,
            Err(message) => {
                return none(match self.excluded(task, frame, scope) {
                    Ok(Some(condition)) => Done::skipped(&condition),
                    _ => Done::failure(message),
                });
            }
        };
        let looped = items.is_some();
        let items = items.unwrap_or_else(|| vec![Data::Null]);
        let mut entries = Vec::new();
        for index in 0..items.len() {
            let inner = Scope::new(self, play, frame, Some(task));
            if looped && let Err(message) = self.bind_item(task, frame, &inner, (&items, index)) {
                return none(Done::failure(message));
            }
            match self.excluded(task, frame, &inner) {
                Ok(None) => {}
                Ok(Some(condition)) if looped => {
                    let mut done = Done::skipped(&condition);
                    let label = self.describe_item(task, frame, &inner, &items[index], &mut done);
                    self.tell(Outcome::Skipped, Some(&label), &done, Self::module_of(task));
                    continue;
                }
                Ok(Some(condition)) => return none(Done::skipped(&condition)),
                Err(message) => return none(Done::failure(message)),
            }
            let (target, apply) = self.resolve(task, frame, &inner)?;
            if let Target::Tasks { file, .. } = &target {
                let label =
                    looped.then(|| self.describe_item(task, frame, &inner, &items[index], &mut Done::default()));
                self.listener.borrow_mut().included(&self.source_path(file), label.as_ref());
            }
            entries.push(Entry { target, apply, locals: inner.locals() });
        }
        match (entries.is_empty(), items.is_empty()) {
            (true, true) => none(Done::empty_loop()),
            (true, false) => none(Done::skipped(&Data::Bool(false))),
            _ => Ok(Entries::Found(entries)),
        }
    }

    fn resolve<'t>(
        &self,
        task: &'t Task,
        frame: &Rc<Frame<'p>>,
        scope: &Scope<'_, 'p>,
    ) -> Result<(Target<'p>, &'t Keywords), Missing> {
        let files = TaskFiles::new(self, frame);
        let templar = self.templar(scope, &files);
        match &task.action {
            Action::IncludeTasks { file, apply } => {
                let name = templar.value(file).map_err(|e| Missing(e.to_string()))?;
                let name = name
                    .as_str()
                    .ok_or_else(|| Missing(format!("a file name was expected, not {}", name.type_name())))?;
                Ok((self.target(frame, Wanted::File(name.to_owned())).map_err(Missing)?, apply.as_ref()))
            }
            Action::IncludeRole { name, from, apply, public, allow_duplicates } => {
                let (name, from) = self.wanted_role(&templar, name, from).map_err(Missing)?;
                let public = boolean(&templar.value(public).map_err(|e| Missing(e.to_string()))?);
                let wanted = Wanted::Role { name, from, public, allow_duplicates: *allow_duplicates };
                Ok((self.target(frame, wanted).map_err(Missing)?, apply.as_ref()))
            }
            Action::Module(_) | Action::Meta(_) => Err(Missing("not an include".to_owned())),
        }
    }
}

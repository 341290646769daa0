//! include_tasks and include_role: what to run is known only now, once per item of a loop.

use super::Run;
use super::frame::{Frame, Kind};
use super::play::Current;
use super::role::{Instance, Use, parent_dir};
use super::walk::Flow;
use crate::plan::{Data, From, IncludeFrom, Keywords, Map, Node, Task, limits};
use crate::vars::Templar;
use std::borrow::Cow;
use std::rc::Rc;

/// What one item of an include asks for, templated.
pub(super) enum Target<'p> {
    /// A task file.
    Tasks { nodes: &'p [Node], file: String },
    /// A role.
    Role(Rc<Instance<'p>>),
}

/// What an include names, before it is looked for.
pub(super) enum Wanted {
    /// A task file.
    File(String),
    /// A role and its files.
    Role { name: String, from: From, public: bool, allow_duplicates: bool },
}

impl<'p> Run<'p> {
    /// Templates an include's names.
    pub(super) fn wanted_role(
        &self,
        templar: &Templar<'_>,
        name: &Data,
        from: &IncludeFrom,
    ) -> Result<(String, From), String> {
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
        };
        Ok((text(name)?, from))
    }

    /// Looks for what an include names.
    pub(super) fn target(&self, frame: &Rc<Frame<'p>>, wanted: Wanted) -> Result<Target<'p>, String> {
        let plan = self.world.plan;
        match wanted {
            Wanted::File(name) => {
                let mut tried = Vec::new();
                for candidate in self.include_candidates(frame, &name) {
                    if let Some((file, nodes)) = plan.task_files.get_key_value(&candidate) {
                        return Ok(Target::Tasks { nodes, file: file.clone() });
                    }
                    tried.push(candidate);
                }
                Err(format!("could not find the tasks file {name}; tried {}", tried.join(", ")))
            }
            Wanted::Role { name, from, public, allow_duplicates } => {
                let key = self.role_key(frame, &name)?;
                let used = Use {
                    key,
                    keywords: Cow::Owned(Keywords::default()),
                    params: Cow::Owned(Map::new()),
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

    /// The key of a role by the name a task uses: beside the role that asks, else any role of that name.
    fn role_key(&self, frame: &Rc<Frame<'p>>, name: &str) -> Result<&'p str, String> {
        let roles = &self.world.plan.roles;
        let beside = frame.role.as_ref().map(|r| format!("{}/{name}", parent_dir(&r.role.path)));
        let matches = |key: &str, role: &crate::plan::Role| {
            key == name || role.name == name || Some(&role.path) == beside.as_ref() || role.path == name
        };
        let found = beside.as_deref().and_then(|b| roles.iter().find(|(_, r)| r.path == b));
        let found = found.or_else(|| roles.iter().find(|(key, role)| matches(key, role)));
        found.map(|(key, _)| key.as_str()).ok_or_else(|| format!("the role '{name}' was not found in the bundle"))
    }

    /// Paths in the source tree at which an included task file may lie.
    fn include_candidates(&self, frame: &Rc<Frame<'p>>, name: &str) -> Vec<String> {
        let root = self.source_root();
        if let Some(inside) = name.strip_prefix(root) {
            return vec![super::files::normal(inside)];
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
    pub(super) fn included(
        &self,
        play: &Current<'p>,
        frame: &Rc<Frame<'p>>,
        include: (&Task, Map, &Keywords, Option<Data>),
        target: Target<'p>,
    ) -> Flow {
        let (task, locals, apply, label) = include;
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
            Target::Tasks { nodes, file } => {
                self.listener.borrow_mut().included(&self.source_path(&file), label.as_ref());
                outer.dir = parent_dir(&file);
                self.collect_imports(play, nodes, &[]);
                self.nodes(play, nodes, &applied(outer))
            }
            Target::Role(role) => {
                if role.public.get() {
                    play.roles.borrow_mut().push(Rc::clone(&role));
                }
                self.add_handlers(play, &role);
                self.collect_role_imports(play, &role);
                self.role(play, &role, &applied(outer))
            }
        }
    }
}

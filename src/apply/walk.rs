//! Walks nodes in order: tasks, and blocks with rescue and always.

use super::Run;
use super::frame::{Frame, Kind};
use super::play::Current;
use super::role::{Instance, Use, argument_spec};
use super::scope::Scope;
use crate::plan::{Action, Args, Block, Data, Key, Keywords, Map, Node, Origin, Plan, Span, Task};
use std::borrow::Cow;
use std::rc::Rc;

/// What happens after a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next one.
    Next,
    /// The host failed; a rescue may take it.
    Failed,
    /// `meta: end_play`, `end_host`, `end_batch`: nothing more of this play, no rescue, no always.
    End,
}

impl<'p> Run<'p> {
    /// Runs nodes in order until one does not lead to the next.
    pub(super) fn nodes(&self, play: &Current<'p>, nodes: &'p [Node], frame: &Rc<Frame<'p>>) -> Flow {
        for node in nodes {
            let flow = match node {
                Node::Task(task) => self.task(play, task, frame),
                Node::Block(block) => self.block(play, block, frame),
            };
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn block(&self, play: &Current<'p>, block: &'p Block, frame: &Rc<Frame<'p>>) -> Flow {
        match &block.origin {
            Origin::Block => {
                let inner = frame.inner(Kind::Block, Cow::Borrowed(&block.keywords));
                self.sections(play, block, &Rc::new(inner))
            }
            Origin::ImportTasks { params, file } => {
                let mut inner = frame.inner(Kind::Import, with_vars(&block.keywords, params));
                inner.dir = super::role::parent_dir(file);
                self.sections(play, block, &Rc::new(inner))
            }
            Origin::ImportRole { .. } => match play.imported(block) {
                Some(role) => {
                    let inner = frame.inner(Kind::Import, with_vars(&block.keywords, &role.keywords.vars));
                    self.role(play, &role, &Rc::new(inner))
                }
                None => self.fatal(block.span, frame, "the imported role was not found in the bundle"),
            },
        }
    }

    fn sections(&self, play: &Current<'p>, block: &'p Block, frame: &Rc<Frame<'p>>) -> Flow {
        let mut flow = self.nodes(play, &block.block, frame);
        if self.listing() {
            return flow;
        }
        if flow == Flow::Failed && self.any_selected(play, &block.rescue, frame) {
            self.rescued();
            flow = self.nodes(play, &block.rescue, frame);
        }
        if flow == Flow::End {
            return flow;
        }
        let forgiven = self.forgiven.get();
        match self.nodes(play, &block.always, frame) {
            // `meta: clear_host_errors` forgets the failures of every block around it.
            Flow::Next if self.forgiven.get() != forgiven => Flow::Next,
            Flow::Next => flow,
            other => other,
        }
    }

    /// Whether tags leave something of these nodes: a rescue without tasks is none.
    fn any_selected(&self, play: &Current<'p>, nodes: &'p [Node], frame: &Rc<Frame<'p>>) -> bool {
        nodes.iter().any(|node| match node {
            Node::Task(task) => {
                let scope = Scope::new(self, play, frame, Some(task));
                self.tagged(task, frame, &scope)
            }
            Node::Block(block) => {
                let keywords = match &block.origin {
                    Origin::Block => Cow::Borrowed(&block.keywords),
                    Origin::ImportTasks { params, .. } => with_vars(&block.keywords, params),
                    Origin::ImportRole { .. } => return true,
                };
                let inner = Rc::new(frame.inner(Kind::Block, keywords));
                [&block.block, &block.rescue, &block.always].iter().any(|list| self.any_selected(play, list, &inner))
            }
        })
    }

    /// A rescue takes a failure over: it counts as rescued, and its traces become variables.
    fn rescued(&self) {
        let mut report = self.report.borrow_mut();
        report.recap.rescued += 1;
        report.recap.failed = report.recap.failed.saturating_sub(1);
        report.failed = None;
        report.for_all = false;
        if let Some(last) = report.tasks.iter_mut().rev().find(|t| t.result == "failed") {
            "rescued".clone_into(&mut last.result);
        }
    }

    /// Runs a role: its dependencies, its argument specification, its tasks.
    pub(super) fn role(&self, play: &Current<'p>, role: &Rc<Instance<'p>>, frame: &Rc<Frame<'p>>) -> Flow {
        let identity = role.identity();
        let once = !role.repeat && !role.role.allow_duplicates;
        if once && play.completed.borrow().contains(&identity) {
            return Flow::Next;
        }
        let mut inner = frame.inner(Kind::Role, role.keywords.clone());
        inner.role = Some(Rc::clone(role));
        inner.dir = format!("{}/tasks", role.role.path);
        let (tasks, dir) = match role.tasks() {
            Ok(found) => found,
            Err(message) => return self.fatal(Span::default(), &Rc::new(inner), &message),
        };
        inner.dir = dir;
        let inner = Rc::new(inner);
        for dependency in &role.dependencies {
            let flow = self.role(play, dependency, &inner);
            if flow != Flow::Next {
                return flow;
            }
        }
        let flow = match self.validate_arguments(play, role, &inner) {
            Flow::Next => self.nodes(play, tasks, &inner),
            other => other,
        };
        if flow == Flow::Next {
            play.completed.borrow_mut().insert(identity);
        }
        flow
    }

    /// The task that Ansible puts before a role with an argument specification.
    fn validate_arguments(&self, play: &Current<'p>, role: &Rc<Instance<'p>>, frame: &Rc<Frame<'p>>) -> Flow {
        let Some(spec) = argument_spec(role).filter(|_| !role.from.unchecked) else { return Flow::Next };
        let entry = super::role::stem(role.from.tasks.as_deref().unwrap_or("main"));
        let about = spec.get("short_description").and_then(Data::as_str).map(|d| format!(" - {d}")).unwrap_or_default();
        let mut context = Map::default();
        // A collection's role is named without it here.
        let name = role.role.name.as_str();
        let name = role.role.collection.as_ref().and_then(|_| name.rsplit('.').next()).unwrap_or(name);
        for (key, value) in [
            ("type", "role"),
            ("name", name),
            ("argument_spec_name", entry),
            ("path", &self.source_path(&role.role.path)),
        ] {
            context.insert(Data::str(key), Data::Unsafe(value.to_owned()));
        }
        let options = spec.as_map().and_then(|m| m.get(&Key("options"))).cloned().unwrap_or(Data::Map(Map::default()));
        let args = [("argument_spec", options), ("validate_args_context", Data::Map(context))];
        let task = Task {
            name: Some(format!("Validating arguments against arg spec '{entry}'{about}")),
            action: Action::Module("ansible.builtin.validate_argument_spec".to_owned()),
            args: Args::Map(args.into_iter().map(|(k, v)| (Data::str(k), v)).collect()),
            keywords: Keywords { tags: vec![Data::str("always")], ..Keywords::default() },
            role: Some(role.key.clone()),
            ..Task::default()
        };
        self.task(play, &task, frame)
    }

    /// The play's instances of roles that static imports bring in are made before anything runs, since their
    /// variables are visible from the start.
    pub(super) fn collect_imports(
        &self,
        play: &Current<'p>,
        (plan, nodes): (&'p Plan, &'p [Node]),
        parents: &[Rc<Instance<'p>>],
    ) {
        for node in nodes {
            let Node::Block(block) = node else { continue };
            if let Origin::ImportRole { used } = &block.origin {
                let used = Use { repeat: !used.once, ..Use::of(used) };
                match Instance::new(plan, used, parents.to_vec()) {
                    Ok(role) => self.add_role(play, block, role),
                    Err(message) => self.listener.borrow_mut().warning(&message),
                }
            }
            for section in [&block.block, &block.rescue, &block.always] {
                self.collect_imports(play, (plan, section), parents);
            }
        }
    }

    fn add_role(&self, play: &Current<'p>, block: &'p Block, role: Rc<Instance<'p>>) {
        play.add_import(block, &role);
        self.add_handlers(play, &role, &play.frame);
        play.roles.borrow_mut().push(Rc::clone(&role));
        let mut chain = role.parents.clone();
        chain.push(Rc::clone(&role));
        if let Ok((tasks, _)) = role.tasks() {
            self.collect_imports(play, (role.plan, tasks), &chain);
        }
    }

    /// The instances of a role's own imports: needed once the role is known, however it came in.
    pub(super) fn collect_role_imports(&self, play: &Current<'p>, role: &Rc<Instance<'p>>) {
        for role in role.all_dependencies().iter().chain([role]) {
            let mut chain = role.parents.clone();
            chain.push(Rc::clone(role));
            if let Ok((tasks, _)) = role.tasks() {
                self.collect_imports(play, (role.plan, tasks), &chain);
            }
        }
    }
}

/// Keywords with further variables: an import's `vars:` are its children's, below facts, unlike an include's.
fn with_vars<'p>(keywords: &'p Keywords, vars: &Map) -> Cow<'p, Keywords> {
    if vars.is_empty() {
        return Cow::Borrowed(keywords);
    }
    let mut keywords = keywords.clone();
    keywords.vars.extend(vars.iter().map(|(k, v)| (k.clone(), v.clone())));
    Cow::Owned(keywords)
}

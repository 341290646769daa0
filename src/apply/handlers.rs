//! Handlers: found by name or topic, run in the order of definition, once however often they were notified.

use super::Run;
use super::files::TaskFiles;
use super::frame::{Frame, Kind};
use super::play::Current;
use super::role::{Instance, stem};
use super::scope::Scope;
use super::walk::Flow;
use crate::plan::{Data, Node, Task};
use crate::sys::order;
use std::borrow::Cow;
use std::rc::Rc;

/// A handler where it is defined.
#[derive(Clone)]
pub(super) struct Handler<'p> {
    pub task: &'p Task,
    pub frame: Rc<Frame<'p>>,
    /// Its role's name, for `notify: "role : name"`.
    pub role: Option<String>,
    /// It was notified and has not run yet.
    pub pending: bool,
}

impl<'p> Run<'p> {
    /// Adds the handlers of a role, its dependencies' first; `around` is what brought the role in.
    pub(super) fn add_handlers(&self, play: &Current<'p>, role: &Rc<Instance<'p>>, around: &Rc<Frame<'p>>) {
        for role in role.all_dependencies().iter().chain([role]) {
            let file = stem(role.from.handlers.as_deref().unwrap_or("main"));
            let Some(nodes) = role.role.handlers.get(file) else { continue };
            let frame = self.role_frame(around, role);
            let name = Some(role.role.name.clone());
            self.collect_handlers(play, nodes, &frame, name.as_deref());
        }
    }

    /// Adds the play's own handlers: they come after the roles'.
    pub(super) fn add_play_handlers(&self, play: &Current<'p>) {
        self.collect_handlers(play, &play.play.handlers, &play.frame, None);
    }

    fn collect_handlers(&self, play: &Current<'p>, nodes: &'p [Node], frame: &Rc<Frame<'p>>, role: Option<&str>) {
        for node in nodes {
            match node {
                Node::Task(task) => play.handlers.borrow_mut().push(Handler {
                    task,
                    frame: Rc::clone(frame),
                    role: role.map(str::to_owned),
                    pending: false,
                }),
                Node::Block(block) => {
                    let inner = Rc::new(frame.inner(Kind::Block, Cow::Borrowed(&block.keywords)));
                    for section in [&block.block, &block.rescue, &block.always] {
                        self.collect_handlers(play, section, &inner, role);
                    }
                }
            }
        }
    }

    /// Remembers notifications. A name that no handler answers to is an error, as in Ansible.
    pub(super) fn notify(&self, play: &Current<'p>, names: &[String]) -> Result<(), String> {
        for name in names {
            if self.answering(play, name).is_empty() {
                return Err(format!(
                    "The requested handler '{name}' was not found in either the main handlers list nor in the \
                     listening handlers list"
                ));
            }
            let mut notified = play.notified.borrow_mut();
            if !notified.contains(name) {
                notified.push(name.clone());
            }
        }
        Ok(())
    }

    /// The handlers that a notification reaches: the last definition of the name, and everyone who listens.
    fn answering(&self, play: &Current<'p>, wanted: &str) -> Vec<usize> {
        let handlers = play.handlers.borrow().clone();
        let mut found: Vec<usize> = Vec::new();
        let mut listeners: Vec<String> = Vec::new();
        for (index, handler) in handlers.iter().enumerate().rev() {
            let Some(name) = self.handler_name(play, handler) else { continue };
            let full = handler.role.as_deref().is_some_and(|r| wanted == format!("{r} : {name}"));
            if name == wanted || full {
                found.push(index);
                break;
            }
        }
        for (index, handler) in handlers.iter().enumerate().rev() {
            if !self.topics(play, handler).iter().any(|t| t == wanted) {
                continue;
            }
            let name = self.handler_name(play, handler).unwrap_or_default();
            let twin = !name.is_empty() && listeners.contains(&name);
            if !twin && !found.contains(&index) {
                listeners.push(name);
                found.push(index);
            }
        }
        order::ascending(&mut found);
        found
    }

    fn handler_name(&self, play: &Current<'p>, handler: &Handler<'p>) -> Option<String> {
        let name = handler.task.name.as_ref()?;
        if !name.contains("{{") {
            return Some(name.clone());
        }
        let scope = Scope::new(self, play, &handler.frame, Some(handler.task));
        let files = TaskFiles::new(self, &handler.frame);
        let value = self.templar(&scope, &files).value(&Data::Str(name.clone())).ok()?;
        value.as_str().map(str::to_owned)
    }

    fn topics(&self, play: &Current<'p>, handler: &Handler<'p>) -> Vec<String> {
        let mut topics = Vec::new();
        for listen in &handler.task.listen {
            let scope = Scope::new(self, play, &handler.frame, Some(handler.task));
            let files = TaskFiles::new(self, &handler.frame);
            match self.templar(&scope, &files).value(listen) {
                Ok(Data::List(list)) => topics.extend(list.iter().filter_map(|t| t.as_str().map(str::to_owned))),
                Ok(one) => topics.extend(one.as_str().map(str::to_owned)),
                Err(_) => {}
            }
        }
        topics
    }

    /// Runs what was notified, in the order of definition. What a handler notifies runs in this pass if it is defined
    /// later, else at the next flush.
    pub(super) fn flush_handlers(&self, play: &Current<'p>) -> Flow {
        if self.world.options.no_handlers {
            return Flow::Next;
        }
        self.mark_pending(play);
        let mut index = 0;
        loop {
            let handler = match play.handlers.borrow_mut().get_mut(index) {
                None => return Flow::Next,
                Some(handler) => {
                    let pending = std::mem::take(&mut handler.pending);
                    pending.then(|| handler.clone())
                }
            };
            if let Some(handler) = handler {
                let flow = self.handler(play, &handler);
                if flow != Flow::Next {
                    return flow;
                }
                self.mark_pending(play);
            }
            index += 1;
        }
    }

    fn mark_pending(&self, play: &Current<'p>) {
        let names = play.notified.take();
        for name in names {
            for index in self.answering(play, &name) {
                if let Some(handler) = play.handlers.borrow_mut().get_mut(index) {
                    handler.pending = true;
                }
            }
        }
    }

    fn handler(&self, play: &Current<'p>, handler: &Handler<'p>) -> Flow {
        self.in_handler.set(true);
        let flow = self.task(play, handler.task, &handler.frame);
        self.in_handler.set(false);
        flow
    }
}

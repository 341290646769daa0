//! Keywords as a task sees them: its own, else those of the blocks, roles and the play around it.

use super::frame::Frame;
use crate::plan::{Data, Keywords, Task};
use std::rc::Rc;

/// The values of a keyword that replaces, from the inside out: the first counts.
pub(super) fn set<'s>(
    task: &'s Task,
    frame: &'s Rc<Frame<'_>>,
    field: fn(&Keywords) -> &Option<Data>,
) -> impl Iterator<Item = &'s Data> {
    field(&task.keywords).iter().chain(frame.inherited().filter_map(move |k| field(k).as_ref()))
}

/// The value of a keyword that replaces: the innermost that is set.
pub(super) fn effective<'s>(
    task: &'s Task,
    frame: &'s Rc<Frame<'_>>,
    field: fn(&Keywords) -> &Option<Data>,
) -> Option<&'s Data> {
    set(task, frame, field).next()
}

/// The values of a keyword that adds up, outermost first.
fn collected(task: Option<&Task>, frame: &Rc<Frame<'_>>, field: fn(&Keywords) -> &Vec<Data>) -> Vec<Data> {
    let outer: Vec<&Keywords> = frame.inherited().collect();
    let outer = outer.into_iter().rev();
    outer.chain(task.map(|t| &t.keywords)).flat_map(|k| field(k).iter().cloned()).collect()
}

/// `when`, a parent's conditions first.
pub(super) fn conditions(task: &Task, frame: &Rc<Frame<'_>>) -> Vec<Data> {
    collected(Some(task), frame, |k| &k.when)
}

/// `tags`.
pub(super) fn tags(task: &Task, frame: &Rc<Frame<'_>>) -> Vec<Data> {
    collected(Some(task), frame, |k| &k.tags)
}

/// `environment`, the play's first.
pub(super) fn environment(task: Option<&Task>, frame: &Rc<Frame<'_>>) -> Vec<Data> {
    collected(task, frame, |k| &k.environment)
}

/// `module_defaults`, the play's first.
pub(super) fn module_defaults(task: &Task, frame: &Rc<Frame<'_>>) -> Vec<Data> {
    collected(Some(task), frame, |k| &k.module_defaults)
}

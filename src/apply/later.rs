//! What is compiled only while `apply` runs: what dynamic includes name. A node has all of it in its bundle.

use super::Run;
use super::frame::Frame;
use crate::plan::{From, Plan, Span};
use std::rc::Rc;

/// Where an include stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// Directories of the roles around it, from the inside out.
    pub roles: Vec<String>,
    /// Whether it includes handlers.
    pub handlers: bool,
}

/// Compiles parts of the source while a playbook runs. What it gives lives as long as the process.
pub trait Later {
    /// A plan with the file of tasks at a path of the source tree; `None`: there is no such file.
    fn tasks(&self, path: &str, standing: &Standing) -> Result<Option<&'static Plan>, String>;
    /// A plan with a role as an include names it, and the role's key in it.
    fn role(&self, name: &str, from: &From, standing: &Standing) -> Result<(&'static Plan, &'static str), String>;
    /// `path:line:column` of a span, as plans made later count their sources too.
    fn place(&self, span: Span) -> String;
}

impl<'p> Run<'p> {
    pub(super) fn standing(&self, frame: &Rc<Frame<'p>>) -> Standing {
        let role = frame.role.iter();
        let roles = role.flat_map(|r| std::iter::once(r).chain(r.parents.iter().rev())).map(|r| r.role.path.clone());
        Standing { roles: roles.collect(), handlers: self.in_handler.get() }
    }
}

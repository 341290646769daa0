//! Compiles what dynamic includes name, when a run gets there. What it makes is kept for the rest of the process, which
//! ends with the run: the run refers to it.

use super::report::Reporter;
use crate::apply::{Later, Standing};
use crate::compile::{self, Compiled, Options};
use crate::plan::{From, Plan, Span};
use crate::source::{Diagnostics, Tree};
use std::cell::RefCell;
use std::collections::HashMap;

/// What a role was asked for: its name, its files, where.
type RoleKey = (String, From, Standing);

/// The source of a run.
pub(super) struct Source<'a> {
    pub tree: &'a Tree,
    pub options: &'a Options,
    pub reporter: &'a Reporter<'a>,
    pub plan: &'a Plan,
    /// Source files of all plans so far: spans name them by index.
    sources: RefCell<Vec<String>>,
    tasks: RefCell<HashMap<(String, Standing), &'static Plan>>,
    roles: RefCell<Vec<(RoleKey, &'static Plan, &'static str)>>,
}

impl<'a> Source<'a> {
    pub fn new(tree: &'a Tree, options: &'a Options, plan: &'a Plan, reporter: &'a Reporter<'a>) -> Source<'a> {
        let sources = RefCell::new(plan.sources.clone());
        Source { tree, options, reporter, plan, sources, tasks: RefCell::default(), roles: RefCell::default() }
    }

    fn keep(&self, compiled: Compiled) -> Result<&'static Plan, String> {
        self.sources.borrow_mut().clone_from(&compiled.plan.sources);
        match self.reporter.show(compiled.warnings) {
            Some(fatal) => Err(fatal),
            None => Ok(Box::leak(Box::new(compiled.plan))),
        }
    }

    fn refused(&self, diagnostics: Diagnostics) -> String {
        self.reporter.show(diagnostics.0).unwrap_or_default()
    }
}

impl Later for Source<'_> {
    fn tasks(&self, path: &str, standing: &Standing) -> Result<Option<&'static Plan>, String> {
        let key = (path.to_owned(), standing.clone());
        if let Some(plan) = self.tasks.borrow().get(&key) {
            return Ok(Some(plan));
        }
        if !self.tree.has_file(path) {
            return Ok(None);
        }
        let sources = self.sources.borrow().clone();
        let around = compile::later::Around {
            playbook: &self.plan.playbook,
            roles: &standing.roles,
            handlers: standing.handlers,
            sources: &sources,
        };
        let made = compile::later::tasks(self.tree, self.options, &around, path);
        let plan = self.keep(made.map_err(|d| self.refused(d))?)?;
        self.tasks.borrow_mut().insert(key, plan);
        Ok(Some(plan))
    }

    fn role(&self, name: &str, from: &From, standing: &Standing) -> Result<(&'static Plan, &'static str), String> {
        let key = (name.to_owned(), from.clone(), standing.clone());
        if let Some((_, plan, role)) = self.roles.borrow().iter().find(|(k, ..)| *k == key) {
            return Ok((plan, role));
        }
        let sources = self.sources.borrow().clone();
        let around = compile::later::Around {
            playbook: &self.plan.playbook,
            roles: &standing.roles,
            handlers: standing.handlers,
            sources: &sources,
        };
        let made = compile::later::role(self.tree, self.options, &around, (name, from));
        let (compiled, role) = made.map_err(|d| self.refused(d))?;
        let role: &'static str = Box::leak(role.into_boxed_str());
        let plan = self.keep(compiled)?;
        self.roles.borrow_mut().push((key, plan, role));
        Ok((plan, role))
    }

    fn place(&self, span: Span) -> String {
        let sources = self.sources.borrow();
        let file = sources.get(span.file as usize).map_or("?", String::as_str);
        format!("/{file}:{}", span.line)
    }
}

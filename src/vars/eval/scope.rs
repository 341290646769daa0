//! Names that templates set, and what one template's rendering keeps.

use super::output::Conversion;
use crate::plan::Hashing;
use crate::vars::jinja::{Block, Template};
use crate::vars::value::Value;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Names set in one body; the bodies around it are its parents.
pub struct Scope {
    names: RefCell<Vec<(Rc<str>, Value)>>,
    parent: Option<Rc<Scope>>,
    variables: bool,
    /// Whether it is a template's own.
    template: bool,
}

impl Scope {
    /// A template's own scope; it sees the host's variables, or (imported without context) only functions.
    pub fn root(parent: Option<Rc<Scope>>, variables: bool) -> Rc<Scope> {
        Rc::new(Scope { names: RefCell::default(), parent, variables, template: true })
    }

    /// A scope within this one.
    pub fn child(self: &Rc<Scope>) -> Rc<Scope> {
        let (parent, variables) = (Some(Rc::clone(self)), self.variables);
        Rc::new(Scope { names: RefCell::default(), parent, variables, template: false })
    }

    /// The value of a name that a template set.
    pub fn find(&self, name: &str) -> Option<Value> {
        let mut scope = self;
        loop {
            if let Some((_, v)) = scope.names.borrow().iter().rev().find(|(k, _)| &**k == name) {
                return Some(v.clone());
            }
            scope = scope.parent.as_deref()?;
        }
    }

    /// Sets a name here.
    pub fn set(&self, name: &Rc<str>, value: Value) {
        let mut names = self.names.borrow_mut();
        let old = match names.iter_mut().find(|(k, _)| k == name) {
            Some(slot) => Some(std::mem::replace(&mut slot.1, value)),
            None => {
                names.push((Rc::clone(name), value));
                None
            }
        };
        // Dropped last: what it drops may look at this scope.
        drop(names);
        drop(old);
    }

    /// The template's own scope: the outermost of this one's parents that belongs to it.
    pub fn outermost(self: &Rc<Scope>) -> Rc<Scope> {
        let mut scope = self;
        while let Some(parent) = scope.parent.as_ref().filter(|_| !scope.template) {
            scope = parent;
        }
        Rc::clone(scope)
    }

    /// What was set here.
    pub fn own(&self) -> Vec<(Rc<str>, Value)> {
        self.names.borrow().clone()
    }

    /// Whether names that are not set are looked up as variables.
    pub fn sees_variables(&self) -> bool {
        self.variables
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let names = std::mem::take(&mut *self.names.borrow_mut());
        drop(names);
    }
}

/// What one rendering of a template (with its parents) shares.
pub struct Frame {
    /// The template.
    pub template: Rc<Template>,
    /// What becomes of text.
    pub conversion: Conversion,
    /// Definitions of each block, the child's first.
    blocks: RefCell<HashMap<Rc<str>, Vec<Rc<Block>>, Hashing>>,
    resolved: RefCell<Vec<(Rc<str>, Value)>>,
    /// Whether `extends` was met: what follows prints nothing.
    pub extended: Cell<bool>,
}

impl Frame {
    /// A frame for a template.
    pub fn new(template: Rc<Template>, conversion: Conversion) -> Rc<Frame> {
        let frame = Frame {
            template,
            conversion,
            blocks: RefCell::default(),
            resolved: RefCell::default(),
            extended: Cell::new(false),
        };
        let own = Rc::clone(&frame.template);
        frame.add_blocks(&own);
        Rc::new(frame)
    }

    /// Adds a parent's blocks behind those that are there.
    pub fn add_blocks(&self, template: &Template) {
        let mut blocks = self.blocks.borrow_mut();
        for block in &template.blocks {
            blocks.entry(Rc::clone(&block.name)).or_default().push(Rc::clone(block));
        }
    }

    /// The `level`th definition of a block, the child's first.
    pub fn block(&self, name: &str, level: usize) -> Option<Rc<Block>> {
        self.blocks.borrow().get(name)?.get(level).cloned()
    }

    /// A variable that this rendering already looked up: Jinja2 does so once.
    pub fn resolved(&self, name: &str) -> Option<Value> {
        self.resolved.borrow().iter().find(|(k, _)| &**k == name).map(|(_, v)| v.clone())
    }

    /// Remembers a variable.
    pub fn remember(&self, name: &Rc<str>, value: &Value) {
        self.resolved.borrow_mut().push((Rc::clone(name), value.clone()));
    }
}

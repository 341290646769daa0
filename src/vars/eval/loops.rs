//! `{% for %}` and its `loop`.

use super::output::Output;
use super::{Eval, Frame, Scope};
use crate::vars::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::jinja::ForLoop;
use crate::vars::object::{CallArgs, Object};
use crate::vars::value::Value;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

impl Eval<'_, '_> {
    /// `{% for %}`.
    pub(super) fn for_loop(&self, source: &Rc<ForLoop>, out: &mut Output) -> Outcome<()> {
        let over = self.expr(&source.iter)?;
        self.iterate(source, &over, 0, out)
    }

    fn iterate(&self, source: &Rc<ForLoop>, over: &Value, depth: usize, out: &mut Output) -> Outcome<()> {
        let mut items = over.iterate(self.env)?;
        if let Some(filter) = &source.filter {
            let mut kept = Vec::new();
            for item in items {
                let scope = self.scope.child();
                self.assign(&scope, &source.target, item.clone())?;
                if self.with_scope(scope).expr(filter)?.truthy()? {
                    kept.push(item);
                }
            }
            items = kept;
        }
        if items.is_empty() {
            return self.with_scope(self.scope.child()).nodes(&source.otherwise, out);
        }
        let state = Rc::new(Loop {
            source: source.recursive.then(|| Rc::clone(source)),
            frame: Rc::clone(&self.frame),
            scope: Rc::clone(&self.scope),
            items,
            index: Cell::new(0),
            depth,
            changed: Rc::default(),
        });
        let name: Rc<str> = "loop".into();
        for (index, item) in state.items.iter().enumerate() {
            self.env.charge(1)?;
            state.index.set(index);
            let scope = self.scope.child();
            scope.set(&name, Value::Object(Rc::clone(&state) as Rc<dyn Object>));
            self.assign(&scope, &source.target, item.clone())?;
            self.with_scope(scope).nodes(&source.body, out)?;
        }
        Ok(())
    }
}

/// `loop`.
struct Loop {
    source: Option<Rc<ForLoop>>,
    frame: Rc<Frame>,
    scope: Rc<Scope>,
    items: Vec<Value>,
    index: Cell<usize>,
    depth: usize,
    changed: Rc<RefCell<Option<Vec<Value>>>>,
}

impl Object for Loop {
    fn type_name(&self) -> &'static str {
        "LoopContext"
    }

    fn repr(&self) -> String {
        format!("<LoopContext {}/{}>", self.index.get() + 1, self.items.len())
    }

    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        let (index, length) = (self.index.get(), self.items.len());
        let neighbour = |at: Option<usize>, message: &str| {
            at.and_then(|i| self.items.get(i)).cloned().unwrap_or_else(|| Value::undefined_because(message, None))
        };
        Ok(Some(match name {
            "index" => Value::from(index + 1),
            "index0" => Value::from(index),
            "revindex" => Value::from(length - index),
            "revindex0" => Value::from(length - index - 1),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(index + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => neighbour(index.checked_sub(1), "there is no previous item"),
            "nextitem" => neighbour(Some(index + 1), "there is no next item"),
            "cycle" => Value::object(Cycle(index)),
            "changed" => Value::object(Changed(Rc::clone(&self.changed))),
            _ => return Ok(None),
        }))
    }

    fn is_callable(&self) -> bool {
        self.source.is_some()
    }

    fn call(&self, env: &Env, args: CallArgs) -> Outcome<Value> {
        let Some(source) = &self.source else {
            return Err(TemplateError::other("The loop must have the 'recursive' marker to be called recursively."));
        };
        let [over] = args.bind("loop", ["iterable"], 1)?;
        let eval = Eval { env, frame: Rc::clone(&self.frame), scope: Rc::clone(&self.scope) };
        let mut out = Output::new(self.frame.conversion);
        env.deeper(|| eval.iterate(source, &over.unwrap_or_default(), self.depth + 1, &mut out))?;
        out.finish(env)
    }
}

/// `loop.cycle(...)`.
struct Cycle(usize);

impl Object for Cycle {
    fn type_name(&self) -> &'static str {
        "method"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, _: &Env, args: CallArgs) -> Outcome<Value> {
        match args.positional.len() {
            0 => Err(TemplateError::other("no items for cycling given")),
            n => Ok(args.positional[self.0 % n].clone()),
        }
    }
}

/// `loop.changed(...)`.
struct Changed(Rc<RefCell<Option<Vec<Value>>>>);

impl Object for Changed {
    fn type_name(&self) -> &'static str {
        "method"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, _: &Env, args: CallArgs) -> Outcome<Value> {
        let last = self.0.borrow().clone();
        let same = match last {
            Some(last) => Value::tuple(last).equals(&Value::tuple(args.positional.clone()))?,
            None => false,
        };
        *self.0.borrow_mut() = Some(args.positional);
        Ok(Value::Bool(!same))
    }
}

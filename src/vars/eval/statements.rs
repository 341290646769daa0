//! Statements: what they print and what they set.

use super::macros::{MacroObject, Module};
use super::output::Output;
use super::{Eval, Frame, Scope};
use crate::vars::Env;
use crate::vars::error::{ErrorKind, Outcome, TemplateError};
use crate::vars::jinja::{Block, Expr, Import, Node, Statement, Target, Template};
use crate::vars::object::{CallArgs, Object};
use crate::vars::value::Value;
use std::rc::Rc;

impl<'e, 't> Eval<'e, 't> {
    /// The template's body, then those of the templates it extends.
    pub(super) fn root(&self, out: &mut Output) -> Outcome<()> {
        let mut template = Rc::clone(&self.frame.template);
        for _ in 0..crate::plan::limits::INCLUDE_DEPTH {
            self.frame.extended.set(false);
            let parent = self.root_body(&template, out)?;
            match parent {
                None => return Ok(()),
                Some(parent) => {
                    self.frame.add_blocks(&parent);
                    template = parent;
                }
            }
        }
        Err(TemplateError::other("templates extend each other without end"))
    }

    fn root_body(&self, template: &Rc<Template>, out: &mut Output) -> Outcome<Option<Rc<Template>>> {
        let mut parent = None;
        for node in &template.body {
            if let Statement::Extends(name) = &node.what {
                if parent.is_some() {
                    return Err(TemplateError::other("extended multiple times"));
                }
                let name = self.expr(name)?;
                let found = self.load(std::slice::from_ref(&name))?;
                parent = Some(found.ok_or_else(|| not_found(&[name]))?);
                self.frame.extended.set(true);
                continue;
            }
            self.node(node, out)?;
        }
        Ok(parent)
    }

    /// Runs statements in order.
    pub(super) fn nodes(&self, nodes: &[Node], out: &mut Output) -> Outcome<()> {
        nodes.iter().try_for_each(|node| self.node(node, out))
    }

    fn node(&self, node: &Node, out: &mut Output) -> Outcome<()> {
        self.env.charge(1)?;
        self.env.check_stack()?;
        self.statement(&node.what, out).map_err(|e| self.at_line(e, node.line))
    }

    fn at_line(&self, error: TemplateError, line: u32) -> TemplateError {
        let name = &self.frame.template.name;
        // Strings of one line need no line; the innermost place is said once.
        if name.is_empty() || !error.context.is_empty() {
            return error;
        }
        error.within(format!("{name}:{line}"))
    }

    fn statement(&self, what: &Statement, out: &mut Output) -> Outcome<()> {
        match what {
            Statement::Text(_) | Statement::Print(_) if self.frame.extended.get() => Ok(()),
            Statement::Text(text) => out.push_text(self.env, text),
            Statement::Print(e) => {
                let value = self.expr(e)?;
                out.push(self.env, value)
            }
            Statement::For(l) => self.for_loop(l, out),
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    if self.expr(test)?.truthy()? {
                        return self.nodes(body, out);
                    }
                }
                self.nodes(otherwise, out)
            }
            Statement::Set(target, e) => {
                let value = self.expr(e)?;
                self.assign(&self.scope, target, value)
            }
            Statement::SetBlock(target, filter, body) => {
                let value = self.captured(body, filter.as_ref())?;
                self.assign(&self.scope, target, value)
            }
            Statement::Filter(filter, body) => {
                let value = self.captured(body, Some(filter))?;
                out.push(self.env, value)
            }
            Statement::With(assignments, body) => {
                let scope = self.scope.child();
                for (target, e) in assignments {
                    // Values see the scope around, not each other.
                    let value = self.expr(e)?;
                    self.assign(&scope, target, value)?;
                }
                self.with_scope(scope).nodes(body, out)
            }
            Statement::Macro(m) => {
                let value = Value::object(MacroObject::new(m, &self.frame, &self.scope));
                self.scope.set(&m.name, value);
                self.env.keep_scope(&self.scope);
                Ok(())
            }
            Statement::Call(call, caller) => {
                let caller = Value::object(MacroObject::new(caller, &self.frame, &self.scope));
                let value = self.call_with(call, caller)?;
                out.push(self.env, value)
            }
            Statement::Block(block) if self.frame.extended.get() => {
                let _ = block;
                Ok(())
            }
            Statement::Block(block) => self.block(block, out),
            Statement::Extends(_) => Err(TemplateError::other("extends must stand at the top of a template")),
            Statement::Include { names, ignore_missing, with_context } => {
                let names = self.expr(names)?;
                self.include(&names, [*ignore_missing, *with_context], out)
            }
            Statement::Import(import) => self.import(import),
        }
    }

    /// What a body prints, run through filters.
    fn captured(&self, body: &[Node], filter: Option<&Expr>) -> Outcome<Value> {
        let mut inner = Output::new(self.frame.conversion);
        self.with_scope(self.scope.child()).nodes(body, &mut inner)?;
        let text = inner.finish(self.env)?;
        match filter {
            None => Ok(text),
            Some(filter) => self.expr_with(filter, Some(&text)),
        }
    }

    fn call_with(&self, call: &Expr, caller: Value) -> Outcome<Value> {
        let crate::vars::jinja::Kind::Call(callee, args) = &call.kind else {
            return Err(TemplateError::syntax("expected call"));
        };
        let callee = self.expr(callee)?;
        let args = self.arguments(args)?.with("caller", caller);
        self.env.call(&callee, args)
    }

    /// Assigns a value, unpacking it where the target is a tuple.
    pub(super) fn assign(&self, scope: &Rc<Scope>, target: &Target, value: Value) -> Outcome<()> {
        match target {
            Target::Name(name) => {
                scope.set(name, value);
                Ok(())
            }
            Target::Attribute(name, attribute) => match self.name(name)? {
                Value::Object(o) => o.setattr(attribute, value),
                _ => Err(TemplateError::other("cannot assign attribute on non-namespace object")),
            },
            Target::Tuple(targets) => {
                if !value.is_iterable() && !value.is_undefined() {
                    let message = format!("cannot unpack non-iterable {} object", value.type_name());
                    return Err(TemplateError::other(message));
                }
                let items = value.iterate(self.env)?;
                let (want, got) = (targets.len(), items.len());
                if got < want {
                    let message = format!("not enough values to unpack (expected {want}, got {got})");
                    return Err(TemplateError::other(message));
                }
                if got > want {
                    return Err(TemplateError::other(format!("too many values to unpack (expected {want})")));
                }
                targets.iter().zip(items).try_for_each(|(t, v)| self.assign(scope, t, v))
            }
        }
    }

    fn block(&self, block: &Block, out: &mut Output) -> Outcome<()> {
        let current = self.frame.block(&block.name, 0);
        let definition = current.ok_or_else(|| TemplateError::other("a block without definition"))?;
        if definition.required {
            return Err(TemplateError::other(format!("Required block '{}' not found", block.name)));
        }
        let scope = if block.scoped { self.scope.child() } else { self.scope.outermost().child() };
        self.block_body(&definition, 0, scope, out)
    }

    fn block_body(&self, block: &Rc<Block>, level: usize, scope: Rc<Scope>, out: &mut Output) -> Outcome<()> {
        let parent =
            Super { frame: Rc::clone(&self.frame), scope: Rc::clone(&scope), name: Rc::clone(&block.name), level };
        scope.set(&"super".into(), Value::object(parent));
        let done = self.with_scope(Rc::clone(&scope)).nodes(&block.body, out);
        scope.clear();
        done
    }

    /// `self`.
    pub(super) fn own_blocks(&self) -> Value {
        Value::object(OwnBlocks { frame: Rc::clone(&self.frame), scope: self.scope.outermost() })
    }

    /// The first of the named templates that exists.
    fn load(&self, names: &[Value]) -> Outcome<Option<Rc<Template>>> {
        for name in names {
            let Value::Str(name) = name.defined()? else {
                return Err(TemplateError::other("a template's name must be a string"));
            };
            if let Some(template) = self.env.load_template(name.as_str())? {
                return Ok(Some(template));
            }
        }
        Ok(None)
    }

    fn include(&self, names: &Value, [ignore_missing, with_context]: [bool; 2], out: &mut Output) -> Outcome<()> {
        let names = if matches!(names, Value::Str(_)) { vec![names.clone()] } else { names.iterate(self.env)? };
        let Some(template) = self.load(&names)? else {
            return if ignore_missing { Ok(()) } else { Err(not_found(&names)) };
        };
        if self.frame.extended.get() {
            return Ok(());
        }
        self.env.deeper(|| {
            let parent = with_context.then(|| Rc::clone(&self.scope));
            let scope = Scope::root(parent, with_context && self.scope.sees_variables());
            let frame = Frame::new(template, self.frame.conversion);
            let eval = Eval { env: self.env, frame, scope: Rc::clone(&scope) };
            let done = eval.root(out);
            scope.clear();
            done
        })
    }

    fn import(&self, import: &Import) -> Outcome<()> {
        let name = self.expr(&import.name)?;
        let Some(template) = self.load(std::slice::from_ref(&name))? else {
            return Err(not_found(&[name]));
        };
        let parent = import.with_context.then(|| Rc::clone(&self.scope));
        let scope = Scope::root(parent, import.with_context && self.scope.sees_variables());
        let frame = Frame::new(Rc::clone(&template), self.frame.conversion);
        let mut out = Output::new(frame.conversion);
        let eval = Eval { env: self.env, frame, scope: Rc::clone(&scope) };
        self.env.deeper(|| eval.root(&mut out))?;
        self.env.keep_scope(&scope);
        let module = Module { name: Rc::clone(&template.name), scope, text: out.finish(self.env)? };
        if let Some(target) = &import.target {
            self.scope.set(target, Value::object(module));
            return Ok(());
        }
        for (member, alias) in &import.members {
            let value = module.getattr(self.env, member)?.unwrap_or_else(|| {
                let message = format!(
                    "the template '{}' (imported on line {}) does not export the requested name '{member}'",
                    template.name, import.name.line
                );
                Value::undefined_because(message, Some(member))
            });
            self.scope.set(alias, value);
        }
        Ok(())
    }
}

fn not_found(names: &[Value]) -> TemplateError {
    let shown: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    match shown.as_slice() {
        [one] => TemplateError::new(ErrorKind::NotFound, format!("the template '{one}' was not found")),
        many => {
            let message = format!("none of the templates given were found: {}", many.join(", "));
            TemplateError::new(ErrorKind::NotFound, message)
        }
    }
}

/// `self`: the template's blocks by name.
struct OwnBlocks {
    frame: Rc<Frame>,
    scope: Rc<Scope>,
}

impl Object for OwnBlocks {
    fn type_name(&self) -> &'static str {
        "TemplateReference"
    }
    fn repr(&self) -> String {
        // Only templates that have a name tell it.
        "<TemplateReference None>".to_owned()
    }
    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        if self.frame.block(name, 0).is_none() {
            return Ok(None);
        }
        let (frame, scope) = (Rc::clone(&self.frame), Rc::clone(&self.scope));
        Ok(Some(Value::object(BlockReference { frame, scope, name: name.into(), level: 0 })))
    }
}

/// A block that can be called: `self.name()`.
struct BlockReference {
    frame: Rc<Frame>,
    scope: Rc<Scope>,
    name: Rc<str>,
    level: usize,
}

impl Object for BlockReference {
    fn type_name(&self) -> &'static str {
        "BlockReference"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, env: &Env, _: CallArgs) -> Outcome<Value> {
        let Some(block) = self.frame.block(&self.name, self.level) else {
            return Err(TemplateError::undefined(format!("there is no parent block called '{}'.", self.name)));
        };
        let eval = Eval { env, frame: Rc::clone(&self.frame), scope: Rc::clone(&self.scope) };
        let mut out = Output::new(self.frame.conversion);
        env.deeper(|| eval.block_body(&block, self.level, self.scope.child(), &mut out))?;
        out.finish(env)
    }
}

/// `super()` within a block, and `super.super()`.
struct Super {
    frame: Rc<Frame>,
    scope: Rc<Scope>,
    name: Rc<str>,
    level: usize,
}

impl Super {
    fn parent(&self) -> BlockReference {
        BlockReference {
            frame: Rc::clone(&self.frame),
            scope: Rc::clone(&self.scope),
            name: Rc::clone(&self.name),
            level: self.level + 1,
        }
    }
}

impl Object for Super {
    fn type_name(&self) -> &'static str {
        "BlockReference"
    }
    fn is_callable(&self) -> bool {
        true
    }
    fn call(&self, env: &Env, args: CallArgs) -> Outcome<Value> {
        self.parent().call(env, args)
    }
    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        if name != "super" {
            return Ok(None);
        }
        let up = Super {
            frame: Rc::clone(&self.frame),
            scope: Rc::clone(&self.scope),
            name: Rc::clone(&self.name),
            level: self.level + 1,
        };
        Ok(Some(Value::object(up)))
    }
}

//! Evaluating a parsed template: expressions (here), statements, scopes, loops, macros, output.

mod globals;
mod loops;
mod macros;
mod output;
mod scope;
mod statements;

pub use globals::NAMES as GLOBALS;
pub use output::Conversion;
pub(super) use scope::{Frame, Scope};

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::jinja::{Argument, Compare, Expr, Kind, Part, Template};
use super::object::CallArgs;
use super::ops;
use super::value::{Dict, Text, Value};
use crate::plan::Hashing;
use output::Output;
use std::rc::Rc;

/// What evaluates: the environment, the template's frame, and the scope it is in.
pub(super) struct Eval<'e, 't> {
    env: &'e Env<'t>,
    frame: Rc<Frame>,
    scope: Rc<Scope>,
}

/// Renders a template from the top.
pub(super) fn render(env: &Env, template: Rc<Template>, conversion: Conversion) -> Outcome<Value> {
    let scope = Scope::root(None, true);
    let frame = Frame::new(template, conversion);
    let eval = Eval { env, frame, scope: Rc::clone(&scope) };
    let mut out = Output::new(conversion);
    let done = eval.root(&mut out);
    // Macros hold the scope that holds them; that ring is opened here.
    scope.clear();
    done?;
    out.finish(env)
}

impl Eval<'_, '_> {
    fn with_scope(&self, scope: Rc<Scope>) -> Self {
        Eval { env: self.env, frame: Rc::clone(&self.frame), scope }
    }

    /// The value of an expression; undefined is a value until it is used.
    fn expr(&self, expr: &Expr) -> Outcome<Value> {
        self.expr_with(expr, None)
    }

    fn expr_with(&self, expr: &Expr, captured: Option<&Value>) -> Outcome<Value> {
        self.env.charge(1)?;
        self.env.check_stack()?;
        let one = |e: &Expr| self.expr_with(e, captured);
        match &expr.kind {
            Kind::Const(v) => Ok(v.clone()),
            Kind::Captured => Ok(captured.cloned().unwrap_or_default()),
            Kind::Name(name) => self.name(name),
            Kind::Not(e) => Ok(Value::Bool(!one(e)?.truthy()?)),
            Kind::And(a, b) => {
                let left = one(a)?;
                if left.truthy()? { one(b) } else { Ok(left) }
            }
            Kind::Or(a, b) => {
                let left = one(a)?;
                if left.truthy()? { Ok(left) } else { one(b) }
            }
            Kind::Condition { test, then, otherwise } => match (one(test)?.truthy()?, otherwise) {
                (true, _) => one(then),
                (false, Some(e)) => one(e),
                (false, None) => Ok(Value::lenient_undefined()),
            },
            Kind::Filter(e, name, args) => {
                let value = self.env.operand(name, || one(e))?;
                self.env.filter(name, value, self.arguments(args)?)
            }
            Kind::Test(e, name, args) => {
                let value = one(e)?;
                Ok(Value::Bool(self.env.test(name, value, self.arguments(args)?)?))
            }
            Kind::Attribute(e, name) => self.env.getattr(&one(e)?, name),
            Kind::Item(e, key) => {
                let value = one(e)?;
                self.env.getitem(&value, &one(key)?)
            }
            Kind::Call(callee, args) => {
                let callee = one(callee)?;
                self.env.call(&callee, self.arguments(args)?)
            }
            Kind::Compare(first, rest) => self.compare(one(first)?, rest),
            _ => self.compound(expr, captured),
        }
    }

    /// The kinds that make new values of several.
    fn compound(&self, expr: &Expr, captured: Option<&Value>) -> Outcome<Value> {
        let one = |e: &Expr| self.expr_with(e, captured);
        match &expr.kind {
            Kind::List(items) => Ok(Value::list(items.iter().map(one).collect::<Outcome<_>>()?)),
            Kind::Tuple(items) => Ok(Value::tuple(items.iter().map(one).collect::<Outcome<_>>()?)),
            Kind::Dict(pairs) => {
                let mut dict = Dict::with_capacity_and_hasher(pairs.len(), Hashing::default());
                for (k, v) in pairs {
                    let (k, v) = (one(k)?, one(v)?);
                    Value::dict_insert(&mut dict, k, v)?;
                }
                Ok(Value::dict(dict))
            }
            Kind::Negative(e) => ops::negative(&one(e)?),
            Kind::Positive(e) => ops::positive(&one(e)?),
            Kind::Binary(op, a, b) => {
                let left = one(a)?;
                ops::binary(self.env, *op, &left, &one(b)?)
            }
            Kind::Concat(parts) => self.concat(parts, captured),
            Kind::Slice(e, bounds) => {
                let value = one(e)?;
                let mut parts = [Value::None, Value::None, Value::None];
                for (part, bound) in parts.iter_mut().zip(bounds) {
                    if let Some(bound) = bound {
                        *part = one(bound)?;
                    }
                }
                self.env.slice(&value, [&parts[0], &parts[1], &parts[2]])
            }
            _ => Err(TemplateError::other("an expression of an unknown kind")),
        }
    }

    fn concat(&self, parts: &[Expr], captured: Option<&Value>) -> Outcome<Value> {
        let mut text = String::new();
        let mut tainted = false;
        for part in parts {
            let value = self.expr_with(part, captured)?;
            tainted |= matches!(&value, Value::Str(t) if t.is_tainted());
            match &value {
                Value::Str(t) => text.push_str(t.as_str()),
                other => text.push_str(&other.text()?),
            }
            self.env.check_size(text.len())?;
        }
        Ok(Value::Str(if tainted { Text::tainted(text) } else { Text::new(text) }))
    }

    fn compare(&self, first: Value, rest: &[(Compare, Expr)]) -> Outcome<Value> {
        let mut left = first;
        for (op, e) in rest {
            let right = self.expr(e)?;
            if !ops::compare(self.env, *op, &left, &right)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn arguments(&self, args: &[Argument]) -> Outcome<CallArgs> {
        let mut out = CallArgs::none();
        for arg in args {
            let value = self.expr(&arg.value)?;
            match &arg.part {
                Part::Positional => out.positional.push(value),
                Part::Named(name) => {
                    if out.keyword.iter().any(|(k, _)| k == name) {
                        return Err(TemplateError::syntax(format!("keyword argument repeated: {name}")));
                    }
                    out.keyword.push((Rc::clone(name), value));
                }
                Part::Splat => out.positional.extend(value.iterate(self.env)?),
                Part::NamedSplat => {
                    for key in value.iterate(self.env)? {
                        let Value::Str(name) = &key else {
                            return Err(TemplateError::other("keywords must be strings"));
                        };
                        let member = self.env.getitem(&value, &key)?;
                        out.keyword.push((name.as_str().into(), member));
                    }
                }
            }
        }
        Ok(out)
    }

    /// A name: what the template set, else a variable, else a global function, else undefined.
    fn name(&self, name: &Rc<str>) -> Outcome<Value> {
        if let Some(found) = self.scope.find(name) {
            return Ok(found);
        }
        if self.scope.sees_variables() {
            if let Some(found) = self.frame.resolved(name) {
                return Ok(found);
            }
            if let Some(found) = self.env.resolve(name)? {
                let found = if self.frame.template.mutates { found.deep_copy() } else { found };
                self.frame.remember(name, &found);
                return Ok(found);
            }
        }
        if &**name == "self" {
            return Ok(self.own_blocks());
        }
        Ok(globals::find(name).unwrap_or_else(|| Value::undefined(name)))
    }
}

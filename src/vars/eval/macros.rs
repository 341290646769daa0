//! Macros, callers and imported modules.

use super::output::Output;
use super::{Eval, Frame, Scope};
use crate::vars::Env;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::jinja::Macro;
use crate::vars::object::{CallArgs, Object};
use crate::vars::value::{Dict, Value};
use std::rc::Rc;

/// A macro with the scope it was defined in.
pub struct MacroObject {
    definition: Rc<Macro>,
    frame: Rc<Frame>,
    scope: Rc<Scope>,
}

impl MacroObject {
    pub fn new(definition: &Rc<Macro>, frame: &Rc<Frame>, scope: &Rc<Scope>) -> MacroObject {
        MacroObject { definition: Rc::clone(definition), frame: Rc::clone(frame), scope: Rc::clone(scope) }
    }

    /// Binds arguments as Jinja2 does: by position, by name, defaults, then the three implicit names.
    fn bind(&self, eval: &Eval, args: CallArgs) -> Outcome<()> {
        let (m, scope) = (&self.definition, &eval.scope);
        let mut args = args;
        let extra = args.positional.split_off(args.positional.len().min(m.parameters.len()));
        let mut given = args.positional.into_iter();
        let mut keyword = args.keyword;
        let mut defaults = Vec::new();
        for (name, default) in &m.parameters {
            let named = keyword.iter().position(|(k, _)| k == name).map(|at| keyword.remove(at).1);
            match (given.next(), named) {
                (Some(_), Some(_)) => {
                    let message = format!("macro '{}' got multiple values for argument '{name}'", m.name);
                    return Err(TemplateError::other(message));
                }
                (Some(value), None) | (None, Some(value)) => scope.set(name, value),
                (None, None) => defaults.push((name, default)),
            }
        }
        for (name, default) in defaults {
            let value = match default {
                Some(e) => eval.expr(e)?,
                None => Value::undefined_because(format!("parameter '{name}' was not provided"), Some(name)),
            };
            scope.set(name, value);
        }
        let [uses_caller, uses_varargs, uses_kwargs] = m.uses;
        if uses_caller {
            let caller = keyword.iter().position(|(k, _)| &**k == "caller").map(|at| keyword.remove(at).1);
            let caller = caller.unwrap_or_else(|| Value::undefined_because("No caller defined", Some("caller")));
            scope.set(&"caller".into(), caller);
        }
        if uses_kwargs {
            let members: Dict = keyword.into_iter().map(|(k, v)| (Value::str(k), v)).collect();
            scope.set(&"kwargs".into(), Value::dict(members));
        } else if keyword.iter().any(|(k, _)| &**k == "caller") {
            let message = format!(
                "macro '{}' was invoked with two values for the special caller argument. This is most likely a bug.",
                m.name
            );
            let message =
                if uses_caller { message } else { format!("macro '{}' takes no keyword argument 'caller'", m.name) };
            return Err(TemplateError::other(message));
        } else if let Some((name, _)) = keyword.first() {
            return Err(TemplateError::other(format!("macro '{}' takes no keyword argument '{name}'", m.name)));
        }
        if uses_varargs {
            scope.set(&"varargs".into(), Value::tuple(extra));
        } else if !extra.is_empty() {
            let message = format!("macro '{}' takes not more than {} argument(s)", m.name, m.parameters.len());
            return Err(TemplateError::other(message));
        }
        Ok(())
    }
}

impl Object for MacroObject {
    fn type_name(&self) -> &'static str {
        "Macro"
    }

    fn repr(&self) -> String {
        format!("<Macro '{}'>", self.definition.name)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        let [caller, varargs, kwargs] = self.definition.uses;
        Ok(Some(match name {
            "name" => Value::str(&*self.definition.name),
            "arguments" => {
                Value::tuple(self.definition.parameters.iter().map(|(n, _)| Value::str(Rc::clone(n))).collect())
            }
            "caller" => Value::Bool(caller),
            "catch_varargs" => Value::Bool(varargs),
            "catch_kwargs" => Value::Bool(kwargs),
            _ => return Ok(None),
        }))
    }

    fn call(&self, env: &Env, args: CallArgs) -> Outcome<Value> {
        let eval = Eval { env, frame: Rc::clone(&self.frame), scope: self.scope.child() };
        env.deeper(|| {
            self.bind(&eval, args)?;
            let mut out = Output::new(self.frame.conversion);
            eval.nodes(&self.definition.body, &mut out)?;
            out.finish(env)
        })
    }
}

/// An imported template: what it set and defined, and what it printed.
pub struct Module {
    pub name: Rc<str>,
    pub scope: Rc<Scope>,
    pub text: Value,
}

impl Object for Module {
    fn type_name(&self) -> &'static str {
        "TemplateModule"
    }

    fn repr(&self) -> String {
        self.text.text().unwrap_or_else(|_| format!("<TemplateModule '{}'>", self.name))
    }

    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        if name.starts_with('_') {
            return Ok(None);
        }
        Ok(self.scope.own().into_iter().find(|(k, _)| &**k == name).map(|(_, v)| v))
    }
}

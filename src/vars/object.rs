//! Values that have behaviour of their own, and how anything is called.

use super::env::Env;
use super::error::{Outcome, TemplateError};
use super::value::Value;
use std::rc::Rc;

/// A function, macro, namespace, mapping with computed members, ... as templates see it.
pub trait Object {
    /// Python's name of the type.
    fn type_name(&self) -> &'static str;

    /// `str()` and `repr()`.
    fn repr(&self) -> String {
        format!("<{}>", self.type_name())
    }

    /// The attribute or member `name`; `None` where there is none.
    fn getattr(&self, env: &Env, name: &str) -> Outcome<Option<Value>> {
        let _ = (env, name);
        Ok(None)
    }

    /// The member at `key`; `None` where there is none.
    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        match key {
            Value::Str(name) => self.getattr(env, name.as_str()),
            _ => Ok(None),
        }
    }

    /// Calls it.
    fn call(&self, env: &Env, args: CallArgs) -> Outcome<Value> {
        let _ = (env, args);
        Err(TemplateError::other(format!("'{}' object is not callable", self.type_name())))
    }

    /// Calls its method `name`; `None` where it has none of that name.
    fn method(&self, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
        let _ = (env, name, args);
        None
    }

    /// The methods that [`Object::method`] takes.
    fn methods(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it can be called.
    fn is_callable(&self) -> bool {
        false
    }

    /// Whether it is a mapping.
    fn is_mapping(&self) -> bool {
        false
    }

    /// Its truth value.
    fn truthy(&self) -> bool {
        true
    }

    /// The keys of a mapping, the items of a sequence; `None` where it cannot be iterated.
    fn iterate(&self, env: &Env) -> Option<Outcome<Vec<Value>>> {
        let _ = env;
        None
    }

    /// Whether a mapping has `key`; `None` asks [`Object::iterate`].
    fn contains(&self, env: &Env, key: &Value) -> Option<bool> {
        let _ = (env, key);
        None
    }

    /// Its items, where Python has a kind of tuple.
    fn as_tuple(&self) -> Option<Vec<Value>> {
        None
    }

    /// Whether it can be iterated.
    fn is_iterable(&self) -> bool {
        self.is_mapping()
    }

    /// Sets the attribute `name` (`{% set ns.x = 1 %}`).
    fn setattr(&self, name: &str, value: Value) -> Outcome<()> {
        let _ = (name, value);
        Err(TemplateError::other("cannot assign attribute on non-namespace object"))
    }
}

/// Python's type of a value: its text and its name, and nothing that leads on from there.
pub struct Class(pub Rc<str>);

impl Class {
    /// The type of `value`.
    pub fn of(value: &Value) -> Value {
        let name = match value {
            Value::Str(text) => match text.class() {
                "AnsibleUnicode" => "ansible.parsing.yaml.objects.AnsibleUnicode",
                "str" => "str",
                "NativeJinjaText" => "ansible.utils.native_jinja.NativeJinjaText",
                "NativeJinjaUnsafeText" => "ansible.utils.unsafe_proxy.NativeJinjaUnsafeText",
                _ => "ansible.utils.unsafe_proxy.AnsibleUnsafeText",
            },
            Value::Time(_) => return Value::object(Class(format!("<class 'datetime.{}'>", value.type_name()).into())),
            other => other.type_name(),
        };
        Value::object(Class(format!("<class '{name}'>").into()))
    }
}

impl Object for Class {
    fn type_name(&self) -> &'static str {
        "type"
    }
    fn repr(&self) -> String {
        self.0.to_string()
    }
    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        let inside = self.0.trim_start_matches("<class '").trim_end_matches("'>");
        Ok((name == "__name__").then(|| Value::str(inside.rsplit('.').next().unwrap_or(inside))))
    }
}

/// The arguments of a call.
#[derive(Clone, Debug, Default)]
pub struct CallArgs {
    /// Those given by position.
    pub positional: Vec<Value>,
    /// Those given by name, in order.
    pub keyword: Vec<(Rc<str>, Value)>,
}

impl CallArgs {
    /// No arguments.
    pub fn none() -> CallArgs {
        CallArgs::default()
    }

    /// Arguments by position.
    pub fn of(positional: Vec<Value>) -> CallArgs {
        CallArgs { positional, keyword: Vec::new() }
    }

    /// The same with one more, by name.
    pub fn with(mut self, name: &str, value: Value) -> CallArgs {
        self.keyword.push((name.into(), value));
        self
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.positional.is_empty() && self.keyword.is_empty()
    }

    /// Takes the argument `name` out, where it was given by name.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.keyword.iter().position(|(k, _)| &**k == name)?;
        Some(self.keyword.remove(at).1)
    }

    /// Binds the arguments to parameters, the first `required` of which must be given, with Python's errors:
    /// `let [a, b] = args.bind("f", ["a", "b"], 1)?;`
    pub fn bind<const N: usize>(
        self,
        function: &str,
        names: [&str; N],
        required: usize,
    ) -> Outcome<[Option<Value>; N]> {
        let mut bound: [Option<Value>; N] = std::array::from_fn(|_| None);
        self.bind_to(function, &names, required, &mut bound)?;
        Ok(bound)
    }

    /// [`CallArgs::bind`] for any number of parameters; `bound` is as long as `names`, and empty.
    fn bind_to(self, function: &str, names: &[&str], required: usize, bound: &mut [Option<Value>]) -> Outcome<()> {
        let given = self.positional.len();
        if given > names.len() {
            let takes = match (required == names.len(), names.len()) {
                (true, 1) => "1 positional argument".to_owned(),
                (true, n) => format!("{n} positional arguments"),
                (false, n) => format!("from {required} to {n} positional arguments"),
            };
            let were = if given == 1 { "was" } else { "were" };
            return Err(TemplateError::other(format!("{function}() takes {takes} but {given} {were} given")));
        }
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.keyword {
            let Some(at) = names.iter().position(|n| **n == *name) else {
                let message = format!("{function}() got an unexpected keyword argument '{name}'");
                return Err(TemplateError::other(message));
            };
            if bound[at].is_some() {
                let message = format!("{function}() got multiple values for argument '{name}'");
                return Err(TemplateError::other(message));
            }
            bound[at] = Some(value);
        }
        let missing: Vec<String> =
            (0..required.min(names.len())).filter(|i| bound[*i].is_none()).map(|i| format!("'{}'", names[i])).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let plural = if missing.len() == 1 { "argument" } else { "arguments" };
        Err(TemplateError::other(format!(
            "{function}() missing {} required positional {plural}: {}",
            missing.len(),
            missing.join(" and ")
        )))
    }
}

/// A function of ours as a value.
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&Env, CallArgs) -> Outcome<Value>,
}

impl Object for Function {
    fn type_name(&self) -> &'static str {
        "function"
    }
    fn repr(&self) -> String {
        format!("<function {}>", self.name)
    }
    fn call(&self, env: &Env, args: CallArgs) -> Outcome<Value> {
        (self.run)(env, args)
    }
    fn is_callable(&self) -> bool {
        true
    }
}

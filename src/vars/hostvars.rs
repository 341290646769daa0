//! `hostvars` and `vars`: every host's variables, looked up one by one.

use super::env::Env;
use super::error::Outcome;
use super::object::{CallArgs, Object};
use super::value::Value;
use super::{Var, Variables};
use std::rc::Rc;

/// `hostvars`.
pub fn all() -> Value {
    Value::object(HostVars)
}

/// `vars`: this scope's variables, not templated.
pub fn own() -> Value {
    Value::object(OwnVars)
}

/// `ansible_facts`.
pub fn facts(facts: Rc<dyn Variables>) -> Value {
    Value::object(Facts(facts))
}

const MAPPING_METHODS: &[&str] = &["get", "keys", "values", "items"];

/// The methods that every mapping has.
fn mapping_method(map: &dyn Object, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
    let keys = || map.iterate(env).unwrap_or_else(|| Ok(Vec::new()));
    let member = |key: &Value| Ok(map.getitem(env, key)?.unwrap_or_default());
    Some(match name {
        "get" => (|| {
            let [key, default] = args.bind("get", ["key", "default"], 1)?;
            let found = map.getitem(env, &key.unwrap_or_default())?.filter(|v| !v.is_undefined());
            Ok(found.or(default).unwrap_or_default())
        })(),
        "keys" => keys().map(|k| Value::view("dict_keys", k)),
        "values" => keys()
            .and_then(|keys| keys.iter().map(member).collect::<Outcome<Vec<_>>>())
            .map(|v| Value::view("dict_values", v)),
        "items" => keys()
            .and_then(|keys| {
                let pair = |k: &Value| Ok(Value::tuple(vec![k.clone(), member(k)?]));
                keys.iter().map(pair).collect::<Outcome<Vec<_>>>()
            })
            .map(|v| Value::view("dict_items", v)),
        _ => return None,
    })
}

struct HostVars;

impl Object for HostVars {
    fn type_name(&self) -> &'static str {
        "ansible.vars.hostvars.HostVars"
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        let Value::Str(host) = key else { return Ok(None) };
        let host = host.as_str();
        if env.host(host).is_none() {
            let message = format!("\"hostvars['{host}']\" is undefined");
            return Ok(Some(Value::undefined_because(message, Some(host))));
        }
        Ok(Some(Value::object(OneHost(host.into()))))
    }
    fn iterate(&self, env: &Env) -> Option<Outcome<Vec<Value>>> {
        Some(Ok(env.source.hosts().into_iter().map(Value::str).collect()))
    }
    fn methods(&self) -> &'static [&'static str] {
        MAPPING_METHODS
    }
    fn method(&self, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
        mapping_method(self, env, name, args)
    }
}

/// `hostvars[host]`.
struct OneHost(Rc<str>);

impl Object for OneHost {
    fn type_name(&self) -> &'static str {
        "ansible.vars.hostvars.HostVarsVars"
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        match key {
            Value::Str(name) => env.host_variable(&self.0, name.as_str()),
            _ => Ok(None),
        }
    }
    fn iterate(&self, env: &Env) -> Option<Outcome<Vec<Value>>> {
        let names = env.host(&self.0).map(|host| host.variable_names()).unwrap_or_default();
        Some(Ok(names.into_iter().map(Value::str).collect()))
    }
    fn contains(&self, env: &Env, key: &Value) -> Option<bool> {
        let name = key.as_str()?;
        Some(env.host(&self.0).is_some_and(|host| host.source.get(name).is_some()))
    }
    fn methods(&self) -> &'static [&'static str] {
        MAPPING_METHODS
    }
    fn method(&self, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
        mapping_method(self, env, name, args)
    }
}

struct OwnVars;

impl Object for OwnVars {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        Ok(key.as_str().and_then(|name| env.raw(name)))
    }
    fn iterate(&self, env: &Env) -> Option<Outcome<Vec<Value>>> {
        Some(Ok(env.variable_names().into_iter().map(Value::str).collect()))
    }
    fn contains(&self, env: &Env, key: &Value) -> Option<bool> {
        Some(key.as_str().is_some_and(|name| env.source.get(name).is_some()))
    }
    fn methods(&self) -> &'static [&'static str] {
        MAPPING_METHODS
    }
    fn method(&self, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
        mapping_method(self, env, name, args)
    }
}

/// `ansible_facts`: each fact is computed when it is asked for.
struct Facts(Rc<dyn Variables>);

fn fact(env: &Env, var: &Var) -> Value {
    env.note_foreign();
    Value::from_foreign(&var.data)
}

impl Object for Facts {
    fn type_name(&self) -> &'static str {
        "dict"
    }
    fn is_mapping(&self) -> bool {
        true
    }
    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.0.get(name)).map(|var| fact(env, &var)))
    }
    fn iterate(&self, _: &Env) -> Option<Outcome<Vec<Value>>> {
        // A name may stand for a fact that this node does not have.
        let there = self.0.names().into_iter().filter(|name| self.0.get(name).is_some());
        Some(Ok(there.map(Value::str).collect()))
    }
    fn contains(&self, _: &Env, key: &Value) -> Option<bool> {
        Some(key.as_str().is_some_and(|name| self.0.get(name).is_some()))
    }
    fn methods(&self) -> &'static [&'static str] {
        MAPPING_METHODS
    }
    fn method(&self, env: &Env, name: &str, args: CallArgs) -> Option<Outcome<Value>> {
        mapping_method(self, env, name, args)
    }
}

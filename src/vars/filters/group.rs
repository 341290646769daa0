//! What `groupby` gives: a pair that also has names.

use crate::vars::{Env, Object, Outcome, Value};

struct Group {
    grouper: Value,
    list: Value,
}

/// The pair of a group's key and its members.
pub fn group(grouper: Value, list: Value) -> Value {
    Value::object(Group { grouper, list })
}

impl Object for Group {
    fn type_name(&self) -> &'static str {
        "_GroupTuple"
    }

    fn repr(&self) -> String {
        let pair = Value::tuple(self.as_tuple().unwrap_or_default());
        // A member that is undefined has no text; the pair itself is still there.
        pair.repr().unwrap_or_else(|_| "(...)".to_owned())
    }

    fn getattr(&self, _: &Env, name: &str) -> Outcome<Option<Value>> {
        Ok(match name {
            "grouper" => Some(self.grouper.clone()),
            "list" => Some(self.list.clone()),
            _ => None,
        })
    }

    fn getitem(&self, env: &Env, key: &Value) -> Outcome<Option<Value>> {
        match key {
            Value::Int(0 | -2) => Ok(Some(self.grouper.clone())),
            Value::Int(1 | -1) => Ok(Some(self.list.clone())),
            Value::Str(name) => self.getattr(env, name.as_str()),
            _ => Ok(None),
        }
    }

    fn iterate(&self, _: &Env) -> Option<Outcome<Vec<Value>>> {
        self.as_tuple().map(Ok)
    }

    fn as_tuple(&self) -> Option<Vec<Value>> {
        Some(vec![self.grouper.clone(), self.list.clone()])
    }

    fn is_iterable(&self) -> bool {
        true
    }
}

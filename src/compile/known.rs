//! What is known of variables when a playbook is compiled: they may stand in names of imports. Knows no host.

use crate::plan::{Data, Key, Map};
use crate::vars::{Files, Templar, Var, Variables};
use std::io;
use std::rc::Rc;

/// Variables, and no files to look up.
#[derive(Clone, Debug, Default)]
pub struct Known(pub Map);

impl Known {
    /// A template's text, where all that it needs is known.
    pub(super) fn text(&self, template: &str) -> Option<String> {
        let value = Templar::new(self, self).value(&Data::str(template)).ok()?;
        Some(crate::spec::python_str(&value))
    }
}

impl Variables for Known {
    fn get(&self, name: &str) -> Option<Var> {
        self.0.get(&Key(name)).map(|data| Var { data: Rc::new(data.clone()), templated: true })
    }
    fn names(&self) -> Vec<String> {
        self.0.keys().filter_map(|k| k.as_str().map(str::to_owned)).collect()
    }
}

impl Files for Known {
    fn find(&self, _: &str, name: &str) -> Result<String, Vec<String>> {
        Err(vec![name.to_owned()])
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned()))
    }
    fn list(&self, path: &str) -> io::Result<Vec<(String, bool)>> {
        Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned()))
    }
}

/// Layers of variables around a place, as far as the source tells them.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    /// `defaults/` of roles: everything else is over them.
    defaults: Map,
    /// Play, roles, blocks and imports, from the outside in.
    vars: Map,
}

impl Layers {
    /// With the defaults of one more role.
    pub fn with_defaults(self: &Rc<Layers>, map: &Map) -> Rc<Layers> {
        self.grown(map, &Map::default())
    }

    /// With variables over those around.
    pub fn with_vars(self: &Rc<Layers>, map: &Map) -> Rc<Layers> {
        self.grown(&Map::default(), map)
    }

    fn grown(self: &Rc<Layers>, defaults: &Map, vars: &Map) -> Rc<Layers> {
        if defaults.is_empty() && vars.is_empty() {
            return Rc::clone(self);
        }
        let mut grown = Layers::clone(self);
        grown.defaults.extend(defaults.clone());
        grown.vars.extend(vars.clone());
        Rc::new(grown)
    }

    /// All of them, with what the command line says over them.
    pub fn all(&self, extra: &Map) -> Known {
        let mut all = self.defaults.clone();
        all.extend(self.vars.clone());
        all.extend(extra.clone());
        Known(all)
    }
}

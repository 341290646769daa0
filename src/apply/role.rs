//! Roles as they are used: an instance knows its parameters, its dependencies and the roles that brought it in.

use super::Run;
use crate::plan::{Data, From, Keywords, Map, Node, Plan, Role, RoleUse};
use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

/// A role brought into a play.
#[derive(Debug)]
pub(super) struct Instance<'p> {
    /// The plan that has it.
    pub plan: &'p Plan,
    pub key: String,
    pub role: &'p Role,
    /// `defaults/`, and `vars/`, of the files this use asks for.
    pub defaults: &'p Map,
    pub vars: &'p Map,
    /// `vars:` and the other keywords of the entry.
    pub keywords: Cow<'p, Keywords>,
    /// Role parameters of the entry.
    pub params: Cow<'p, Map>,
    pub from: From,
    /// The roles that brought this one in, outermost first (the dependency chain).
    pub parents: Vec<Rc<Instance<'p>>>,
    /// Its dependencies, in order.
    pub dependencies: Vec<Rc<Instance<'p>>>,
    /// Whether its defaults and variables are seen by the whole play.
    pub public: Cell<bool>,
    /// Brought in by an include: runs as often as it is included.
    pub repeat: bool,
}

/// No variables; what a role without `vars/` has.
static NO_VARS: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::default);

/// Where a role's use stands, and what it overrides.
pub(super) struct Use<'p> {
    pub key: &'p str,
    pub keywords: Cow<'p, Keywords>,
    pub params: Cow<'p, Map>,
    pub from: From,
    pub repeat: bool,
}

impl<'p> Use<'p> {
    /// The use that a play, a dependency or an import writes.
    pub fn of(used: &'p RoleUse) -> Use<'p> {
        Use {
            key: &used.role,
            keywords: Cow::Borrowed(&used.keywords),
            params: Cow::Borrowed(&used.params),
            from: used.from.clone(),
            repeat: false,
        }
    }
}

impl<'p> Instance<'p> {
    /// Makes an instance with its dependencies. Errors name what the plan lacks.
    pub fn new(plan: &'p Plan, used: Use<'p>, parents: Vec<Rc<Instance<'p>>>) -> Result<Rc<Instance<'p>>, String> {
        if parents.len() > crate::plan::limits::INCLUDE_DEPTH {
            return Err(format!("role {} is nested too deep: do its dependencies form a circle?", used.key));
        }
        let (key, role) = plan
            .roles
            .get_key_value(used.key)
            .ok_or_else(|| format!("the role '{}' was not found in the bundle", used.key))?;
        let pick = |kind: &str, files: &'p indexmap::IndexMap<String, Map>, from: &Option<String>| match from {
            None => Ok(files.get("main").unwrap_or(&NO_VARS)),
            Some(name) => files
                .get(stem(name))
                .ok_or_else(|| format!("could not find specified file in role {}: {kind}/{name}", role.name)),
        };
        let mut own = Instance {
            plan,
            key: key.clone(),
            role,
            defaults: pick("defaults", &role.defaults, &used.from.defaults)?,
            vars: pick("vars", &role.vars, &used.from.vars)?,
            keywords: used.keywords,
            params: used.params,
            from: used.from,
            parents: parents.clone(),
            dependencies: Vec::new(),
            public: Cell::new(true),
            repeat: used.repeat,
        };
        // Dependencies see this role's variables, but they are needed to make it: a twin without them stands in.
        let twin = Rc::new(own.twin());
        let mut chain = parents;
        chain.push(twin);
        for dependency in &role.dependencies {
            own.dependencies.push(Instance::new(plan, Use::of(dependency), chain.clone())?);
        }
        Ok(Rc::new(own))
    }

    fn twin(&self) -> Instance<'p> {
        Instance {
            plan: self.plan,
            key: self.key.clone(),
            role: self.role,
            defaults: self.defaults,
            vars: self.vars,
            keywords: self.keywords.clone(),
            params: self.params.clone(),
            from: self.from.clone(),
            parents: self.parents.clone(),
            dependencies: Vec::new(),
            public: Cell::new(true),
            repeat: self.repeat,
        }
    }

    /// Dependencies of dependencies first, each before the role that asked for it.
    pub fn all_dependencies(&self) -> Vec<Rc<Instance<'p>>> {
        let mut all = Vec::new();
        for dependency in &self.dependencies {
            all.extend(dependency.all_dependencies());
            all.push(Rc::clone(dependency));
        }
        all
    }

    /// The role's task list for this use.
    pub fn tasks(&self) -> Result<(&'p [Node], String), String> {
        let wanted = self.from.tasks.as_deref();
        let path = self.role.tasks.get(stem(wanted.unwrap_or("main")));
        match (path.and_then(|p| self.plan.task_files.get_key_value(p)), wanted) {
            (Some((path, nodes)), _) => Ok((nodes, parent_dir(path))),
            (None, None) => Ok((&[], format!("{}/tasks", self.role.path))),
            (None, Some(name)) => {
                Err(format!("could not find specified file in role {}: tasks/{name}", self.role.name))
            }
        }
    }

    /// What makes two uses the same, so that the second does not run again.
    pub fn identity(&self) -> String {
        let k = &self.keywords;
        format!("{}|{:?}|{:?}|{:?}|{:?}|{:?}", self.role.path, self.params, k.vars, k.when, k.tags, self.from)
    }
}

/// `main` of `main.yml`: the name under which a role's file is known.
pub(super) fn stem(name: &str) -> &str {
    name.strip_suffix(".yml").or_else(|| name.strip_suffix(".yaml")).unwrap_or(name)
}

/// The directory of a path in the source tree.
pub(super) fn parent_dir(path: &str) -> String {
    path.rsplit_once('/').map_or(String::new(), |(dir, _)| dir.to_owned())
}

/// The argument specification that Ansible validates when a role starts at this entry point.
pub(super) fn argument_spec<'p>(instance: &Instance<'p>) -> Option<&'p Data> {
    let entry = stem(instance.from.tasks.as_deref().unwrap_or("main"));
    instance.role.argument_specs.get(&crate::plan::Key(entry))
}

impl Run<'_> {
    /// `role_name` as Ansible shows it in task titles.
    pub(super) fn role_title(instance: Option<&Rc<Instance<'_>>>) -> Option<String> {
        instance.map(|i| i.role.name.clone())
    }
}

//! A task's scope: every variable it can see, in Ansible's order of precedence, without merging anything.
//!
//! Levels are those of ansible-core's documentation ("Understanding variable precedence") as vars/manager.py
//! applies them, highest first. Nothing is copied until it is asked for.

use super::frame::{Frame, Kind};
use super::host::{VarMap, groups_of};
use super::play::Current;
use super::role::Instance;
use super::{FactSource, NoFacts, Run};
use crate::plan::{Data, Key, Map, Task};
use crate::sys::order;
use crate::vars::{OMIT, Var, Variables};
use indexmap::IndexSet;
use std::cell::RefCell;
use std::rc::Rc;

/// A task's view of the variables.
pub(super) struct Scope<'s, 'p> {
    run: &'s Run<'p>,
    play: &'s Current<'p>,
    frame: &'s Rc<Frame<'p>>,
    task: Option<&'s Task>,
    /// Loop variables: above everything.
    locals: RefCell<VarMap>,
    /// All values of a name while they are collected, for `hash_behaviour = merge`.
    #[cfg(feature = "builder")]
    collected: RefCell<Option<Vec<Var>>>,
}

impl<'s, 'p> Scope<'s, 'p> {
    pub fn new(run: &'s Run<'p>, play: &'s Current<'p>, frame: &'s Rc<Frame<'p>>, task: Option<&'s Task>) -> Self {
        Scope {
            run,
            play,
            frame,
            task,
            locals: RefCell::new(VarMap::default()),
            #[cfg(feature = "builder")]
            collected: RefCell::default(),
        }
    }

    /// Sets a loop variable, or what else is true for one item only.
    pub fn set_local(&self, name: &str, value: Data) {
        self.locals.borrow_mut().insert(name.to_owned(), Var { data: Rc::new(value), templated: false });
    }

    /// Sets the item of a `loop`: text of it that nobody marked as foreign may be a template still.
    pub fn set_item(&self, name: &str, value: Data) {
        self.locals.borrow_mut().insert(name.to_owned(), Var { data: Rc::new(value), templated: true });
    }

    /// The loop variables by name, for an include that passes them on.
    pub fn locals(&self) -> Map {
        let locals = self.locals.borrow();
        locals.iter().map(|(k, v)| (Data::str(k.as_str()), v.data.as_ref().clone())).collect()
    }

    fn role(&self) -> Option<&Rc<Instance<'p>>> {
        self.frame.role.as_ref()
    }

    /// What a level has; nothing, so that the search goes on, while all levels are collected.
    fn level(&self, var: Option<Var>) -> Option<Var> {
        #[cfg(feature = "builder")]
        if let Some(all) = self.collected.borrow_mut().as_mut() {
            all.extend(var);
            return None;
        }
        var
    }

    /// The first level that has a variable.
    fn search(&self, name: &str) -> Option<Var> {
        let extra = Rc::clone(&self.run.host.borrow().extra);
        if let Some(var) = self.level(extra.get(name).cloned()) {
            return Some(var);
        }
        if let Some(var) = self.find_map(name) {
            return Some(var);
        }
        let (set, included) = {
            let host = self.run.host.borrow();
            (host.set.get(name).cloned(), host.included.get(name).cloned())
        };
        self.level(set)
            .or_else(|| self.level(included))
            .or_else(|| self.find_task_level(name))
            .or_else(|| self.level(self.run.fact(name)))
            .or_else(|| self.level(self.run.host.borrow().inventory.get(name).cloned()))
            .or_else(|| self.find_defaults(name))
    }

    /// A variable of which dictionaries on all levels are merged (`hash_behaviour = merge`).
    #[cfg(feature = "builder")]
    fn merged(&self, name: &str) -> Option<Var> {
        *self.collected.borrow_mut() = Some(Vec::new());
        self.search(name);
        let all = self.collected.borrow_mut().take().unwrap_or_default();
        let mut levels = all.into_iter().rev();
        let mut merged = levels.next()?;
        for level in levels {
            let data = match (merged.data.as_ref(), level.data.as_ref()) {
                (Data::Map(below), Data::Map(above)) => Rc::new(Data::Map(super::several::merged(below, above))),
                _ => Rc::clone(&level.data),
            };
            merged = Var { data, templated: level.templated };
        }
        Some(merged)
    }

    /// The maps that may hold `name` above the host's variables (levels 13 to 21), and those below (level 2).
    fn find_map(&self, name: &str) -> Option<Var> {
        let key = Key(name);
        let find = |m: &Map| self.level(m.get(&key).map(|d| Var { data: Rc::new(d.clone()), templated: true }));
        self.frame.chain().find_map(|f| find(&f.params)).or_else(|| {
            let role = self.role()?;
            find(&role.params).or_else(|| role.parents.iter().rev().find_map(|p| find(&p.params)))
        })
    }

    fn find_task_level(&self, name: &str) -> Option<Var> {
        let key = Key(name);
        let find = |m: &Map| self.level(m.get(&key).map(|d| Var { data: Rc::new(d.clone()), templated: true }));
        let own = self.task.and_then(|t| find(&t.keywords.vars));
        own.or_else(|| {
            let blocks = |f: &&Frame<'p>| matches!(f.kind, Kind::Block | Kind::Include | Kind::Import);
            self.frame.chain().filter(blocks).find_map(|f| find(&f.keywords.vars))
        })
        .or_else(|| {
            let role = self.role()?;
            find(&role.keywords.vars)
                .or_else(|| find(role.vars))
                .or_else(|| role.all_dependencies().iter().rev().find_map(|d| find(d.vars)))
                .or_else(|| role.parents.iter().rev().find_map(|p| find(p.vars).or_else(|| find(&p.keywords.vars))))
        })
        .or_else(|| self.public_roles().iter().rev().find_map(|r| find_exported(r, &find)))
        .or_else(|| self.play.vars_files.borrow().iter().rev().find_map(&find))
        .or_else(|| find(&self.play.play.keywords.vars))
    }

    fn find_defaults(&self, name: &str) -> Option<Var> {
        let key = Key(name);
        let find = |m: &Map| self.level(m.get(&key).map(|d| Var { data: Rc::new(d.clone()), templated: true }));
        let with_dependencies = |r: &Rc<Instance<'p>>| {
            find(r.defaults).or_else(|| r.all_dependencies().iter().rev().find_map(|d| find(d.defaults)))
        };
        self.role()
            .and_then(|r| {
                find(r.defaults)
                    .or_else(|| r.parents.iter().rev().find_map(|p| find(p.defaults)))
                    .or_else(|| with_dependencies(r))
            })
            .or_else(|| self.public_roles().iter().rev().find_map(with_dependencies))
    }

    fn public_roles(&self) -> Vec<Rc<Instance<'p>>> {
        self.play.roles.borrow().iter().filter(|r| r.public.get()).cloned().collect()
    }

    /// The roles whose includes and imports led to this one, from the inside out. A dependency was not included.
    fn including_roles(&self) -> Vec<&Rc<Instance<'p>>> {
        let mut found = Vec::new();
        for frame in self.frame.chain().filter(|f| matches!(f.kind, Kind::Role)) {
            match frame.parent.as_deref() {
                Some(Frame { kind: Kind::Include | Kind::Import | Kind::Block, role: Some(role), .. }) => {
                    found.push(role)
                }
                _ => break,
            }
        }
        found
    }

    fn magic(&self, name: &str) -> Option<Data> {
        if let Some(value) = self.run.magic(self.play, name) {
            return Some(value);
        }
        let role = self.role();
        Some(match name {
            "role_name" => {
                let role = role?.role;
                let prefix = role.collection.as_ref().map(|c| format!("{c}."));
                text(prefix.and_then(|p| role.name.strip_prefix(&p)).unwrap_or(&role.name))
            }
            "ansible_role_name" => text(&role?.role.name),
            "ansible_collection_name" => text(role?.role.collection.as_deref().unwrap_or_default()),
            // The author's, not from outside: conditions may hold it as a template.
            "role_path" => Data::str(self.run.source_path(&role?.role.path)),
            "role_uuid" => text(&role?.key),
            "ansible_parent_role_names" => {
                let parents = Some(self.including_roles()).filter(|p| !p.is_empty())?;
                Data::List(parents.iter().map(|r| text(&r.role.name)).collect())
            }
            "ansible_parent_role_paths" => {
                let parents = Some(self.including_roles()).filter(|p| !p.is_empty())?;
                Data::List(parents.iter().map(|r| text(&self.run.source_path(&r.role.path))).collect())
            }
            "ansible_search_path" => {
                Data::List(self.run.search_dirs(self.frame).iter().map(|d| text(&self.run.source_path(d))).collect())
            }
            "environment" => Data::List(super::inherit::environment(self.task, self.frame)),
            _ => return None,
        })
    }
}

fn find_exported(role: &Rc<Instance<'_>>, find: &impl Fn(&Map) -> Option<Var>) -> Option<Var> {
    find(role.vars)
        .or_else(|| role.all_dependencies().iter().rev().find_map(|d| find(d.vars)))
        .or_else(|| role.parents.iter().rev().find_map(|p| find(p.vars)))
}

/// Text of Ansible's own: plain, unless somebody could take it for a template.
pub(super) fn text(s: &str) -> Data {
    let open = ["{{", "{%", "{#"].iter().any(|mark| s.contains(mark));
    if open { Data::Unsafe(s.to_owned()) } else { Data::Str(s.to_owned()) }
}

fn known(data: Data) -> Var {
    Var { data: Rc::new(data), templated: false }
}

impl Variables for Scope<'_, '_> {
    fn get(&self, name: &str) -> Option<Var> {
        if let Some(var) = self.locals.borrow().get(name) {
            return Some(var.clone());
        }
        if let Some(value) = self.magic(name) {
            // What Ansible itself knows is not foreign text: what comes of it may be a template still.
            return Some(Var { data: Rc::new(value), templated: name != "environment" });
        }
        #[cfg(feature = "builder")]
        if self.run.world.options.merge_hashes {
            return self.merged(name);
        }
        self.search(name)
    }

    /// In the order in which Ansible puts them together, the weakest first: `varnames` shows it.
    fn names(&self) -> Vec<String> {
        let mut names = Names::default();
        let roles: Vec<_> = self.role().into_iter().cloned().chain(self.public_roles()).collect();
        let mut instances: Vec<Rc<Instance>> = Vec::new();
        for role in roles {
            instances.extend(role.all_dependencies().iter().chain(&role.parents).cloned());
            instances.push(role);
        }
        instances.iter().for_each(|role| names.of(role.defaults));
        self.run.host_names(&mut names);
        self.play.vars_files.borrow().iter().for_each(|vars| names.of(vars));
        for role in &instances {
            [role.vars, &role.keywords.vars, &role.params].into_iter().for_each(|vars| names.of(vars));
        }
        for frame in self.frame.chain() {
            names.of(&frame.keywords.vars);
            names.of(&frame.params);
        }
        if let Some(task) = self.task {
            names.of(&task.keywords.vars);
        }
        names.0.extend(self.run.host.borrow().extra.keys().cloned());
        names.0.extend(self.locals.borrow().keys().cloned());
        names.0.extend(MAGIC.iter().filter(|n| self.magic(n).is_some()).map(|n| (*n).to_owned()));
        names.0.into_iter().collect()
    }

    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        self.run.host_view(self.play, host)
    }

    fn hosts(&self) -> Vec<String> {
        self.run.host_list()
    }

    fn facts(&self) -> Option<Rc<dyn Variables>> {
        self.run.facts_view()
    }
}

/// Names of magic variables (ansible-core's vars/manager.py and `Special Variables` of its documentation).
pub const MAGIC: &[&str] = &[
    "ansible_check_mode",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_parent_role_names",
    "ansible_parent_role_paths",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_search_path",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "environment",
    "group_names",
    "groups",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

/// Finds another host's variables.
type Lookup = Rc<dyn Fn(&str) -> Option<Rc<dyn Variables>>>;

/// The variables that `hostvars[host]` shows: no play, no task.
struct HostView {
    layers: Vec<Rc<VarMap>>,
    /// Set for this host only: its facts can be asked.
    facts: Option<Rc<dyn FactSource>>,
    host: String,
    groups: Rc<Map>,
    hosts: Vec<String>,
    /// The other hosts, for lazy values that name further ones.
    others: Lookup,
}

impl Variables for HostView {
    fn get(&self, name: &str) -> Option<Var> {
        match name {
            "inventory_hostname" => Some(known(text(&self.host))),
            "inventory_hostname_short" => Some(known(text(short(&self.host)))),
            "groups" => Some(known(Data::Map(self.groups.as_ref().clone()))),
            "omit" => Some(known(text(OMIT))),
            "group_names" => {
                let own = self.layers.iter().find_map(|l| l.get(name).cloned());
                Some(own.unwrap_or_else(|| known(Data::List(groups_of(&self.groups, &self.host)))))
            }
            _ => self.layers.iter().find_map(|l| l.get(name).cloned()).or_else(|| {
                let fact = self.facts.as_ref()?.get(name.strip_prefix("ansible_")?)?;
                Some(known(fact))
            }),
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: IndexSet<String> = self.layers.iter().rev().flat_map(|l| l.keys().cloned()).collect();
        names.extend(["inventory_hostname", "inventory_hostname_short", "groups", "group_names"].map(str::to_owned));
        names.into_iter().collect()
    }

    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        (self.others)(host)
    }

    fn hosts(&self) -> Vec<String> {
        self.hosts.clone()
    }

    fn facts(&self) -> Option<Rc<dyn Variables>> {
        self.facts.clone().map(|facts| Rc::new(FactView { facts, returned: VarMap::default() }) as Rc<dyn Variables>)
    }
}

/// `ansible_facts`: what modules returned over what the node itself can tell.
struct FactView {
    facts: Rc<dyn FactSource>,
    returned: VarMap,
}

impl Variables for FactView {
    fn get(&self, name: &str) -> Option<Var> {
        self.returned.get(name).cloned().or_else(|| self.facts.get(name).map(known))
    }
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.returned.keys().cloned().chain(self.facts.names()).collect();
        order::ascending(&mut names);
        names.dedup();
        names
    }
}

/// The part of a host name before its first dot.
pub(super) fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}

/// Names, each where it came first.
#[derive(Default)]
struct Names(IndexSet<String>);

impl Names {
    fn of(&mut self, vars: &Map) {
        self.0.extend(vars.keys().filter_map(|k| k.as_str().map(str::to_owned)));
    }
}

impl<'p> Run<'p> {
    /// A fact by its top-level name: what modules returned, then (once facts were gathered) the node's own.
    fn fact(&self, name: &str) -> Option<Var> {
        let host = self.host.borrow();
        if let Some(var) = host.fact(name) {
            return Some(var);
        }
        let bare = name.strip_prefix("ansible_")?;
        if let Some(var) = host.fact(bare) {
            return Some(var);
        }
        if !host.gathered {
            return None;
        }
        drop(host);
        self.world.facts.get(bare).map(known)
    }

    fn facts_view(&self) -> Option<Rc<dyn Variables>> {
        let host = self.host.borrow();
        let bare = |name: &str| name.strip_prefix("ansible_").unwrap_or(name).to_owned();
        let returned = host.facts.iter().map(|(k, v)| (bare(k), v.clone())).collect();
        let facts = if host.gathered { Rc::clone(&self.world.facts) } else { Rc::new(NoFacts) };
        Some(Rc::new(FactView { facts, returned }))
    }

    fn host_names(&self, names: &mut Names) {
        let host = self.host.borrow();
        names.0.extend(host.inventory.keys().cloned());
        if host.gathered {
            names.0.extend(self.world.facts.names().iter().map(|n| format!("ansible_{n}")));
        }
        for layer in [&host.facts, &host.included, &host.set] {
            names.0.extend(layer.keys().cloned());
        }
    }

    fn host_list(&self) -> Vec<String> {
        let inventory = self.world.inventory;
        let groups = Rc::clone(&self.host.borrow().groups);
        let mut hosts: Vec<String> = match groups.get(&Key("all")).and_then(Data::as_list) {
            Some(all) => all.iter().filter_map(|h| h.as_str().map(str::to_owned)).collect(),
            None => Vec::new(),
        };
        for host in std::iter::once(&inventory.host).chain(inventory.others.iter().map(|(h, _)| h)) {
            if !hosts.contains(host) {
                hosts.push(host.clone());
            }
        }
        hosts
    }

    fn host_view(&self, play: &Current<'p>, host: &str) -> Option<Rc<dyn Variables>> {
        let inventory = self.world.inventory;
        let state = self.host.borrow();
        let groups = Rc::clone(&state.groups);
        let play_vars = Rc::new(super::host::raw(&play.play.keywords.vars));
        let mut views = Vec::new();
        let own = vec![
            Rc::clone(&state.extra),
            Rc::clone(&state.set),
            Rc::clone(&state.included),
            Rc::clone(&play_vars),
            Rc::clone(&state.facts),
            Rc::clone(&state.inventory),
        ];
        let facts = state.gathered.then(|| Rc::clone(&self.world.facts));
        views.push((inventory.host.clone(), own, facts));
        for (name, vars) in state.others.iter().filter(|(name, _)| *name != inventory.host) {
            views.push((name.clone(), vec![Rc::clone(&state.extra), Rc::clone(&play_vars), Rc::clone(vars)], None));
        }
        // A host that the inventory names but whose variables nobody has is known by its groups alone.
        for name in self.host_list() {
            if !views.iter().any(|(known, ..)| *known == name) {
                views.push((name, vec![Rc::clone(&state.extra), Rc::clone(&play_vars)], None));
            }
        }
        view(Rc::new(views), groups, host)
    }

    /// The hosts of the play, where `apply` found several.
    #[cfg(feature = "builder")]
    fn play_hosts(&self, name: &str) -> Option<Data> {
        let host = self.host.borrow();
        let hosts = if name == "ansible_play_hosts_all" { &host.play_hosts_all } else { &host.play_hosts };
        (!hosts.is_empty()).then(|| Data::List(hosts.iter().map(|h| text(h)).collect()))
    }

    /// A node's play has no host but the node.
    #[cfg(not(feature = "builder"))]
    fn play_hosts(&self, _: &str) -> Option<Data> {
        None
    }

    /// Magic variables that do not depend on the task.
    fn magic(&self, play: &Current<'p>, name: &str) -> Option<Data> {
        let (inventory, options) = (self.world.inventory, self.world.options);
        let list = |l: &[String]| Data::List(l.iter().map(|s| text(s)).collect());
        let own = || self.play_hosts(name).unwrap_or_else(|| Data::List(vec![text(&inventory.host)]));
        let names = |roles: Vec<Rc<Instance<'p>>>| roles.iter().map(|r| text(&r.role.name)).collect::<Vec<_>>();
        let used = || names(play.roles.borrow().clone());
        let dependent = || names(play.roles.borrow().iter().flat_map(|r| r.all_dependencies()).collect());
        let each_once = |mut list: Vec<Data>| {
            let mut seen = Vec::new();
            list.retain(|n| !seen.contains(n) && (seen.push(n.clone()), true).1);
            Data::List(list)
        };
        Some(match name {
            "inventory_hostname" => text(&inventory.host),
            "inventory_hostname_short" => text(short(&inventory.host)),
            "groups" => Data::Map(self.host.borrow().groups.as_ref().clone()),
            "group_names" => list(&self.host.borrow().group_names),
            "omit" => text(OMIT),
            "playbook_dir" => text(&self.source_path(&super::role::parent_dir(&self.world.plan.playbook))),
            "ansible_check_mode" => Data::Bool(options.check),
            "ansible_diff_mode" => Data::Bool(options.diff),
            "ansible_verbosity" => Data::Int(options.verbosity.into()),
            "ansible_forks" => Data::Int(5),
            "ansible_version" => version(),
            "ansible_config_file" => Data::Null,
            "ansible_inventory_sources" => Data::List(Vec::new()),
            "ansible_playbook_python" => text("/usr/bin/python3"),
            "ansible_run_tags" if options.tags.is_empty() => list(&["all".to_owned()]),
            "ansible_run_tags" => list(&options.tags),
            "ansible_skip_tags" => list(&options.skip_tags),
            "ansible_play_name" => text(play.play.name.as_deref().unwrap_or(&play.play.hosts.join(","))),
            "ansible_play_hosts" | "ansible_play_hosts_all" | "ansible_play_batch" | "play_hosts" => own(),
            "role_names" | "ansible_play_role_names" => Data::List(used()),
            "ansible_role_names" => each_once([dependent(), used()].concat()),
            "ansible_dependent_role_names" => each_once(dependent()),
            _ => return None,
        })
    }
}

/// Host, layers of variables, facts: what a view is made of.
type Views = Vec<(String, Vec<Rc<VarMap>>, Option<Rc<dyn FactSource>>)>;

fn view(views: Rc<Views>, groups: Rc<Map>, host: &str) -> Option<Rc<dyn Variables>> {
    let (name, layers, facts) = views.iter().find(|(name, ..)| name == host)?;
    let (shared, all) = (Rc::clone(&views), Rc::clone(&groups));
    Some(Rc::new(HostView {
        layers: layers.clone(),
        facts: facts.clone(),
        host: name.clone(),
        groups,
        hosts: views.iter().map(|(name, ..)| name.clone()).collect(),
        others: Rc::new(move |host| view(Rc::clone(&shared), Rc::clone(&all), host)),
    }))
}

/// `ansible_version`: the version whose behaviour this is.
fn version() -> Data {
    let fields = [("full", text("2.16.14")), ("string", text("2.16.14"))];
    let numbers = [("major", 2), ("minor", 16), ("revision", 14)];
    let mut map: Map = fields.into_iter().map(|(k, v)| (Data::str(k), v)).collect();
    map.extend(numbers.into_iter().map(|(k, v)| (Data::str(k), Data::Int(v))));
    Data::Map(map)
}

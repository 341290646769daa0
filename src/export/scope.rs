//! A host's variables as Ansible would evaluate them on the deploy host, with the whole inventory at hand.

use crate::plan::{Data, Map};
use crate::source::inventory::{Inventory, ValueId};
use crate::vars::vault::Keyring;
use crate::vars::{Files, Var, Variables, Vault};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

/// What all hosts' scopes share.
pub struct World {
    /// The inventory.
    pub inventory: Rc<Inventory>,
    /// Defaults of the bundle's roles: below everything.
    pub defaults: HashMap<String, Rc<Data>>,
    /// The playbook's directory, where lookups look for files.
    pub playbook_dir: PathBuf,
    /// Vault passwords.
    pub keyring: Rc<Keyring>,
    groups: Rc<Data>,
    shared: RefCell<HashMap<ValueId, Rc<Data>>>,
}

impl World {
    /// A world with nothing evaluated yet.
    pub fn new(inventory: Rc<Inventory>, defaults: HashMap<String, Rc<Data>>, keyring: Rc<Keyring>) -> World {
        let mut groups = Map::default();
        for (name, members) in inventory.groups() {
            let members = members.iter().map(|h| Data::Unsafe(inventory.name(*h).to_owned())).collect();
            groups.insert(Data::str(name), Data::List(members));
        }
        let playbook_dir = std::env::current_dir().unwrap_or_default();
        let groups = Rc::new(Data::Map(groups));
        World { inventory, defaults, playbook_dir, keyring, groups, shared: RefCell::default() }
    }

    /// The same, with lookups that look for files beneath this directory.
    pub fn in_directory(self, playbook_dir: PathBuf) -> World {
        World { playbook_dir, ..self }
    }

    /// `groups`, which is the same for all hosts.
    pub fn groups(&self) -> &Data {
        &self.groups
    }

    fn value(&self, value: ValueId) -> Rc<Data> {
        let known = self.shared.borrow().get(&value).cloned();
        known.unwrap_or_else(|| {
            let data = Rc::new(self.inventory.value(value).as_ref().clone());
            self.shared.borrow_mut().insert(value, Rc::clone(&data));
            data
        })
    }
}

/// One host's scope.
pub struct Scope {
    /// The world.
    pub world: Rc<World>,
    /// The host.
    pub host: u32,
}

impl Scope {
    fn magic(&self, name: &str) -> Option<Data> {
        let inventory = &self.world.inventory;
        let own = inventory.name(self.host);
        let text = |text: &str| Some(Data::Unsafe(text.to_owned()));
        match name {
            "inventory_hostname" => text(own),
            "inventory_hostname_short" => text(super::short(own)),
            "group_names" => {
                Some(Data::List(inventory.group_names(self.host).iter().map(|g| Data::Unsafe(g.clone())).collect()))
            }
            "inventory_file" => text(&inventory.source(self.host)),
            "inventory_dir" => {
                let source = inventory.source(self.host);
                text(&crate::sys::file::parent(std::path::Path::new(&source)).to_string_lossy())
            }
            "playbook_dir" => text(&self.world.playbook_dir.to_string_lossy()),
            _ => None,
        }
    }
}

impl Variables for Scope {
    fn get(&self, name: &str) -> Option<Var> {
        if name == "groups" {
            return Some(Var { data: Rc::clone(&self.world.groups), templated: false });
        }
        if let Some(data) = self.magic(name) {
            return Some(Var { data: Rc::new(data), templated: false });
        }
        let inventory = &self.world.inventory;
        let found = inventory.name_id(name).and_then(|id| inventory.get(self.host, id));
        match found {
            Some(definition) => Some(Var { data: self.world.value(definition.value), templated: true }),
            None => self.world.defaults.get(name).map(|d| Var { data: Rc::clone(d), templated: true }),
        }
    }
    fn names(&self) -> Vec<String> {
        let inventory = &self.world.inventory;
        inventory.definitions(self.host).iter().map(|d| inventory.text(d.name).to_string()).collect()
    }
    fn host(&self, host: &str) -> Option<Rc<dyn Variables>> {
        let host = self.world.inventory.host(host)?;
        Some(Rc::new(Scope { world: Rc::clone(&self.world), host }))
    }
    fn hosts(&self) -> Vec<String> {
        self.world.inventory.hosts().map(|h| self.world.inventory.name(h).to_owned()).collect()
    }
}

impl Files for World {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        let path = std::path::Path::new(name);
        if path.is_absolute() {
            return if path.exists() { Ok(name.to_owned()) } else { Err(vec![name.to_owned()]) };
        }
        let tried = [self.playbook_dir.join(kind).join(name), self.playbook_dir.join(name)];
        let shown = |p: &PathBuf| p.to_string_lossy().into_owned();
        tried.iter().find(|p| p.exists()).map(shown).ok_or_else(|| tried.iter().map(shown).collect())
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        crate::sys::file::read_bounded(std::path::Path::new(path), crate::plan::limits::EXPORT_FILE)
    }
    fn vault(&self) -> Option<&dyn Vault> {
        Some(&*self.keyring)
    }
    fn list(&self, path: &str) -> io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()));
        }
        names.sort();
        Ok(names)
    }
}

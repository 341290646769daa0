//! What only `apply` needs: several hosts that are all this machine, one play after the other on each, and an
//! inventory to which tasks add hosts and groups. A node at boot is one host, and knows nothing of this.

use super::host::{self, VarMap, groups_of};
use super::result::Done;
use super::{Inventory, Run, Session};
use crate::plan::{Data, Key, Map};
use crate::vars::Var;
use std::rc::Rc;

/// What a task added to the inventory.
#[derive(Clone, Debug)]
pub enum Addition {
    /// `add_host`.
    Host {
        /// Its name.
        name: String,
        /// Groups that it is put into.
        groups: Vec<String>,
        /// Its variables.
        vars: Map,
    },
    /// `group_by`.
    Group {
        /// The group.
        name: String,
        /// The host that is put into it.
        host: String,
        /// Groups that it becomes a child of.
        parents: Vec<String>,
    },
}

impl Addition {
    /// The host whose groups or variables change.
    pub fn host(&self) -> &str {
        match self {
            Addition::Host { name: host, .. } | Addition::Group { host, .. } => host,
        }
    }
}

/// Takes over an addition to the inventory; where it concerns the host of the run, gives what that one sees then.
pub type Growing<'a> = dyn Fn(Addition) -> Result<Option<Inventory>, String> + 'a;

impl Session {
    /// What the inventory says by now, and the hosts of the play that follows: those that have not failed, and all.
    pub fn refresh(&mut self, inventory: &Inventory, (play_hosts, all): (&[String], &[String])) {
        self.state.refresh(inventory);
        self.state.play_hosts = play_hosts.to_vec();
        self.state.play_hosts_all = all.to_vec();
    }

    /// What other hosts see of this one in `hostvars`.
    pub fn seen(&self) -> Seen {
        let mut all = VarMap::default();
        let layers = [self.state.inventory.as_ref(), &self.state.facts, &self.state.included, &self.state.set];
        for (name, var) in layers.into_iter().flatten() {
            all.insert(name.clone(), var.clone());
        }
        Seen(Rc::new(all))
    }

    /// Takes over what another host is seen as.
    pub fn see(&mut self, other: &str, seen: &Seen) {
        self.state.others.retain(|(name, _)| name != other);
        self.state.others.push((other.to_owned(), Rc::clone(&seen.0)));
    }

    /// Facts that modules returned, to be kept from run to run.
    pub fn facts(&self) -> Map {
        self.state.facts.iter().map(|(name, var)| (Data::str(name.as_str()), var.data.as_ref().clone())).collect()
    }

    /// Facts that an earlier run kept.
    pub fn recall(&mut self, facts: &Map) {
        self.state.add_facts(facts);
    }
}

/// A host as others see it.
#[derive(Clone, Debug)]
pub struct Seen(Rc<VarMap>);

impl Run<'_> {
    /// Why nothing can be done on this host, if it is another machine.
    pub(super) fn out_of_reach(&self) -> Option<String> {
        let own = self.world.elsewhere?;
        let host = &self.world.inventory.host;
        Some(format!(
            "{host} is not this machine, which is {own}; name this machine with --limit, or connect with -c local"
        ))
    }

    /// Puts what `add_host` and `group_by` found out into the inventory of this run, and says whether it is new.
    pub(super) fn extend_inventory(&self, module: &str, done: &mut Done) {
        let text = |d: &Data| d.as_str().map(str::to_owned);
        let texts = |d: Option<&Data>| d.and_then(Data::as_list).unwrap_or_default().iter().filter_map(text).collect();
        let addition = match module {
            "ansible.builtin.add_host" => done.get("add_host").and_then(|added| {
                let vars = added.get("host_vars").and_then(Data::as_map).cloned().unwrap_or_default();
                Some(Addition::Host { name: text(added.get("host_name")?)?, groups: texts(added.get("groups")), vars })
            }),
            "ansible.builtin.group_by" => done.get("add_group").and_then(text).map(|name| Addition::Group {
                name,
                host: self.world.inventory.host.clone(),
                parents: texts(done.get("parent_groups")),
            }),
            _ => None,
        };
        let Some(addition) = addition else { return };
        let mut state = self.host.borrow_mut();
        let changed = match &addition {
            Addition::Host { name, groups, vars } => {
                let mut changed = state.join("all", name);
                for group in groups {
                    changed |= state.join(group, name);
                }
                changed | state.tell(name, vars)
            }
            Addition::Group { name, host, parents } => {
                for parent in parents.iter().filter(|p| *p != "all") {
                    state.join(parent, host);
                }
                state.join(name, host)
            }
        };
        state.group_names = groups_of(&state.groups, &self.world.inventory.host)
            .iter()
            .filter_map(|g| g.as_str().map(str::to_owned))
            .collect();
        done.put("changed", Data::Bool(changed));
        // Variables of the group are there from the next task on.
        match self.world.growing.map(|grow| grow(addition)) {
            Some(Ok(Some(inventory))) => state.refresh(&inventory),
            Some(Err(message)) => *done = Done::failure(message),
            Some(Ok(None)) | None => {}
        }
    }
}

impl host::State {
    /// Takes over what the inventory says by now.
    fn refresh(&mut self, inventory: &Inventory) {
        let fresh = host::State::of(inventory);
        self.groups = fresh.groups;
        self.group_names = fresh.group_names;
        self.inventory = fresh.inventory;
        for (name, vars) in fresh.others {
            if !self.others.iter().any(|(known, _)| *known == name) {
                self.others.push((name, vars));
            }
        }
    }

    /// Puts a host into a group. False: it was there.
    fn join(&mut self, group: &str, host: &str) -> bool {
        let groups = Rc::make_mut(&mut self.groups);
        let there = groups.get(&Key(group)).and_then(Data::as_list).unwrap_or_default();
        if there.iter().any(|h| h.as_str() == Some(host)) {
            return false;
        }
        let mut members = there.to_vec();
        // `ungrouped` has the hosts that no other group has.
        let free = |g: &str| matches!(g, "all" | "ungrouped");
        let grouped = groups.iter().filter(|(g, _)| g.as_str().is_some_and(|g| !free(g)));
        let grouped = grouped.filter_map(|(_, hosts)| hosts.as_list()).flatten().any(|h| h.as_str() == Some(host));
        if let Some(Data::List(alone)) = groups.get_mut(&Key("ungrouped")) {
            alone.retain(|h| h.as_str() != Some(host));
            if free(group) && !grouped {
                alone.push(Data::Unsafe(host.to_owned()));
            }
        }
        members.push(Data::Unsafe(host.to_owned()));
        groups.insert(Data::str(group), Data::List(members));
        true
    }

    /// Gives a host variables. False: it had them.
    fn tell(&mut self, host: &str, vars: &Map) -> bool {
        let at = self.others.iter().position(|(name, _)| name == host);
        let mut known = at.map(|i| self.others[i].1.as_ref().clone()).unwrap_or_default();
        let mut changed = false;
        for (name, value) in vars {
            let Some(name) = name.as_str() else { continue };
            if known.get(name).is_none_or(|v| *v.data != *value) {
                known.insert(name.to_owned(), Var { data: Rc::new(value.clone()), templated: true });
                changed = true;
            }
        }
        self.others.retain(|(name, _)| name != host);
        self.others.push((host.to_owned(), Rc::new(known)));
        changed
    }
}

/// A dictionary over another: dictionaries in both are merged, everything else is replaced.
pub fn merged(below: &Map, above: &Map) -> Map {
    let mut all = below.clone();
    for (key, value) in above {
        let value = match (all.get(key), value) {
            (Some(Data::Map(below)), Data::Map(above)) => Data::Map(merged(below, above)),
            _ => value.clone(),
        };
        all.insert(key.clone(), value);
    }
    all
}

//! An inventory and a bundle to what every host needs, shared as far as hosts have the same.

use super::closure::{Follower, GroupUses, Others, Requests};
use super::resolve::{Final, Problem, Resolver};
use super::scope::World;
use super::secret::Patterns;
use super::wanted::Wanted;
use super::{ClusterExport, Groups, HostExport, Layer, Other};
use crate::source::inventory::Inventory;
use foldhash::fast::RandomState;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// Of what an export is made.
pub struct Making<'a> {
    /// The hosts to export, in the inventory's order.
    pub hosts: &'a [u32],
    /// What their roles ask for.
    pub wanted: &'a Wanted,
    /// What makes a value secret by its name.
    pub patterns: Patterns,
    /// Nothing is to be kept: this is a check.
    pub check: bool,
}

/// What came of it.
pub struct Made {
    /// The export, without files.
    pub export: ClusterExport,
    /// What cannot be exported, and the hosts that it is for.
    pub problems: BTreeMap<Problem, BTreeSet<u32>>,
    /// What could not be followed, by place.
    pub dynamic: BTreeMap<String, String>,
}

/// What requests come to, as it is followed and as it is exported.
type Answer = (Rc<Others>, Arc<IndexMap<String, Other>>);
/// A variable of a host.
type Var = (Arc<str>, Final);
/// Layers by what is in them.
type Layers = HashMap<Vec<Var>, Arc<Layer>, RandomState>;

/// Makes what hosts need.
pub fn make(world: &Rc<World>, making: Making) -> Made {
    let Making { hosts, wanted, patterns, check } = making;
    let mut resolver = Resolver::new(Rc::clone(world), patterns);
    if check {
        resolver = resolver.changing_nothing();
    }
    let mut maker = Maker {
        world: Rc::clone(world),
        follower: Follower::new(Rc::clone(world), wanted),
        resolver,
        others: HashMap::new(),
        groups: HashMap::new(),
    };
    let mut needs = Vec::with_capacity(hosts.len());
    for host in hosts {
        needs.push(maker.host(*host));
    }
    let export = maker.share(hosts, needs);
    Made { export, problems: maker.resolver.problems, dynamic: maker.follower.dynamic }
}

/// What one host needs, not yet shared.
struct Own {
    vars: Vec<Var>,
    groups: Arc<Groups>,
    others: Arc<IndexMap<String, Other>>,
}

struct Maker {
    world: Rc<World>,
    follower: Follower,
    resolver: Resolver,
    /// By the requests that they answer.
    others: HashMap<Requests, Answer>,
    groups: HashMap<GroupUses, Arc<Groups>>,
}

impl Maker {
    fn host(&mut self, host: u32) -> Own {
        let need = self.follower.need(host);
        let mut vars: Vec<Var> = Vec::with_capacity(need.own.len());
        for definition in &need.own {
            vars.extend(self.resolver.resolve(host, definition, &mut self.follower));
        }
        vars.sort();
        vars.dedup_by(|a, b| a.0 == b.0);
        let (found, others) = self.of_others(&need.requests);
        let mut uses = need.groups;
        uses.extend(&found.groups);
        let groups = self.groups(uses);
        Own { vars, groups, others }
    }

    fn of_others(&mut self, requests: &Requests) -> (Rc<Others>, Arc<IndexMap<String, Other>>) {
        if let Some(known) = self.others.get(requests) {
            return known.clone();
        }
        let found = self.follower.others(requests);
        let inventory = Rc::clone(&self.world.inventory);
        let mut hosts = IndexMap::new();
        for (host, definitions) in &found.hosts {
            let mut vars: Vec<Var> = Vec::new();
            for definition in definitions {
                vars.extend(self.resolver.resolve(*host, definition, &mut self.follower));
            }
            let vars = self.layer(&vars);
            let group_names = inventory.group_names(*host).to_vec();
            hosts.insert(inventory.name(*host).to_owned(), Other { vars, group_names });
        }
        let made = (found, Arc::new(hosts));
        self.others.insert(requests.clone(), made.clone());
        made
    }

    /// The lists of groups that are asked for, each cut down to what is.
    fn groups(&mut self, uses: GroupUses) -> Arc<Groups> {
        if let Some(known) = self.groups.get(&uses) {
            return Arc::clone(known);
        }
        let inventory = &self.world.inventory;
        let mut lists = Groups::new();
        for (name, members) in inventory.groups() {
            let whole = uses.any || uses.named.get(name).copied().unwrap_or(false);
            if !uses.any && !uses.named.contains_key(name) {
                continue;
            }
            let chosen = members
                .iter()
                .enumerate()
                .filter(|(at, host)| whole || *at == 0 || uses.members.contains(&(name.to_owned(), **host)));
            lists.insert(name.to_owned(), chosen.map(|(_, host)| inventory.name(*host).to_owned()).collect());
        }
        let lists = Arc::new(lists);
        self.groups.insert(uses, Arc::clone(&lists));
        lists
    }

    fn layer(&self, vars: &[Var]) -> Layer {
        let mut layer = Layer::default();
        for (name, value) in vars {
            layer.vars.insert(name.to_string(), self.resolver.finals[value.id as usize].as_ref().clone());
            if value.secret {
                layer.secret.insert(name.to_string());
            }
        }
        layer
    }

    /// Layers: what all hosts have, what several have, and what is a host's own.
    fn share(&mut self, hosts: &[u32], needs: Vec<Own>) -> ClusterExport {
        let mut count: HashMap<Var, usize, RandomState> = HashMap::default();
        for var in needs.iter().flat_map(|own| &own.vars) {
            match count.get_mut(var) {
                Some(count) => *count += 1,
                None => drop(count.insert(var.clone(), 1)),
            }
        }
        let mut known = Layers::default();
        let mut export = ClusterExport::default();
        for (host, own) in hosts.iter().zip(needs) {
            let mut layers: [Vec<Var>; 3] = Default::default();
            for var in own.vars {
                let of = match count.get(&var) {
                    Some(all) if *all == hosts.len() && hosts.len() > 1 => 0,
                    Some(several) if *several > 1 => 1,
                    _ => 2,
                };
                layers[of].push(var);
            }
            let mut vars = Vec::new();
            for layer in layers.into_iter().filter(|l| !l.is_empty()) {
                vars.push(self.shared(&mut known, layer));
            }
            let inventory = &self.world.inventory;
            export.hosts.insert(
                inventory.name(*host).to_owned(),
                HostExport {
                    vars,
                    group_names: inventory.group_names(*host).to_vec(),
                    groups: own.groups,
                    others: own.others,
                    files: Vec::new(),
                },
            );
        }
        export
    }

    fn shared(&self, known: &mut Layers, vars: Vec<Var>) -> Arc<Layer> {
        if let Some(layer) = known.get(&vars) {
            return Arc::clone(layer);
        }
        let layer = Arc::new(self.layer(&vars));
        known.insert(vars, Arc::clone(&layer));
        layer
    }
}

/// Hosts whose first labels are the same, which nodes are known by.
pub fn namesakes(inventory: &Inventory, hosts: &[u32]) -> Vec<(String, Vec<String>)> {
    let mut by: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for host in hosts {
        let name = inventory.name(*host);
        by.entry(super::short(name)).or_default().push(name.to_owned());
    }
    by.into_iter().filter(|(_, names)| names.len() > 1).map(|(short, names)| (short.to_owned(), names)).collect()
}

//! One host's view of an inventory, as `apply` takes it; and which host of it this machine is.

use super::Wanted;
use crate::apply;
use crate::plan::{Data, Map};
use crate::source::inventory::{Definition, Inventory};

/// Which host this machine is: `--limit`, else the one that the plays name, else the only one, else the one with this
/// machine's name.
pub(super) fn this_machine(inventory: &Inventory, wanted: &Wanted) -> anyhow::Result<String> {
    let local = |name: &str| matches!(name, "localhost" | "127.0.0.1" | "::1");
    if let Some(limit) = wanted.limit {
        let known = inventory.host(limit).is_some() || local(limit);
        return if known { Ok(limit.to_owned()) } else { Err(unknown(inventory, limit)) };
    }
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = own.trim().split('.').next().unwrap_or_default().to_owned();
    for part in wanted.patterns.iter().flat_map(|p| p.split([',', ':'])).map(str::trim) {
        if inventory.host(part).is_some() || local(part) {
            return Ok(part.to_owned());
        }
        match inventory.group(part).unwrap_or_default() {
            [only] => return Ok(inventory.name(*only).to_owned()),
            members if members.iter().any(|h| inventory.name(*h) == own) => return Ok(own),
            _ => {}
        }
    }
    match inventory.hosts().len() {
        0 => Ok("localhost".to_owned()),
        1 => Ok(inventory.name(0).to_owned()),
        _ if inventory.host(&own).is_some() => Ok(own),
        _ => Err(unknown(inventory, &own)),
    }
}

fn unknown(inventory: &Inventory, host: &str) -> anyhow::Error {
    let names: Vec<&str> = inventory.hosts().take(8).map(|h| inventory.name(h)).collect();
    anyhow::anyhow!("{host} is not in the inventory (it has {}); name this machine with --limit", names.join(", "))
}

/// What one host sees: itself, its groups, everyone's variables.
pub(super) fn view(inventory: &Inventory, host: &str) -> apply::Inventory {
    let mut groups = Map::new();
    for (name, members) in inventory.groups() {
        let members = members.iter().map(|h| Data::Unsafe(inventory.name(*h).to_owned())).collect();
        groups.insert(Data::str(name), Data::List(members));
    }
    let id = inventory.host(host);
    let mut vars: Map = [(Data::str("ansible_host"), Data::str(host))].into_iter().collect();
    match id {
        Some(id) => vars.extend(variables(inventory, inventory.definitions(id))),
        None => {
            // The host that Ansible adds when the inventory does not have it.
            vars.insert(Data::str("ansible_connection"), Data::str("local"));
            vars.insert(Data::str("ansible_python_interpreter"), Data::str("/usr/bin/python3"));
            vars.extend(variables(inventory, inventory.implicit(host)));
        }
    }
    let others = inventory.hosts().filter(|h| Some(*h) != id);
    let others =
        others.map(|h| (inventory.name(h).to_owned(), variables(inventory, inventory.definitions(h)))).collect();
    let group_names = id.map(|id| inventory.group_names(id).to_vec()).unwrap_or_default();
    apply::Inventory { host: host.to_owned(), groups, group_names, vars, included: Map::new(), others }
}

fn variables(inventory: &Inventory, definitions: Vec<Definition>) -> Map {
    let pair = |d: Definition| (Data::str(inventory.text(d.name).as_ref()), inventory.value(d.value).as_ref().clone());
    definitions.into_iter().map(pair).collect()
}

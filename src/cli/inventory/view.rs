//! One host's view of an inventory, as `apply` takes it; and which hosts are this machine.

use super::LOCALHOST;
use crate::apply;
use crate::plan::{Data, Map};
use crate::source::inventory::{Definition, Inventory};

/// Whether a host is this machine by its connection.
pub(super) fn is_local(inventory: &Inventory, host: &str, all_local: bool) -> bool {
    let Some(id) = inventory.host(host) else { return LOCALHOST.contains(&host) };
    let named = inventory.name_id("ansible_connection").and_then(|name| inventory.get(id, name));
    match named.map(|d| inventory.value(d.value).as_ref()).and_then(Data::as_str) {
        Some(connection) => matches!(connection, "local" | "ansible.builtin.local"),
        None => all_local || LOCALHOST.contains(&host),
    }
}

/// A host that nobody knows.
pub(super) fn unknown(inventory: &Inventory, host: &str) -> anyhow::Error {
    let names: Vec<&str> = inventory.hosts().take(8).map(|h| inventory.name(h)).collect();
    anyhow::anyhow!("{host} is not in the inventory (it has {}); name this machine with --limit", names.join(", "))
}

/// What one host sees: itself, its groups, everyone's variables.
pub(super) fn view(inventory: &Inventory, host: &str) -> apply::Inventory {
    let mut groups = Map::default();
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
    apply::Inventory { host: host.to_owned(), groups, group_names, vars, included: Map::default(), others }
}

fn variables(inventory: &Inventory, definitions: Vec<Definition>) -> Map {
    let pair = |d: Definition| (Data::str(inventory.text(d.name).as_ref()), inventory.value(d.value).as_ref().clone());
    definitions.into_iter().map(pair).collect()
}

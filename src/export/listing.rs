//! What an inventory came to, as `ansible-inventory --list` shows it: to look at, and to compare with.

use super::{HostExport, Layer, json};
use crate::source::inventory::Inventory;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Variables that Ansible makes itself and does not list.
const INTERNAL: [&str; 7] =
    ["ansible_facts", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "omit"];

/// The listing.
pub fn list(inventory: &Inventory) -> Value {
    let mut listing: BTreeMap<String, Value> = BTreeMap::new();
    for (group, children, hosts) in inventory.tree() {
        let mut entry = Map::default();
        if !children.is_empty() {
            entry.insert("children".to_owned(), json!(children));
        }
        if group != "all" && !hosts.is_empty() {
            entry.insert("hosts".to_owned(), json!(hosts));
        }
        if !entry.is_empty() {
            listing.insert(group.to_owned(), Value::Object(entry));
        }
    }
    let mut hostvars: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for host in inventory.hosts() {
        let vars: BTreeMap<&str, Value> = inventory
            .definitions(host)
            .iter()
            .map(|d| (inventory.text(d.name).as_ref(), json::of(inventory.value(d.value))))
            .filter(|(name, _)| !INTERNAL.contains(name))
            .collect();
        if !vars.is_empty() {
            hostvars.insert(inventory.name(host), vars);
        }
    }
    listing.insert("_meta".to_owned(), json!({ "hostvars": hostvars }));
    json!(listing)
}

/// What one host is given, in the same form: an inventory of itself and of those whose variables it can ask for.
pub fn view(name: &str, host: &HostExport) -> Value {
    let vars = |layers: &[&Layer]| -> Map<String, Value> {
        layers.iter().flat_map(|l| &l.vars).map(|(name, value)| (name.clone(), json::of(value))).collect()
    };
    let mut hostvars: Map<String, Value> = Map::default();
    let own: Vec<&Layer> = host.vars.iter().map(|l| &**l).collect();
    hostvars.insert(name.to_owned(), Value::Object(vars(&own)));
    for (other, known) in host.others.iter().filter(|(other, _)| *other != name) {
        hostvars.insert(other.clone(), Value::Object(vars(&[&known.vars])));
    }
    let mut groups: IndexMap<String, Vec<String>> = host.groups.as_ref().clone();
    for (group, members) in &mut groups {
        if host.group_names.contains(group) && !members.iter().any(|m| m == name) {
            members.push(name.to_owned());
        }
    }
    // Groups that nobody asks for stand for `group_names` only.
    let others = host.others.iter().map(|(name, other)| (name.as_str(), &other.group_names));
    for (member, names) in std::iter::once((name, &host.group_names)).chain(others) {
        for group in names.iter().filter(|g| !host.groups.contains_key(*g)) {
            let members = groups.entry(group.clone()).or_default();
            if !members.iter().any(|m| m == member) {
                members.push(member.to_owned());
            }
        }
    }
    let mut listing: Map<String, Value> = Map::default();
    listing.insert("_meta".to_owned(), json!({ "hostvars": hostvars }));
    listing.extend(groups.into_iter().map(|(group, members)| (group, json!({ "hosts": members }))));
    Value::Object(listing)
}

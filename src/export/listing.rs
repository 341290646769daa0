//! What an inventory came to, as `ansible-inventory --list` shows it: to look at, and to compare with.

use super::json;
use crate::source::inventory::Inventory;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Variables that Ansible makes itself and does not list.
const INTERNAL: [&str; 7] =
    ["ansible_facts", "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "omit"];

/// The listing.
pub fn list(inventory: &Inventory) -> Value {
    let mut listing: BTreeMap<String, Value> = BTreeMap::new();
    for (group, children, hosts) in inventory.tree() {
        let mut entry = Map::new();
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

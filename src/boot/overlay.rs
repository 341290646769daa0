//! The fifth stage: this node's variables in Ansible's order of precedence.
//!
//! What a play is given, besides the export's hostvars (which come over role defaults and play vars, as include_vars
//! does it today) and this node's facts (which come over what the export remembers of them):
//!
//! | variable | what |
//! | --- | --- |
//! | `compute_init_metadata` | dictionary: the instance's `meta`, values final: `compute_init_metadata.nfs \| default(false) \| bool` |
//! | `compute_init_staged` | directory with what this node needs of the export, in the export's layout: `hosts`, `manila_share_info.yml`, `cacerts/*`, `hostconfig/<host>/*`, `cvmfs/*`, `hostvars/<host>/hostvars.yml` |
//! | `compute_init_host` | the node's short host name, as the export names its directories |
//!
//! They are extra variables, so that nothing in an export overrides them; with ansible-playbook the same three are
//! given with `-e`. `groups`, `group_names`, `inventory_hostname` and `hostvars` are the magic variables, filled from
//! the export.

use super::gate::Admitted;
use super::generation;
use super::session::Session;
use super::stage::Staged;
use super::stop::Stop;
use crate::apply::Inventory;
use crate::bundle::Verified;
use crate::plan::{Data, Key, Map};
use crate::sys::order;

/// Variables that Ansible makes itself; what an export says of them is not set, but where they come from.
pub const MAGIC: [&str; 12] = [
    "groups",
    "group_names",
    "hostvars",
    "inventory_hostname",
    "inventory_hostname_short",
    "inventory_dir",
    "inventory_file",
    "omit",
    "playbook_dir",
    "role_names",
    "ansible_check_mode",
    "ansible_play_hosts",
];

/// All variables that the play starts with.
pub struct Scope {
    /// The bundle.
    pub verified: Verified,
    /// Variables of this host and of the others.
    pub inventory: Inventory,
    /// What nothing overrides.
    pub extra: Map,
    /// Keeps a trial copy until the boot ends.
    pub trial: Option<generation::Trial>,
}

/// Builds the layers.
pub fn run(session: &mut Session, staged: Staged) -> Result<(Scope, String), Stop> {
    let Staged { admitted, dir, hostvars, others, trial } = staged;
    let Admitted { verified, meta, .. } = admitted;
    let extra: Map = [
        ("compute_init_metadata", Data::Map(meta)),
        ("compute_init_staged", Data::Unsafe(dir.display().to_string())),
        ("compute_init_host", Data::Unsafe(session.host.clone())),
    ]
    .into_iter()
    .map(|(name, value)| (Data::str(name), value))
    .collect();
    let inventory = inventory(&session.host, hostvars, others)?;
    let count = inventory.included.len() + inventory.vars.len();
    let note = format!(
        "{count} variables of {}, {} groups, {} other hosts asked",
        inventory.host,
        inventory.groups.len(),
        inventory.others.len()
    );
    Ok((Scope { verified, inventory, extra, trial }, note))
}

/// The scope of a playbook that fetches its variables itself: this machine, as `ansible-playbook` sees localhost.
pub fn alone(admitted: Admitted) -> (Scope, String) {
    let note = "the playbook fetches its export and variables itself: mount, stage and overlay stand aside";
    let inventory = Inventory::single("localhost");
    (Scope { verified: admitted.verified, inventory, extra: Map::default(), trial: None }, note.to_owned())
}

/// This host, its groups and the others, as the export tells them.
fn inventory(short: &str, mut hostvars: Map, others: Vec<(String, Map)>) -> Result<Inventory, Stop> {
    let host = match hostvars.get(&Key("inventory_hostname")) {
        Some(name) => final_text(name).ok_or_else(|| broken("inventory_hostname is not a name"))?,
        None => short.to_owned(),
    };
    let single = Inventory::single(&host);
    let groups = match hostvars.get(&Key("groups")) {
        Some(Data::Map(groups)) => checked_groups(groups)?,
        Some(_) => return Err(broken("groups is not a dictionary of lists of hosts")),
        None => single.groups,
    };
    for name in MAGIC {
        hostvars.shift_remove(&Key(name));
    }
    // Facts of this node come over what the export remembers of them, so these go below facts.
    let (remembered, included): (Map, Map) =
        hostvars.into_iter().partition(|(name, _)| name.as_str().is_some_and(|n| n.starts_with("ansible_")));
    let others = every_other(&host, &groups, others);
    Ok(Inventory { group_names: group_names(&groups, &host), host, groups, vars: remembered, included, others })
}

/// All hosts of the inventory but this one; of those that nobody asked for, only that they exist is known.
fn every_other(host: &str, groups: &Map, known: Vec<(String, Map)>) -> Vec<(String, Map)> {
    let mut names: Vec<&str> = Vec::new();
    for list in groups.get(&Key("all")).into_iter().chain(groups.values()) {
        names.extend(list.as_list().unwrap_or(&[]).iter().filter_map(Data::as_str));
    }
    let mut known: indexmap::IndexMap<String, Map> = known.into_iter().collect();
    let mut all: indexmap::IndexMap<String, Map> = indexmap::IndexMap::new();
    for name in names.into_iter().filter(|n| *n != host) {
        if !all.contains_key(name) {
            all.insert(name.to_owned(), known.shift_remove(name).unwrap_or_default());
        }
    }
    all.extend(known);
    all.into_iter().collect()
}

fn checked_groups(groups: &Map) -> Result<Map, Stop> {
    let mut checked = Map::default();
    for (name, hosts) in groups {
        let list = hosts.as_list().and_then(|l| l.iter().map(final_text).collect::<Option<Vec<_>>>());
        let (Some(name), Some(list)) = (final_text(name), list) else {
            return Err(broken("groups is not a dictionary of lists of hosts"));
        };
        checked.insert(Data::Unsafe(name), Data::List(list.into_iter().map(Data::Unsafe).collect()));
    }
    Ok(checked)
}

fn group_names(groups: &Map, host: &str) -> Vec<String> {
    let holds = |list: &Data| list.as_list().is_some_and(|l| l.iter().any(|h| h.as_str() == Some(host)));
    let mut names: Vec<String> = groups
        .iter()
        .filter(|(_, list)| holds(list))
        .filter_map(|(name, _)| name.as_str().map(str::to_owned))
        .filter(|name| name != "all")
        .collect();
    order::ascending(&mut names);
    names
}

fn final_text(value: &Data) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty() && !text.contains("{{")).map(str::to_owned)
}

fn broken(what: &str) -> Stop {
    Stop::refused(format!("the export's hostvars: {what}")).hint("run the export again on the control node")
}

#[cfg(test)]
mod tests {
    use super::inventory;
    use crate::plan::{Data, Key, Map};

    fn vars(json: &str) -> Map {
        match serde_json::from_str::<Data>(json).unwrap() {
            Data::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn magic_variables_come_from_the_export_and_facts_go_below() {
        let json = r#"{"inventory_hostname": "n0", "groups": {"all": ["ctl", "n0", "n1"], "b": ["n0"], "a": ["n0"]},
            "group_names": ["lie"], "x": 1, "ansible_kernel": "old", "hostvars": "no"}"#;
        let made = inventory("n0", vars(json), vec![("ctl".into(), vars(r#"{"addr": "10.0.0.1"}"#))]).unwrap();
        assert_eq!(made.group_names, ["a", "b"]);
        assert_eq!(made.included.len(), 1);
        assert!(made.vars.get(&Key("ansible_kernel")).is_some());
        let others: Vec<_> = made.others.iter().map(|(h, m)| (h.as_str(), m.len())).collect();
        assert_eq!(others, [("ctl", 1), ("n1", 0)]);
    }

    #[test]
    fn hostvars_without_groups_make_an_inventory_of_one() {
        let made = inventory("n0", vars(r#"{"x": 1}"#), Vec::new()).unwrap();
        assert_eq!((made.host.as_str(), made.others.len()), ("n0", 0));
        assert!(made.groups.get(&Key("all")).is_some());
    }

    #[test]
    fn what_is_no_inventory_is_refused() {
        for json in [
            r#"{"groups": []}"#,
            r#"{"groups": {"a": "n0"}}"#,
            r#"{"groups": {"a": [1]}}"#,
            r#"{"inventory_hostname": "{{ x }}"}"#,
        ] {
            assert!(inventory("n0", vars(json), Vec::new()).is_err(), "{json}");
        }
    }
}

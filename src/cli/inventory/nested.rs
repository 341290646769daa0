//! YAML inventories: groups with `hosts`, `vars` and `children`, nested.

use super::hosts::{Hosts, ranged};
use crate::plan::limits::INCLUDE_DEPTH;
use crate::plan::{Data, Map};
use anyhow::{Context, bail};

/// Adds the groups of an inventory file.
pub(super) fn read(data: &Data, source: &str, hosts: &mut Hosts) -> anyhow::Result<()> {
    let groups = match data {
        Data::Null => return Ok(()),
        other => other.as_map().with_context(|| format!("{source} must hold a dictionary of groups"))?,
    };
    for (name, entry) in groups {
        group(name, entry, hosts, 0).with_context(|| format!("reading the inventory {source}"))?;
    }
    Ok(())
}

fn group(name: &Data, entry: &Data, hosts: &mut Hosts, depth: usize) -> anyhow::Result<()> {
    let name = name.as_str().context("a group's name must be text")?;
    if depth > INCLUDE_DEPTH {
        bail!("the group {name} is nested too deep");
    }
    hosts.add_group(name);
    if matches!(entry, Data::Null) {
        return Ok(());
    }
    if entry.as_map().is_none() {
        bail!("the group {name} must be a dictionary, not {}", entry.type_name());
    }
    hosts.group_vars(name, &section(entry, name, "vars")?);
    for (pattern, vars) in &section(entry, name, "hosts")? {
        for host in ranged(&text(pattern))? {
            hosts.add_host(name, &host);
            hosts.host_vars(&host, &vars.as_map().cloned().unwrap_or_default());
        }
    }
    for (child, below) in &section(entry, name, "children")? {
        group(child, below, hosts, depth + 1)?;
        hosts.add_child(name, child.as_str().unwrap_or_default())?;
    }
    Ok(())
}

/// A host may look like a number.
fn text(name: &Data) -> String {
    match name {
        Data::Int(number) => number.to_string(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

/// One of a group's sections: a dictionary, nothing, or the name of one host.
fn section(entry: &Data, group: &str, name: &str) -> anyhow::Result<Map> {
    match entry.get(name) {
        None | Some(Data::Null) => Ok(Map::new()),
        Some(Data::Map(map)) => Ok(map.clone()),
        Some(Data::Str(one)) if name != "vars" => Ok([(Data::str(one), Data::Null)].into_iter().collect()),
        Some(other) => bail!("{name} of the group {group} must be a dictionary, not {}", other.type_name()),
    }
}

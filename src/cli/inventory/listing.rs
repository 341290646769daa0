//! The JSON of `ansible-inventory --list`: what an inventory came to, with every host's variables merged already.

use super::hosts::Hosts;
use crate::plan::Data;
use anyhow::Context;

/// Adds the hosts and groups of a listing.
pub(super) fn read(listing: &Data, source: &str, hosts: &mut Hosts) -> anyhow::Result<()> {
    let vars = listing.get("_meta").and_then(|m| m.get("hostvars")).and_then(Data::as_map);
    let vars = vars.with_context(|| format!("{source} has no _meta.hostvars: is it an ansible-inventory --list?"))?;
    for (group, entry) in listing.as_map().into_iter().flatten() {
        let Some(group) = group.as_str().filter(|g| *g != "_meta") else { continue };
        hosts.add_group(group);
        for child in entry.get("children").and_then(Data::as_list).into_iter().flatten().filter_map(Data::as_str) {
            hosts.add_child(group, child)?;
        }
        for host in entry.get("hosts").and_then(Data::as_list).into_iter().flatten().filter_map(Data::as_str) {
            hosts.add_host(group, host);
        }
    }
    for (host, vars) in vars {
        let Some(host) = host.as_str() else { continue };
        hosts.add_host("all", host);
        hosts.host_vars(host, &vars.as_map().cloned().unwrap_or_default());
    }
    Ok(())
}

//! `add_host` and `group_by`: they say what is to be added, and the run adds it to its inventory.

use crate::modules::params::{Params, text};
use crate::modules::{Context, Failure, Outcome};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;

/// Runs `add_host`.
pub fn add_host(_: &Context, args: &Args) -> Result<Outcome, Failure> {
    if let Some(raw) = args.get("_raw_params") {
        let kind = raw.type_name();
        return Err(Failure::new(format!(
            "Invalid raw parameters passed, requires a dictonary/mapping got a  <class '{kind}'>"
        )));
    }
    let name = args.text("name").ok_or_else(|| Failure::new("name, host or hostname needs to be provided"))?;
    let (name, port) = address(&name);
    let mut groups: Vec<String> = Vec::new();
    for group in args.get("groups").and_then(Data::as_list).unwrap_or_default() {
        for group in group.as_str().unwrap_or_default().split(',').map(str::trim).filter(|g| !g.is_empty()) {
            if !groups.iter().any(|g| g == group) {
                groups.push(group.to_owned());
            }
        }
    }
    let mut vars = args.map().clone();
    vars.retain(|key, value| !matches!(key.as_str(), Some("name" | "groups")) && !value.is_null());
    if let Some(port) = port {
        vars.insert(Data::str("ansible_ssh_port"), Data::Int(port.into()));
    }
    let mut added = Map::default();
    added.insert(Data::str("host_name"), text(name));
    added.insert(Data::str("groups"), Data::List(groups.into_iter().map(text).collect()));
    added.insert(Data::str("host_vars"), Data::Map(vars));
    Ok(Outcome::default().with("add_host", Data::Map(added)))
}

/// Runs `group_by`.
pub fn group_by(_: &Context, args: &Args) -> Result<Outcome, Failure> {
    let key = args.text("key").ok_or_else(|| Failure::new("the 'key' param is required when using group_by"))?;
    let plain = |name: &str| text(name.replace(' ', "-"));
    let parents = args.map().get(&Key("parents")).and_then(Data::as_list).unwrap_or_default();
    let parents = parents.iter().filter_map(Data::as_str).map(plain).collect();
    Ok(Outcome::default().with("add_group", plain(&key)).with("parent_groups", Data::List(parents)))
}

/// A host's name and the port behind it: `name:22`, `[::1]:22`; an IPv6 address alone has no port.
fn address(name: &str) -> (String, Option<u16>) {
    let whole = || (name.to_owned(), None);
    let Some((host, port)) = name.rsplit_once(':') else { return whole() };
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let Ok(port) = port.parse() else { return whole() };
    match bracketed {
        Some(host) => (host.to_owned(), Some(port)),
        None if host.contains(':') || host.is_empty() => whole(),
        None => (host.to_owned(), Some(port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_from_an_address() {
        for (given, host, port) in [
            ("node1", "node1", None),
            ("127.0.1.1:2222", "127.0.1.1", Some(2222)),
            ("[fe80::1]:22", "fe80::1", Some(22)),
            ("fe80::1", "fe80::1", None),
            ("node1:http", "node1:http", None),
            ("node1:70000", "node1:70000", None),
        ] {
            assert_eq!(address(given), (host.to_owned(), port), "{given}");
        }
    }
}

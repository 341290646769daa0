//! The filter cidr_merge of ansible.utils: networks put together to as few as hold the same addresses, or to one that
//! holds them all.

use crate::vars::ipaddr::Network;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

fn wrong(why: &str) -> TemplateError {
    TemplateError::other(format!("cidr_merge: error in netaddr:\n{why}"))
}

pub fn cidr_merge(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [action] = args.bind("cidr_merge", ["action"], 0)?;
    let action = action.map_or(Ok("merge".to_owned()), |a| a.text())?;
    let mut networks = Vec::new();
    for item in value.iterate(env)? {
        let text = item.text()?;
        networks.push(Network::parse(&text).ok_or_else(|| wrong(&format!("invalid IPNetwork {text}")))?);
    }
    match action.as_str() {
        "merge" => Ok(Value::list(merged(&networks).iter().map(|n| Value::from(n.to_string())).collect())),
        "span" => match networks.as_slice() {
            [] => Ok(Value::None),
            [one] => Ok(Value::from(one.to_string())),
            several => spanning(several),
        },
        other => Err(TemplateError::other(format!("cidr_merge: invalid action '{other}'"))),
    }
}

/// The smallest network that holds all of these.
fn spanning(networks: &[Network]) -> Outcome<Value> {
    let first = networks[0];
    if networks.iter().any(|n| n.version != first.version) {
        return Err(wrong("IP sequence cannot contain both IPv4 and IPv6!"));
    }
    let low = networks.iter().map(Network::first).fold(u128::MAX, u128::min);
    let high = networks.iter().map(Network::last).fold(0, u128::max);
    let differing = u128::BITS - (low ^ high).leading_zeros();
    Ok(Value::from(Network { value: low, prefix: first.width() - differing, ..first }.cidr().to_string()))
}

/// Addresses from the first to the last; with the network they are of, as it was written, while they are of one alone.
struct Range {
    first: u128,
    last: u128,
    alone: Option<Network>,
}

/// The fewest networks that hold these addresses and no others, of IPv4 first, each by its first address. What is next to
/// nothing stays as it was written, an address with its prefix too, as netaddr leaves it.
fn merged(networks: &[Network]) -> Vec<Network> {
    let mut found = Vec::new();
    for version in [4, 6] {
        let of_version = networks.iter().filter(|n| n.version == version);
        let mut keys: Vec<_> = of_version.map(|n| (n.first(), n.last(), n.value, n.prefix)).collect();
        crate::sys::order::ascending(&mut keys);
        let mut ranges: Vec<Range> = Vec::new();
        for (first, last, value, prefix) in keys {
            match ranges.last_mut() {
                Some(before) if first <= before.last.saturating_add(1) => {
                    before.last = last.max(before.last);
                    before.alone = None;
                }
                _ => ranges.push(Range { first, last, alone: Some(Network { version, value, prefix }) }),
            }
        }
        for range in ranges {
            match range.alone {
                Some(network) => found.push(network),
                None => blocks(version, (range.first, range.last), &mut found),
            }
        }
    }
    found
}

/// The networks that a range of addresses is made of.
fn blocks(version: u8, (mut low, high): (u128, u128), found: &mut Vec<Network>) {
    let width = crate::vars::ipaddr::width(version);
    loop {
        // As large as the first address allows, and as fits.
        let mut free = low.trailing_zeros().min(width);
        let last_of = |free: u32| low + u128::MAX.checked_shr(u128::BITS - free).unwrap_or(0);
        while last_of(free) > high {
            free -= 1;
        }
        found.push(Network { version, value: low, prefix: width - free });
        let last = last_of(free);
        if last >= high {
            return;
        }
        low = last + 1;
    }
}

//! The filters on IP addresses of ansible.utils, as far as roles use them.

use super::args::{given, integer, text as text_of, unless_none};
use crate::vars::ipaddr::{Network, address_text};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// Whether a prefix was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Address,
    Network,
}

/// A value read as an address or network.
struct Subject {
    network: Network,
    written: Written,
    /// As it was given.
    value: String,
}

/// What a query is for: which version, and whose name errors carry.
#[derive(Clone, Copy)]
struct Scope {
    version: Option<u8>,
    filter: &'static str,
}

const ANY: Scope = Scope { version: None, filter: "ipaddr" };

impl Subject {
    fn read(value: &Value, version: Option<u8>) -> Option<Subject> {
        let text = match value {
            Value::Str(text) => text.as_str().to_owned(),
            Value::Int(i) if *i > 0 => i.to_string(),
            _ => return None,
        };
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if digits(&text) {
            let network = Network::of_number(text.parse().ok()?, version)?;
            return Some(Subject { network, written: Written::Address, value: network.to_string() });
        }
        if let Some(network) = Network::parse(&text) {
            let written = if text.contains('/') { Written::Network } else { Written::Address };
            return Some(Subject { network, written, value: text });
        }
        let (address, prefix) = text.split_once('/').filter(|(a, p)| digits(a) && digits(p))?;
        let mut network = Network::of_number(address.parse().ok()?, None)?;
        network.prefix = prefix.parse().ok().filter(|p| *p <= network.width())?;
        Some(Subject { network, written: Written::Network, value: network.to_string() })
    }

    /// What a named query gives: `None` where it does not hold. The outer `None` is for names that are no queries.
    fn named(&self, query: &str) -> Outcome<Option<Option<Value>>> {
        let network = &self.network;
        let size = network.size();
        let text = |t: String| Some(Value::from(t));
        let whole = |holds: bool| holds.then(|| Value::from(self.value.as_str()));
        let on_network = network.value == network.first();
        let host = !on_network || network.broadcast().is_none();
        let with_prefix = || text(network.to_string());
        Ok(Some(match query {
            "" if self.written == Written::Address => text(network.ip()),
            "" | "cidr" => with_prefix(),
            "address" | "ip" if size == 1 || host || network.version == 6 => text(network.ip()),
            "address" | "ip" => None,
            "address/prefix" | "gateway" | "gw" | "host/prefix" | "hostnet" | "router" => {
                let edge = on_network || Some(network.value) == network.broadcast();
                if size > 2 && edge { Some(Value::Bool(false)) } else { with_prefix() }
            }
            "bool" => Some(Value::Bool(true)),
            "broadcast" if size > 2 => text(network.broadcast().map_or("None".to_owned(), |b| network.text_of(b))),
            "broadcast" => None,
            "host" if size == 1 || host => with_prefix(),
            "host" => None,
            "hostmask" | "wildcard" => text(network.text_of(network.host_mask())),
            "int" if self.written == Written::Address => number(network.value),
            "int" => text(format!("{}/{}", network.value, network.prefix)),
            "ip/prefix" | "ip_netmask" if size == 1 || (size > 2 && on_network) => None,
            "ip/prefix" => with_prefix(),
            "ip_netmask" => text(format!("{} {}", network.ip(), network.text_of(network.mask()))),
            "ipv4" | "v4" => self.as_version_4(),
            "ipv6" | "v6" => self.as_version_6(),
            "link-local" => {
                whole(Network { prefix: network.width(), ..*network }.is_within(&["169.254.0.0/16", "fe80::/10"]))
            }
            "lo" | "loopback" => {
                whole(Network { prefix: network.width(), ..*network }.is_within(&["127.0.0.0/8", "::1"]))
            }
            "multicast" => whole(!network.is_unicast()),
            "unicast" => whole(network.is_unicast()),
            "private" => whole(network.is_private()),
            "public" => {
                let ip = Network { prefix: network.width(), ..*network };
                let special = ip.is_private() || ip.is_within(&["127.0.0.0/8", "::1"]) || ip.is_mask();
                whole(ip.is_unicast() && !special)
            }
            "net" if size > 1 && on_network => with_prefix(),
            "net" => None,
            "netmask" => text(network.text_of(network.mask())),
            "network" | "network_id" => text(network.text_of(network.first())),
            "network/prefix" | "subnet" => text(network.cidr().to_string()),
            "network_netmask" => {
                text(format!("{} {}", network.text_of(network.first()), network.text_of(network.mask())))
            }
            "network_wildcard" => {
                text(format!("{} {}", network.text_of(network.first()), network.text_of(network.host_mask())))
            }
            "prefix" => Some(Value::Int(i128::from(network.prefix))),
            "revdns" => text(network.reverse_name()),
            "size" => number(size),
            "size_usable" => number(if size <= 2 { size / 2 * 2 } else { size - 2 }),
            "type" if size == 1 || !on_network => text("address".to_owned()),
            "type" => text("network".to_owned()),
            "version" => Some(Value::Int(i128::from(network.version))),
            "wrap" if network.version == 4 => Some(Value::from(self.value.as_str())),
            "wrap" if self.written == Written::Address => text(format!("[{}]", network.ip())),
            "wrap" => text(format!("[{}]/{}", network.ip(), network.prefix)),
            "first_usable" | "last_usable" | "next_usable" | "previous_usable" | "peer" | "range_usable" => {
                if self.written == Written::Address {
                    return Err(TemplateError::other("Not a network address"));
                }
                self.usable(query)?
            }
            _ => return Ok(None),
        }))
    }

    fn as_version_4(&self) -> Option<Value> {
        let network = &self.network;
        if network.version == 4 {
            return Some(Value::from(self.value.as_str()));
        }
        // Only what maps to IPv4 has such a form.
        let mapped = network.value >> 32 == 0 || network.value >> 32 == 0xffff;
        let prefix = network.prefix.checked_sub(96).filter(|_| mapped)?;
        Some(Value::from(Network { version: 4, value: network.value & 0xffff_ffff, prefix }.to_string()))
    }

    fn as_version_6(&self) -> Option<Value> {
        let network = &self.network;
        if network.version == 6 {
            return Some(Value::from(self.value.as_str()));
        }
        let [a, b, c, d] = (network.value as u32).to_be_bytes();
        Some(Value::from(format!("::ffff:{a}.{b}.{c}.{d}/{}", network.prefix + 96)))
    }

    fn usable(&self, query: &str) -> Outcome<Option<Value>> {
        let network = &self.network;
        let refused = |why: &str| Err(TemplateError::other(why));
        if query == "peer" {
            let ends = match network.size() {
                2 => 1,
                4 if network.value.is_multiple_of(4) => return refused("Network address of /30 has no peer"),
                4 if network.value % 4 == 3 => return refused("Broadcast address of /30 has no peer"),
                4 => 3,
                _ => return refused("Not a point-to-point network"),
            };
            return Ok(Some(Value::from(network.text_of(network.value ^ ends))));
        }
        let Some((first, last)) = network.usable() else { return Ok(None) };
        let inside =
            |value: Option<u128>| value.filter(|v| (first..=last).contains(v)).map(|v| Value::from(network.text_of(v)));
        Ok(match query {
            "first_usable" => inside(Some(first)),
            "last_usable" => inside(Some(last)),
            "next_usable" => inside(network.value.checked_add(1)),
            "previous_usable" => inside(network.value.checked_sub(1)),
            _ => Some(Value::from(format!("{}-{}", network.text_of(first), network.text_of(last)))),
        })
    }

    /// The address at `index` of the network, from its end where it is negative.
    fn item(&self, index: i128) -> Option<Value> {
        let network = &self.network;
        if network.size() == 1 {
            return Some(Value::from(match self.written {
                Written::Address => network.ip(),
                Written::Network => network.to_string(),
            }));
        }
        let offset = index.unsigned_abs();
        let value = match index < 0 {
            true => network.last().checked_sub(offset - 1)?,
            false => network.first().checked_add(offset)?,
        };
        let inside = (network.first()..=network.last()).contains(&value);
        inside.then(|| Value::from(format!("{}/{}", network.text_of(value), network.prefix)))
    }
}

fn number(n: u128) -> Option<Value> {
    i128::try_from(n).ok().map(Value::Int)
}

/// The heart of all of them: one query on one value, or on every item of a list.
fn query(env: &Env, value: &Value, query: &Value, scope: Scope) -> Outcome<Value> {
    if value.is_list_like() || matches!(value, Value::View(_)) {
        let asked = Value::from(query.text()?);
        let mut kept = Vec::new();
        for item in value.iterate(env)? {
            let found = self::query(env, &item, &asked, scope)?;
            if found.truthy()? {
                kept.push(found);
            }
        }
        return Ok(Value::list(kept));
    }
    let no = Value::Bool(false);
    let Some(subject) = Subject::read(value.defined()?, scope.version) else { return Ok(no) };
    if scope.version.is_some_and(|v| v != subject.network.version) {
        return Ok(no);
    }
    let asked = query.text()?;
    if let Some(found) = subject.named(&asked)? {
        return Ok(found.unwrap_or_default());
    }
    let index = super::number::parse_int(&asked, 10);
    if let Some(index) = index {
        return Ok(subject.item(index).unwrap_or(no));
    }
    match Network::parse(&asked) {
        Some(block) if block.cidr().contains(&subject.network) => Ok(Value::from(subject.value)),
        Some(_) => Ok(Value::None),
        None => Err(TemplateError::other(format!("{}: unknown filter type: {asked}", scope.filter))),
    }
}

/// Ansible checks what it is given before it looks at it.
fn recognized(value: &Value, filter: &str) -> Outcome<()> {
    match value.defined()? {
        Value::Str(_) | Value::List(_) | Value::Int(_) | Value::Bool(_) => Ok(()),
        other => {
            let name = other.type_name();
            let message = format!("Unrecognized type <<class '{name}'>> for {filter} filter <value>");
            Err(TemplateError::other(message))
        }
    }
}

pub fn ipaddr(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked, version, _alias] = args.bind("ipaddr", ["query", "version", "alias"], 0)?;
    recognized(&value, "ipaddr")?;
    let version = match integer(unless_none(version), 0)? {
        4 => Some(4),
        6 => Some(6),
        _ => None,
    };
    query(env, &value, &asked.unwrap_or_else(|| Value::from("")), Scope { version, ..ANY })
}

pub fn ipv4(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked] = args.bind("ipv4", ["query"], 0)?;
    recognized(&value, "ipv4")?;
    query(env, &value, &asked.unwrap_or_else(|| Value::from("")), Scope { version: Some(4), filter: "ipv4" })
}

pub fn ipv6(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked] = args.bind("ipv6", ["query"], 0)?;
    recognized(&value, "ipv6")?;
    query(env, &value, &asked.unwrap_or_else(|| Value::from("")), Scope { version: Some(6), filter: "ipv6" })
}

pub fn ipwrap(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked] = args.bind("ipwrap", ["query"], 0)?;
    recognized(&value, "ipwrap")?;
    let asked = asked.unwrap_or_else(|| Value::from(""));
    let wrap = |item: &Value| {
        let found = query(env, item, &asked, Scope { version: None, filter: "ipwrap" })?;
        if !found.truthy()? {
            return Ok(item.clone());
        }
        query(env, &found, &Value::from("wrap"), ANY)
    };
    match &value {
        Value::List(list) => list.borrow().iter().map(wrap).collect::<Outcome<Vec<_>>>().map(Value::list),
        other => wrap(other),
    }
}

pub fn ipmath(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [amount] = args.bind("ipmath", ["amount"], 1)?;
    let shown = value.text()?;
    let network = value
        .as_str()
        .and_then(Network::parse)
        .ok_or_else(|| TemplateError::other(format!("You must pass a valid IP address; {shown} is invalid")))?;
    let amount = given(amount);
    let step = match amount.defined()? {
        Value::Int(step) => *step,
        Value::Str(text) => super::number::parse_int(text.as_str(), 10).ok_or_else(|| {
            let why = "is not a valid integer";
            TemplateError::other(format!("You must pass an integer for arithmetic; {} {why}", text.as_str()))
        })?,
        other => return Err(super::args::not_integer(other)),
    };
    let moved = match step < 0 {
        true => network.value.checked_sub(step.unsigned_abs()),
        false => network.value.checked_add(step.unsigned_abs()),
    };
    let room = if network.version == 4 { u128::from(u32::MAX) } else { u128::MAX };
    let moved = moved.filter(|m| *m <= room);
    let outside = || TemplateError::other("result outside valid IP address boundary!");
    Ok(Value::from(address_text(network.version, moved.ok_or_else(outside)?)))
}

/// The network that a value names: an address stands for itself, a network for all its addresses.
pub(super) fn normalized(value: &Value) -> Option<Network> {
    let subject = Subject::read(value, None)?;
    Some(subject.network.cidr())
}

pub fn network_in_network(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [test] = args.bind("network_in_network", ["test"], 1)?;
    let inside = match (normalized(value.defined()?), normalized(given(test).defined()?)) {
        (Some(outer), Some(inner)) => outer.contains(&inner),
        _ => false,
    };
    Ok(Value::Bool(inside))
}

pub fn network_in_usable(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [test] = args.bind("network_in_usable", ["test"], 1)?;
    let inside = match (normalized(value.defined()?), normalized(given(test).defined()?)) {
        (Some(outer), Some(inner)) if outer.version == inner.version => {
            let (first, last) = outer.usable().unwrap_or((outer.first(), outer.last()));
            first <= inner.first() && inner.last() <= last
        }
        _ => false,
    };
    Ok(Value::Bool(inside))
}

pub fn reduce_on_network(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [network] = args.bind("reduce_on_network", ["network"], 1)?;
    let Some(outer) = normalized(given(network).defined()?) else { return Ok(Value::list(Vec::new())) };
    let fits = |v: &Value| normalized(v).is_some_and(|inner| outer.contains(&inner));
    Ok(Value::list(value.iterate(env)?.into_iter().filter(fits).collect()))
}

pub fn nthhost(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [nth] = args.bind("nthhost", ["query"], 0)?;
    let nth = nth.map_or(Ok(String::new()), |n| n.text())?;
    let no = Ok(Value::Bool(false));
    let (Some(network), Some(nth)) = (normalized(value.defined()?), super::number::parse_int(&nth, 10)) else {
        return no;
    };
    let offset = nth.unsigned_abs();
    let found = match nth < 0 {
        true => network.last().checked_sub(offset - 1),
        false => network.first().checked_add(offset),
    };
    match found.filter(|v| (network.first()..=network.last()).contains(v)) {
        Some(value) => Ok(Value::from(network.text_of(value))),
        None => no,
    }
}

/// The address `offset` behind the one given, where a host may have it.
fn neighbour(value: &Value, offset: Option<i128>) -> Outcome<Value> {
    let Some(subject) = Subject::read(value.defined()?, None) else { return Ok(Value::Bool(false)) };
    let offset = offset.ok_or_else(|| TemplateError::other("Must pass in an integer"))?;
    // An address keeps itself, a network starts at its first address.
    let network =
        if subject.network.value == subject.network.first() { subject.network.cidr() } else { subject.network };
    let Some((first, last)) = network.usable() else { return Ok(Value::None) };
    let moved = match offset < 0 {
        true => network.value.checked_sub(offset.unsigned_abs()),
        false => network.value.checked_add(offset.unsigned_abs()),
    };
    let inside = moved.filter(|m| (first..=last).contains(m));
    Ok(inside.map_or(Value::None, |m| Value::from(network.text_of(m))))
}

pub fn next_nth_usable(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [offset] = args.bind("next_nth_usable", ["offset"], 1)?;
    neighbour(&value, given(offset).as_int())
}

pub fn previous_nth_usable(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [offset] = args.bind("previous_nth_usable", ["offset"], 1)?;
    neighbour(&value, given(offset).as_int().map(|o| -o))
}

pub fn ip4_hex(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [delimiter] = args.bind("ip4_hex", ["delimiter"], 0)?;
    let delimiter = delimiter.map_or(Ok(String::new()), |d| d.text())?;
    let address = text_of(&value, "split")?;
    let network = Network::parse(address.as_str()).filter(|n| n.version == 4 && n.prefix == 32);
    let network = network.ok_or_else(|| {
        TemplateError::other(format!("You must pass a valid IP address; {} is invalid", address.as_str()))
    })?;
    let parts = (network.value as u32).to_be_bytes().map(|b| format!("{b:02x}"));
    Ok(Value::from(parts.join(&delimiter)))
}

pub fn ipsubnet(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [asked, index] = args.bind("ipsubnet", ["query", "index"], 0)?;
    let no = Ok(Value::Bool(false));
    let Some(network) = normalized(value.defined()?) else { return no };
    let asked = asked.map_or(Ok(String::new()), |a| a.text())?;
    if asked.is_empty() {
        return Ok(Value::from(network.to_string()));
    }
    let Some(wanted) = asked.parse::<u32>().ok().filter(|_| asked.bytes().all(|b| b.is_ascii_digit())) else {
        return rank(&network, &asked);
    };
    if wanted > network.width() {
        return no;
    }
    let index = unless_none(index).map(|i| integer_of(&i)).transpose()?;
    if network.size() == 1 {
        // The networks that hold an address, the widest first.
        let count = i128::from(network.prefix) - i128::from(wanted);
        let at = match index.unwrap_or(0) {
            i if i < 0 => i + count,
            i => i,
        };
        if !(0..count).contains(&at) {
            return no;
        }
        return Ok(Value::from(Network { prefix: wanted + at as u32, ..network }.cidr().to_string()));
    }
    let Some(bits) = wanted.checked_sub(network.prefix) else {
        return Err(TemplateError::other(format!("Requested subnet size of {wanted} is invalid")));
    };
    let subnets = 1i128.checked_shl(bits).filter(|n| *n > 0).unwrap_or(i128::MAX);
    let Some(index) = index else { return Ok(Value::from(subnets.to_string())) };
    let at = if index < 0 { index + subnets } else { index };
    if !(0..subnets).contains(&at) {
        return no;
    }
    let value = network.value + (at.unsigned_abs() << (network.width() - wanted));
    Ok(Value::from(Network { value, prefix: wanted, ..network }.to_string()))
}

fn integer_of(value: &Value) -> Outcome<i128> {
    match value {
        Value::Str(text) => super::number::parse_int(text.as_str(), 10).ok_or_else(|| super::args::not_integer(value)),
        other => integer(Some(other.clone()), 0),
    }
}

/// Which of the subnets of `outer` this one is, counted from one.
fn rank(network: &Network, outer: &str) -> Outcome<Value> {
    let Some(outer) = normalized(&Value::from(outer)) else {
        let message = format!("You must pass a valid subnet or IP address; {outer} is invalid");
        return Err(TemplateError::other(message));
    };
    if !outer.contains(network) {
        return Err(TemplateError::other(format!("{network} is not in the subnet {outer}")));
    }
    let shift = network.width() - network.prefix;
    let offset = (network.value - outer.value).checked_shr(shift).unwrap_or(0);
    Ok(Value::from((offset + 1).to_string()))
}

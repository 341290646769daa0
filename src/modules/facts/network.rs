//! Facts about the network: interfaces from /sys, addresses from the kernel, the default routes from /proc.
//! Nothing is sent: connecting a UDP socket only makes the kernel choose a route.

use super::super::params::{int, list, map, text};
use super::Source;
use crate::plan::{Data, Key, Map};
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Facts about the network, beside those under the interfaces' own names.
pub(super) const NAMES: &[&str] = &[
    "interfaces",
    "default_ipv4",
    "default_ipv6",
    "all_ipv4_addresses",
    "all_ipv6_addresses",
    "locally_reachable_ips",
];

/// One address as `ip addr` shows it.
#[derive(Clone, Debug)]
struct Address {
    /// The interface's name, or its label (`eth0:1`).
    label: String,
    ip: IpAddr,
    prefix: u32,
    broadcast: Option<Ipv4Addr>,
}

impl Address {
    fn device(&self) -> &str {
        self.label.split(':').next().unwrap_or_default()
    }

    fn network(&self) -> Option<(Ipv4Addr, Ipv4Addr)> {
        let IpAddr::V4(ip) = self.ip else { return None };
        let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
        Some((Ipv4Addr::from_bits(ip.to_bits() & mask), Ipv4Addr::from_bits(mask)))
    }
}

pub(super) fn collect(source: &Source) -> Map {
    let addresses = addresses();
    let mut facts = Map::default();
    let mut names = Vec::new();
    for device in source.names("/sys/class/net") {
        if !source.path(&format!("/sys/class/net/{device}")).is_dir() {
            continue;
        }
        let mut interface = interface(source, &device);
        add_addresses(&mut interface, &mut facts, &device, &addresses);
        names.push(device.replace(':', "_"));
        facts.insert(text(device.replace(':', "_")), Data::Map(interface));
    }
    let labels = addresses.iter().filter(|a| a.label.contains(':')).map(|a| a.label.replace(':', "_"));
    for label in labels {
        if !names.contains(&label) {
            names.push(label);
        }
    }
    let of = |four: bool, own: &str| -> Vec<String> {
        addresses
            .iter()
            .filter(|a| a.ip.is_ipv4() == four)
            .map(|a| a.ip.to_string())
            .filter(|a| !a.starts_with(own))
            .collect()
    };
    let all4 = list(of(true, "127."));
    let all6: Vec<String> = of(false, "none").into_iter().filter(|a| a != "::1").collect();
    let default4 = default_route(&facts, &addresses, route4(source), Ipv4Addr::new(8, 8, 8, 8).into());
    let target6 = Ipv6Addr::new(0x2404, 0x6800, 0x400a, 0x800, 0, 0, 0, 0x1012);
    let default6 = default_route(&facts, &addresses, route6(source), target6.into());
    facts.extend(map([
        ("interfaces", list(names)),
        ("default_ipv4", Data::Map(default4)),
        ("default_ipv6", Data::Map(default6)),
        ("all_ipv4_addresses", all4),
        ("all_ipv6_addresses", list(all6)),
        ("locally_reachable_ips", Data::Map(local_routes(&addresses))),
    ]));
    facts
}

fn addresses() -> Vec<Address> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in all {
        let (Some(address), netmask) = (entry.address, entry.netmask) else { continue };
        let bits4 = || netmask.and_then(|m| Some(m.as_sockaddr_in()?.ip().to_bits().count_ones()));
        let bits6 = || netmask.and_then(|m| Some(m.as_sockaddr_in6()?.ip().to_bits().count_ones()));
        let (ip, prefix) = if let Some(v4) = address.as_sockaddr_in() {
            (IpAddr::V4(v4.ip()), bits4().unwrap_or(32))
        } else if let Some(v6) = address.as_sockaddr_in6() {
            (IpAddr::V6(v6.ip()), bits6().unwrap_or(128))
        } else {
            continue;
        };
        // Where an address has no broadcast address, the C library puts the address itself there.
        let broadcast = entry.broadcast.and_then(|b| Some(b.as_sockaddr_in()?.ip())).filter(|b| IpAddr::V4(*b) != ip);
        found.push(Address { label: entry.interface_name, ip, prefix, broadcast });
    }
    found
}

/// What /sys tells of an interface.
fn interface(source: &Source, device: &str) -> Map {
    let base = format!("/sys/class/net/{device}");
    let read = |name: &str| source.text(&format!("{base}/{name}"));
    let link = |name: &str| {
        let target = source.path(&format!("{base}/{name}")).canonicalize().ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    };
    let mut facts = map([("device", text(device))]);
    let mut set = |name: &str, value: Data| drop(facts.insert(text(name), value));
    if let Some(mac) = read("address").filter(|m| m != "00:00:00:00:00:00") {
        set("macaddress", text(mac));
    }
    if let Some(mtu) = read("mtu").and_then(|m| m.parse::<i64>().ok()) {
        set("mtu", int(mtu));
    }
    if let Some(state) = read("operstate") {
        set("active", Data::Bool(state != "down"));
    }
    if let Some(module) = link("device/driver/module") {
        set("module", text(module));
    }
    if let Some(kind) = read("type") {
        set(
            "type",
            text(match kind.as_str() {
                "1" => "ether",
                "32" => "infiniband",
                "512" => "ppp",
                "772" => "loopback",
                "65534" => "tunnel",
                _ => "unknown",
            }),
        );
    }
    if source.exists(&format!("{base}/bridge")) {
        set("type", text("bridge"));
        set("interfaces", list(source.names(&format!("{base}/brif"))));
        set("id", text(read("bridge/bridge_id").unwrap_or_default()));
        set("stp", Data::Bool(read("bridge/stp_state").as_deref() == Some("1")));
    }
    if source.exists(&format!("{base}/bonding")) {
        let first = |name: &str| text(read(name).unwrap_or_default().split_whitespace().next().unwrap_or_default());
        set("type", text("bonding"));
        set("slaves", list(read("bonding/slaves").unwrap_or_default().split_whitespace()));
        set("mode", first("bonding/mode"));
        set("miimon", first("bonding/miimon"));
        set("lacp_rate", first("bonding/lacp_rate"));
        if let Some(primary) = read("bonding/primary") {
            set("primary", text(primary));
            set("all_slaves_active", Data::Bool(read("bonding/all_slaves_active").as_deref() == Some("1")));
        }
    }
    if let Some(mac) = read("bonding_slave/perm_hwaddr") {
        set("perm_macaddress", text(mac));
    }
    if let Some(device) = link("device") {
        set("pciid", text(device));
    }
    if let Some(speed) = read("speed").and_then(|s| s.parse::<i64>().ok()) {
        set("speed", int(speed));
    }
    if let Some(flags) = read("flags").and_then(|f| i64::from_str_radix(f.trim_start_matches("0x"), 16).ok()) {
        set("promisc", Data::Bool(flags & 0x100 != 0));
    }
    facts
}

/// The addresses of `device`: the first is `ipv4`, those after it are secondaries, labels are interfaces too.
fn add_addresses(interface: &mut Map, facts: &mut Map, device: &str, all: &[Address]) {
    let mut networks = Vec::new();
    for address in all.iter().filter(|a| a.device() == device) {
        let Some((network, netmask)) = address.network() else {
            push(
                interface,
                "ipv6",
                Data::Map(map([
                    ("address", text(address.ip.to_string())),
                    ("prefix", text(address.prefix.to_string())),
                    ("scope", text(scope(address.ip))),
                ])),
            );
            continue;
        };
        let entry = Data::Map(map([
            ("address", text(address.ip.to_string())),
            ("broadcast", text(address.broadcast.map(|b| b.to_string()).unwrap_or_default())),
            ("netmask", text(netmask.to_string())),
            ("network", text(network.to_string())),
            ("prefix", text(address.prefix.to_string())),
        ]));
        // The kernel calls an address secondary where its network has one already.
        let secondary = networks.contains(&(network, address.prefix));
        networks.push((network, address.prefix));
        if address.label != device {
            let label = text(address.label.replace(':', "_"));
            facts.insert(label, Data::Map(map([("ipv4", entry.clone())])));
            if secondary {
                push(interface, "ipv4_secondaries", entry);
            }
        } else if secondary || interface.contains_key(&Key("ipv4")) {
            push(interface, "ipv4_secondaries", entry);
        } else {
            interface.insert(text("ipv4"), entry);
        }
    }
}

fn push(map: &mut Map, key: &str, value: Data) {
    if let Data::List(list) = map.entry(text(key)).or_insert_with(|| Data::List(Vec::new())) {
        list.push(value);
    }
}

fn scope(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V6(ip) if ip.is_loopback() => "host",
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfe80 => "link",
        IpAddr::V6(ip) if ip.segments()[0] & 0xffc0 == 0xfec0 => "site",
        _ => "global",
    }
}

/// Interface and gateway of the default route.
type Route = Option<(String, Option<IpAddr>)>;

/// The default route with the smallest metric in /proc/net/route.
fn route4(source: &Source) -> Route {
    let table = source.raw("/proc/net/route").unwrap_or_default();
    let routes = table.lines().skip(1).filter_map(|line| {
        let f: Vec<&str> = line.split_whitespace().collect();
        let up = i64::from_str_radix(f.get(3)?, 16).ok()? & 1 == 1;
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        let default = hex(f.get(1)?)? == 0 && hex(f.get(7)?)? == 0 && up;
        let gateway = Ipv4Addr::from(hex(f[2])?.to_ne_bytes());
        default.then(|| (f[6].parse::<u32>().unwrap_or(0), f[0].to_owned(), gateway))
    });
    let (_, device, gateway) = routes.min_by_key(|(metric, _, _)| *metric)?;
    Some((device, (!gateway.is_unspecified()).then_some(gateway.into())))
}

fn route6(source: &Source) -> Route {
    let table = source.raw("/proc/net/ipv6_route").unwrap_or_default();
    let hex = |text: &str| u32::from_str_radix(text, 16).ok();
    let routes = table.lines().filter_map(|line| {
        let f: Vec<&str> = line.split_whitespace().collect();
        let default = f.len() >= 10 && f[0].bytes().all(|b| b == b'0') && f[1] == "00" && f[9] != "lo";
        let gateway = Ipv6Addr::from_bits(u128::from_str_radix(f.get(4)?, 16).ok()?);
        default.then(|| (hex(f[5]).unwrap_or(0), f[9].to_owned(), gateway))
    });
    let (_, device, gateway) = routes.min_by_key(|(metric, _, _)| *metric)?;
    Some((device, (!gateway.is_unspecified()).then_some(gateway.into())))
}

/// How packets leave for the world.
fn default_route(facts: &Map, addresses: &[Address], route: Route, target: IpAddr) -> Map {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let chosen = UdpSocket::bind((any, 0))
        .and_then(|socket| socket.connect((target, 53)).map(|()| socket))
        .and_then(|socket| socket.local_addr())
        .map(|local: SocketAddr| local.ip());
    let Ok(ip) = chosen else { return Map::default() };
    let owner = addresses.iter().find(|a| a.ip == ip);
    let device = route.as_ref().map(|(device, _)| device.clone()).or_else(|| owner.map(|a| a.device().to_owned()));
    let Some(device) = device else { return Map::default() };
    let mut default = map([("interface", text(&device)), ("address", text(ip.to_string()))]);
    if let Some(gateway) = route.and_then(|(_, gateway)| gateway) {
        default.insert(text("gateway"), text(gateway.to_string()));
    }
    let Some(owner) = owner else { return default };
    if let Some((network, netmask)) = owner.network() {
        default.extend(map([
            ("broadcast", text(owner.broadcast.map(|b| b.to_string()).unwrap_or_default())),
            ("netmask", text(netmask.to_string())),
            ("network", text(network.to_string())),
            ("alias", text(&owner.label)),
        ]));
    } else {
        default.insert(text("scope"), text(scope(owner.ip)));
    }
    default.insert(text("prefix"), text(owner.prefix.to_string()));
    let interface = facts.get(&Key(&owner.device().replace(':', "_"))).and_then(Data::as_map);
    for name in ["macaddress", "mtu", "type"] {
        if let Some(value) = interface.and_then(|i| i.get(&Key(name))) {
            default.insert(text(name), value.clone());
        }
    }
    default
}

/// Addresses and networks that lead to this node itself.
fn local_routes(addresses: &[Address]) -> Map {
    let (mut four, mut six): (Vec<String>, Vec<String>) = Default::default();
    for address in addresses {
        let shown = address.ip.to_string();
        let routes = match address.network() {
            Some((network, _)) if address.ip.is_loopback() && address.prefix < 32 => {
                vec![format!("{network}/{}", address.prefix), shown]
            }
            _ => vec![shown],
        };
        let to = if address.ip.is_ipv4() { &mut four } else { &mut six };
        for route in routes {
            if !to.contains(&route) {
                to.push(route);
            }
        }
    }
    map([("ipv4", list(four)), ("ipv6", list(six))])
}

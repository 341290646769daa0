//! IP addresses and networks as Python's netaddr holds them: an address with a prefix, of either version.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address in a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// 4 or 6.
    pub version: u8,
    /// The address's bits.
    pub value: u128,
    /// The network's prefix length.
    pub prefix: u32,
}

/// How an address of that version is written.
pub fn address_text(version: u8, value: u128) -> String {
    match version {
        4 => Ipv4Addr::from(value as u32).to_string(),
        _ => Ipv6Addr::from(value).to_string(),
    }
}

impl Network {
    /// Reads `address`, `address/prefix` or `address/netmask`.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let (version, value) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (4, u128::from(u32::from(v4))),
            IpAddr::V6(v6) => (6, u128::from(v6)),
        };
        let width = width(version);
        let prefix = match prefix {
            None => width,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|p| *p <= width)?
            }
            Some(mask) => mask_length(version, mask)?,
        };
        Some(Network { version, value, prefix })
    }

    /// A number as an address, IPv4 where it fits.
    pub fn of_number(number: u128, version: Option<u8>) -> Option<Network> {
        let fits = number <= u128::from(u32::MAX);
        match version {
            Some(4) | None if fits => Some(Network { version: 4, value: number, prefix: 32 }),
            Some(4) => None,
            _ => Some(Network { version: 6, value: number, prefix: 128 }),
        }
    }

    /// Bits of an address.
    pub fn width(&self) -> u32 {
        width(self.version)
    }

    /// The bits behind the prefix.
    pub fn host_mask(&self) -> u128 {
        all_ones(self.width()) & !self.mask()
    }

    /// The netmask.
    pub fn mask(&self) -> u128 {
        let zeros = self.width() - self.prefix;
        all_ones(self.width()) & !all_ones(zeros)
    }

    /// The first address.
    pub fn first(&self) -> u128 {
        self.value & self.mask()
    }

    /// The last address.
    pub fn last(&self) -> u128 {
        self.value | self.host_mask()
    }

    /// How many addresses it has, at most 2^128-1.
    pub fn size(&self) -> u128 {
        self.host_mask().saturating_add(1)
    }

    /// The address.
    pub fn ip(&self) -> String {
        address_text(self.version, self.value)
    }

    /// Another address of the same version.
    pub fn text_of(&self, value: u128) -> String {
        address_text(self.version, value)
    }

    /// The same prefix with the bits behind it cleared.
    pub fn cidr(&self) -> Network {
        Network { value: self.first(), ..*self }
    }

    /// The last address of an IPv4 network that has room for a broadcast address.
    pub fn broadcast(&self) -> Option<u128> {
        let room = self.width() - self.prefix > 1;
        (self.version == 4 && room).then(|| self.last())
    }

    /// Whether all addresses of `other` are in it.
    pub fn contains(&self, other: &Network) -> bool {
        self.version == other.version && self.first() <= other.first() && other.last() <= self.last()
    }

    /// Whether the network lies in one of these.
    pub fn is_within(&self, blocks: &[&str]) -> bool {
        blocks.iter().filter_map(|b| Network::parse(b)).any(|b| b.contains(self))
    }

    /// The first and last address that a host may have; `None` for a single address.
    pub fn usable(&self) -> Option<(u128, u128)> {
        match self.size() {
            1 => None,
            2 => Some((self.first(), self.last())),
            _ => Some((self.first() + 1, self.last() - 1)),
        }
    }

    /// Whether the address is no multicast address.
    pub fn is_unicast(&self) -> bool {
        !self.is_within(&["224.0.0.0/4", "ff00::/8"])
    }

    /// Addresses for private use, as netaddr counts them.
    pub fn is_private(&self) -> bool {
        self.is_within(&[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "192.0.0.0/24",
            "198.18.0.0/15",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "239.192.0.0/14",
            "fc00::/7",
            "fec0::/10",
            "fe80::/10",
        ])
    }

    /// Whether the address could be a netmask or its inverse.
    pub fn is_mask(&self) -> bool {
        let all = all_ones(self.width());
        let inverted = all & !self.value;
        let run = |bits: u128| bits & bits.wrapping_add(1) == 0;
        run(inverted) || run(self.value)
    }

    /// The name that reverse lookups ask for.
    pub fn reverse_name(&self) -> String {
        if self.version == 4 {
            let [a, b, c, d] = (self.value as u32).to_be_bytes();
            return format!("{d}.{c}.{b}.{a}.in-addr.arpa.");
        }
        let nibbles: Vec<String> = (0..32).map(|i| format!("{:x}", self.value >> (4 * i) & 0xf)).collect();
        format!("{}.ip6.arpa.", nibbles.join("."))
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip(), self.prefix)
    }
}

/// Bits of an address of that version.
pub fn width(version: u8) -> u32 {
    if version == 4 { 32 } else { 128 }
}

fn all_ones(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

/// The prefix length of a netmask, or of a hostmask.
fn mask_length(version: u8, text: &str) -> Option<u32> {
    let value = match (version, text.parse().ok()?) {
        (4, IpAddr::V4(v4)) => u128::from(u32::from(v4)),
        (6, IpAddr::V6(v6)) => u128::from(v6),
        _ => return None,
    };
    let all = all_ones(width(version));
    let inverted = all & !value;
    if inverted & inverted.wrapping_add(1) == 0 {
        return Some(width(version) - inverted.count_ones());
    }
    (value & value.wrapping_add(1) == 0).then(|| width(version) - value.count_ones())
}

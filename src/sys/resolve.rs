//! Names to addresses without the C library: literal addresses, `/etc/hosts`, then the node's own `getent`.
//!
//! A static binary must not call `getaddrinfo`: it would load the node's NSS modules, built for another libc.

use crate::sys::command::{Command, Runner};
use std::net::IpAddr;
use std::time::Duration;

/// Bytes of `/etc/hosts` that are looked at: a cluster of 4,000 nodes has 300 kB.
const HOSTS: u64 = 16 << 20;

/// The addresses of `name`, best first; empty where nobody knows it.
pub fn addresses(name: &str, runner: &dyn Runner, deadline: Duration) -> Vec<IpAddr> {
    if let Ok(ip) = literal(name) {
        return vec![ip];
    }
    let hosts = read_hosts();
    let found = in_hosts(&hosts, name);
    if !found.is_empty() {
        return found;
    }
    let command = Command {
        argv: vec!["getent".into(), "ahosts".into(), name.into()],
        timeout: Some(deadline),
        read_only: true,
        ..Command::default()
    };
    match runner.run(&command) {
        Ok(output) if output.rc == 0 => from_getent(&String::from_utf8_lossy(&output.stdout)),
        _ => Vec::new(),
    }
}

/// A literal address, with or without the brackets of a URL.
pub fn literal(name: &str) -> Result<IpAddr, std::net::AddrParseError> {
    name.strip_prefix('[').and_then(|n| n.strip_suffix(']')).unwrap_or(name).parse()
}

fn read_hosts() -> String {
    use std::io::Read;
    let mut text = Vec::new();
    if let Ok(file) = std::fs::File::open("/etc/hosts") {
        // What can't be read is not known; getent is asked next.
        let _ = file.take(HOSTS).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn in_hosts(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or("").split_ascii_whitespace();
        let Some(address) = words.next() else { continue };
        if !words.any(|word| word.eq_ignore_ascii_case(name)) {
            continue;
        }
        if let Ok(ip) = address.parse()
            && !found.contains(&ip)
        {
            found.push(ip);
        }
    }
    found
}

fn from_getent(output: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in output.lines() {
        if let Some(Ok(ip)) = line.split_ascii_whitespace().next().map(str::parse)
            && !found.contains(&ip)
        {
            found.push(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{from_getent, in_hosts, literal};

    #[test]
    fn hosts_are_matched_by_whole_name() {
        let hosts = "10.0.0.1 control control.internal # bl-control\n10.0.0.2 control2\nbad control\n::1 Control\n";
        let found = in_hosts(hosts, "control");
        assert_eq!(found, ["10.0.0.1".parse::<std::net::IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert!(in_hosts(hosts, "bl-control").is_empty());
    }

    #[test]
    fn getent_repeats_are_one() {
        let out = "10.0.0.9     STREAM control\n10.0.0.9     DGRAM\n10.0.0.9     RAW\n";
        assert_eq!(from_getent(out).len(), 1);
        assert!(from_getent("garbage\n\n").is_empty());
    }

    #[test]
    fn literals_need_no_lookup() {
        assert!(literal("[fe80::1]").is_ok());
        assert!(literal("169.254.169.254").is_ok());
        assert!(literal("169.254.169.254.example").is_err());
    }
}

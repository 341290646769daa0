//! Facts about the system itself: kernel, names, security modules, users, environment, init.

use super::super::params::{int, list, map, text};
use super::Source;
use crate::plan::{Data, Map};
use nix::sys::utsname::uname;

/// Facts that `uname` and the like tell.
pub(super) const PLATFORM: &[&str] = &[
    "system",
    "kernel",
    "kernel_version",
    "machine",
    "hostname",
    "nodename",
    "userspace_bits",
    "architecture",
    "userspace_architecture",
    "machine_id",
];

pub(super) fn platform(source: &Source) -> Map {
    let Ok(name) = uname() else { return Map::default() };
    let field = |f: &std::ffi::OsStr| f.to_string_lossy().into_owned();
    let node = field(name.nodename());
    let machine = field(name.machine());
    let x86_32 = machine.len() == 4 && machine.starts_with('i') && machine.ends_with("86");
    let bits = if cfg!(target_pointer_width = "64") { "64" } else { "32" };
    let mut facts = map([
        ("system", text(field(name.sysname()))),
        ("kernel", text(field(name.release()))),
        ("kernel_version", text(field(name.version()))),
        ("machine", text(&machine)),
        ("hostname", text(node.split('.').next().unwrap_or_default())),
        ("nodename", text(&node)),
        ("userspace_bits", text(bits)),
        ("architecture", text(if x86_32 { "i386" } else { machine.as_str() })),
    ]);
    if machine == "x86_64" || x86_32 {
        let userspace = if bits == "64" { "x86_64" } else { "i386" };
        facts.insert(Data::str("userspace_architecture"), text(userspace));
    }
    let id = source.text("/var/lib/dbus/machine-id").or_else(|| source.text("/etc/machine-id"));
    if let Some(id) = id {
        facts.insert(Data::str("machine_id"), text(id.lines().next().unwrap_or_default()));
    }
    facts
}

pub(super) fn fqdn(source: &Source) -> Map {
    let node = uname().map(|n| n.nodename().to_string_lossy().into_owned()).unwrap_or_default();
    let names = names_of(source, &node);
    // The canonical name comes first; a name with a domain is preferred wherever it stands.
    let fqdn = names.iter().find(|n| n.contains('.')).or(names.first()).cloned().unwrap_or(node);
    let domain = fqdn.split_once('.').map_or("", |(_, d)| d).to_owned();
    map([("fqdn", text(fqdn)), ("domain", text(domain))])
}

/// The names of the address of `node`: from /etc/hosts, else from the node's name services.
fn names_of(source: &Source, node: &str) -> Vec<String> {
    let hosts = source.raw("/etc/hosts").unwrap_or_default();
    let entries: Vec<Vec<&str>> = hosts
        .lines()
        .map(|l| l.split('#').next().unwrap_or_default().split_whitespace().collect())
        .filter(|f: &Vec<&str>| f.len() > 1)
        .collect();
    let owned = |fields: &[&str]| fields.iter().map(|n| (*n).to_owned()).collect();
    if let Some(entry) = entries.iter().find(|e| e[1..].contains(&node)) {
        let back = entries.iter().find(|e| e[0] == entry[0]).unwrap_or(entry);
        return owned(&back[1..]);
    }
    let hosts = |key: &str| -> Option<Vec<String>> {
        let output = source.ask(&["getent", "hosts", key]).filter(|o| o.rc == 0)?;
        let line = String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned();
        Some(line.split_whitespace().map(str::to_owned).collect())
    };
    let Some(forward) = hosts(node).filter(|f| f.len() > 1) else { return Vec::new() };
    match hosts(&forward[0]).filter(|f| f.len() > 1) {
        Some(back) => back[1..].to_vec(),
        None => forward[1..].to_vec(),
    }
}

/// There is no Python of ours. Roles test the version of the node's own, which its name tells; where there is none,
/// that of the oldest system that is served (Enterprise Linux 9) stands for it.
pub(super) fn python(source: &Source) -> Map {
    let target = std::fs::read_link(source.path("/usr/bin/python3")).ok();
    let minor = target
        .and_then(|t| t.to_string_lossy().rsplit("python3.").next().and_then(|m| m.parse::<i64>().ok()))
        .unwrap_or(9);
    let version = map([
        ("major", int(3)),
        ("minor", int(minor)),
        ("micro", int(0)),
        ("releaselevel", text("final")),
        ("serial", int(0)),
    ]);
    let info = vec![int(3), int(minor), int(0), text("final"), int(0)];
    let python = map([
        ("version", Data::Map(version)),
        ("version_info", Data::List(info)),
        ("executable", text("/usr/bin/python3")),
        ("has_sslcontext", Data::Bool(true)),
        ("type", text("cpython")),
    ]);
    map([("python", Data::Map(python)), ("python_version", text(format!("3.{minor}.0")))])
}

pub(super) fn apparmor(source: &Source) -> Map {
    let status = if source.exists("/sys/kernel/security/apparmor") { "enabled" } else { "disabled" };
    map([("apparmor", Data::Map(map([("status", text(status))])))])
}

pub(super) fn selinux(source: &Source) -> Map {
    let config = source.raw("/etc/selinux/config").unwrap_or_default();
    let setting = |key: &str| {
        config
            .lines()
            .rev()
            .find_map(|l| l.trim().strip_prefix(key)?.trim_start().strip_prefix('=').map(|v| v.trim().to_owned()))
    };
    let mut facts = Map::default();
    match source.text("/sys/fs/selinux/enforce") {
        None => {
            facts.insert(Data::str("status"), text("disabled"));
        }
        Some(enforce) => {
            let version = source.text("/sys/fs/selinux/policyvers").and_then(|v| v.parse::<i64>().ok());
            facts.extend(map([
                ("status", text("enabled")),
                ("policyvers", version.map_or_else(|| text("unknown"), int)),
                ("config_mode", text(setting("SELINUX").unwrap_or_else(|| "unknown".to_owned()))),
                ("mode", text(if enforce == "1" { "enforcing" } else { "permissive" })),
                ("type", text(setting("SELINUXTYPE").unwrap_or_else(|| "unknown".to_owned()))),
            ]));
        }
    }
    map([("selinux", Data::Map(facts)), ("selinux_python_present", Data::Bool(true))])
}

pub(super) fn caps(source: &Source) -> Map {
    let mut enforced = "NA".to_owned();
    let mut names: Vec<String> = Vec::new();
    if let Some(output) = source.ask(&["capsh", "--print"]) {
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Some(current) = line.strip_prefix("Current:") else { continue };
            let current = current.trim();
            if current == "=ep" {
                enforced = "False".to_owned();
            } else if let Some((_, list)) = current.split_once('=') {
                enforced = "True".to_owned();
                names = list.split(',').map(|c| c.trim().to_owned()).collect();
            }
        }
    }
    map([("system_capabilities_enforced", text(enforced)), ("system_capabilities", list(names))])
}

pub(super) fn cmdline(source: &Source) -> Map {
    let line = source.text("/proc/cmdline").unwrap_or_default();
    let words = super::super::words::split(line.as_bytes()).unwrap_or_default();
    let (mut last, mut all) = (Map::default(), Map::default());
    for word in words {
        let word = String::from_utf8_lossy(&word).into_owned();
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key.to_owned(), text(value)),
            None => (word, Data::Bool(true)),
        };
        let value_for_all = match (all.get(&crate::plan::Key(&key)).cloned(), &value) {
            (None, _) | (_, Data::Bool(_)) => value.clone(),
            (Some(Data::List(mut values)), _) => {
                values.push(value.clone());
                Data::List(values)
            }
            (Some(first), _) => Data::List(vec![first, value.clone()]),
        };
        all.insert(text(&key), value_for_all);
        last.insert(text(key), value);
    }
    map([("cmdline", Data::Map(last)), ("proc_cmdline", Data::Map(all))])
}

pub(super) fn dns(source: &Source) -> Map {
    let mut facts = Map::default();
    for line in source.raw("/etc/resolv.conf").unwrap_or_default().lines() {
        let mut words = line.split_whitespace();
        let Some(key) = words.next().filter(|k| !k.starts_with(['#', ';'])) else { continue };
        let rest: Vec<&str> = words.collect();
        match (key, rest.first()) {
            ("nameserver", _) => {
                let servers = facts.entry(text("nameservers")).or_insert_with(|| Data::List(Vec::new()));
                if let Data::List(servers) = servers {
                    servers.extend(rest.iter().map(|a| text(*a)));
                }
            }
            ("domain", Some(domain)) => drop(facts.insert(text("domain"), text(*domain))),
            ("search" | "sortlist", _) => drop(facts.insert(text(key), list(rest.iter().copied()))),
            ("options", _) => {
                let options = rest.iter().map(|o| match o.split_once(':') {
                    Some((name, value)) => (text(name), text(value)),
                    None => (text(*o), Data::Bool(true)),
                });
                let options: Map = options.collect();
                facts.insert(text("options"), Data::Map(options));
            }
            _ => {}
        }
    }
    map([("dns", Data::Map(facts))])
}

pub(super) fn env(source: &Source) -> Map {
    let own = std::env::vars_os().map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()));
    let all = own.chain(source.environment.iter().cloned());
    map([("env", Data::Map(all.map(|(k, v)| (text(k), text(v))).collect()))])
}

pub(super) fn fips(source: &Source) -> Map {
    map([("fips", Data::Bool(source.text("/proc/sys/crypto/fips_enabled").as_deref() == Some("1")))])
}

pub(super) fn lsb(source: &Source) -> Map {
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(output) = source.ask(&["lsb_release", "-a"]).filter(|o| o.rc == 0) {
        let names = [
            ("LSB Version:", "release"),
            ("Distributor ID:", "id"),
            ("Description:", "description"),
            ("Release:", "release"),
            ("Codename:", "codename"),
        ];
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some((label, fact)) = names.iter().find(|(label, _)| line.contains(label)) {
                let value = line.split_once(':').map_or(*label, |(_, v)| v).trim().to_owned();
                facts.retain(|(f, _)| f != fact);
                facts.push((fact, value));
            }
        }
    }
    if facts.is_empty() {
        let names = [
            ("DISTRIB_ID", "id"),
            ("DISTRIB_RELEASE", "release"),
            ("DISTRIB_DESCRIPTION", "description"),
            ("DISTRIB_CODENAME", "codename"),
        ];
        for line in source.raw("/etc/lsb-release").unwrap_or_default().lines() {
            let fact = names.iter().find(|(key, _)| line.contains(key));
            if let (Some((_, fact)), Some((_, value))) = (fact, line.split_once('=')) {
                facts.push((fact, value.trim().to_owned()));
            }
        }
    }
    let mut lsb: Map = facts.iter().map(|(f, v)| (text(*f), text(v.trim_matches(['\'', '"', '\\'])))).collect();
    if let Some((_, release)) = facts.iter().find(|(f, _)| *f == "release") {
        let major = release.trim_matches(['\'', '"', '\\']).split('.').next().unwrap_or_default().to_owned();
        lsb.insert(text("major_release"), text(major));
    }
    map([("lsb", Data::Map(lsb))])
}

/// Facts about host keys.
pub(super) const SSH_KEYS: &[&str] = &[
    "ssh_host_key_dsa_public",
    "ssh_host_key_dsa_public_keytype",
    "ssh_host_key_rsa_public",
    "ssh_host_key_rsa_public_keytype",
    "ssh_host_key_ecdsa_public",
    "ssh_host_key_ecdsa_public_keytype",
    "ssh_host_key_ed25519_public",
    "ssh_host_key_ed25519_public_keytype",
];

pub(super) fn ssh_keys(source: &Source) -> Map {
    let mut facts = Map::default();
    for directory in ["/etc/ssh", "/etc/openssh", "/etc"] {
        for kind in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Some(key) = source.text(&format!("{directory}/ssh_host_{kind}_key.pub")) else { continue };
            let mut fields = key.split_whitespace();
            if let (Some(keytype), Some(public)) = (fields.next(), fields.next()) {
                facts.insert(text(format!("ssh_host_key_{kind}_public")), text(public));
                facts.insert(text(format!("ssh_host_key_{kind}_public_keytype")), text(keytype));
            }
        }
        if !facts.is_empty() {
            break;
        }
    }
    facts
}

/// Facts about who we are.
pub(super) const USER: &[&str] = &[
    "user_id",
    "user_uid",
    "user_gid",
    "user_gecos",
    "user_dir",
    "user_shell",
    "real_user_id",
    "effective_user_id",
    "real_group_id",
    "effective_group_id",
];

pub(super) fn user(source: &Source) -> Map {
    use nix::unistd::{getegid, geteuid, getgid, getuid};
    let mut facts = map([
        ("real_user_id", int(getuid().as_raw())),
        ("effective_user_id", int(geteuid().as_raw())),
        ("real_group_id", int(getgid().as_raw())),
        ("effective_group_id", int(getegid().as_raw())),
    ]);
    let uid = getuid().as_raw().to_string();
    let passwd = source.raw("/etc/passwd").unwrap_or_default();
    let own = |l: &&str| l.split(':').nth(2) == Some(uid.as_str());
    if let Some(line) = passwd.lines().find(own) {
        let fields: Vec<&str> = line.split(':').collect();
        let field = |i: usize| text(fields.get(i).copied().unwrap_or_default());
        let number = |i: usize| int(fields.get(i).and_then(|f| f.parse::<i64>().ok()).unwrap_or_default());
        facts.extend(map([
            ("user_id", field(0)),
            ("user_uid", number(2)),
            ("user_gid", number(3)),
            ("user_gecos", field(4)),
            ("user_dir", field(5)),
            ("user_shell", field(6)),
        ]));
    }
    facts
}

pub(super) fn is_chroot(source: &Source) -> Map {
    map([("is_chroot", Data::Bool(super::super::systemd::is_chroot(&source.root)))])
}

pub(super) fn service_mgr(source: &Source) -> Map {
    map([("service_mgr", text(init(source)))])
}

fn init(source: &Source) -> String {
    let link = || std::fs::read_link(source.path("/sbin/init")).ok().map(|l| l.to_string_lossy().into_owned());
    let first = source.text("/proc/1/comm").or_else(link);
    let first = first.map(|f| f.rsplit('/').next().unwrap_or_default().trim().to_owned());
    // Many systems say `init`; a shell is a container's, not an init.
    if let Some(first) = first.filter(|f| !f.is_empty() && f != "init" && !f.ends_with("sh")) {
        return match first.as_str() {
            "procd" => "openwrt_init",
            "runit-init" => "runit",
            "svscan" => "svc",
            "openrc-init" => "openrc",
            other => other,
        }
        .to_owned();
    }
    let systemctl = source.runner().which("systemctl").is_some();
    let booted = ["/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/"].iter().any(|p| source.exists(p));
    let linked = || link().is_some_and(|l| l.rsplit('/').next() == Some("systemd"));
    let name = if systemctl && booted {
        "systemd"
    } else if source.runner().which("initctl").is_some() && source.exists("/etc/init/") {
        "upstart"
    } else if source.exists("/sbin/openrc") {
        "openrc"
    } else if systemctl && linked() {
        "systemd"
    } else if source.exists("/etc/init.d/") {
        "sysvinit"
    } else {
        "service"
    };
    name.to_owned()
}

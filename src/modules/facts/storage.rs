//! Facts about storage: what is mounted, block devices, logical volumes.

use super::super::params::{int, list, map, text};
use super::{PATIENCE, Source};
use crate::plan::{Data, Map};
use crate::vars::pyre::{Flags, Regex};
use nix::sys::statvfs::statvfs;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc;

pub(super) fn mounts(source: &Source) -> Map {
    map([("mounts", Data::List(mount_list(source)))])
}

/// Every mount of a device or a server, with its size.
pub(crate) fn mount_list(source: &Source) -> Vec<Data> {
    let table = source.raw("/etc/mtab").or_else(|| source.raw("/proc/mounts")).unwrap_or_default();
    let info = source.raw("/proc/self/mountinfo").unwrap_or_default();
    let bound: Vec<PathBuf> =
        crate::sys::mount::parse_mountinfo(&info).into_iter().filter(|m| m.root != "/").map(|m| m.target).collect();
    let uuids = links(source, "/dev/disk/by-uuid");
    let mut found: Vec<(String, Map)> = Vec::new();
    for line in table.lines() {
        let fields: Vec<String> = line.split_whitespace().map(unescape).collect();
        let [device, target, fstype, options, ..] = &fields[..] else { continue };
        let named = device.starts_with(['/', '\\']) || device.contains(":/");
        if !named || fstype == "none" {
            continue;
        }
        let mut options = options.clone();
        if bound.iter().any(|b| b.as_os_str() == target.as_str()) && !options.contains("bind") {
            options.push_str(",bind");
        }
        let mut facts = map([
            ("mount", text(target)),
            ("device", text(device)),
            ("fstype", text(fstype)),
            ("options", text(options)),
        ]);
        match size(target, fstype) {
            Some(sizes) => facts.extend(sizes),
            None => drop(facts.insert(text("note"), text("Could not get extra information due to timeout"))),
        }
        let block = PathBuf::from(device).canonicalize().ok();
        let block = block.and_then(|b| Some(b.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
        let uuid = uuids.get(&block).and_then(|u| u.first()).map_or("N/A", String::as_str);
        facts.insert(text("uuid"), text(uuid));
        // The mount that hides another at the same place is the one that counts.
        match found.iter_mut().find(|(t, _)| t == target) {
            Some(hidden) => hidden.1 = facts,
            None => found.push((target.clone(), facts)),
        }
    }
    found.into_iter().map(|(_, facts)| Data::Map(facts)).collect()
}

fn unescape(field: &str) -> String {
    let mut out = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'\\' && tail.len() >= 3)
            .then(|| std::str::from_utf8(&tail[..3]).ok().and_then(|d| u8::from_str_radix(d, 8).ok()))
            .flatten();
        out.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Sizes of a file system; `None` where its server does not answer in time.
fn size(target: &str, fstype: &str) -> Option<Map> {
    let local =
        matches!(fstype, "ext2" | "ext3" | "ext4" | "xfs" | "btrfs" | "vfat" | "tmpfs" | "squashfs" | "iso9660");
    if local {
        return Some(sizes(target));
    }
    let (send, receive) = mpsc::channel();
    let owned = target.to_owned();
    // A dead server holds the thread for ever; the process is done long before it matters.
    std::thread::Builder::new().spawn(move || send.send(sizes(&owned))).ok()?;
    receive.recv_timeout(PATIENCE).ok()
}

fn sizes(target: &str) -> Map {
    let Ok(stat) = statvfs(target) else { return Map::default() };
    let (frag, blocks, free) = (stat.fragment_size() as i128, stat.blocks() as i128, stat.blocks_available() as i128);
    let (files, files_free) = (stat.files() as i128, stat.files_available() as i128);
    map([
        ("size_total", int(frag * blocks)),
        ("size_available", int(frag * free)),
        ("block_size", int(stat.block_size() as i128)),
        ("block_total", int(blocks)),
        ("block_available", int(free)),
        ("block_used", int(blocks - free)),
        ("inode_total", int(files)),
        ("inode_available", int(files_free)),
        ("inode_used", int(files - files_free)),
    ])
}

/// Device to the names of links to it.
fn links(source: &Source, directory: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in source.names(directory) {
        let target = std::fs::read_link(source.path(&format!("{directory}/{name}"))).ok();
        if let Some(target) = target.as_ref().and_then(|t| t.file_name()) {
            found.entry(target.to_string_lossy().into_owned()).or_default().push(name);
        }
    }
    found
}

/// The links of all kinds, by kind.
type Links = Vec<(&'static str, BTreeMap<String, Vec<String>>)>;

fn all_links(source: &Source) -> Links {
    let mut masters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for device in source.names("/sys/block") {
        for slave in source.names(&format!("/sys/block/{device}/slaves")) {
            masters.entry(slave).or_default().push(device.clone());
        }
    }
    vec![
        ("ids", links(source, "/dev/disk/by-id")),
        ("uuids", links(source, "/dev/disk/by-uuid")),
        ("labels", links(source, "/dev/disk/by-label")),
        ("masters", masters),
    ]
}

fn links_of(links: &Links, device: &str) -> Data {
    let each = links.iter().map(|(kind, all)| (text(*kind), list(all.get(device).cloned().unwrap_or_default())));
    Data::Map(each.collect())
}

pub(super) fn devices(source: &Source) -> Map {
    let links = all_links(source);
    let pci = source.ask(&["lspci", "-D"]).map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    let mut devices = Map::default();
    for name in source.names("/sys/block") {
        devices.insert(text(&name), Data::Map(device(source, &name, &links, pci.as_deref())));
    }
    let kinds = links.iter().map(|(kind, all)| {
        let each = all.iter().map(|(device, names)| (text(device), list(names.iter().cloned())));
        (text(*kind), Data::Map(each.collect()))
    });
    map([("devices", Data::Map(devices)), ("device_links", Data::Map(kinds.collect()))])
}

fn device(source: &Source, name: &str, links: &Links, pci: Option<&str>) -> Map {
    let base = format!("/sys/block/{name}");
    let read = |file: &str| source.text(&format!("{base}/{file}"));
    let or_null = |value: Option<String>| value.map_or(Data::Null, text);
    let mut facts = map([("virtual", int(1)), ("links", links_of(links, name))]);
    for key in ["vendor", "model", "sas_address", "sas_device_handle"] {
        facts.insert(text(key), or_null(read(&format!("device/{key}"))));
    }
    let inquired = source.ask(&["sg_inq", &format!("/dev/{name}")]).and_then(|o| {
        let out = String::from_utf8_lossy(&o.stdout).into_owned();
        out.lines().find_map(|l| Some(l.split_once("Unit serial number:")?.1.trim().to_owned()))
    });
    if let Some(serial) = inquired.or_else(|| read("device/serial")) {
        facts.insert(text("serial"), text(serial));
    }
    let ids = links.iter().find(|(kind, _)| *kind == "ids").and_then(|(_, all)| all.get(name));
    if let Some(wwn) = ids.and_then(|names| names.iter().find_map(|n| n.strip_prefix("wwn-"))) {
        facts.insert(text("wwn"), text(wwn));
    }
    let mode = read("queue/scheduler").and_then(|s| Some(s.split_once('[')?.1.split_once(']')?.0.to_owned()));
    let sectors = read("size");
    facts.extend(map([
        ("removable", or_null(read("removable"))),
        ("support_discard", or_null(read("queue/discard_granularity"))),
        ("partitions", Data::Map(partitions(source, name, links))),
        ("rotational", or_null(read("queue/rotational"))),
        ("scheduler_mode", text(mode.unwrap_or_default())),
        ("size", text(human(sectors.as_deref()))),
        ("sectors", sectors.map_or_else(|| int(0), text)),
        ("sectorsize", read("queue/logical_block_size").map_or_else(|| int(512), text)),
        ("host", text(host(source, name, pci))),
        ("holders", list(holders(source, &base))),
    ]));
    facts
}

fn partitions(source: &Source, disk: &str, links: &Links) -> Map {
    let mut partitions = Map::default();
    let uuids = links.iter().find(|(kind, _)| *kind == "uuids").map(|(_, all)| all);
    for name in source.names(&format!("/sys/block/{disk}")) {
        let Some(rest) = name.strip_prefix(disk) else { continue };
        let digits = rest.strip_prefix('p').unwrap_or(rest);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let base = format!("/sys/block/{disk}/{name}");
        let read = |file: &str| source.text(&format!("{base}/{file}"));
        let sectors = read("size");
        let uuid = uuids.and_then(|all| all.get(&name)).and_then(|u| u.first()).cloned();
        let facts = map([
            ("links", links_of(links, &name)),
            ("start", read("start").map_or_else(|| int(0), text)),
            ("size", text(human(sectors.as_deref()))),
            ("sectors", sectors.map_or_else(|| int(0), text)),
            ("sectorsize", read("queue/logical_block_size").map_or_else(|| int(512), text)),
            ("uuid", uuid.map_or(Data::Null, text)),
            ("holders", list(holders(source, &base))),
        ]);
        partitions.insert(text(name), Data::Map(facts));
    }
    partitions
}

/// Who is built on a device: device mapper's names, others by their own.
fn holders(source: &Source, base: &str) -> Vec<String> {
    let named = |holder: &String| match holder.starts_with("dm-") {
        true => source.text(&format!("{base}/holders/{holder}/dm/name")),
        false => Some(holder.clone()),
    };
    source.names(&format!("{base}/holders")).iter().filter_map(named).collect()
}

/// What lspci says of the controller that a disk hangs on.
fn host(source: &Source, name: &str, pci: Option<&str>) -> String {
    let path = std::fs::read_link(source.path(&format!("/sys/block/{name}"))).unwrap_or_default();
    let pattern = Regex::new(r".+/([a-f0-9]{4}:[a-f0-9]{2}:[0|1][a-f0-9]\.[0-7])/", Flags::default()).ok();
    let path = path.to_string_lossy().into_owned();
    let found = pattern.and_then(|p| Some(p.search(&path).ok()??.get(1)?.to_owned()));
    let (Some(id), Some(pci)) = (found, pci) else { return String::new() };
    pci.lines().find_map(|l| l.strip_prefix(&id)?.strip_prefix(' ')).unwrap_or_default().to_owned()
}

/// Sectors as `465.76 GB`.
fn human(sectors: Option<&str>) -> String {
    let bytes = sectors.and_then(|s| s.parse::<f64>().ok()).unwrap_or_default() * 512.0;
    let units = [("YB", 80), ("ZB", 70), ("EB", 60), ("PB", 50), ("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)];
    match units.iter().map(|(unit, power)| (unit, 2f64.powi(*power))).find(|(_, limit)| bytes >= *limit) {
        Some((unit, limit)) => format!("{:.2} {unit}", bytes / limit),
        None => format!("{bytes:.2} Bytes"),
    }
}

pub(super) fn lvm(source: &Source) -> Map {
    if !nix::unistd::getuid().is_root() || source.runner().which("vgs").is_none() {
        return map([("lvm", text("N/A"))]);
    }
    let rows = |program: &str| -> Vec<Vec<String>> {
        let argv = [program, "--noheadings", "--nosuffix", "--units", "g", "--separator", ","];
        let out = source.ask(&argv).map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        out.lines().map(|l| l.trim().split(',').map(str::to_owned).collect()).collect()
    };
    let cell = |row: &[String], i: usize| text(row.get(i).cloned().unwrap_or_default());
    let table = |program: &str, columns: &[(&str, usize)]| -> Data {
        let each = rows(program).into_iter().filter(|r| r.len() > 5).map(|row| {
            let facts: Map = columns.iter().map(|(name, i)| (text(*name), cell(&row, *i))).collect();
            (text(row[0].clone()), Data::Map(facts))
        });
        Data::Map(each.collect())
    };
    let lvm = map([
        ("lvs", table("lvs", &[("size_g", 3), ("vg", 1)])),
        ("vgs", table("vgs", &[("size_g", 5), ("free_g", 6), ("num_lvs", 2), ("num_pvs", 1)])),
        ("pvs", table("pvs", &[("size_g", 4), ("free_g", 5), ("vg", 1)])),
    ]);
    map([("lvm", Data::Map(lvm))])
}

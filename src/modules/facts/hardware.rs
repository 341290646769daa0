//! Facts about the machine: memory, processors, what its firmware says, storage adapters.

use super::super::params::{int, list, map, text};
use super::{Source, or_na};
use crate::plan::{Data, Map};
use std::collections::HashMap;

/// Facts about memory.
pub(super) const MEMORY: &[&str] = &["memtotal_mb", "memfree_mb", "swaptotal_mb", "swapfree_mb", "memory_mb"];

pub(super) fn memory(source: &Source) -> Map {
    let info = source.raw("/proc/meminfo").unwrap_or_default();
    let megabytes: HashMap<&str, i64> = info
        .lines()
        .filter_map(|l| {
            let (key, rest) = l.split_once(':')?;
            Some((key, rest.split_whitespace().next()?.parse::<i64>().ok()? / 1024))
        })
        .collect();
    let of = |key: &str| megabytes.get(key).copied();
    let value = |number: Option<i64>| number.map_or(Data::Null, int);
    let minus = |a: Option<i64>, b: Option<i64>| Some(a? - b?);
    let (total, free) = (of("MemTotal"), of("MemFree"));
    let cache_free = (|| Some(of("Cached")? + free? + of("Buffers")?))();
    let (swap_total, swap_free) = (of("SwapTotal"), of("SwapFree"));
    let real = map([("total", value(total)), ("used", value(minus(total, free))), ("free", value(free))]);
    let nocache = map([("free", value(cache_free)), ("used", value(minus(total, cache_free)))]);
    let swap = map([
        ("total", value(swap_total)),
        ("free", value(swap_free)),
        ("used", value(minus(swap_total, swap_free))),
        ("cached", value(of("SwapCached"))),
    ]);
    let all = map([("real", Data::Map(real)), ("nocache", Data::Map(nocache)), ("swap", Data::Map(swap))]);
    let mut facts = map([("memory_mb", Data::Map(all))]);
    for (name, number) in
        [("memtotal_mb", total), ("memfree_mb", free), ("swaptotal_mb", swap_total), ("swapfree_mb", swap_free)]
    {
        if let Some(number) = number {
            facts.insert(Data::str(name), int(number));
        }
    }
    facts
}

/// Facts about processors.
pub(super) const PROCESSOR: &[&str] = &[
    "processor",
    "processor_count",
    "processor_cores",
    "processor_threads_per_core",
    "processor_vcpus",
    "processor_nproc",
];

pub(super) fn processor(source: &Source) -> Map {
    let info = source.raw("/proc/cpuinfo").unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    let (mut vendors, mut models, mut processors) = (0, 0, 0);
    // In the order in which they appear: the first socket and the first core are the measure.
    let mut sockets: Vec<(String, i64)> = Vec::new();
    let mut cores: Vec<(String, i64)> = Vec::new();
    let (mut socket, mut core) = ("0".to_owned(), "0".to_owned());
    let set = |list: &mut Vec<(String, i64)>, key: &str, value: i64| match list.iter_mut().find(|(k, _)| k == key) {
        Some(entry) => entry.1 = value,
        None => list.push((key.to_owned(), value)),
    };
    for line in info.lines() {
        let (key, value) = line.split_once(':').map_or((line.trim(), ""), |(k, v)| (k.trim(), v.trim()));
        match key {
            "model name" | "Processor" | "vendor_id" | "cpu" | "Vendor" | "processor" => {
                lines.push(value.to_owned());
                vendors += i64::from(key == "vendor_id");
                models += i64::from(key == "model name");
                processors += i64::from(key == "processor");
            }
            "physical id" => {
                value.clone_into(&mut socket);
                if !sockets.iter().any(|(k, _)| *k == socket) {
                    sockets.push((socket.clone(), 1));
                }
            }
            "core id" => {
                value.clone_into(&mut core);
                if !sockets.iter().any(|(k, _)| *k == core) {
                    set(&mut cores, &core, 1);
                }
            }
            "cpu cores" => set(&mut sockets, &socket, value.parse().unwrap_or(1)),
            "siblings" => set(&mut cores, &core, value.parse().unwrap_or(1)),
            _ => {}
        }
    }
    let machine = nix::sys::utsname::uname().map(|u| u.machine().to_string_lossy().into_owned()).unwrap_or_default();
    let counted_by_processor = ["armv", "aarch", "ppc"].iter().any(|p| machine.starts_with(p));
    let count = match (counted_by_processor, vendors > 0 && vendors == models) {
        (true, _) => processors,
        (false, true) => vendors,
        (false, false) => i64::try_from(lines.len()).unwrap_or_default(),
    };
    let in_all = if sockets.is_empty() { count } else { i64::try_from(sockets.len()).unwrap_or_default() };
    let per_socket = sockets.first().map_or(1, |(_, n)| (*n).max(1));
    let threads = cores.first().map_or(1, |(_, n)| *n) / per_socket;
    let usable = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0))
        .ok()
        .map(|set| (0..nix::sched::CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).count());
    map([
        ("processor", list(lines)),
        ("processor_count", int(in_all)),
        ("processor_cores", int(per_socket)),
        ("processor_threads_per_core", int(threads)),
        ("processor_vcpus", int(threads * in_all * per_socket)),
        ("processor_nproc", int(usable.and_then(|n| i64::try_from(n).ok()).unwrap_or(processors))),
    ])
}

/// Facts that the firmware tells.
pub(super) const DMI: &[&str] = &[
    "bios_date",
    "bios_vendor",
    "bios_version",
    "board_asset_tag",
    "board_name",
    "board_serial",
    "board_vendor",
    "board_version",
    "chassis_asset_tag",
    "chassis_serial",
    "chassis_vendor",
    "chassis_version",
    "form_factor",
    "product_name",
    "product_serial",
    "product_uuid",
    "product_version",
    "system_vendor",
];

/// The kernel's file for a fact, and dmidecode's keyword, where they are not the fact's own name.
fn dmi_names(fact: &str) -> (&str, String) {
    let file = match fact {
        "form_factor" => "chassis_type",
        "system_vendor" => "sys_vendor",
        other => other,
    };
    let keyword = match fact {
        "bios_date" => "bios-release-date".to_owned(),
        "board_name" => "baseboard-product-name".to_owned(),
        "board_serial" => "baseboard-serial-number".to_owned(),
        "board_vendor" => "baseboard-manufacturer".to_owned(),
        "chassis_serial" => "chassis-serial-number".to_owned(),
        "chassis_vendor" => "chassis-manufacturer".to_owned(),
        "form_factor" => "chassis-type".to_owned(),
        "product_name" => "system-product-name".to_owned(),
        "product_serial" => "system-serial-number".to_owned(),
        "product_uuid" => "system-uuid".to_owned(),
        "product_version" => "system-version".to_owned(),
        "system_vendor" => "system-manufacturer".to_owned(),
        other => other.replace("board", "baseboard").replace('_', "-"),
    };
    (file, keyword)
}

const FORM_FACTORS: [&str; 37] = [
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

pub(super) fn dmi(source: &Source) -> Map {
    const DIRECTORY: &str = "/sys/devices/virtual/dmi/id";
    let from_kernel = source.exists(&format!("{DIRECTORY}/product_name"));
    let mut facts = Map::default();
    for fact in DMI {
        let (file, keyword) = dmi_names(fact);
        let value = match from_kernel {
            true => source.text(&format!("{DIRECTORY}/{file}")),
            false => source.ask(&["dmidecode", "-s", &keyword]).filter(|o| o.rc == 0).map(|o| {
                let out = String::from_utf8_lossy(&o.stdout).into_owned();
                out.lines().filter(|l| !l.starts_with('#')).collect()
            }),
        };
        let value = match (value, *fact) {
            (Some(number), "form_factor") if from_kernel => {
                Some(match number.parse::<usize>().map(|n| FORM_FACTORS.get(n)) {
                    Ok(Some(name)) => (*name).to_owned(),
                    _ => format!("unknown ({number})"),
                })
            }
            (value, _) => value,
        };
        facts.insert(Data::str(*fact), or_na(value));
    }
    facts
}

pub(super) fn fibre_channel(source: &Source) -> Map {
    let names = source.names("/sys/class/fc_host");
    let wwns = names.iter().filter_map(|n| source.text(&format!("/sys/class/fc_host/{n}/port_name")));
    let wwns: Vec<String> = wwns.map(|w| w.trim_start_matches("0x").to_owned()).collect();
    map([("fibre_channel_wwn", list(wwns))])
}

pub(super) fn iscsi(source: &Source) -> Map {
    let file = source.raw("/etc/iscsi/initiatorname.iscsi").unwrap_or_default();
    let name = file.lines().find_map(|l| l.strip_prefix("InitiatorName=")).unwrap_or_default();
    map([("iscsi_iqn", text(name.trim()))])
}

pub(super) fn nvme(source: &Source) -> Map {
    let file = source.raw("/etc/nvme/hostnqn").unwrap_or_default();
    let name = file.lines().find(|l| l.starts_with("nqn.")).unwrap_or_default();
    map([("hostnqn", text(name.trim()))])
}

//! Facts: what Ansible's `setup` tells about a Linux node, each computed when it is first asked for.
//!
//! `COLLECTORS` is the table of who knows what. A collector reads /proc, /sys and /etc beneath the root it is given
//! and asks programs only where Ansible has no other source either. Values are final: their text is never templated.
//!
//! Differs from Ansible: there is no Python here, so `python*` facts tell of the node's own /usr/bin/python3 by its
//! name; `ethtool` is not run, so interfaces have no `features` and `timestamping`.

mod distribution;
mod hardware;
mod host;
mod local;
mod network;
mod storage;
#[cfg(test)]
mod tests;
mod time;
mod virtualization;

pub(super) use local::from_json;

use crate::plan::{Data, Key, Map};
use crate::sys::command::{Command, Output, Runner};
use crate::sys::order;
use crate::vars::glob_matches;
use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A group of facts that are found together.
struct Collector {
    /// Its name in `gather_subset`.
    subset: &'static str,
    /// The facts it may tell, without `ansible_`.
    names: &'static [&'static str],
    collect: fn(&Source) -> Map,
}

static COLLECTORS: &[Collector] = &[
    Collector { subset: "apparmor", names: &["apparmor"], collect: host::apparmor },
    Collector { subset: "caps", names: &["system_capabilities", "system_capabilities_enforced"], collect: host::caps },
    Collector { subset: "cmdline", names: &["cmdline", "proc_cmdline"], collect: host::cmdline },
    Collector { subset: "date_time", names: &["date_time"], collect: time::date_time },
    Collector { subset: "distribution", names: distribution::NAMES, collect: distribution::collect },
    Collector { subset: "dns", names: &["dns"], collect: host::dns },
    Collector { subset: "env", names: &["env"], collect: host::env },
    Collector { subset: "fips", names: &["fips"], collect: host::fips },
    Collector { subset: "local", names: &["local"], collect: local::collect },
    Collector { subset: "lsb", names: &["lsb"], collect: host::lsb },
    Collector { subset: "pkg_mgr", names: &["pkg_mgr"], collect: distribution::pkg_mgr },
    Collector { subset: "platform", names: host::PLATFORM, collect: host::platform },
    Collector { subset: "platform", names: &["fqdn", "domain"], collect: host::fqdn },
    Collector { subset: "python", names: &["python", "python_version"], collect: host::python },
    Collector { subset: "selinux", names: &["selinux", "selinux_python_present"], collect: host::selinux },
    Collector { subset: "service_mgr", names: &["service_mgr"], collect: host::service_mgr },
    Collector { subset: "ssh_pub_keys", names: host::SSH_KEYS, collect: host::ssh_keys },
    Collector { subset: "user", names: host::USER, collect: host::user },
    Collector { subset: "chroot", names: &["is_chroot"], collect: host::is_chroot },
    Collector { subset: "fibre_channel_wwn", names: &["fibre_channel_wwn"], collect: hardware::fibre_channel },
    Collector { subset: "iscsi", names: &["iscsi_iqn"], collect: hardware::iscsi },
    Collector { subset: "nvme", names: &["hostnqn"], collect: hardware::nvme },
    Collector { subset: "loadavg", names: &["loadavg"], collect: time::loadavg },
    Collector { subset: "hardware", names: &["uptime_seconds"], collect: time::uptime },
    Collector { subset: "hardware", names: hardware::MEMORY, collect: hardware::memory },
    Collector { subset: "hardware", names: hardware::PROCESSOR, collect: hardware::processor },
    Collector { subset: "hardware", names: hardware::DMI, collect: hardware::dmi },
    Collector { subset: "hardware", names: &["devices", "device_links"], collect: storage::devices },
    Collector { subset: "hardware", names: &["mounts"], collect: storage::mounts },
    Collector { subset: "hardware", names: &["lvm"], collect: storage::lvm },
    Collector { subset: "network", names: network::NAMES, collect: network::collect },
    Collector { subset: "virtual", names: virtualization::NAMES, collect: virtualization::collect },
];

/// Every fact that can be there, without `ansible_`.
pub fn known() -> impl Iterator<Item = &'static str> {
    COLLECTORS.iter().flat_map(|c| c.names.iter().copied())
}

/// Subsets that are gathered unless `!min` says otherwise.
const MINIMAL: [&str; 18] = [
    "apparmor",
    "caps",
    "cmdline",
    "date_time",
    "distribution",
    "dns",
    "env",
    "fips",
    "local",
    "lsb",
    "pkg_mgr",
    "platform",
    "python",
    "selinux",
    "service_mgr",
    "ssh_pub_keys",
    "user",
    "min",
];

/// Facts that a subset can be named by, beside the subset's own name.
const SUBSET_ALIASES: [(&str, &str); 14] = [
    ("processor", "hardware"),
    ("processor_cores", "hardware"),
    ("processor_count", "hardware"),
    ("mounts", "hardware"),
    ("devices", "hardware"),
    ("interfaces", "network"),
    ("default_ipv4", "network"),
    ("default_ipv6", "network"),
    ("all_ipv4_addresses", "network"),
    ("all_ipv6_addresses", "network"),
    ("virtualization_type", "virtual"),
    ("virtualization_role", "virtual"),
    ("virtualization_tech_guest", "virtual"),
    ("virtualization_tech_host", "virtual"),
];

/// How long a program that only tells something may take.
const PATIENCE: Duration = Duration::from_secs(10);

enum Asked<'a> {
    Owned(Rc<dyn Runner>),
    Borrowed(&'a dyn Runner),
}

/// Where collectors look.
pub(super) struct Source<'a> {
    runner: Asked<'a>,
    root: PathBuf,
    environment: Vec<(String, String)>,
    fact_path: String,
}

impl Source<'_> {
    fn runner(&self) -> &dyn Runner {
        match &self.runner {
            Asked::Owned(runner) => runner.as_ref(),
            Asked::Borrowed(runner) => *runner,
        }
    }

    fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// A file's text without the white space around it; `None` where it cannot be read or says nothing.
    fn text(&self, absolute: &str) -> Option<String> {
        let text = self.raw(absolute)?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// A file's text as it is.
    fn raw(&self, absolute: &str) -> Option<String> {
        // Files of /proc and /sys have no length, so the bound is on what is read.
        use std::io::Read;
        let file = std::fs::File::open(self.path(absolute)).ok()?;
        let mut bytes = Vec::new();
        file.take(READ_LIMIT).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a directory, sorted.
    fn names(&self, absolute: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(absolute)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned())).collect();
        order::ascending(&mut names);
        names
    }

    /// Runs a program that tells something, where it is installed.
    fn ask(&self, argv: &[&str]) -> Option<Output> {
        let program = self.runner().which(argv.first()?)?;
        let rest = argv[1..].iter().map(|a| a.into());
        let argv = std::iter::once(program.into_os_string()).chain(rest).collect();
        let env = vec![("LC_ALL".into(), "C".into()), ("LANG".into(), "C".into())];
        let command = Command { argv, env, timeout: Some(PATIENCE), read_only: true, ..Command::default() };
        self.runner().run(&command).ok()
    }
}

/// Bytes of any one file that facts are read from.
const READ_LIMIT: u64 = 4 << 20;

/// The facts of this node.
pub struct Facts<'a> {
    source: Source<'a>,
    known: RefCell<Map>,
    /// Collectors that have been asked, by their place in the table.
    asked: RefCell<HashSet<usize>>,
    /// Names of network devices, as they were when first asked for: every unknown name may be one.
    devices: OnceCell<Vec<String>>,
}

impl Facts<'static> {
    /// Facts that may outlive the caller.
    pub fn new(runner: Rc<dyn Runner>) -> Facts<'static> {
        Facts::from_source(Asked::Owned(runner), Path::new("/"))
    }
}

impl<'a> Facts<'a> {
    /// Facts for as long as `runner` is at hand.
    pub fn with(runner: &'a dyn Runner) -> Facts<'a> {
        Facts::from_source(Asked::Borrowed(runner), Path::new("/"))
    }

    fn from_source(runner: Asked<'a>, root: &Path) -> Facts<'a> {
        let source = Source {
            runner,
            root: root.to_owned(),
            environment: Vec::new(),
            fact_path: "/etc/ansible/facts.d".to_owned(),
        };
        Facts { source, known: RefCell::default(), asked: RefCell::default(), devices: OnceCell::new() }
    }

    /// Facts of a root that is not the machine's own.
    #[cfg(test)]
    fn at(runner: &'a dyn Runner, root: &Path) -> Facts<'a> {
        Facts::from_source(Asked::Borrowed(runner), root)
    }

    /// Adds the task's `environment` to the `env` fact.
    pub fn environment(mut self, environment: &[(String, String)]) -> Facts<'a> {
        self.source.environment = environment.to_vec();
        self
    }

    /// Looks for local facts elsewhere than in /etc/ansible/facts.d.
    pub fn fact_path(mut self, path: &str) -> Facts<'a> {
        self.source.fact_path = path.to_owned();
        self
    }

    /// The fact `name`, without `ansible_` before it.
    pub fn get(&self, name: &str) -> Option<Data> {
        if let Some(known) = self.known.borrow().get(&Key(name)) {
            return Some(known.clone());
        }
        for (i, collector) in COLLECTORS.iter().enumerate() {
            // Interfaces are facts under their own names.
            let by_interface = collector.subset == "network" && self.is_interface(name);
            if (collector.names.contains(&name) || by_interface) && self.collect(i) {
                return self.known.borrow().get(&Key(name)).cloned();
            }
        }
        None
    }

    fn is_interface(&self, name: &str) -> bool {
        let same = |device: &String| {
            let plain = |c: char| if matches!(c, ':' | '-') { '_' } else { c };
            device.chars().map(plain).eq(name.chars().map(|c| if c == '-' { '_' } else { c }))
        };
        self.devices().iter().any(same)
    }

    fn devices(&self) -> &[String] {
        self.devices.get_or_init(|| self.source.names("/sys/class/net"))
    }

    /// Asks a collector, once. False where it was asked before.
    fn collect(&self, i: usize) -> bool {
        if !self.asked.borrow_mut().insert(i) {
            return false;
        }
        let found = (COLLECTORS[i].collect)(&self.source);
        let mut known = self.known.borrow_mut();
        for (name, value) in found {
            known.entry(name).or_insert(value);
        }
        true
    }

    /// The names of all facts that may be told, interfaces included, without `ansible_`. Costs next to nothing.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = COLLECTORS.iter().flat_map(|c| c.names).map(|n| (*n).to_owned()).collect();
        names.extend(self.devices().iter().map(|n| n.replace(':', "_")));
        names
    }

    /// What `setup` returns: the facts of the subsets, named with `ansible_`, that one of the patterns matches.
    pub fn subset(&self, gather_subset: &[String], filter: &[String]) -> Result<Map, String> {
        let wanted = chosen(gather_subset)?;
        let mut facts = Map::default();
        for (i, collector) in COLLECTORS.iter().enumerate() {
            if wanted.contains(collector.subset) {
                for (name, value) in self.of_collector(i) {
                    facts.insert(Data::str(format!("ansible_{name}")), value);
                }
            }
        }
        let subset = gather_subset.iter().map(|s| Data::Unsafe(s.clone())).collect();
        facts.insert(Data::str("gather_subset"), Data::List(subset));
        facts.insert(Data::str("module_setup"), Data::Bool(true));
        if filter.iter().all(|f| f == "*" || f.is_empty()) {
            return Ok(facts);
        }
        let kept = |name: &str| {
            let bare = name.strip_prefix("ansible_").unwrap_or(name);
            matches!(name, "gather_subset" | "module_setup")
                || filter.iter().any(|f| matches(f, name) || matches(f, bare))
        };
        facts.retain(|name, _| name.as_str().is_some_and(kept));
        Ok(facts)
    }

    fn of_collector(&self, i: usize) -> Vec<(String, Data)> {
        let before: HashSet<String> = self.names_known();
        let fresh = self.collect(i);
        let known = self.known.borrow();
        let own = |name: &str| COLLECTORS[i].names.contains(&name) || (fresh && !before.contains(name));
        let interface = |name: &str| COLLECTORS[i].subset == "network" && self.is_interface(name);
        known
            .iter()
            .filter_map(|(k, v)| Some((k.as_str()?.to_owned(), v.clone())))
            .filter(|(k, _)| own(k) || interface(k))
            .collect()
    }

    fn names_known(&self) -> HashSet<String> {
        self.known.borrow().keys().filter_map(|k| k.as_str().map(str::to_owned)).collect()
    }
}

/// The subsets that `gather_subset` asks for.
fn chosen(gather_subset: &[String]) -> Result<HashSet<&'static str>, String> {
    let subset_of = |name: &str| -> Result<&'static str, String> {
        let alias = SUBSET_ALIASES.iter().find(|(a, _)| *a == name).map(|(_, s)| *s);
        let direct = COLLECTORS.iter().map(|c| c.subset).find(|s| *s == name);
        let by_fact = || COLLECTORS.iter().find(|c| c.names.contains(&name)).map(|c| c.subset);
        match alias.or(direct).or_else(by_fact) {
            Some(subset) => Ok(subset),
            // Known to Ansible, and nothing to tell on a node.
            None if matches!(name, "facter" | "ohai" | "platform_name") => Ok("none"),
            None => {
                let known: Vec<&str> = COLLECTORS.iter().map(|c| c.subset).collect();
                Err(format!(
                    "Bad subset '{name}' given to Ansible. gather_subset options allowed: all, {}",
                    known.join(", ")
                ))
            }
        }
    };
    let all: HashSet<&'static str> = COLLECTORS.iter().map(|c| c.subset).collect();
    let minimal: HashSet<&'static str> = all.iter().copied().filter(|s| MINIMAL.contains(s)).collect();
    let (mut added, mut removed): (HashSet<&str>, HashSet<&str>) = Default::default();
    let mut without_minimal = false;
    for subset in gather_subset {
        match subset.as_str() {
            "all" => added.extend(&all),
            "min" => added.extend(&minimal),
            "!all" => removed.extend(all.difference(&minimal)),
            "!min" => {
                without_minimal = true;
                removed.extend(&minimal);
            }
            name => match name.strip_prefix('!') {
                // What nobody knows can be left out.
                Some(name) => removed.extend(subset_of(name)),
                None => drop(added.insert(subset_of(name)?)),
            },
        }
    }
    if added.is_empty() {
        added.extend(&all);
    }
    // What is named outright is gathered even where a group that holds it is not.
    let explicit: HashSet<&str> =
        gather_subset.iter().filter(|s| !s.starts_with('!')).filter_map(|s| subset_of(s).ok()).collect();
    if !without_minimal {
        added.extend(&minimal);
    }
    Ok(added.into_iter().filter(|s| !removed.contains(s) || explicit.contains(s)).collect())
}

/// Python's `fnmatch`: `*`, `?` and `[...]`, anchored.
fn matches(pattern: &str, name: &str) -> bool {
    glob_matches(pattern, name)
}

/// The trimmed text, or `NA`.
fn or_na(text: Option<String>) -> Data {
    Data::Unsafe(text.unwrap_or_else(|| "NA".to_owned()))
}

//! Which distribution this is, in Ansible's names: from os-release and the older files beside it.

use super::super::params::{map, text};
use super::Source;
use crate::plan::{Data, Map};
use crate::vars::pyre::{Flags, Regex};

/// Facts about the distribution.
pub(super) const NAMES: &[&str] = &[
    "distribution",
    "distribution_version",
    "distribution_major_version",
    "distribution_minor_version",
    "distribution_release",
    "distribution_file_path",
    "distribution_file_variety",
    "distribution_file_parsed",
    "distribution_file_search_string",
    "os_family",
];

/// What has been found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    name: String,
    version: String,
    major: Option<String>,
    minor: Option<String>,
    release: String,
    search_string: Option<&'static str>,
}

/// Files in the order in which they are believed, and the family of names that each speaks of.
const FILES: [(&str, &str); 19] = [
    ("/etc/altlinux-release", "Altlinux"),
    ("/etc/oracle-release", "OracleLinux"),
    ("/etc/slackware-version", "Slackware"),
    ("/etc/centos-release", "CentOS"),
    ("/etc/redhat-release", "RedHat"),
    ("/etc/os-release", "Amazon"),
    ("/etc/system-release", "Amazon"),
    ("/etc/alpine-release", "Alpine"),
    ("/etc/os-release", "Archlinux"),
    ("/etc/os-release", "SUSE"),
    ("/etc/SuSE-release", "SUSE"),
    ("/etc/gentoo-release", "Gentoo"),
    ("/etc/os-release", "Debian"),
    ("/etc/lsb-release", "Debian"),
    ("/etc/sourcemage-release", "SMGL"),
    ("/usr/lib/os-release", "ClearLinux"),
    ("/etc/coreos/update.conf", "Coreos"),
    ("/etc/os-release", "Flatcar"),
    ("/etc/os-release", "NA"),
];

const FAMILIES: [(&str, &[&str]); 9] = [
    (
        "RedHat",
        &[
            "RedHat",
            "RHEL",
            "Fedora",
            "CentOS",
            "Scientific",
            "SLC",
            "Ascendos",
            "CloudLinux",
            "PSBM",
            "OracleLinux",
            "OVS",
            "OEL",
            "Amazon",
            "Virtuozzo",
            "XenServer",
            "Alibaba",
            "EulerOS",
            "openEuler",
            "AlmaLinux",
            "Rocky",
            "TencentOS",
            "EuroLinux",
            "Kylin Linux Advanced Server",
        ],
    ),
    (
        "Debian",
        &[
            "Debian",
            "Ubuntu",
            "Raspbian",
            "Neon",
            "KDE neon",
            "Linux Mint",
            "SteamOS",
            "Devuan",
            "Kali",
            "Cumulus Linux",
            "Pop!_OS",
            "Parrot",
            "Pardus GNU/Linux",
            "Uos",
            "Deepin",
            "OSMC",
        ],
    ),
    ("Suse", &["SuSE", "SLES", "SLED", "openSUSE", "openSUSE Tumbleweed", "SLES_SAP", "SUSE_LINUX", "openSUSE Leap"]),
    ("Archlinux", &["Archlinux", "Antergos", "Manjaro"]),
    ("Mandrake", &["Mandrake", "Mandriva"]),
    ("SMGL", &["SMGL", "Source Mage GNU/Linux"]),
    ("Gentoo", &["Gentoo", "Funtoo"]),
    ("Alpine", &["Alpine"]),
    ("ClearLinux", &["Clear Linux OS", "Clear Linux Mix"]),
];

pub(super) fn collect(source: &Source) -> Map {
    let guess = guess(source);
    let mut facts = Map::default();
    let mut found = guess.clone();
    for (path, variety) in FILES {
        let Some(content) = source.text(path) else { continue };
        let content = content.trim_matches(['\'', '"', '\\']);
        if let Some(parsed) = parse(source, variety, (path, content), &guess) {
            found = parsed;
            facts.extend(map([
                ("distribution_file_path", text(path)),
                ("distribution_file_variety", text(variety)),
                ("distribution_file_parsed", Data::Bool(true)),
            ]));
            if let Some(searched) = found.search_string {
                facts.insert(Data::str("distribution_file_search_string"), text(searched));
            }
            break;
        }
    }
    let family = FAMILIES.iter().find(|(_, names)| names.contains(&found.name.as_str())).map(|(family, _)| *family);
    facts.insert(Data::str("os_family"), text(family.unwrap_or(&found.name)));
    facts.extend(map([
        ("distribution", text(&found.name)),
        ("distribution_version", text(&found.version)),
        ("distribution_release", text(&found.release)),
        ("distribution_major_version", text(found.major.unwrap_or_else(|| "NA".to_owned()))),
    ]));
    if let Some(minor) = found.minor {
        facts.insert(Data::str("distribution_minor_version"), text(minor));
    }
    facts
}

/// The value of a line `KEY=value` or `KEY="value"`.
fn setting(content: &str, key: &str) -> Option<String> {
    content.lines().find_map(|line| {
        let value = line.trim().strip_prefix(key)?.strip_prefix('=')?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// What the pattern's first group finds.
fn search(pattern: &str, content: &str) -> Option<String> {
    let regex = Regex::new(pattern, Flags::default()).ok()?;
    Some(regex.search(content).ok()??.get(1)?.to_owned())
}

/// What os-release alone tells, in the words of Python's `distro`.
fn guess(source: &Source) -> Found {
    let os = source.raw("/etc/os-release").or_else(|| source.raw("/usr/lib/os-release")).unwrap_or_default();
    let id = setting(&os, "ID").unwrap_or_default().to_lowercase().replace(' ', "_");
    let name = match id.as_str() {
        "amzn" => "Amazon".to_owned(),
        "rhel" | "redhatenterpriseserver" | "redhatenterpriseworkstation" => "Redhat".to_owned(),
        "" => "OtherLinux".to_owned(),
        id => id[..1].to_uppercase() + &id[1..],
    };
    let mut version = setting(&os, "VERSION_ID").unwrap_or_default();
    if version.is_empty() {
        let release = source.text("/etc/redhat-release").or_else(|| source.text("/etc/system-release"));
        version = release.and_then(|r| search(r"(\d+(?:\.\d+)*)", &r)).unwrap_or_default();
    }
    match id.as_str() {
        "debian" => {
            let precise = source.text("/etc/debian_version").unwrap_or_default();
            if precise.matches('.').count() > version.matches('.').count() || version.is_empty() {
                version = precise;
            }
        }
        "centos" => {
            let precise = source.text("/etc/centos-release").and_then(|r| search(r"(\d+(?:\.\d+)*)", &r));
            if let Some(precise) = precise.filter(|p| p.matches('.').count() > version.matches('.').count()) {
                version = precise.split('.').take(2).collect::<Vec<_>>().join(".");
            }
        }
        _ => {}
    }
    let parenthesised = || {
        let long = setting(&os, "VERSION")?;
        let found = search(r"(\(\D+\)|,\s?\D+)", &long)?;
        Some(found.trim_matches(['(', ')']).trim_matches(',').trim().to_owned())
    };
    let codename = setting(&os, "VERSION_CODENAME").or_else(|| setting(&os, "UBUNTU_CODENAME")).or_else(parenthesised);
    let version = if version.is_empty() { "NA".to_owned() } else { version };
    let major = version.split('.').next().filter(|m| !m.is_empty()).unwrap_or("NA").to_owned();
    Found {
        name,
        major: Some(major),
        version,
        release: codename.unwrap_or_else(|| "NA".to_owned()),
        ..Found::default()
    }
}

/// What a file tells on top of the guess; `None` where it speaks of another distribution.
fn parse(source: &Source, variety: &str, (path, content): (&str, &str), guess: &Found) -> Option<Found> {
    let named = |name: &str| Found { name: name.to_owned(), ..guess.clone() };
    let needles = [
        ("OracleLinux", "Oracle Linux"),
        ("RedHat", "Red Hat"),
        ("Altlinux", "ALT"),
        ("SMGL", "Source Mage GNU/Linux"),
    ];
    if let Some((_, needle)) = needles.iter().find(|(v, _)| *v == variety) {
        return Some(match content.contains(needle) {
            true => Found { search_string: Some(needle), ..named(variety) },
            // A clone's file begins with its own name.
            false => named(content.split_whitespace().next()?),
        });
    }
    match variety {
        "CentOS" if content.contains("CentOS Stream") => Some(Found { release: "Stream".to_owned(), ..named(variety) }),
        "CentOS" if content.contains("TencentOS Server") => Some(named("TencentOS")),
        "Archlinux" => content.contains("Arch Linux").then(|| named(variety)),
        "Slackware" => content.contains("Slackware").then(|| {
            let version = search(r"(\w+[.]\w+\+?)", content).unwrap_or_else(|| guess.version.clone());
            Found { version, ..named(variety) }
        }),
        "Alpine" => Some(Found { version: content.to_owned(), ..named(variety) }),
        "Gentoo" => Some(named(variety)),
        "Amazon" => content.contains("Amazon").then(|| amazon(path, content, named(variety))),
        "SUSE" => content.to_lowercase().contains("suse").then(|| suse(source, path, content, named(variety))),
        "Debian" => debian(source, content, guess),
        "ClearLinux" => clear_linux(content, guess),
        "Flatcar" if guess.name == "Flatcar" => {
            let version = setting(content, "VERSION").unwrap_or_default();
            Some(Found { major: version.split('.').next().map(str::to_owned), version, ..named(variety) })
        }
        "Coreos" if guess.name == "Coreos" => {
            let release = setting(content, "GROUP").unwrap_or_else(|| guess.release.clone());
            Some(Found { release, ..named(variety) })
        }
        "NA" => {
            let mut found = named(&setting(content, "NAME").unwrap_or_else(|| variety.to_owned()));
            if let Some(version) = setting(content, "VERSION").filter(|_| guess.version == "NA") {
                found.version = version;
            }
            Some(found)
        }
        _ => None,
    }
}

fn amazon(path: &str, content: &str, mut found: Found) -> Found {
    if path != "/etc/os-release" {
        let number = content.split_whitespace().find(|w| w.bytes().all(|b| b.is_ascii_digit()));
        number.unwrap_or("NA").clone_into(&mut found.version);
        return found;
    }
    if let Some(version) = setting(content, "VERSION_ID") {
        let (major, minor) = version.split_once('.').unwrap_or((&version, "NA"));
        found.major = Some(major.to_owned());
        found.minor = Some(minor.to_owned());
        found.version = version;
    }
    found
}

fn suse(source: &Source, path: &str, content: &str, mut found: Found) -> Found {
    let lower = content.to_lowercase();
    if path == "/etc/os-release" {
        if let Some(name) = setting(content, "NAME") {
            found.name = name;
        }
        if let Some(version) = search(r#"(?m)^VERSION_ID="?([0-9]+\.?[0-9]*)"?"#, content) {
            found.major = version.split('.').next().map(str::to_owned);
            let minor = version.split_once('.').map_or("", |(_, minor)| minor).to_owned();
            if lower.contains("open") {
                found.release = minor;
            } else if lower.contains("enterprise") {
                found.release = if minor.is_empty() { "0".to_owned() } else { minor };
            }
            found.version = version;
        }
    } else if lower.contains("open") {
        content.split_whitespace().next().unwrap_or_default().clone_into(&mut found.name);
        if let Some(release) = search(r"CODENAME *= *([^\n]+)", content) {
            release.trim().clone_into(&mut found.release);
        }
    } else if lower.contains("enterprise") {
        found.name = if content.contains("Server") { "SLES".to_owned() } else { "SLED".to_owned() };
        if let Some(level) = search(r"PATCHLEVEL = ([0-9]+)", content) {
            found.version = format!("{}.{level}", found.version);
            found.release = level;
        }
    }
    let product = std::fs::read_link(source.path("/etc/products.d/baseproduct"));
    if product.is_ok_and(|p| p.to_string_lossy().ends_with("SLES_SAP.prod")) {
        "SLES_SAP".clone_into(&mut found.name);
    }
    found
}

fn debian(source: &Source, content: &str, guess: &Found) -> Option<Found> {
    let mut found = guess.clone();
    if content.contains("Debian") || content.contains("Raspbian") {
        "Debian".clone_into(&mut found.name);
        if let Some(release) = search(r"PRETTY_NAME=[^(]+ \(?([^)]+?)\)", content) {
            found.release = release;
        }
        let version = source.text("/etc/debian_version").unwrap_or_default();
        found.minor = search(r"\d+\.(\d+)", &version);
        return Some(found);
    }
    for (needle, name) in [("Ubuntu", "Ubuntu"), ("SteamOS", "SteamOS")] {
        if content.contains(needle) {
            name.clone_into(&mut found.name);
            return Some(found);
        }
    }
    for (needle, name) in [("Kali", "Kali"), ("Parrot", "Parrot")] {
        if content.contains(needle) {
            name.clone_into(&mut found.name);
            if let Some(release) = setting(content, "DISTRIB_RELEASE") {
                found.release = release;
            }
            return Some(found);
        }
    }
    let codename = setting(content, "VERSION_CODENAME");
    let named = [
        ("Devuan", "Devuan"),
        ("Cumulus", "Cumulus Linux"),
        ("Linux Mint", "Linux Mint"),
        ("UOS", "Uos"),
        ("Uos", "Uos"),
        ("uos", "Uos"),
        ("Deepin", "Deepin"),
        ("deepin", "Deepin"),
    ];
    let (_, name) = named.iter().find(|(needle, _)| content.contains(needle))?;
    (*name).clone_into(&mut found.name);
    if let Some(codename) = codename {
        found.release = codename;
    }
    if let Some(version) = setting(content, "VERSION_ID") {
        found.major = version.split('.').next().map(str::to_owned);
        found.version = version;
    }
    Some(found)
}

fn clear_linux(content: &str, guess: &Found) -> Option<Found> {
    let name = setting(content, "NAME").filter(|n| n.contains("Clear Linux"))?;
    let mut found = Found { name, ..guess.clone() };
    if let Some(version) = setting(content, "VERSION_ID") {
        found.major = Some(version.clone());
        found.version = version;
    }
    if let Some(release) = setting(content, "ID") {
        found.release = release;
    }
    Some(found)
}

/// Package managers by the file that tells of them; the last one that is there counts.
const PACKAGE_MANAGERS: [(&str, &str); 13] = [
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/yum", "yum"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/sbin/apk", "apk"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/bin/swupd", "swupd"),
];

pub(super) fn pkg_mgr(source: &Source) -> Map {
    let facts = collect(source);
    let fact = |name: &str| facts.get(&crate::plan::Key(name)).and_then(Data::as_str).unwrap_or_default().to_owned();
    let there = PACKAGE_MANAGERS.iter().rfind(|(path, _)| source.exists(path));
    let mut name = there.map_or("unknown", |(_, name)| *name);
    match fact("os_family").as_str() {
        "RedHat" => name = red_hat_manager(source, &fact("distribution"), &fact("distribution_major_version")),
        "Debian" => name = "apt",
        "Altlinux" if name == "apt" => name = "apt_rpm",
        _ => {}
    }
    if name == "apt" && source.exists("/usr/bin/rpm") {
        let owner = source.ask(&["/usr/bin/rpm", "-q", "--whatprovides", "/usr/bin/apt-get"]);
        if owner.is_some_and(|o| o.rc == 0) {
            name = "apt_rpm";
        }
    }
    map([("pkg_mgr", text(name))])
}

fn red_hat_manager(source: &Source, distribution: &str, major: &str) -> &'static str {
    if source.exists("/run/ostree-booted") {
        return "atomic_container";
    }
    let dnf = ["/usr/bin/dnf", "/usr/bin/microdnf"].into_iter().find(|p| source.exists(p));
    let five = |p: &str| source.path(p).canonicalize().is_ok_and(|p| p.ends_with("usr/bin/dnf5"));
    let manager = dnf.map_or("unknown", |p| if five(p) { "dnf5" } else { "dnf" });
    let Ok(major) = major.trim_start_matches('V').parse::<u32>() else { return "unknown" };
    let first_with_dnf = match distribution {
        "Fedora" => 23,
        "Kylin Linux Advanced Server" => 10,
        "Amazon" => 2022,
        "TencentOS" => 3,
        _ => 8,
    };
    // Ansible asks the last condition of every distribution, so those with small numbers of their own are yum's too.
    let old = major < first_with_dnf || major < 8;
    if old && source.exists("/usr/bin/yum") { "yum" } else { manager }
}

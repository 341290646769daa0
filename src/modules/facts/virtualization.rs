//! Whether this is a machine of its own, a guest or a container, and what it could host.

use super::super::params::{list, map, text};
use super::Source;
use crate::plan::Map;

/// Facts about virtualization.
pub(super) const NAMES: &[&str] =
    &["virtualization_type", "virtualization_role", "virtualization_tech_guest", "virtualization_tech_host"];

/// The first finding names type and role; all later ones only add techniques.
#[derive(Default)]
struct Findings {
    first: Option<(String, &'static str)>,
    guest: Vec<String>,
    host: Vec<String>,
}

impl Findings {
    fn guest(&mut self, tech: &str) {
        self.settle(tech, "guest");
        add(&mut self.guest, tech);
    }

    fn host(&mut self, tech: &str) {
        self.settle(tech, "host");
        add(&mut self.host, tech);
    }

    fn settle(&mut self, tech: &str, role: &'static str) {
        if self.first.is_none() {
            self.first = Some((tech.to_owned(), role));
        }
    }
}

fn add(list: &mut Vec<String>, tech: &str) {
    if !list.iter().any(|t| t == tech) {
        list.push(tech.to_owned());
    }
}

pub(super) fn collect(source: &Source) -> Map {
    let mut found = Findings::default();
    containers(source, &mut found);
    xen(source, &mut found);
    firmware(source, &mut found);
    processor(source, &mut found);
    kernel(source, &mut found);
    let (kind, role) = found.first.unwrap_or_else(|| ("NA".to_owned(), "NA"));
    map([
        ("virtualization_type", text(kind)),
        ("virtualization_role", text(role)),
        ("virtualization_tech_guest", list(found.guest)),
        ("virtualization_tech_host", list(found.host)),
    ])
}

fn containers(source: &Source, found: &mut Findings) {
    for line in source.raw("/proc/1/cgroup").unwrap_or_default().lines() {
        let docker = line.match_indices("/docker").any(|(at, m)| {
            let rest = &line[at + m.len()..];
            rest.starts_with('/') || rest.starts_with('-') && rest.contains(".scope")
        });
        if docker {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    for variable in source.raw("/proc/1/environ").unwrap_or_default().split('\0') {
        if variable.contains("container=lxc") {
            found.guest("lxc");
        }
        if variable.contains("container=podman") {
            found.guest("podman");
        }
        if variable.strip_prefix("container=").is_some_and(|v| !v.is_empty()) {
            found.guest("container");
        }
    }
    if source.exists("/proc/vz") && !source.exists("/proc/lve") {
        if source.exists("/proc/bc") { found.host("openvz") } else { found.guest("openvz") }
    }
    let container = source.text("/run/systemd/container");
    if let Some(container) = &container {
        found.guest(container);
    }
    if source.exists("/.dockerenv") || source.exists("/.dockerinit") {
        found.guest("docker");
    }
    let known = ["docker", "lxc", "podman", "openvz", "containerd"];
    if container.is_some() || found.guest.iter().any(|t| known.contains(&t.as_str())) {
        add(&mut found.guest, "container");
    }
}

fn xen(source: &Source, found: &mut Findings) {
    if !source.exists("/proc/xen") {
        return;
    }
    if source.raw("/proc/xen/capabilities").is_some_and(|c| c.contains("control_d")) {
        found.host("xen");
    } else {
        // Ansible names no technique here.
        found.settle("xen", "guest");
    }
}

fn firmware(source: &Source, found: &mut Findings) {
    let read = |name: &str| source.text(&format!("/sys/devices/virtual/dmi/id/{name}")).unwrap_or_default();
    let (product, vendor, family, bios) =
        (read("product_name"), read("sys_vendor"), read("product_family"), read("bios_vendor"));
    if matches!(product.as_str(), "KVM" | "KVM Server" | "Bochs" | "AHV") {
        found.guest("kvm");
    }
    if vendor == "oVirt" {
        found.guest("oVirt");
    }
    if vendor == "Red Hat" && family == "RHV" {
        found.guest("RHV");
    } else if vendor == "Red Hat" && product == "RHEV Hypervisor" {
        found.guest("RHEV");
    }
    if product.starts_with("VMware") {
        found.guest("VMware");
    }
    if matches!(product.as_str(), "OpenStack Compute" | "OpenStack Nova") {
        found.guest("openstack");
    }
    match bios.as_str() {
        "Xen" => found.guest("xen"),
        "innotek GmbH" => found.guest("virtualbox"),
        "Amazon EC2" | "DigitalOcean" | "Hetzner" => found.guest("kvm"),
        _ => {}
    }
    match vendor.as_str() {
        "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix" => found.guest("kvm"),
        "KubeVirt" => found.guest("KubeVirt"),
        "Microsoft Corporation" => found.guest("VirtualPC"),
        "Parallels Software International Inc." => found.guest("parallels"),
        "OpenStack Foundation" => found.guest("openstack"),
        _ => {}
    }
}

fn processor(source: &Source, found: &mut Findings) {
    let status = source.raw("/proc/self/status").unwrap_or_default();
    if let Some(id) = status.lines().find_map(|l| l.strip_prefix("VxID:")) {
        if id.trim().starts_with('0') { found.host("linux_vserver") } else { found.guest("linux_vserver") }
    }
    for line in source.raw("/proc/cpuinfo").unwrap_or_default().lines() {
        let (model, vendor) = (line.starts_with("model name"), line.starts_with("vendor_id"));
        if model && line.contains("QEMU Virtual CPU")
            || line.starts_with("machine") && line.contains("CHRP IBM pSeries (emulated by qemu)")
        {
            found.guest("kvm");
        } else if vendor && line.contains("User Mode Linux") || model && line.contains("UML") {
            found.guest("uml");
        } else if vendor && line.contains("PowerVM Lx86") {
            found.guest("powervm_lx86");
        } else if vendor && line.contains("IBM/S390") {
            found.settle("PR/SM", "LPAR");
            add(&mut found.guest, "PR/SM");
        }
    }
}

fn kernel(source: &Source, found: &mut Findings) {
    let modules = source.raw("/proc/modules").unwrap_or_default();
    let loaded = |name: &str| modules.lines().any(|l| l.split(' ').next() == Some(name));
    if loaded("kvm") {
        found.host("kvm");
    }
    if loaded("vboxdrv") {
        found.host("virtualbox");
    }
    if loaded("virtio") {
        found.settle("kvm", "guest");
        add(&mut found.host, "kvm");
    }
    // Where the kernel has no /sys/.../dmi, dmidecode reads memory itself.
    if !source.exists("/sys/devices/virtual/dmi/id") {
        let asked = source.ask(&["dmidecode", "-s", "system-product-name"]).filter(|o| o.rc == 0);
        let product = asked.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        let name: String = product.lines().filter(|l| !l.starts_with('#')).map(str::trim).collect();
        if name.starts_with("VMware") {
            found.guest("VMware");
        }
        if product.contains("BHYVE") {
            found.guest("bhyve");
        }
    }
    if source.exists("/dev/kvm") {
        found.host("kvm");
    }
}

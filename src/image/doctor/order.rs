//! The order of boot around our unit: nothing depends on it, nothing that it starts waits for it or starts before it,
//! and systemd finds no cycle.

use super::{Findings, Verdict, names, there};
use crate::image::Root;
use crate::image::install::UNIT;
use std::process::{Command, Stdio};

/// Where units are, the more important first.
const PLACES: [&str; 2] = ["etc/systemd/system", "usr/lib/systemd/system"];
/// Our names.
const OURS: [&str; 2] = ["compute-init.service", "ansible-init.service"];
/// What roles start once its configuration is there: enabled in the image it starts without.
const STARTED: [&str; 2] = ["slurmd.service", "munge.service"];
/// What makes network-online.target mean something.
const ONLINE: [&str; 4] = [
    "NetworkManager-wait-online.service",
    "systemd-networkd-wait-online.service",
    "ifupdown-wait-online.service",
    "networking.service",
];
/// Bytes of a unit.
const SIZE: u64 = 1 << 20;

pub(super) fn look(root: &Root, findings: &mut Findings) {
    let before = findings.0.len();
    for place in PLACES {
        for name in names(root, place).iter().filter(|name| name.ends_with(".service") || name.ends_with(".target")) {
            if OURS.contains(&name.as_str()) || name.starts_with("compute-init") {
                continue;
            }
            let Ok(path) = root.resolve(&format!("{place}/{name}")) else { continue };
            let Ok(bytes) = crate::sys::file::read_bounded(&path, SIZE) else { continue };
            unit(name, &String::from_utf8_lossy(&bytes), findings);
        }
    }
    enabled(root, findings);
    if !PLACES.iter().any(|place| ONLINE.iter().any(|unit| wanted_anywhere(root, place, unit))) {
        findings.advise(
            "order",
            Verdict::Warning,
            "nothing in the image waits for the network: network-online.target is reached at once",
            "enable the wait-online unit of the image's network manager; until then the deadlines have to be enough",
        );
    }
    cycles(root, findings);
    if findings.0[before..].iter().all(|finding| finding.verdict < Verdict::Warning) {
        findings.add("order", Verdict::Ok, "nothing depends on the unit, nothing that it starts waits for it");
    }
}

/// What another unit says of ours.
fn unit(name: &str, text: &str, findings: &mut Findings) {
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        if !value.split_whitespace().any(|word| OURS.contains(&word)) {
            continue;
        }
        match key.trim() {
            "Requires" | "Requisite" | "BindsTo" => findings.advise(
                "order",
                Verdict::Warning,
                format!("{name} {key}={value}: it does not start where a boot of ours fails"),
                "Wants= and After= are enough: no failure of ours should take more with it",
            ),
            "After" if STARTED.contains(&name) => findings.advise(
                "order",
                Verdict::Note,
                format!("{name} {key}={value}: the boot starts it without waiting for it"),
                "nothing is to be done; it would matter only where tasks start it and wait",
            ),
            _ => (),
        }
    }
}

/// Daemons that would start before they are configured.
fn enabled(root: &Root, findings: &mut Findings) {
    for unit in STARTED {
        if wanted_anywhere(root, PLACES[0], unit) {
            findings.advise(
                "order",
                Verdict::Note,
                format!("{unit} is enabled in the image: it starts beside compute-init, with what the image holds"),
                "disable it in the image: its role starts it when its configuration is there",
            );
        }
    }
}

/// Whether some target wants the unit.
fn wanted_anywhere(root: &Root, place: &str, unit: &str) -> bool {
    let wants = names(root, place).into_iter().filter(|name| name.ends_with(".wants") || name.ends_with(".requires"));
    wants.into_iter().any(|directory| names(root, &format!("{place}/{directory}")).iter().any(|name| name == unit))
}

/// What systemd itself says of the order, where this machine has its tool and the image its units.
fn cycles(root: &Root, findings: &mut Findings) {
    if !there(root, "usr/lib/systemd/system/multi-user.target") {
        return findings.add("order", Verdict::Warning, "the image has no multi-user.target: is systemd in it?");
    }
    // A unit that is missing is told of elsewhere.
    if !there(root, UNIT) {
        return;
    }
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(format!("--root={}", root.path().display()))
        .args(["--man=no", "compute-init.service", "multi-user.target"])
        .env("SYSTEMD_LOG_LEVEL", "warning")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        return findings.add("order", Verdict::Note, "cycles not looked for: systemd-analyze is not here");
    };
    let said = String::from_utf8_lossy(&output.stderr);
    for line in said.lines().filter(|line| line.contains("ordering cycle") || line.contains("compute-init")) {
        findings.add("order", Verdict::Problem, format!("systemd: {line}"));
    }
}

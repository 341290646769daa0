//! `systemd_service` and, where systemd is the init, `service`: units through systemctl.

use super::exec::{self, Ran};
use super::params::{Params, change, failure, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::Args;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    run_at(ctx, args, Path::new("/"))
}

pub(super) fn run_at(ctx: &Context, args: &Args, root: &Path) -> Result<Outcome, Failure> {
    let name = args.text("name");
    if let (Some(name), Some(glob)) =
        (&name, ["*", "?", "["].iter().find(|g| name.as_deref().is_some_and(|n| n.contains(**g))))
    {
        return Err(Failure::new(format!(
            "This module does not currently support using glob patterns, found '{glob}' in service name: {name}"
        )));
    }
    let mut base = vec![exec::program(ctx, "systemctl")?];
    let scope = args.text("scope").unwrap_or_else(|| "system".to_owned());
    if scope != "system" {
        base.push(format!("--{scope}").into());
    }
    if args.flag("no_block") {
        base.push("--no-block".into());
    }
    if args.flag("force") {
        base.push("--force".into());
    }
    let mut unit = Unit {
        ctx,
        args,
        root,
        base,
        name: name.clone().unwrap_or_default(),
        scope,
        status: Map::default(),
        found: false,
        initd: false,
        outcome: Outcome::default(),
        warnings: Vec::new(),
    };
    for verb in ["daemon-reload", "daemon-reexec"] {
        if args.flag(&verb.replace('-', "_")) && !ctx.check {
            unit.reload(verb)?;
        }
    }
    if name.is_some() {
        unit.look()?;
        unit.mask()?;
        unit.enable()?;
        unit.set_state()?;
    }
    Ok(unit.finish(name))
}

struct Unit<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    root: &'a Path,
    /// systemctl with the options that stand before every verb.
    base: Vec<OsString>,
    name: String,
    scope: String,
    status: Map,
    found: bool,
    initd: bool,
    outcome: Outcome,
    warnings: Vec<Data>,
}

/// What `is-enabled` prints for a unit that exists, though `show` could not tell.
const ENABLED_STATES: [&str; 11] = [
    "enabled",
    "enabled-runtime",
    "linked",
    "linked-runtime",
    "masked",
    "masked-runtime",
    "static",
    "indirect",
    "disabled",
    "generated",
    "transient",
];

impl Unit<'_> {
    fn argv(&self, words: &[&str]) -> Vec<OsString> {
        self.base.iter().cloned().chain(words.iter().map(Into::into)).collect()
    }

    fn ask(&self, words: &[&str]) -> Result<Ran, Failure> {
        exec::look(self.ctx, self.argv(words))
    }

    fn act(&mut self, words: &[&str]) -> Result<Ran, Failure> {
        let ran = exec::change(self.ctx, self.argv(words))?;
        Ok(ran)
    }

    fn note(&mut self, what: &str) {
        self.outcome.changed = true;
        self.outcome.changes.push(change(what, &self.name));
    }

    fn reload(&mut self, verb: &str) -> Result<(), Failure> {
        let ran = self.act(&[verb])?;
        if ran.rc == 0 {
            return Ok(());
        }
        if self.offline() {
            self.warnings.push(text(format!(
                "{verb} failed, but target is a chroot or systemd is offline. Continuing. Error was: {} / {}",
                ran.rc,
                ran.err()
            )));
            return Ok(());
        }
        Err(Failure::new(format!("failure {} during {verb}: {}", ran.rc, ran.err())))
    }

    /// In a chroot, or told to be offline: failures of the manager are no failures of the node.
    fn offline(&self) -> bool {
        let told =
            self.ctx.environment.iter().rev().find(|(name, _)| name == "SYSTEMD_OFFLINE").map(|(_, v)| v.clone());
        told.or_else(|| std::env::var("SYSTEMD_OFFLINE").ok()).is_some_and(|v| v == "1") || is_chroot(self.root)
    }

    /// Finds out what the unit is.
    fn look(&mut self) -> Result<(), Failure> {
        let name = self.name.clone();
        self.initd = self.root.join("etc/init.d").join(&name).exists();
        let shown = self.ask(&["show", &name])?;
        let (out, err) = (shown.out(), shown.err());
        let known = if shown.rc == 0 && !ignored(&out) && !ignored(&err) {
            self.status = parse_show(&out);
            let load = self.state("LoadState").unwrap_or_default();
            let known = !load.is_empty() && load != "not-found";
            if let Some(error) = self.state("LoadError").filter(|_| known && load != "masked") {
                return Err(Failure::new(format!("Error loading unit file '{name}': {error}")));
            }
            known
        } else if shown.rc == 1 && err.contains("Failed to parse bus message") {
            self.status = parse_show(&out);
            let base = match name.split_once('@') {
                Some((base, _)) => format!("{base}@"),
                None => name.clone(),
            };
            let known = self.ask(&["list-unit-files", &format!("{base}*")])?.out().contains(&base);
            let active = self.ask(&["is-active", &name])?.out();
            self.status.insert(Data::str("ActiveState"), text(active.trim_end_matches('\n')));
            known
        } else {
            self.known_without_show(&name)?
        };
        self.found = known || self.initd;
        if self.initd && !known {
            self.warnings.push(text(format!(
                "The service ({name}) is actually an init script but the system is managed by systemd"
            )));
        }
        Ok(())
    }

    /// In a chroot `show` is ignored, but unit files can still be listed.
    fn known_without_show(&self, name: &str) -> Result<bool, Failure> {
        let enabled = self.ask(&["is-enabled", name])?.out();
        if ENABLED_STATES.contains(&enabled.trim()) {
            return Ok(true);
        }
        if self.ask(&["list-unit-files", name])?.rc == 0 {
            return Ok(true);
        }
        let plain = self.ask(&[])?;
        match plain.rc {
            0 => Ok(false),
            rc => Err(failure(
                plain.err(),
                [
                    ("rc", super::params::int(rc)),
                    ("cmd", text(self.base.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" "))),
                    ("stdout", text(plain.out())),
                    ("stderr", text(plain.err())),
                ],
            )),
        }
    }

    fn state(&self, key: &str) -> Option<String> {
        self.status.get(&crate::plan::Key(key)).and_then(Data::as_str).map(str::to_owned)
    }

    fn demand_found(&self) -> Result<(), Failure> {
        match self.found {
            true => Ok(()),
            false => Err(Failure::new(format!("Could not find the requested service {}: host", self.name))),
        }
    }

    /// A unit can be masked before it is installed.
    fn mask(&mut self) -> Result<(), Failure> {
        let Some(wanted) = self.args.choice("masked") else { return Ok(()) };
        let name = self.name.clone();
        let masked = self.ask(&["is-enabled", &name])?.out().trim() == "masked";
        if masked == wanted {
            return Ok(());
        }
        self.note(if wanted { "masked" } else { "unmasked" });
        if !self.ctx.check && self.act(&[if wanted { "mask" } else { "unmask" }, &name])?.rc != 0 {
            self.demand_found()?;
        }
        Ok(())
    }

    fn enable(&mut self) -> Result<(), Failure> {
        let Some(wanted) = self.args.choice("enabled") else { return Ok(()) };
        self.demand_found()?;
        let name = self.name.clone();
        let enabled = match self.enabled_as_shown() {
            Some(enabled) => enabled,
            None => self.enabled(&name)?,
        };
        if enabled != wanted {
            let verb = if wanted { "enable" } else { "disable" };
            self.note(verb);
            if !self.ctx.check {
                let ran = self.act(&[verb, &name])?;
                if ran.rc != 0 {
                    let said = ran.out() + &ran.err();
                    return Err(Failure::new(format!("Unable to {verb} service {name}: {said}")));
                }
            }
        }
        self.outcome.result.insert(Data::str("enabled"), Data::Bool(wanted));
        Ok(())
    }

    /// What `is-enabled` would say, where `show` has said it already: both ask the manager for the state of the same unit
    /// file. Of an alias `show` tells another unit's, and a script of SysV is none of the manager's files.
    fn enabled_as_shown(&self) -> Option<bool> {
        let id = self.state("Id")?;
        let same = id == self.name || id.strip_suffix(".service") == Some(&self.name);
        if !same || self.initd || self.scope != "system" || self.outcome.changed {
            return None;
        }
        match self.state("UnitFileState")?.as_str() {
            "enabled" | "enabled-runtime" | "static" => Some(true),
            "disabled" => Some(false),
            _ => None,
        }
    }

    fn enabled(&self, name: &str) -> Result<bool, Failure> {
        let ran = self.ask(&["is-enabled", name, "-l"])?;
        let out = ran.out();
        let lines: Vec<&str> = out.lines().collect();
        Ok(match ran.rc {
            0 => lines != ["indirect"] && lines != ["alias"],
            1 => {
                self.scope == "system"
                    && self.initd
                    && !out.trim().ends_with("disabled")
                    && super::command::any(
                        &self.root.join("etc/rc?.d/S??").to_string_lossy().replace("S??", &format!("S??{name}")),
                        None,
                    )
            }
            _ => false,
        })
    }

    fn set_state(&mut self) -> Result<(), Failure> {
        let Some(wanted) = self.args.text("state") else { return Ok(()) };
        self.demand_found()?;
        let Some(active) = self.state("ActiveState") else {
            if !self.offline() {
                let status = Data::Map(self.status.clone());
                return Err(failure("Service is in unknown state", [("status", status)]));
            }
            self.warnings.push(text(
                "Target is a chroot or systemd is offline. This can lead to false positives or prevent the init \
                 system tools from working.",
            ));
            self.outcome.result.insert(Data::str("state"), text(wanted));
            return Ok(());
        };
        let running = matches!(active.as_str(), "active" | "activating");
        let (verb, reached) = match wanted.as_str() {
            "started" => ((!running).then_some("start"), "started"),
            "stopped" => ((running || active == "deactivating").then_some("stop"), "stopped"),
            _ if !running => (Some("start"), "started"),
            "restarted" => (Some("restart"), "started"),
            _ => (Some("reload"), "started"),
        };
        if let Some(verb) = verb {
            self.note(verb);
            let name = self.name.clone();
            if !self.ctx.check {
                let ran = self.act(&[verb, &name])?;
                if ran.rc != 0 {
                    return Err(Failure::new(format!("Unable to {verb} service {name}: {}", ran.err())));
                }
            }
        }
        self.outcome.result.insert(Data::str("state"), text(reached));
        Ok(())
    }

    fn finish(self, name: Option<String>) -> Outcome {
        let mut outcome = self.outcome;
        outcome.result.insert(Data::str("name"), name.map_or(Data::Null, text));
        outcome.result.insert(Data::str("status"), Data::Map(self.status));
        if !self.warnings.is_empty() {
            outcome.result.insert(Data::str("warnings"), Data::List(self.warnings));
        }
        outcome
    }
}

/// systemctl says so in a chroot, with exit code 0.
fn ignored(out: &str) -> bool {
    !out.contains('=') && (out.contains("ignoring request") || out.contains("ignoring command"))
}

/// The properties of `systemctl show`. Only values of `Exec...` may span lines, in braces.
fn parse_show(out: &str) -> Map {
    let mut status = Map::default();
    let mut open: Option<(String, Vec<&str>)> = None;
    for line in out.split('\n') {
        if let Some((key, mut lines)) = open.take() {
            lines.push(line);
            if line.trim_end().ends_with('}') {
                status.insert(text(key), text(lines.join("\n").trim()));
            } else {
                open = Some((key, lines));
            }
        } else if let Some((key, value)) = line.split_once('=') {
            if key.starts_with("Exec") && value.trim_start().starts_with('{') && !value.trim_end().ends_with('}') {
                open = Some((key.to_owned(), vec![value]));
            } else {
                status.insert(text(key), text(value.trim()));
            }
        }
    }
    status
}

/// Whether `root` is not the root of process 1.
pub(super) fn is_chroot(root: &Path) -> bool {
    if std::env::var("debian_chroot").is_ok_and(|v| !v.is_empty()) {
        return true;
    }
    let Ok(mine) = std::fs::metadata(root) else { return false };
    match std::fs::metadata(root.join("proc/1/root/.")) {
        Ok(first) => mine.ino() != first.ino() || mine.dev() != first.dev(),
        // Without rights or /proc: the root of a file system is inode 2 (ext), 256 (btrfs), 128 (xfs) or 1 (tmpfs).
        Err(_) => !matches!(mine.ino(), 2 | 128 | 256),
    }
}

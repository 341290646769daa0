//! `timezone`: the node's time zone and hardware clock, through timedatectl where it works, else by /etc/localtime.

use super::exec;
use super::params::{Params, change, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::Args;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let wanted: Vec<(&str, String)> =
        ["hwclock", "name"].into_iter().filter_map(|key| Some((key, args.text(key)?))).collect();
    if wanted.is_empty() {
        return Err(Failure::new("one of the following is required: hwclock, name"));
    }
    let systemd = match ctx.runner.which("timedatectl") {
        Some(program) => exec::look(ctx, vec![program.into()])?.rc == 0,
        None => false,
    };
    let zone = Zone { ctx, systemd };
    let (mut before, mut after) = (Map::default(), Map::default());
    let mut messages = Vec::new();
    let mut outcome = Outcome::default();
    for (key, value) in &wanted {
        let now = zone.get(key)?;
        before.insert(text(*key), text(&now));
        after.insert(text(*key), text(value));
        if now == *value {
            continue;
        }
        outcome.changed = true;
        outcome.changes.push(change("timezone", value));
        if *key == "name" {
            known(value)?;
        }
        if !ctx.check {
            messages.push(zone.set(key, value)?);
            let then = zone.get(key)?;
            if then != *value {
                let said =
                    format!("still not desired state, though changes have made - planned: {value}, after: {then}");
                return Err(Failure::new(format!("Error message:\n{said}")));
            }
        }
    }
    let diff = super::params::map([("before", Data::Map(before)), ("after", Data::Map(after))]);
    let outcome = outcome.with("diff", Data::Map(diff));
    Ok(if messages.is_empty() { outcome } else { outcome.with("msg", text(messages.join("\n"))) })
}

/// A zone must be a file of the zone database, and stay within it.
fn known(zone: &str) -> Result<(), Failure> {
    let inside = !zone.starts_with('/') && zone.split('/').all(|p| !matches!(p, "" | "." | ".."));
    match inside && Path::new("/usr/share/zoneinfo").join(zone).is_file() {
        true => Ok(()),
        false => Err(Failure::new(format!("Error message:\ngiven timezone \"{zone}\" is not available"))),
    }
}

struct Zone<'a> {
    ctx: &'a Context<'a>,
    systemd: bool,
}

impl Zone<'_> {
    fn get(&self, key: &str) -> Result<String, Failure> {
        if !self.systemd {
            return Ok(if key == "name" { linked_zone() } else { clock_of_adjtime() });
        }
        let argv = vec![exec::program(self.ctx, "timedatectl")?, "status".into()];
        let out = exec::look(self.ctx, argv)?.out();
        let label = if key == "name" { ["Time zone:", "Timezone:"] } else { ["RTC in local TZ:"; 2] };
        let value = out.lines().find_map(|l| label.iter().find_map(|label| l.trim().strip_prefix(label)));
        let value = value.and_then(|v| v.split_whitespace().next()).unwrap_or("n/a");
        Ok(match (key, value) {
            ("name", zone) => zone.to_owned(),
            (_, "yes") => "local".to_owned(),
            _ => "UTC".to_owned(),
        })
    }

    fn set(&self, key: &str, value: &str) -> Result<String, Failure> {
        let words: Vec<&str> = match (self.systemd, key, value) {
            (true, "name", zone) => vec!["timedatectl", "set-timezone", zone],
            (true, _, clock) => vec!["timedatectl", "set-local-rtc", if clock == "local" { "yes" } else { "no" }],
            (false, "name", zone) => return link_zone(zone),
            (false, _, "local") => vec!["hwclock", "--systohc", "--localtime"],
            (false, ..) => vec!["hwclock", "--systohc", "--utc"],
        };
        let program = exec::program(self.ctx, words[0])?;
        let argv = std::iter::once(program.clone()).chain(words[1..].iter().map(Into::into)).collect();
        let ran = exec::change(self.ctx, argv)?;
        match ran.rc {
            0 => Ok(format!("executed `{} {}`", program.to_string_lossy(), words[1..].join(" "))),
            _ => Err(Failure::new(ran.err())),
        }
    }
}

/// The zone that /etc/localtime leads to.
fn linked_zone() -> String {
    let target = std::fs::read_link("/etc/localtime").unwrap_or_default();
    let target = target.to_string_lossy().into_owned();
    target.split_once("zoneinfo/").map_or_else(|| "n/a".to_owned(), |(_, zone)| zone.to_owned())
}

fn clock_of_adjtime() -> String {
    let text = std::fs::read_to_string("/etc/adjtime").unwrap_or_default();
    if text.lines().any(|l| l == "LOCAL") { "local".to_owned() } else { "UTC".to_owned() }
}

/// What `timedatectl` and Debian's tools do where neither runs: the link, and /etc/timezone where there is one.
fn link_zone(zone: &str) -> Result<String, Failure> {
    use crate::sys::file::{Look, replace, replace_link};
    let target = format!("/usr/share/zoneinfo/{zone}");
    let failed = |e: std::io::Error| Failure::new(format!("Error message:\nsetting the time zone {zone}: {e}"));
    replace_link(Path::new("/etc/localtime"), target.as_ref()).map_err(failed)?;
    let name = Path::new("/etc/timezone");
    if name.exists() {
        let look = Look::of_or_fresh(name).map_err(failed)?;
        replace(name, format!("{zone}\n").as_bytes(), &look).map_err(failed)?;
    }
    Ok(format!("linked /etc/localtime to {target}"))
}

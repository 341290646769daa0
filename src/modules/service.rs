//! `service`: a service through whatever starts services here: systemd, or init scripts.

use super::exec::{self, Ran};
use super::facts::Facts;
use super::params::{Params, change, text};
use super::{Context, Failure, Outcome, systemd};
use crate::plan::{Data, Key};
use crate::spec::Args;
use std::path::Path;
use std::time::Duration;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    if args.get("state").is_none() && args.get("enabled").is_none() {
        return Err(Failure::new("one of the following is required: state, enabled"));
    }
    let manager = match args.text("use").map(|u| u.to_lowercase()).filter(|u| u != "auto") {
        Some(named) => named.rsplit('.').next().unwrap_or_default().to_owned(),
        None => {
            Facts::with(ctx.runner).get("service_mgr").and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default()
        }
    };
    match manager.as_str() {
        "systemd" | "systemd_service" => through_systemd(ctx, args),
        // Ansible's generic module asks systemctl wherever systemd was booted, and init scripts elsewhere.
        _ if ctx.runner.which("systemctl").is_some() && booted_by_systemd() => through_systemd(ctx, args),
        _ => Script { ctx, args, name: args.text("name").unwrap_or_default() }.apply(),
    }
}

fn booted_by_systemd() -> bool {
    ["/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/"].iter().any(|p| Path::new(p).exists())
}

fn through_systemd(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mut warnings = Vec::new();
    for unused in ["pattern", "runlevel", "sleep", "arguments", "args"] {
        if ctx.raw.contains_key(&Key(unused)) {
            warnings.push(text(format!("Ignoring \"{unused}\" as it is not used in \"systemd\"")));
        }
    }
    let mut outcome = systemd::run(ctx, args)?;
    if !warnings.is_empty() {
        if let Some(Data::List(more)) = outcome.result.get(&Key("warnings")) {
            warnings.extend(more.clone());
        }
        outcome = outcome.with("warnings", Data::List(warnings));
    }
    Ok(outcome)
}

/// A service with a script in /etc/init.d.
struct Script<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    name: String,
}

impl Script<'_> {
    fn apply(&self) -> Result<Outcome, Failure> {
        if !Path::new("/etc/init.d").join(&self.name).is_file() {
            return Err(Failure::new(format!("Could not find the requested service {}: host", self.name)));
        }
        let mut outcome = Outcome::default().with("name", text(&self.name));
        if let Some(wanted) = self.args.choice("enabled") {
            if self.enable(wanted)? {
                outcome.changed = true;
                outcome.changes.push(change(if wanted { "enable" } else { "disable" }, &self.name));
            }
            outcome = outcome.with("enabled", wanted);
        }
        let Some(state) = self.args.text("state") else { return Ok(outcome) };
        let running = self.is_running()?;
        let verb = match (state.as_str(), running) {
            ("started", false) | ("reloaded", false) => Some("start"),
            ("stopped", true) => Some("stop"),
            ("reloaded", true) => Some("reload"),
            ("restarted", _) => Some("restart"),
            _ => None,
        };
        if let Some(verb) = verb {
            outcome.changed = true;
            outcome.changes.push(change(verb, &self.name));
            if self.ctx.check {
                return Ok(outcome.with("msg", text("service state changed")));
            }
            self.control(verb)?;
        }
        Ok(outcome.with("state", text(if state == "stopped" { "stopped" } else { "started" })))
    }

    /// `service NAME VERB ARGUMENTS`, or the script itself where there is no `service`.
    fn call(&self, verb: &str) -> Result<Ran, Failure> {
        let mut argv = match self.ctx.runner.which("service") {
            Some(service) => vec![service.into_os_string(), self.name.clone().into()],
            None => vec![Path::new("/etc/init.d").join(&self.name).into_os_string()],
        };
        argv.push(verb.into());
        let arguments = self.args.text("arguments").unwrap_or_default();
        argv.extend(arguments.split_whitespace().map(Into::into));
        if verb == "status" { exec::look(self.ctx, argv) } else { exec::change(self.ctx, argv) }
    }

    fn is_running(&self) -> Result<bool, Failure> {
        if let Some(pattern) = self.args.text("pattern") {
            let ps = vec![exec::program(self.ctx, "ps")?, "auxww".into()];
            return Ok(exec::look(self.ctx, ps)?
                .out()
                .lines()
                .any(|l| l.contains(&pattern) && !l.contains("pattern=")));
        }
        let ran = self.call("status")?;
        if matches!(ran.rc, 1..=4 | 69) {
            return Ok(false);
        }
        let out = ran.out();
        if out.matches('\n').count() <= 1 {
            let said = out.to_lowercase().replace(&self.name.to_lowercase(), "");
            let dead = ["could not access pid file", "is dead and pid file exists", "dead but"];
            if said.contains("stop") || dead.iter().any(|d| said.contains(d)) {
                return Ok(false);
            }
            if said.contains("run") {
                return Ok(!said.contains("not "));
            }
            if said.contains("start") && !said.contains("not ") {
                return Ok(true);
            }
        }
        match ran.rc {
            0 => Ok(true),
            _ => Err(Failure::new("failed determining service state, possible typo of service name?")),
        }
    }

    fn control(&self, verb: &str) -> Result<(), Failure> {
        let ran = if verb == "restart" {
            // Not every script knows `restart`.
            let stopped = self.call("stop")?;
            if let Some(seconds) = self.args.int("sleep").and_then(|s| u64::try_from(s).ok()) {
                std::thread::sleep(Duration::from_secs(seconds.min(60)));
            }
            let started = self.call("start")?;
            if started.rc == 0 { started } else { Ran { rc: stopped.rc.abs() + started.rc.abs(), ..started } }
        } else {
            self.call(verb)?
        };
        match ran.rc {
            0 => Ok(()),
            _ if ran.stderr.is_empty() => Err(Failure::new(ran.out())),
            _ => Err(Failure::new(ran.err())),
        }
    }

    /// Whether enabling changes anything. The links in /etc/rc?.d tell how it stands.
    fn enable(&self, wanted: bool) -> Result<bool, Failure> {
        let enabled = super::command::any(&format!("/etc/rc[2-5].d/S??{}", self.name), None);
        if enabled == wanted || self.ctx.check {
            return Ok(enabled != wanted);
        }
        let commands: Vec<Vec<&str>> = if self.ctx.runner.which("update-rc.d").is_some() {
            let verb = if wanted { "enable" } else { "disable" };
            vec![vec!["update-rc.d", &self.name, "defaults"], vec!["update-rc.d", &self.name, verb]]
        } else if self.ctx.runner.which("chkconfig").is_some() {
            vec![vec!["chkconfig", "--level", "2345", &self.name, if wanted { "on" } else { "off" }]]
        } else {
            let msg = format!(
                "cannot detect command to enable service {}, typo or init system potentially unknown",
                self.name
            );
            return Err(Failure::new(msg));
        };
        for words in commands {
            let mut argv = vec![exec::program(self.ctx, words[0])?];
            argv.extend(words[1..].iter().map(Into::into));
            let ran = exec::change(self.ctx, argv)?;
            if ran.rc != 0 {
                let said = if ran.stderr.is_empty() { ran.out() } else { ran.err() };
                return Err(Failure::new(said));
            }
        }
        Ok(true)
    }
}

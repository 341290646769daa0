//! `selinux`: policy and state, in the configuration, in force, and on the kernel's command line.

use super::exec;
use super::params::{Params, change, text};
use super::{Context, Failure, Outcome};
use crate::plan::Data;
use crate::spec::Args;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let file = args.text("configfile").unwrap_or_else(|| "/etc/selinux/config".to_owned());
    if !Path::new(&file).is_file() {
        let details = "Please install SELinux-policy package, if this package is not installed previously.";
        return Err(super::params::failure(format!("Unable to find file {file}"), [("details", text(details))]));
    }
    let content = String::from_utf8_lossy(&std::fs::read(&file).unwrap_or_default()).into_owned();
    let (config_state, config_policy) = (setting(&content, "SELINUX"), setting(&content, "SELINUXTYPE"));
    let state = args.text("state").unwrap_or_default();
    let policy = match args.text("policy") {
        Some(policy) => policy,
        None if state == "disabled" => config_policy.clone(),
        None => return Err(Failure::new("Policy is required if state is not 'disabled'")),
    };
    let enforce = std::fs::read_to_string("/sys/fs/selinux/enforce").ok();
    let runtime = match enforce.as_deref().map(str::trim) {
        None => "disabled",
        Some("1") => "enforcing",
        Some(_) => "permissive",
    };
    let mut now = State { ctx, file: &file, messages: Vec::new(), warnings: Vec::new(), changed: false, reboot: false };
    if policy != config_policy {
        now.policy(&policy, &config_policy)?;
    }
    if state != runtime {
        now.runtime(&state, runtime)?;
    }
    if state != config_state {
        now.note(format!("Config SELinux state changed from '{config_state}' to '{state}'"));
        now.configure("SELINUX", &state)?;
    }
    if args.flag("update_kernel_param") {
        now.kernel(state != "disabled")?;
    }
    let mut outcome = Outcome { changed: now.changed, ..Outcome::default() };
    if now.changed {
        outcome.changes.push(change("selinux", &state));
    }
    if !now.warnings.is_empty() {
        outcome = outcome.with("warnings", Data::List(now.warnings));
    }
    Ok(outcome
        .with("msg", text(now.messages.join(", ")))
        .with("configfile", text(&file))
        .with("policy", text(policy))
        .with("state", text(state))
        .with("reboot_required", now.reboot))
}

/// The value of the first line `KEY=value`.
fn setting(content: &str, key: &str) -> String {
    let line = content.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default().split('=').next().unwrap_or_default().trim().to_owned()
}

struct State<'a> {
    ctx: &'a Context<'a>,
    file: &'a str,
    messages: Vec<String>,
    warnings: Vec<Data>,
    changed: bool,
    reboot: bool,
}

impl State<'_> {
    fn note(&mut self, message: String) {
        self.changed = true;
        self.messages.push(message);
    }

    fn policy(&mut self, policy: &str, before: &str) -> Result<(), Failure> {
        self.note(format!("Running SELinux policy changed from '{before}' to '{policy}'"));
        if !self.ctx.check && !Path::new("/etc/selinux").join(policy).join("policy").exists() {
            return Err(Failure::new(format!("Policy {policy} does not exist in /etc/selinux/")));
        }
        let file = self.file;
        self.note(format!("SELinux policy configuration in '{file}' changed from '{before}' to '{policy}'"));
        self.configure("SELINUXTYPE", policy)
    }

    fn runtime(&mut self, state: &str, runtime: &str) -> Result<(), Failure> {
        if runtime == "disabled" {
            self.warnings.push(text(format!("Reboot is required to set SELinux state to '{state}'")));
            self.reboot = true;
            return Ok(());
        }
        if state != "disabled" {
            self.note(format!("SELinux state changed from '{runtime}' to '{state}'"));
            return self.enforce(state == "enforcing");
        }
        self.reboot = true;
        if runtime == "permissive" {
            self.warnings.push(text("SELinux state change will take effect next reboot"));
            return Ok(());
        }
        self.warnings.push(text(format!(
            "SELinux state temporarily changed from '{runtime}' to 'permissive'. State change will take effect next reboot."
        )));
        self.changed = true;
        self.enforce(false)
    }

    fn enforce(&self, enforcing: bool) -> Result<(), Failure> {
        if self.ctx.check {
            return Ok(());
        }
        let value: &[u8] = if enforcing { b"1" } else { b"0" };
        std::fs::write("/sys/fs/selinux/enforce", value)
            .map_err(|e| Failure::new(format!("writing /sys/fs/selinux/enforce: {e}")))
    }

    /// One line of the configuration.
    fn configure(&self, key: &str, value: &str) -> Result<(), Failure> {
        use crate::sys::file::{Look, replace};
        if self.ctx.check {
            return Ok(());
        }
        let old = String::from_utf8_lossy(&std::fs::read(self.file).unwrap_or_default()).into_owned();
        let own = |l: &str| l.strip_prefix(key).is_some_and(|rest| rest.starts_with('='));
        let line = |l: &str| if own(l) { format!("{key}={value}\n") } else { format!("{l}\n") };
        let mut new: String = old.lines().map(line).collect();
        if !old.lines().any(own) {
            new.push_str(&format!("{key}={value}\n"));
        }
        let failed = |e: std::io::Error| Failure::new(format!("writing {}: {e}", self.file));
        let real = Path::new(self.file).canonicalize().map_err(failed)?;
        let look = Look::of_or_fresh(&real).map_err(failed)?;
        replace(&real, new.as_bytes(), &look).map_err(failed)
    }

    /// `selinux=0` on every kernel's command line, or on none.
    fn kernel(&mut self, wanted: bool) -> Result<(), Failure> {
        let grubby =
            self.ctx.runner.which("grubby").ok_or_else(|| Failure::new("'grubby' command not found on host"))?;
        let ran = exec::look(self.ctx, vec![grubby.clone().into(), "--info=ALL".into()])?;
        if ran.rc != 0 {
            return Err(Failure::new("unable to run grubby"));
        }
        let out = ran.out();
        let kernels = out.lines().filter_map(|l| l.strip_prefix("args=\"")?.strip_suffix('"'));
        let off: Vec<bool> = kernels.map(|args| args.split(' ').any(|a| a == "selinux=0")).collect();
        let now = match (off.iter().all(|o| !o), off.iter().all(|o| *o)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        };
        if now == Some(wanted) {
            return Ok(());
        }
        let name = |enabled: bool| if enabled { "enabled" } else { "disabled" };
        let before = now.map_or("<inconsistent>", name);
        self.note(format!("Kernel SELinux state changed from '{before}' to '{}'", name(wanted)));
        if self.ctx.check {
            return Ok(());
        }
        let verb = if wanted { "--remove-args" } else { "--args" };
        let argv = vec![grubby.into(), "--update-kernel=ALL".into(), verb.into(), "selinux=0".into()];
        match exec::change(self.ctx, argv)?.rc {
            0 => Ok(()),
            _ if wanted => Err(Failure::new("unable to remove selinux=0 from kernel config")),
            _ => Err(Failure::new("unable to add selinux=0 to kernel config")),
        }
    }
}

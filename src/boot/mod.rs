//! A boot: seven stages in order, each taking what the one before it proved. [`stages`] shows them.
//!
//! `docs/boot.md` describes stages, states, exit codes, files, configuration and policies.

mod apply;
pub mod carry;
pub mod config;
mod drive;
mod gate;
mod generation;
mod keyring;
pub mod metadata;
mod mount;
mod needs;
pub mod options;
mod outside;
mod overlay;
pub mod receive;
mod report;
mod resume;
mod served;
mod session;
mod slurm;
mod slurmd;
mod stage;
mod stop;
mod switches;
mod verify;
mod web;

pub use stop::Stop;

use crate::apply::FactSource;
use crate::plan::status::{EXIT_BUSY, EXIT_MACHINE, State, Status};
use crate::sys::command::{Command, Recorder, Runner};
use crate::sys::file::{self, Look};
use crate::sys::lock::{Lock, LockError};
use crate::sys::mount::{Writable, furnish};
use config::Config;
use options::Options;
use outside::Outside;
use session::Session;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// How long systemd may take to be told of a timer.
const ARMING: Duration = Duration::from_secs(30);

/// What a boot uses of the world.
pub struct World<'a> {
    /// Runs commands.
    pub runner: &'a dyn Runner,
    /// This node's facts.
    pub facts: Rc<dyn FactSource>,
    /// Where lines for people go.
    pub out: &'a mut dyn Write,
}

/// How a boot ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit code.
    pub code: u8,
    /// What `status.json` says, where it came to that.
    pub status: Option<Status>,
}

/// The boot itself.
fn stages(session: &mut Session, outside: Outside, facts: Rc<dyn FactSource>) -> Result<(), Stop> {
    let Outside { verified, metadata, export, keyring, .. } = outside;
    let verified = session.stage("verify", |s| verify::run(s, verified))?;
    let admitted = session.stage("gate", |s| gate::run(s, verified, metadata))?;
    let resumes = admitted.verified.plan().resumes;
    let scope = if admitted.verified.plan().self_contained {
        session.stage("overlay", |_| Ok(overlay::alone(admitted)))?
    } else {
        let mounted = session.stage("mount", |s| mount::run(s, admitted, export))?;
        let staged = session.stage("stage", |s| stage::run(s, mounted, &keyring))?;
        session.stage("overlay", |s| overlay::run(s, staged))?
    };
    let applied = session.stage("apply", |s| apply::run(s, scope, facts))?;
    if session.options.early {
        return Ok(());
    }
    if resumes {
        return session.stage("resume", |_| Ok(((), "left to the playbook, which calls scontrol itself".to_owned())));
    }
    session.stage("resume", |s| resume::run(s, &applied))
}

/// Boots: what lies outside the root is opened, the root entered, the lock taken; then the stages run.
pub fn run(options: &Options, world: World) -> Finished {
    let World { runner, facts, out } = world;
    match prepare(options) {
        Ok((host, outside)) => locked(options, host, outside, World { runner, facts, out }),
        Err(why) => machine_error(out, &why),
    }
}

fn prepare(options: &Options) -> Result<(String, Outside), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("compute-init-boot configures the whole node: run it as root".to_owned());
    }
    let switches = outside::switches(options);
    let host = outside::host(options, &switches)?;
    let outside = Outside::open(options, switches)?;
    if let Some(root) = &options.root {
        if options.early {
            furnish(root).map_err(|e| format!("binding /proc, /sys, /dev and /run into {}: {e}", root.display()))?;
        }
        let entered = nix::unistd::chroot(root).and_then(|()| nix::unistd::chdir("/"));
        entered.map_err(|e| format!("entering {}: {e}", root.display()))?;
    }
    Ok((host, outside))
}

fn locked(options: &Options, host: String, outside: Outside, world: World) -> Finished {
    let World { runner, facts, out } = world;
    let (config, disabled) = (outside.config(Path::new(options::CONFIG)), outside.switches.disabled);
    let (config, mistakes) = match config {
        Ok(config) if options.early => (config.hastened(), Vec::new()),
        Ok(config) => (config, Vec::new()),
        Err(mistakes) => (Config::default(), mistakes),
    };
    // Check mode leaves nothing behind, so it takes no lock.
    let lock = if options.check { None } else { Some(take_lock(&config.run_dir)) };
    let _lock = match lock {
        None => None,
        Some(Ok(lock)) => Some(lock),
        Some(Err(LockError::Held(pid))) => {
            let who = pid.map(|p| format!(" (process {p})")).unwrap_or_default();
            let _ = writeln!(out, "another compute-init-boot is running{who}: the work is left to it");
            return Finished { code: EXIT_BUSY, status: None };
        }
        Some(Err(LockError::Io(e))) => {
            return machine_error(out, &format!("locking {}: {e}", config.run_dir.display()));
        }
    };
    // Before anything is started in it, a root is often read-only.
    let _writable = match options.early.then(|| Writable::new(Path::new("/"))).transpose() {
        Ok(writable) => writable,
        Err(e) => return machine_error(out, &format!("making the root writable: {e}")),
    };
    let recorder = Recorder::new(runner);
    let mut session = Session::new(options, config, host, &recorder, out);
    // Until it is known how this boot ends, nothing is tried again: a retry would end this boot to start another.
    if let Err(e) = write_status(&session).and_then(|()| mark_retry(&session, false)) {
        return machine_error(session.out(), &format!("writing status.json: {e}"));
    }
    let result = match (disabled, mistakes.is_empty()) {
        (Some(who), _) => Err(Stop::new(State::Disabled, format!("{who} sets compute-init.disable"))),
        (None, true) => stages(&mut session, outside, facts),
        (None, false) => Err(Stop::refused(mistakes.join("; ")).hint("see docs/boot.md for the settings")),
    };
    conclude(&mut session, result)
}

/// Says how it ended: to Slurm where it failed, to people, to `status.json` and to those who wait for the sentinel.
fn conclude(session: &mut Session, result: Result<(), Stop>) -> Finished {
    let (state, message, hint) = match result {
        Ok(()) if session.options.check => (State::Ready, "checked, nothing was changed".to_owned(), None),
        Ok(()) => {
            let changed = session.status.recap.changed;
            (State::Ready, format!("the node is as its roles want it, {changed} changed"), None)
        }
        Err(stop) => {
            if let Some(reason) = drains(&stop).filter(|_| !session.options.early) {
                resume::drain(session, &reason);
            }
            (stop.state, stop.message, stop.hint)
        }
    };
    session.finish(state, message, hint);
    session.conclusion();
    let mut code = state.exit_code();
    if session.reports() {
        let left = write_status(session)
            .and_then(|()| mark_retry(session, session.config.retry.after(state)))
            .and_then(|()| if code == 0 { write_sentinel(session) } else { Ok(()) });
        if let Err(e) = left {
            session.line(&format!("writing status.json or the sentinel: {e}"));
            code = code.max(EXIT_MACHINE);
        }
        if code == 0 && session.config.retry.after(state) {
            arm_retry(session);
        }
        report::leave(session);
    }
    Finished { code, status: Some(session.status.clone()) }
}

/// What Slurm is told of an end that takes the node out of service. A refusal does: slurmd is enabled since the boot
/// before, and would run with what this boot does not trust.
fn drains(stop: &Stop) -> Option<String> {
    match stop.state {
        State::Failed => Some(stop.reason.clone().unwrap_or_else(|| "the boot failed".to_owned())),
        State::Refused => Some(format!("refused: {}", stop.reason.as_deref().unwrap_or(&stop.message))),
        _ => None,
    }
}

fn take_lock(run_dir: &Path) -> Result<Lock, LockError> {
    DirBuilder::new().recursive(true).mode(0o755).create(run_dir).map_err(LockError::Io)?;
    let lock = Lock::take(&run_dir.join("lock"))?;
    generation::sweep(run_dir).map_err(LockError::Io)?;
    Ok(lock)
}

fn write_status(session: &Session) -> io::Result<()> {
    if !session.reports() {
        return Ok(());
    }
    let mut text = serde_json::to_vec_pretty(&session.status)?;
    text.push(b'\n');
    file::replace(&session.config.run_dir.join("status.json"), &text, &Look { mode: 0o644, ..Look::default() })
}

/// The mark that has compute-init-retry.timer start another boot.
fn mark_retry(session: &Session, retry: bool) -> io::Result<()> {
    if !session.reports() {
        return Ok(());
    }
    let path = session.config.run_dir.join("retry");
    if retry {
        return file::replace(&path, b"", &Look { mode: 0o644, ..Look::default() });
    }
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Starts the timer that looks at the mark. A unit that failed does so by itself; what ends well and is to be tried again
/// all the same has to ask for it.
fn arm_retry(session: &mut Session) {
    let command = Command::new(["systemctl", "--no-block", "start", "compute-init-retry.timer"]);
    let said = match session.runner.run(&Command { timeout: Some(ARMING), ..command }) {
        Ok(output) if output.rc == 0 => "tried again in two minutes, by compute-init-retry.timer".to_owned(),
        Ok(output) => {
            format!("not tried again by itself: systemctl: {}", String::from_utf8_lossy(&output.stderr).trim_end())
        }
        Err(e) => format!("not tried again by itself: {e}"),
    };
    session.line(&said);
}

fn write_sentinel(session: &Session) -> io::Result<()> {
    let Some(path) = &session.config.sentinel else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(file::parent(path))?;
    file::replace(path, b"", &Look { mode: 0o644, ..Look::default() })
}

fn machine_error(out: &mut dyn Write, why: &str) -> Finished {
    let _ = writeln!(out, "error: {why}");
    Finished { code: EXIT_MACHINE, status: None }
}

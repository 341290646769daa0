//! `hostname`: the node's name, through hostnamectl where systemd runs, else by command and file.

use super::exec;
use super::facts::Facts;
use super::params::{Params, change, text};
use super::{Context, Diff, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::Args;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let name = args.text("name").unwrap_or_default();
    let how = How::of(ctx, args)?;
    let current = how.current(ctx)?;
    let permanent = how.permanent(ctx)?;
    let stays_permanent = permanent.as_deref().is_none_or(|p| p == name);
    let changed = current != name || !stays_permanent;
    if changed && matches!(how, How::Systemd) && name.len() > 64 {
        return Err(Failure::new("name cannot be longer than 64 characters on systemd servers, try a shorter name"));
    }
    if !ctx.check {
        how.apply(ctx, &name, (current != name, !stays_permanent))?;
    }
    let before = if current == name { permanent.unwrap_or_default() } else { current };
    // The names that the network gives are those from before the change, as Ansible reports them.
    let facts = Facts::with(ctx.runner);
    let fact = |fact: &str| facts.get(fact).unwrap_or_else(|| text(""));
    let facts: Map = [
        ("ansible_hostname", text(name.split('.').next().unwrap_or_default())),
        ("ansible_nodename", text(&name)),
        ("ansible_fqdn", fact("fqdn")),
        ("ansible_domain", fact("domain")),
    ]
    .into_iter()
    .map(|(k, v)| (Data::str(k), v))
    .collect();
    let mut outcome = Outcome { changed, facts, ..Outcome::default() };
    if changed {
        outcome.changes.push(change("hostname", &name));
        outcome.diff.push(Diff {
            before: format!("hostname = {before}\n").into_bytes(),
            after: format!("hostname = {name}\n").into_bytes(),
            ..Diff::default()
        });
    }
    Ok(outcome.with("name", text(name)))
}

enum How {
    Systemd,
    /// A file that holds nothing but the name.
    File(&'static str),
    /// /etc/sysconfig/network.
    RedHat,
    /// Only the running name.
    Command,
}

const NETWORK: &str = "/etc/sysconfig/network";

impl How {
    fn of(ctx: &Context, args: &Args) -> Result<How, Failure> {
        let named = args.text("use");
        let booted =
            ["/run/systemd/system/", "/dev/.run/systemd/", "/dev/.systemd/"].iter().any(|p| Path::new(p).exists());
        Ok(match named.as_deref() {
            Some("systemd") => How::Systemd,
            Some("debian" | "alpine") => How::File("/etc/hostname"),
            Some("sles") => How::File("/etc/HOSTNAME"),
            Some("redhat") => How::RedHat,
            Some("generic") => How::Command,
            Some(other) => return Err(Failure::new(format!("hostname cannot be set the way of {other} on Linux"))),
            None if booted && ctx.runner.which("systemctl").is_some() => How::Systemd,
            None => {
                let family = Facts::with(ctx.runner).get("os_family");
                match family.as_ref().and_then(Data::as_str) {
                    Some("RedHat") => How::RedHat,
                    Some("Suse") => How::File("/etc/HOSTNAME"),
                    _ => How::File("/etc/hostname"),
                }
            }
        })
    }

    fn current(&self, ctx: &Context) -> Result<String, Failure> {
        match self {
            How::Systemd => hostnamectl(ctx, &["--transient", "status"]),
            How::Command => ask(ctx, &["hostname"]),
            How::File(_) | How::RedHat => Ok(self.permanent(ctx)?.unwrap_or_default()),
        }
    }

    fn permanent(&self, ctx: &Context) -> Result<Option<String>, Failure> {
        match self {
            How::Systemd => hostnamectl(ctx, &["--static", "status"]).map(Some),
            How::Command => Ok(None),
            How::File(path) => Ok(Some(read(path)?.trim().to_owned())),
            How::RedHat => {
                let content = read(NETWORK)?;
                let line = content.lines().find_map(|l| l.trim().strip_prefix("HOSTNAME")?.split_once('='));
                line.map(|(_, v)| Some(v.trim().to_owned()))
                    .ok_or_else(|| Failure::new(format!("Unable to locate HOSTNAME entry in {NETWORK}")))
            }
        }
    }

    /// NetworkManager wants the permanent name set first.
    fn apply(&self, ctx: &Context, name: &str, (current, permanent): (bool, bool)) -> Result<(), Failure> {
        match self {
            How::Systemd => {
                if permanent {
                    set(ctx, &["hostnamectl", "--pretty", "--static", "set-hostname", name])?;
                }
                if current {
                    set(ctx, &["hostnamectl", "--transient", "set-hostname", name])?;
                }
                Ok(())
            }
            How::Command if current => set(ctx, &["hostname", name]),
            How::File(path) if permanent => write(path, &format!("{name}\n")),
            How::RedHat if permanent => {
                let content = read(NETWORK)?;
                let line = |l: &str| {
                    if l.trim().starts_with("HOSTNAME") { format!("HOSTNAME={name}\n") } else { l.to_owned() }
                };
                write(NETWORK, &content.split_inclusive('\n').map(line).collect::<String>())
            }
            How::Command | How::File(_) | How::RedHat => Ok(()),
        }
    }
}

fn hostnamectl(ctx: &Context, words: &[&str]) -> Result<String, Failure> {
    ask(ctx, &[&["hostnamectl"], words].concat())
}

fn argv(ctx: &Context, words: &[&str]) -> Result<Vec<std::ffi::OsString>, Failure> {
    let program = exec::program(ctx, words[0])?;
    Ok(std::iter::once(program).chain(words[1..].iter().map(Into::into)).collect())
}

fn ask(ctx: &Context, words: &[&str]) -> Result<String, Failure> {
    let ran = exec::look(ctx, argv(ctx, words)?)?;
    demand(&ran)?;
    Ok(ran.out().trim().to_owned())
}

fn set(ctx: &Context, words: &[&str]) -> Result<(), Failure> {
    demand(&exec::change(ctx, argv(ctx, words)?)?)
}

fn demand(ran: &exec::Ran) -> Result<(), Failure> {
    match ran.rc {
        0 => Ok(()),
        rc => Err(Failure::new(format!("Command failed rc={rc}, out={}, err={}", ran.out(), ran.err()))),
    }
}

fn read(path: &str) -> Result<String, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(e) => Err(Failure::new(format!("failed to read hostname: {path}: {e}"))),
    }
}

fn write(path: &str, content: &str) -> Result<(), Failure> {
    use crate::sys::file::{Look, replace};
    let target = Path::new(path);
    Look::of_or_fresh(target)
        .and_then(|look| replace(target, content.as_bytes(), &look))
        .map_err(|e| Failure::new(format!("failed to update hostname: {path}: {e}")))
}

//! `group`: groups through the system's groupadd, groupmod and groupdel.

use super::accounts::Accounts;
use super::exec::{self, Ran};
use super::params::{Params, change, int, text};
use super::{Context, Failure, Outcome};
use crate::spec::Args;
use std::ffi::OsString;
use std::path::Path;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    run_at(ctx, args, Path::new("/"))
}

struct Wanted<'a> {
    ctx: &'a Context<'a>,
    accounts: Accounts<'a>,
    name: String,
    gid: Option<i64>,
    system: bool,
    local: bool,
    force: bool,
    non_unique: bool,
}

pub(super) fn run_at(ctx: &Context, args: &Args, root: &Path) -> Result<Outcome, Failure> {
    let wanted = Wanted {
        ctx,
        accounts: Accounts::new(ctx, root),
        name: args.text("name").unwrap_or_default(),
        gid: args.int("gid"),
        system: args.flag("system"),
        local: args.flag("local"),
        force: args.flag("force"),
        non_unique: args.flag("non_unique"),
    };
    if wanted.force && wanted.local {
        let msg = "force is not a valid option for local, force=True and local=True are mutually exclusive";
        return Err(Failure::new(msg));
    }
    let absent = args.text("state").as_deref() == Some("absent");
    let exists = wanted.exists()?;
    if ctx.check && exists == absent {
        return Ok(Outcome { changed: true, changes: vec![change("group", &wanted.name)], ..Outcome::default() });
    }
    let ran = match (absent, exists) {
        (true, true) => Some(wanted.remove()?),
        (true, false) => None,
        (false, false) => Some(wanted.add()?),
        (false, true) => wanted.modify()?,
    };
    let mut outcome = Outcome::default()
        .with("name", text(&wanted.name))
        .with("state", text(if absent { "absent" } else { "present" }));
    if let Some(ran) = ran {
        if ran.rc != 0 {
            return Err(super::params::failure(ran.err(), [("name", text(&wanted.name))]));
        }
        outcome.changed = true;
        outcome.changes.push(change("group", &wanted.name));
        if !ran.stdout.is_empty() {
            outcome = outcome.with("stdout", text(ran.out()));
        }
        if !ran.stderr.is_empty() {
            outcome = outcome.with("stderr", text(ran.err()));
        }
    }
    if wanted.exists()?
        && let Some(group) = wanted.accounts.group(&wanted.name)?
    {
        outcome = outcome.with("system", wanted.system).with("gid", int(group.gid));
    }
    Ok(outcome)
}

impl Wanted<'_> {
    fn exists(&self) -> Result<bool, Failure> {
        match self.local {
            true => self.accounts.in_file("group", &self.name),
            false => Ok(self.accounts.group(&self.name)?.is_some()),
        }
    }

    /// The tool, in its flavour of libuser where `local` asks for it.
    fn tool(&self, name: &str) -> Result<Vec<OsString>, Failure> {
        let name = if self.local { format!("l{name}") } else { name.to_owned() };
        Ok(vec![exec::program(self.ctx, &name)?])
    }

    fn remove(&self) -> Result<Ran, Failure> {
        let mut argv = self.tool("groupdel")?;
        if self.force {
            argv.push("-f".into());
        }
        argv.push(self.name.clone().into());
        exec::change(self.ctx, argv)
    }

    fn add(&self) -> Result<Ran, Failure> {
        self.refuse_taken_gid()?;
        let mut argv = self.tool("groupadd")?;
        self.push_gid(&mut argv, self.gid);
        if self.system {
            argv.push("-r".into());
        }
        argv.push(self.name.clone().into());
        exec::change(self.ctx, argv)
    }

    fn modify(&self) -> Result<Option<Ran>, Failure> {
        self.refuse_taken_gid()?;
        let mut argv = self.tool("groupmod")?;
        let now = self.accounts.group(&self.name)?.map(|g| i64::from(g.gid));
        self.push_gid(&mut argv, self.gid.filter(|gid| Some(*gid) != now));
        if argv.len() == 1 {
            return Ok(None);
        }
        if self.ctx.check {
            return Ok(Some(Ran::default()));
        }
        argv.push(self.name.clone().into());
        exec::change(self.ctx, argv).map(Some)
    }

    fn push_gid(&self, argv: &mut Vec<OsString>, gid: Option<i64>) {
        if let Some(gid) = gid {
            argv.extend(["-g".into(), gid.to_string().into()]);
            if self.non_unique {
                argv.push("-o".into());
            }
        }
    }

    /// libuser's tools do not see a gid that is in use elsewhere.
    fn refuse_taken_gid(&self) -> Result<(), Failure> {
        let Some(gid) = self.gid.filter(|gid| self.local && *gid != 0) else { return Ok(()) };
        let taken = self.accounts.groups()?.into_iter().find(|g| i64::from(g.gid) == gid && g.name != self.name);
        match taken {
            Some(group) => Err(Failure::new(format!("GID '{gid}' already exists with group '{}'", group.name))),
            None => Ok(()),
        }
    }
}

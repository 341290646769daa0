//! `build --fake-build`: what building an image and rebooting would do, at once: build, sign with the development key,
//! install, run the boot again, show what changed. For people who work on roles.

use super::build::{Sealing, seal};
use super::origin::Origin;
use super::reexport::{self, Exported};
use super::{Exit, Ui, install, tour};
use crate::boot::config::seconds;
use crate::bundle::{PublicKey, SigningKey, Trust, Verified};
use crate::image::engine::{self, Become, Engine};
use crate::image::hosts::{self, HostResult, Parcel, Ssh, Sudo};
use crate::image::{self, Admission, Change, DevelopmentKey, Given, Install, Mode, Rerun, Root, rerun};
use crate::sys::watch::{Watcher, Woken};
use anyhow::{Context, bail};
use serde_json::json;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of a fake build.
#[derive(clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Fake build")]
pub(super) struct Args {
    /// Build, install and boot again at once, without an image; on this machine, on --root or on --host
    #[arg(long, conflicts_with = "output")]
    fake_build: bool,
    /// Work on the root file system in DIR
    #[arg(long, value_name = "DIR", requires = "fake_build")]
    root: Option<PathBuf>,
    /// Work on these machines, over your own ssh; SOURCE comes before
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',', requires = "fake_build")]
    #[arg(conflicts_with = "root")]
    host: Vec<String>,
    /// Have an engine do it that the site runs already: slurm for the nodes of the allocation that this runs in, clush
    /// for the sets of nodes in --host
    #[arg(long, value_name = "ENGINE", requires = "fake_build", conflicts_with = "root")]
    via: Option<Via>,
    /// Become root there with sudo, without a password
    #[arg(long, requires = "fake_build", conflicts_with = "root")]
    sudo: bool,
    /// A configuration for ssh other than your own
    #[arg(long, value_name = "FILE", requires = "host")]
    ssh_config: Option<PathBuf>,
    /// Give up on machines that take longer in all: seconds, or 90s, 10m, 2h
    #[arg(long, value_name = "TIME", requires = "fake_build", conflicts_with = "root", default_value = "80m")]
    #[arg(value_parser = time)]
    deadline: Duration,
    /// Put the bundle before the current one back, and boot again
    #[arg(long, requires = "fake_build", conflicts_with_all = ["watch", "source"])]
    undo: bool,
    /// Do it again whenever a file of the source is saved, until Ctrl-C
    #[arg(long, requires = "fake_build")]
    watch: bool,
    /// Have a machine that trusts other keys trust your development key, too
    #[arg(long, requires = "fake_build")]
    trust_development: bool,
    /// Instance metadata for the boot: a file or a URL
    #[arg(long, value_name = "SOURCE", requires = "fake_build")]
    metadata: Option<String>,
    /// The control export for the boot: a directory or a URL
    #[arg(long, value_name = "SOURCE", requires = "fake_build")]
    export: Option<String>,
    /// The short host name that the boot takes the variables of
    #[arg(long, value_name = "NAME", requires = "fake_build")]
    node: Option<String>,
    /// The executor [default: compute-init-boot beside this program, or else this machine's own]
    #[arg(long, value_name = "FILE", requires = "fake_build")]
    executor: Option<PathBuf>,
    #[command(flatten)]
    export_again: reexport::Args,
}

/// Who reaches the nodes.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Via {
    /// sbcast and srun
    Slurm,
    /// clush
    Clush,
}

impl Args {
    /// Whether it is to be a fake build.
    pub(super) fn asked(&self) -> bool {
        self.fake_build
    }

    fn given(&self) -> Given {
        let named = Given { metadata: self.metadata.clone(), export: self.export.clone(), node: self.node.clone() };
        // What is no machine of a cluster has no control node: it reads what was written here.
        let alone = !self.elsewhere() && (self.root.is_some() || named != Given::default());
        let written = self.export_again.dest().filter(|_| alone).map(|dest| dest.display().to_string());
        Given { export: named.export.or(written), ..named }
    }

    /// Whether it is about other machines.
    fn elsewhere(&self) -> bool {
        !self.host.is_empty() || self.via.is_some()
    }

    /// The engine that was asked for.
    fn engine(&self) -> anyhow::Result<Option<Engine>> {
        Ok(match (self.via, self.host.is_empty()) {
            (None, _) => None,
            (Some(Via::Slurm), true) => Some(Engine::Slurm),
            (Some(Via::Slurm), false) => bail!("--via slurm reaches the nodes of its allocation: leave --host out"),
            (Some(Via::Clush), false) => {
                Some(Engine::Clush { nodes: self.host.join(","), config: self.ssh_config.clone() })
            }
            (Some(Via::Clush), true) => bail!("--via clush has to be told which nodes: name them with --host"),
        })
    }

    fn root(&self) -> anyhow::Result<Root> {
        if !nix::unistd::geteuid().is_root() {
            bail!("a fake build installs and boots: run it as root, for example with sudo");
        }
        Ok(Root::open(self.root.as_deref().unwrap_or(Path::new("/")))?)
    }
}

/// Whose signature the bundle gets.
enum Signers {
    /// The keys that were named.
    Named(Vec<SigningKey>),
    /// The user's development key.
    Development(Box<DevelopmentKey>),
}

impl Signers {
    fn new(named: Vec<SigningKey>, ui: &Ui) -> anyhow::Result<Signers> {
        if !named.is_empty() {
            return Ok(Signers::Named(named));
        }
        let directory =
            state_directory(env::var_os("XDG_STATE_HOME").map(PathBuf::from), env::var_os("HOME").map(PathBuf::from))?;
        let there = directory.join("development.key").exists();
        let key = DevelopmentKey::load_or_make(&directory)?;
        if !there {
            ui.progress(&format!("made your development key, {}", key.path.display()));
        }
        Ok(Signers::Development(Box::new(key)))
    }

    fn keys(&self) -> &[SigningKey] {
        match self {
            Signers::Named(keys) => keys,
            Signers::Development(development) => std::slice::from_ref(&development.key),
        }
    }

    fn development(&self) -> Option<&DevelopmentKey> {
        match self {
            Signers::Named(_) => None,
            Signers::Development(development) => Some(development),
        }
    }

    fn admit(&self, root: &Root, admission: Admission) -> Result<Vec<(String, PublicKey)>, image::Error> {
        match self {
            Signers::Named(_) => Ok(Vec::new()),
            Signers::Development(development) => development.admit(root, admission),
        }
    }
}

/// Where the user's state is, as the XDG base directories have it.
fn state_directory(xdg: Option<PathBuf>, home: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    // Relative ones are to be ignored, says the specification.
    let state = xdg.filter(|dir| dir.is_absolute());
    let state = state.or_else(|| Some(home.filter(|dir| dir.is_absolute())?.join(".local/state")));
    match state {
        Some(state) => Ok(state.join("compute-init")),
        None => bail!("the development key has no place: set HOME or XDG_STATE_HOME, or sign with --key"),
    }
}

pub(super) fn run(args: &Args, origin: &Origin, keys: Vec<SigningKey>, ui: &Ui) -> anyhow::Result<Exit> {
    if args.sudo && !args.elsewhere() {
        bail!("--sudo is for other machines: run this one as root, for example with sudo");
    }
    args.engine()?;
    if args.undo {
        return undo(args, ui);
    }
    if !args.elsewhere() {
        args.root()?;
    }
    let signers = Signers::new(keys, ui)?;
    if !args.watch {
        return once(args, origin, &signers, ui);
    }
    let mut directories = origin.directories();
    directories.extend(args.export_again.directories());
    if directories.is_empty() {
        bail!("the shipped role set does not change: name the SOURCE that is to be watched");
    }
    for written in args.root.as_deref().into_iter().chain(args.export_again.dest()) {
        if let Some(above) = directories.iter().find(|directory| holds(directory, written)) {
            bail!("{} is written to and lies in {}, which is watched", written.display(), above.display());
        }
    }
    let mut watcher = Watcher::new(&directories).context("watching the source")?;
    loop {
        // What is wrong now may be right after the next save.
        if let Err(error) = once(args, origin, &signers, ui) {
            ui.failed(&error);
        }
        ui.progress("waiting for changes; Ctrl-C ends");
        match watcher.wait().context("watching the source")? {
            Woken::Stopped => return Ok(Exit::Done),
            Woken::Changed(paths) => {
                let names: Vec<String> = paths.iter().take(3).map(|path| path.display().to_string()).collect();
                ui.progress(&format!("changed: {}", names.join(", ")));
            }
        }
    }
}

/// A time as the node's own settings have it.
fn time(text: &str) -> Result<Duration, String> {
    match text.parse().ok().or_else(|| seconds(text)) {
        Some(n) if (1..=30 * 86_400).contains(&n) => Ok(Duration::from_secs(n)),
        _ => Err("a time from 1s to 30d is wanted: seconds, or 90s, 10m, 12h, 7d".to_owned()),
    }
}

/// Whether a path lies in a directory, wherever links lead. What is not there yet lies where its directory is.
fn holds(directory: &Path, path: &Path) -> bool {
    let there = path.ancestors().find_map(|above| above.canonicalize().ok());
    let directory = directory.canonicalize();
    matches!((there, directory), (Some(there), Ok(directory)) if there.starts_with(&directory))
}

fn once(args: &Args, origin: &Origin, signers: &Signers, ui: &Ui) -> anyhow::Result<Exit> {
    let start = Instant::now();
    let sealed = match seal(origin, signers.keys(), ui)? {
        Sealing::Sealed { sealed, .. } => sealed,
        Sealing::Refused(exit) => return Ok(exit),
    };
    if let Exported::Refused(exit) = args.export_again.run(origin, ui)? {
        return Ok(exit);
    }
    let admission = if args.trust_development { Admission::Asked } else { Admission::NotAsked };
    let executor = install::executor(args.executor.as_deref())?;
    let scratch = tempfile::tempdir().context("making a scratch directory")?;
    let bundle = scratch.path().join("bundle");
    fs::write(&bundle, sealed.archive(0)?).context("packing")?;
    if args.elsewhere() {
        let keys = signers.keys().iter().map(|key| ("the key".to_owned(), key.public())).collect();
        let verified = Verified::archive(&bundle, &Trust::keys("the keys that signed", keys)?)?;
        return deliver(args, Some(&verified), signers.development(), admission, ui);
    }
    let root = args.root()?;
    let trust = signers.admit(&root, admission)?;
    let what = Install { bundle: &bundle, executor: &executor, command: None, trust: &trust, config: None };
    let installed = image::install(&root, &what, Mode::Make, &mut |change| tell(change, ui))?;
    boot(args, &root, &installed, start, ui)
}

fn undo(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    if args.elsewhere() {
        return deliver(args, None, None, Admission::NotAsked, ui);
    }
    let (start, root) = (Instant::now(), args.root()?);
    let back = image::rollback(&root, Mode::Make, &mut |change| tell(change, ui))?;
    boot(args, &root, &back, start, ui)
}

/// The same on other machines. Exits as the worst of them did.
fn deliver(
    args: &Args,
    bundle: Option<&Verified>,
    development: Option<&DevelopmentKey>,
    admission: Admission,
    ui: &Ui,
) -> anyhow::Result<Exit> {
    let file = install::executor(args.executor.as_deref())?;
    let executor = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
    let given = args.given();
    let public = development.map(|d| d.key.public());
    let development = development.and_then(|d| Some((d.name.as_str(), public.as_ref()?)));
    let parcel = Parcel { bundle, executor: &executor, development, admission, given: &given };
    let results = match args.engine()? {
        Some(engine) => {
            let root = if args.sudo { Become::Sudo } else { Become::Nobody };
            let mut say = |node: &str, line: &str| match node {
                "" => ui.progress(line),
                _ => ui.progress(&format!("{node}: {line}")),
            };
            engine::deliver(&engine, (root, args.deadline), &parcel, &mut say)
                .map_err(|engine::Failed(why)| anyhow::anyhow!(why))?
        }
        None => {
            let ssh = Ssh { config: args.ssh_config.clone(), sudo: args.sudo.then_some(Sudo), limit: args.deadline };
            hosts::deliver(&args.host, &ssh, &parcel, &|host, line| ui.progress(&format!("{host}: {line}")))
        }
    };
    let mut text = String::new();
    for result in &results {
        // Writing to a String cannot fail.
        let _ = write_host(&mut text, result);
    }
    let value = json!({ "bundle": bundle.map(|b| b.digest().to_string()), "hosts": results });
    ui.result(&value, &text)?;
    Ok(Exit::Boot(results.iter().map(|result| result.code).max().unwrap_or_default()))
}

fn write_host(out: &mut String, result: &HostResult) -> std::fmt::Result {
    match (&result.error, &result.status) {
        (Some(error), _) => writeln!(out, "{}: {error} (exit code {})", result.host, result.code),
        (None, Some(status)) => {
            writeln!(out, "{}: {}, {}", result.host, status.state, status.message)?;
            tour::write_changes(out, status)
        }
        (None, None) => Ok(()),
    }
}

fn tell(change: &Change, ui: &Ui) {
    ui.progress(&format!("{} {}", change.what, change.path));
}

fn boot(args: &Args, root: &Root, installed: &image::Report, start: Instant, ui: &Ui) -> anyhow::Result<Exit> {
    ui.progress(&format!("booting {}", root.path().display()));
    let ended = rerun(root, &args.given())?;
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    let value = json!({
        "bundle": installed.bundle,
        "signer": installed.signer,
        "installed": installed.changes,
        "code": ended.code,
        "status": ended.status,
        "elapsed_ms": elapsed,
    });
    ui.result(&value, &describe(installed, &ended, elapsed))?;
    Ok(Exit::Boot(ended.code))
}

fn describe(installed: &image::Report, ended: &Rerun, elapsed: f64) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut text, installed, ended, elapsed);
    text
}

fn write_report(out: &mut String, installed: &image::Report, ended: &Rerun, elapsed: f64) -> std::fmt::Result {
    if let (Some(bundle), Some(signer)) = (&installed.bundle, &installed.signer) {
        writeln!(out, "bundle   {bundle}\nsigner   {signer}")?;
    }
    writeln!(out, "install  {} changes made", installed.changes.len())?;
    match &ended.status {
        Some(status) => {
            writeln!(out, "boot     {}: {}", status.state, status.message)?;
            tour::write_changes(out, status)?;
        }
        None => writeln!(out, "boot     ended with {} and left no status", ended.code)?,
    }
    writeln!(out, "time     {elapsed:.0} ms from source to node")
}

#[cfg(test)]
mod tests {
    use super::state_directory;

    #[test]
    fn the_users_state_is_where_xdg_has_it() {
        let at = |xdg: Option<&str>, home: Option<&str>| state_directory(xdg.map(Into::into), home.map(Into::into));
        assert_eq!(at(Some("/s"), Some("/h")).unwrap(), std::path::Path::new("/s/compute-init"));
        assert_eq!(at(None, Some("/h")).unwrap(), std::path::Path::new("/h/.local/state/compute-init"));
        assert_eq!(at(Some("rel"), Some("/h")).unwrap(), std::path::Path::new("/h/.local/state/compute-init"));
        for (xdg, home) in [(None, None), (Some(""), None), (Some("rel"), Some("rel")), (None, Some(""))] {
            assert!(at(xdg, home).unwrap_err().to_string().contains("--key"));
        }
    }
}

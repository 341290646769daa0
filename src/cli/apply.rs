//! `apply` and `plan`: compile a playbook and run it here, in ansible-playbook's manner.

use super::console::Console;
use super::inventory::{self, Wanted};
use super::{Exit, Ui, vault};
use crate::apply::{self, Blobs, Inventory, World};
use crate::compile::{self, Compiled, Findings};
use crate::modules::facts::Facts;
use crate::plan::{FileRef, Map};
use crate::source::{FileBytes, Tree};
use crate::sys::command::SystemRunner;
use crate::vars::Vault;
use crate::vars::vault::Keyring;
use anyhow::Context;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Run a playbook on this machine
///
/// Compiles the playbook and applies it here, as ansible-playbook does with a local connection, and prints what
/// ansible-playbook prints. Exits as it does: 0, 2 when a task failed, 4 when the playbook cannot be understood.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    run: Run,
    /// Change nothing; say what would change
    #[arg(short = 'C', long)]
    check: bool,
    /// Show differences
    #[arg(short = 'D', long)]
    diff: bool,
}

/// Show what a playbook would change on this machine
///
/// `apply --check --diff`.
#[derive(clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    run: Run,
}

/// What both commands take; the names are ansible-playbook's.
#[derive(clap::Args)]
struct Run {
    /// The playbooks, one after the other
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    /// Inventory: `HOST,`, an INI or YAML file or a directory of them, or the JSON of `ansible-inventory --list`
    #[arg(short, long, visible_alias = "inventory-file", value_name = "INVENTORY")]
    inventory: Vec<String>,
    /// Extra variables: `name=value ...`, YAML or JSON, or @FILE
    #[arg(short, long, value_name = "VARS")]
    extra_vars: Vec<String>,
    /// The host of the inventory that this machine is
    #[arg(short, long, value_name = "HOST")]
    limit: Option<String>,
    /// Run only tasks with these tags
    #[arg(short, long, value_name = "TAGS")]
    tags: Vec<String>,
    /// Leave out tasks with these tags
    #[arg(long, value_name = "TAGS")]
    skip_tags: Vec<String>,
    /// Start at the task of this name
    #[arg(long, value_name = "NAME")]
    start_at_task: Option<String>,
    /// Run notified handlers even if a task fails
    #[arg(long)]
    force_handlers: bool,
    /// Further directories with roles
    #[arg(long, value_name = "DIR")]
    roles_path: Vec<PathBuf>,
    /// How many hosts at once; there is only this one
    #[arg(short, long, value_name = "FORKS")]
    forks: Option<u32>,
    /// Facts are never kept from run to run, so there is nothing to clear
    #[arg(long)]
    flush_cache: bool,
    /// Show more; -vv paths of tasks, -vvv whole results
    #[arg(short, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    vault: vault::Passwords,
    /// The connection; only `local` can be
    #[arg(short, long, default_value = "local", value_parser = ["local"])]
    connection: String,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    playbooks(&args.run, &Mode { check: args.check, diff: args.diff }, ui)
}

pub(super) fn plan(args: &PlanArgs, ui: &Ui) -> anyhow::Result<Exit> {
    playbooks(&args.run, &Mode { check: true, diff: true }, ui)
}

/// Whether to change anything, and to show what.
struct Mode {
    check: bool,
    diff: bool,
}

/// Runs each playbook; the first that does not end well ends the run.
fn playbooks(args: &Run, mode: &Mode, ui: &Ui) -> anyhow::Result<Exit> {
    for path in &args.playbooks {
        let exit = playbook(path, args, mode, ui)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

fn playbook(path: &Path, args: &Run, mode: &Mode, ui: &Ui) -> anyhow::Result<Exit> {
    let (directory, name) = split(path)?;
    let mut tree = Tree::directory(&directory).with_context(|| format!("opening {}", directory.display()))?;
    for path in roles_paths(args) {
        tree.add_roles_path(&path).with_context(|| format!("opening the roles path {}", path.display()))?;
    }
    let keyring = vault::keyring(&args.vault)?;
    let mut extra = Map::new();
    for text in &args.extra_vars {
        extra.extend(inventory::extra_vars(text, &keyring)?);
    }
    let options = compile::Options {
        extra_vars: extra.clone(),
        findings: Findings::AtRunTime,
        keyring: Some(Rc::clone(&keyring)),
    };
    let compiled = match compile::compile(&tree, &name, &options) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            ui.diagnostics(&diagnostics.0);
            return Ok(Exit::Ansible(4));
        }
    };
    ui.diagnostics(&compiled.warnings);
    let patterns: Vec<String> = compiled.plan.plays.iter().flat_map(|p| p.hosts.clone()).collect();
    let wanted =
        Wanted { limit: args.limit.as_deref(), patterns: &patterns, playbook_dir: &directory, keyring: &keyring };
    let inventory = inventory::read(&sources(args), &wanted)?;
    let options = apply::Options {
        no_handlers: false,
        check: mode.check,
        diff: mode.diff,
        tags: listed(&args.tags),
        skip_tags: listed(&args.skip_tags),
        start_at: args.start_at_task.clone(),
        force_handlers: args.force_handlers,
        extra,
        deadline: None,
        verbosity: args.verbose,
        source_root: Some(directory.to_string_lossy().into_owned()),
        source_mounts: tree.mounted().map(|(n, d)| (n.to_owned(), d.to_string_lossy().into_owned())).collect(),
        vault: Some(Rc::clone(&keyring) as Rc<dyn Vault>),
    };
    // Modules find relative paths in the playbook's directory.
    let before = std::env::current_dir().context("finding the current directory")?;
    std::env::set_current_dir(&directory).with_context(|| format!("entering {}", directory.display()))?;
    let report = here(&compiled, &inventory, &options, &keyring);
    std::env::set_current_dir(&before).with_context(|| format!("entering {}", before.display()))?;
    let report = report?;
    Ok(if report.failed.is_some() { Exit::Ansible(2) } else { Exit::Done })
}

/// Runs a compiled playbook on this machine, printing as it goes.
fn here(
    compiled: &Compiled,
    inventory: &Inventory,
    options: &apply::Options,
    keyring: &Rc<Keyring>,
) -> anyhow::Result<apply::Report> {
    let root = options.source_root.as_deref().map_or(Path::new("/"), Path::new);
    let runner = SystemRunner::with_environment(std::env::vars_os()).in_directory(root);
    let world = World {
        plan: &compiled.plan,
        blobs: &Memory(&compiled.files),
        runner: &runner,
        facts: Rc::new(Facts::new(Rc::new(SystemRunner::new()))),
        inventory,
        options,
    };
    let mut out = io::stdout().lock();
    let mut console = Console::new(&mut out, &inventory.host).showing(options.verbosity, options.diff).masking(keyring);
    let report = apply::run(&world, &mut console);
    console.finish().context("writing to standard output")?;
    Ok(report)
}

/// The files of a build that was not packed.
struct Memory<'a>(&'a BTreeMap<String, FileBytes>);

impl Blobs for Memory<'_> {
    fn read(&self, path: &str, _: &FileRef) -> io::Result<Vec<u8>> {
        let file = self.0.get(path).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, path.to_owned()))?;
        Ok(file.bytes.to_vec())
    }
}

/// The playbook's directory, absolute, and its name.
fn split(playbook: &Path) -> anyhow::Result<(PathBuf, String)> {
    let name = playbook.file_name().and_then(|n| n.to_str());
    let name = name.with_context(|| format!("{} does not name a playbook", playbook.display()))?.to_owned();
    let directory = match playbook.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = std::fs::canonicalize(directory).with_context(|| format!("opening {}", directory.display()))?;
    Ok((directory, name))
}

/// `-i`, else what `ANSIBLE_INVENTORY` lists.
fn sources(args: &Run) -> Vec<String> {
    if !args.inventory.is_empty() {
        return args.inventory.clone();
    }
    let named = std::env::var("ANSIBLE_INVENTORY").unwrap_or_default();
    if named.is_empty() { Vec::new() } else { vec![named] }
}

/// `--roles-path`, else the directories of `ANSIBLE_ROLES_PATH`.
fn roles_paths(args: &Run) -> Vec<PathBuf> {
    if !args.roles_path.is_empty() {
        return args.roles_path.clone();
    }
    let listed = std::env::var_os("ANSIBLE_ROLES_PATH").unwrap_or_default();
    std::env::split_paths(&listed).filter(|p| p.is_dir()).collect()
}

/// Values that may each be a list with commas.
fn listed(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|v| v.split(',')).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
}

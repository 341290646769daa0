//! `apply` and `plan`: compile a playbook and run it here, in ansible-playbook's manner.

mod cache;
mod hosts;
mod later;
mod listing;
mod report;
mod settings;

use super::console::Console;
use super::inventory::{self, Inventories};
use super::{Exit, Ui, vault};
use crate::apply;
use crate::compile::{self, Compiled, Findings};
use crate::plan::Map;
use crate::source::Tree;
use crate::sys::pipe::drained;
use crate::vars::vault::Keyring;
use crate::vars::{Configuration, Vault};
use anyhow::Context;
use cache::Cache;
use hosts::Hosts;
use later::Source;
use report::Reporter;
use settings::Settings;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

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
    /// Forget the facts that earlier runs kept
    #[arg(long)]
    flush_cache: bool,
    /// Show more; -vv paths of tasks, -vvv whole results
    #[arg(short, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    list: listing::Wanted,
    #[command(flatten)]
    vault: vault::Passwords,
    /// Become root, or --become-user, in tasks that do not say whom
    #[arg(short, long)]
    r#become: bool,
    /// The user that --become means
    #[arg(long, value_name = "USER", default_value = "root")]
    become_user: String,
    /// The connection; only `local` can be
    #[arg(short, long, value_parser = ["local", "ansible.builtin.local"])]
    connection: Option<String>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let exit = playbooks(&args.run, &Mode { check: args.check, diff: args.diff }, ui);
    // Whoever looks at what `tee` wrote down, as scripts around ansible-playbook do, finds all of it.
    drained(io::stdout().as_fd(), READER);
    drained(io::stderr().as_fd(), READER);
    exit
}

pub(super) fn plan(args: &PlanArgs, ui: &Ui) -> anyhow::Result<Exit> {
    playbooks(&args.run, &Mode { check: true, diff: true }, ui)
}

/// How long a slow reader of the output is waited for.
const READER: Duration = Duration::from_secs(1);

/// Whether to change anything, and to show what.
struct Mode {
    check: bool,
    diff: bool,
}

/// Runs each playbook; the first that does not end well ends the run.
fn playbooks(args: &Run, mode: &Mode, ui: &Ui) -> anyhow::Result<Exit> {
    let settings = Rc::new(Settings::read()?);
    let keyring = vault::keyring(&args.vault)?;
    let mut extra = Map::default();
    for text in &args.extra_vars {
        extra.extend(inventory::extra_vars(text, &keyring)?);
    }
    let mut inventories = Inventories::new(sources(args, &settings), &keyring);
    inventories.all_local = args.connection.is_some();
    inventories.merge_hashes = settings.merges_hashes()?;
    inventories.names = settings.group_names()?;
    inventories.ranges = settings.ranges_of_hosts();
    let cache = Cache::of(&settings)?;
    let mut hosts = Hosts::new(inventories, args.limit.clone(), cache);
    if args.flush_cache {
        hosts.forget()?;
    }
    let merge_hashes = hosts.inventories.merge_hashes;
    let run = Prepared { args, mode, ui, settings, extra, keyring, merge_hashes };
    for path in &args.playbooks {
        let exit = run.playbook(path, &mut hosts)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    Ok(Exit::Done)
}

/// What all playbooks of a run share.
struct Prepared<'a> {
    args: &'a Run,
    mode: &'a Mode,
    ui: &'a Ui,
    settings: Rc<Settings>,
    extra: Map,
    keyring: Rc<Keyring>,
    merge_hashes: bool,
}

impl Prepared<'_> {
    fn playbook(&self, path: &Path, hosts: &mut Hosts) -> anyhow::Result<Exit> {
        let (directory, name) = split(path)?;
        let place = directory.to_string_lossy().into_owned();
        let reporter = Reporter::new(self.ui, place, self.settings.duplicate_keys()?);
        let mut tree = Tree::machine();
        for path in self.roles_paths() {
            tree.add_roles_path(&path).with_context(|| format!("opening the roles path {}", path.display()))?;
        }
        let options = compile::Options {
            extra_vars: self.extra.clone(),
            findings: Findings::AtRunTime,
            keyring: Some(Rc::clone(&self.keyring)),
        };
        let compiled = match compile::compile(&tree, &name, &options) {
            Ok(compiled) => compiled,
            Err(diagnostics) => {
                reporter.show(diagnostics.0);
                return Ok(Exit::Ansible(4));
            }
        };
        if reporter.show(compiled.warnings.clone()).is_some() {
            return Ok(Exit::Ansible(4));
        }
        let source = Source::new(&tree, &options, &compiled.plan, &reporter);
        let options = self.options()?;
        if self.args.list.any() {
            let listed = self.args.list.list((&compiled, &source), (path, &directory), &options, hosts)?;
            self.ui.print(&listed)?;
            return Ok(Exit::Done);
        }
        // Modules find relative paths in the playbook's directory.
        let before = std::env::current_dir().context("finding the current directory")?;
        std::env::set_current_dir(&directory).with_context(|| format!("entering {}", directory.display()))?;
        let went_well = self.here((&compiled, &source), (path, &directory), &options, hosts);
        std::env::set_current_dir(&before).with_context(|| format!("entering {}", before.display()))?;
        Ok(if went_well? { Exit::Done } else { Exit::Ansible(2) })
    }

    fn here(
        &self,
        compiled: (&Compiled, &Source),
        (path, directory): (&Path, &Path),
        options: &apply::Options,
        hosts: &mut Hosts,
    ) -> anyhow::Result<bool> {
        let mut out = io::stdout().lock();
        let mut console = Console::new(&mut out).showing(options.verbosity, options.diff).masking(&self.keyring);
        if self.settings.flag("show_custom_stats") == Some(true) {
            console = console.with_stats();
        }
        console.playbook(&path.to_string_lossy(), compiled.0.plan.plays.len());
        let went_well = hosts.run(compiled, directory, options, &mut console);
        console.finish().context("writing to standard output")?;
        went_well
    }

    fn options(&self) -> anyhow::Result<apply::Options> {
        let args = self.args;
        let gathering = self.settings.gathering()?;
        let tags = |given: &[String], setting: &str| match given {
            [] => listed(&[self.settings.text(&format!("ANSIBLE_{setting}"), ("tags", setting)).unwrap_or_default()]),
            given => listed(given),
        };
        Ok(apply::Options {
            no_handlers: false,
            check: self.mode.check,
            diff: self.mode.diff,
            tags: tags(&args.tags, "RUN_TAGS"),
            skip_tags: tags(&args.skip_tags, "SKIP_TAGS"),
            start_at: args.start_at_task.clone(),
            force_handlers: args.force_handlers || self.settings.flag("force_handlers") == Some(true),
            extra: self.extra.clone(),
            deadline: None,
            verbosity: args.verbose,
            // The tree is this machine.
            source_root: Some(String::new()),
            listing: false,
            merge_hashes: self.merge_hashes,
            configuration: Some(Rc::clone(&self.settings) as Rc<dyn Configuration>),
            vault: Some(Rc::clone(&self.keyring) as Rc<dyn Vault>),
            gathering,
            become_user: args.r#become.then(|| args.become_user.clone()),
            jinja2_native: self.settings.flag("jinja2_native") == Some(true),
        })
    }

    /// `--roles-path`, else the directories of the settings.
    fn roles_paths(&self) -> Vec<PathBuf> {
        if self.args.roles_path.is_empty() { self.settings.roles_path() } else { self.args.roles_path.clone() }
    }
}

/// The playbook's directory, absolute, and its name in the tree that is this machine.
fn split(playbook: &Path) -> anyhow::Result<(PathBuf, String)> {
    let name = playbook.file_name().with_context(|| format!("{} does not name a playbook", playbook.display()))?;
    let directory = match playbook.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = std::fs::canonicalize(directory).with_context(|| format!("opening {}", directory.display()))?;
    let path = directory.join(name);
    let path = path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?;
    Ok((directory, path.trim_start_matches('/').to_owned()))
}

/// `-i`, else what the settings list.
fn sources(args: &Run, settings: &Settings) -> Vec<String> {
    if !args.inventory.is_empty() {
        return args.inventory.clone();
    }
    settings.in_defaults("inventory").filter(|named| !named.is_empty()).into_iter().collect()
}

/// Values that may each be a list with commas.
fn listed(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|v| v.split(',')).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect()
}

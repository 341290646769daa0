//! Applies a plan to this host: plays, blocks, loops, conditions, handlers, results, as ansible-playbook does with
//! one host and a local connection.
//!
//! Flow: [`run`] walks the plays (`play`), which walk roles, blocks and includes (`walk`, `include`); each task is
//! evaluated in its scope (`scope`, `inherit`) by `task`, which calls a module and shapes its result (`result`);
//! what happened goes to a [`Listener`] and into the [`Report`].

#[cfg(feature = "builder")]
mod background;
pub mod diff;
mod files;
mod frame;
mod handlers;
mod host;
mod include;
mod inherit;
mod item;
#[cfg(feature = "builder")]
mod later;
mod looping;
mod manner;
mod matching;
mod play;
mod report;
mod result;
mod role;
mod scope;
#[cfg(feature = "builder")]
mod several;
mod tags;
mod task;
mod walk;

pub use files::Blobs;
pub use host::Inventory;
pub use play::title;
pub use report::{Event, Failed, Listener, Outcome, Quiet, Report, TaskStart};
pub use scope::MAGIC;
#[cfg(feature = "builder")]
pub use {later::Later, later::Standing, several::Addition, several::Seen};

use crate::modules::{self, facts::Facts};
use crate::plan::{Map, Plan, Play};
use crate::sys::command::Runner;
#[cfg(feature = "builder")]
use crate::vars::Configuration;
use crate::vars::{Files, Templar, Variables, Vault};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// This node's facts: each computed when it is first asked for.
pub trait FactSource {
    /// The fact by its name without `ansible_`.
    fn get(&self, name: &str) -> Option<crate::plan::Data>;
    /// The names of all facts.
    fn names(&self) -> Vec<String>;
}

/// A node that tells nothing.
#[derive(Clone, Copy, Debug)]
pub struct NoFacts;

impl FactSource for NoFacts {
    fn get(&self, _: &str) -> Option<crate::plan::Data> {
        None
    }
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl FactSource for Facts<'_> {
    fn get(&self, name: &str) -> Option<crate::plan::Data> {
        Facts::get(self, name)
    }
    fn names(&self) -> Vec<String> {
        Facts::names(self)
    }
}

/// When plays gather facts that do not say so.
#[cfg(feature = "builder")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gathering {
    /// Each of them.
    #[default]
    Implicit,
    /// None of them.
    Explicit,
    /// Those on hosts whose facts are not known yet.
    Smart,
}

/// How to run a plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Check mode: change nothing.
    pub check: bool,
    /// Show differences.
    pub diff: bool,
    /// `--tags`; empty is `all`.
    pub tags: Vec<String>,
    /// `--skip-tags`.
    pub skip_tags: Vec<String>,
    /// `--start-at-task`.
    pub start_at: Option<String>,
    /// `--force-handlers`.
    pub force_handlers: bool,
    /// No handler runs, whatever was notified.
    pub no_handlers: bool,
    /// Extra variables (precedence 22).
    pub extra: Map,
    /// When the run must have ended; tasks that start later fail.
    pub deadline: Option<std::time::Instant>,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Where the source tree lies on this machine (`/` without its slash, for `apply`), as `playbook_dir` and
    /// `role_path` show it; [`crate::plan::SOURCE_ROOT`] when it is only in the bundle.
    pub source_root: Option<String>,
    /// `hash_behaviour = merge`: dictionaries of one name on several levels become one.
    #[cfg(feature = "builder")]
    pub merge_hashes: bool,
    /// Run nothing, but tell the listener which tasks would be met: `--list-tasks`.
    #[cfg(feature = "builder")]
    pub listing: bool,
    /// Whether plays that do not say so gather facts.
    #[cfg(feature = "builder")]
    pub gathering: Gathering,
    /// The user that tasks become which do not say so: `--become`.
    #[cfg(feature = "builder")]
    pub become_user: Option<String>,
    /// Ansible's settings, for the `config` lookup.
    #[cfg(feature = "builder")]
    pub configuration: Option<Rc<dyn Configuration>>,
    /// Who opens what Ansible Vault encrypted; nobody on a node.
    pub vault: Option<Rc<dyn Vault>>,
    /// `jinja2_native`: what templates give keeps its type.
    pub jinja2_native: bool,
}

/// What a run works with.
pub struct World<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// The files of the bundle.
    pub blobs: &'a dyn Blobs,
    /// The modules that tasks may name.
    pub modules: modules::Find,
    /// Runs commands.
    pub runner: &'a dyn Runner,
    /// This node's facts.
    pub facts: Rc<dyn FactSource>,
    /// This host, its variables and the others'.
    pub inventory: &'a Inventory,
    /// How to run.
    pub options: &'a Options,
    /// Compiles what is included only now.
    #[cfg(feature = "builder")]
    pub later: Option<&'a dyn Later>,
    /// This machine's name, where the host is another one: only what a controller does can be done for it.
    #[cfg(feature = "builder")]
    pub elsewhere: Option<&'a str>,
    /// Takes over what a task added to the inventory, and says what this host sees of it then.
    #[cfg(feature = "builder")]
    pub growing: Option<&'a several::Growing<'a>>,
}

/// A run in progress: the world, what this host knows by now, and the counts.
pub(crate) struct Run<'a> {
    world: &'a World<'a>,
    host: RefCell<host::State>,
    listener: RefCell<&'a mut dyn Listener>,
    report: RefCell<Report>,
    /// Tasks run so far, against `limits::TASKS`.
    count: Cell<usize>,
    /// A handler is running: tags do not select handlers.
    in_handler: Cell<bool>,
    /// `--start-at-task` has not been reached yet.
    waiting: Cell<bool>,
    /// How often `meta: clear_host_errors` ran.
    forgiven: Cell<usize>,
}

/// Runs every play of the plan that names this host, and reports what happened. Never fails as a call: a failed task
/// ends the run and is in the report.
pub fn run(world: &World<'_>, listener: &mut dyn Listener) -> Report {
    let mut session = Session::new(world);
    for play in &world.plan.plays {
        listener.play(&title(play));
        if !play::targets(world.inventory, play) {
            listener.no_hosts();
        } else if !session.play(world, play, listener) {
            break;
        }
    }
    listener.recap(&session.report.recap);
    session.finish()
}

/// What is known of one host from play to play.
pub struct Session {
    state: host::State,
    report: Report,
    /// Tasks run so far, against `limits::TASKS`.
    count: usize,
    /// `--start-at-task` has not been reached yet.
    waiting: bool,
}

impl Session {
    /// The beginning: what the inventory says.
    pub fn new(world: &World<'_>) -> Session {
        let waiting = world.options.start_at.is_some();
        Session { state: host::State::new(world), report: Report::default(), count: 0, waiting }
    }

    /// Runs a play on the world's host. False: the host failed, and is out of the run.
    pub fn play(&mut self, world: &World<'_>, play: &Play, listener: &mut dyn Listener) -> bool {
        let run = Run {
            world,
            host: RefCell::new(std::mem::take(&mut self.state)),
            listener: RefCell::new(listener),
            report: RefCell::new(std::mem::take(&mut self.report)),
            count: Cell::new(self.count),
            in_handler: Cell::new(false),
            waiting: Cell::new(self.waiting),
            forgiven: Cell::new(0),
        };
        let went_well = run.play(play);
        self.count = run.count.get();
        self.waiting = run.waiting.get();
        self.report = run.report.take();
        self.state = run.host.take();
        went_well
    }

    /// The counts so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What happened on this host.
    pub fn finish(self) -> Report {
        Report { registered: self.state.into_registered(), ..self.report }
    }
}

impl<'a> Run<'a> {
    /// `path:line:column` of a span.
    fn place(&self, span: crate::plan::Span) -> String {
        #[cfg(feature = "builder")]
        if let Some(later) = self.world.later {
            return later.place(span);
        }
        self.world.plan.place(span).to_string()
    }

    /// A templar for a scope.
    fn templar<'t>(&'t self, scope: &'t dyn Variables, files: &'t dyn Files) -> Templar<'t> {
        let templar = Templar::new(scope, files).with_runner(self.world.runner);
        let templar = templar.native(self.world.options.jinja2_native);
        if self.world.options.check { templar.changing_nothing() } else { templar }
    }
}

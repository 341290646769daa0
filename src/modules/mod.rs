//! Ansible's modules, run side: one file a module.
//!
//! To add a module, do these three things:
//! 1. describe its parameters in `spec/` (from `ansible-doc MODULE`);
//! 2. write `modules/<name>.rs` with `pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure>`;
//! 3. name it in [`find()`], and add its cases to `tests/`.

pub mod accounts;
mod assemble;
mod assert;
pub mod attributes;
mod authorized_key;
mod blockinfile;
mod byte_regex;
mod command;
mod copy;
mod cron;
mod debug;
pub mod difference;
mod digest;
mod download;
mod edit;
pub mod exec;
pub mod facts;
mod fail;
pub mod file;
mod find;
mod get_url;
mod getent;
mod group;
#[cfg(feature = "builder")]
pub mod here;
mod hostname;
mod include_vars;
mod ini_file;
pub mod install;
mod iptables;
#[cfg(feature = "builder")]
pub mod jobs;
mod json;
mod known_hosts;
mod lineinfile;
mod modprobe;
mod mount;
mod node_facts;
mod openssh_keypair;
mod package_facts;
pub mod params;
mod patch;
pub mod paths;
mod pause;
mod private;
#[cfg(test)]
mod recorded;
mod replace;
mod script;
mod selinux;
mod service;
mod set_fact;
mod setup;
mod slurp;
mod stat;
mod synchronize;
mod sysctl;
mod systemd;
mod tempfile;
mod template;
mod timezone;
mod unarchive;
mod uri;
mod user;
mod validate_argument_spec;
mod wait_for;
mod words;

use crate::plan::status::Change;
use crate::plan::{Data, Map};
use crate::spec::{self, Args, ModuleSpec};
use crate::sys::command::Runner;
use crate::vars::Files;

/// What a module may use of the world.
pub struct Context<'a> {
    /// Check mode: say what would change, change nothing.
    pub check: bool,
    /// Diff mode: fill in [`Outcome::diff`].
    pub diff: bool,
    /// Runs commands, with deadlines, and remembers them.
    pub runner: &'a dyn Runner,
    /// The role's files.
    pub files: &'a dyn Files,
    /// Evaluates templates and conditions in the task's scope.
    pub templar: &'a crate::vars::Templar<'a>,
    /// The task's `environment`.
    pub environment: &'a [(String, String)],
    /// The user of `become_user`, when it is not root.
    pub become_user: Option<&'a str>,
    /// Arguments as written, for those the specification marks `untemplated`.
    pub raw: &'a Map,
}

/// In a result: shown without `-v` too, over several lines. It never reaches a register.
pub const ALWAYS_SHOWN: &str = "_ansible_verbose_always";

/// What a module did.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Something is different now (or would be, in check mode).
    pub changed: bool,
    /// It failed, with `msg` in the result (for modules that return failure with data).
    pub failed: bool,
    /// It did nothing, and says so (`skipped: true`).
    pub skipped: bool,
    /// Return values, as the module documents them, without `changed` and `failed`.
    pub result: Map,
    /// Facts to set (`ansible_facts`; precedence 12).
    pub facts: Map,
    /// Variables to set as set_fact does (precedence 20).
    pub set: Map,
    /// Variables to set as include_vars does (precedence 19).
    pub include_vars: Map,
    /// What changed, for the report.
    pub changes: Vec<Change>,
    /// Before and after.
    pub diff: Vec<Diff>,
}

/// A difference that a module made, or would make.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Header of the old side.
    pub before_header: String,
    /// Header of the new side.
    pub after_header: String,
    /// Old text.
    pub before: Vec<u8>,
    /// New text.
    pub after: Vec<u8>,
    /// Text that is shown as it is, instead of a comparison.
    pub prepared: Option<String>,
}

/// A module that could not do its work.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `msg`.
    pub msg: String,
    /// Further return values (`rc`, `stderr`, ...).
    pub result: Map,
    /// Whose word it is.
    pub origin: Origin,
}

/// Where a task's result comes from. Only what a module returned is judged by `changed_when`, `failed_when` and `until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The module ran and says so.
    #[default]
    Module,
    /// What prepares the module refused it.
    Action,
    /// An error before any of it: a loop ends with it, and nothing is said of what changed.
    Error,
}

/// A module's run side.
pub type Run = fn(&Context, &Args) -> Result<Outcome, Failure>;

/// A module: which arguments it takes, and what it does.
#[derive(Clone, Copy)]
pub struct Module {
    /// Its specification.
    pub spec: &'static ModuleSpec,
    /// Its run side.
    pub run: Run,
}

/// How a program finds the modules that it runs: the executor has [`on_node`], `apply` has more.
pub type Find = fn(&str) -> Option<Module>;

/// A module that nodes run, by its short or full name.
pub fn on_node(name: &str) -> Option<Module> {
    let spec = spec::find(name)?;
    Some(Module { spec, run: find(spec.name)? })
}

/// The run side of the module that `spec` knows by this full name.
fn find(name: &str) -> Option<Run> {
    let run: Run = match name {
        "ansible.builtin.assemble" => assemble::run,
        "ansible.builtin.assert" => assert::run,
        "ansible.builtin.blockinfile" => blockinfile::run,
        "ansible.builtin.command" => command::command,
        "ansible.builtin.copy" => copy::run,
        "ansible.builtin.cron" => cron::run,
        "ansible.builtin.debug" => debug::run,
        "ansible.builtin.fail" => fail::run,
        "ansible.builtin.file" => file::run,
        "ansible.builtin.find" => find::run,
        "ansible.builtin.get_url" => get_url::run,
        "ansible.builtin.getent" => getent::run,
        "ansible.builtin.group" => group::run,
        "ansible.builtin.include_vars" => include_vars::run,
        "ansible.builtin.iptables" => iptables::run,
        "ansible.builtin.known_hosts" => known_hosts::run,
        "ansible.builtin.lineinfile" => lineinfile::run,
        "ansible.builtin.package_facts" => package_facts::run,
        "ansible.builtin.pause" => pause::run,
        "ansible.builtin.ping" => set_fact::ping,
        "ansible.builtin.raw" => command::raw,
        "ansible.builtin.replace" => replace::run,
        "ansible.builtin.script" => script::run,
        "ansible.builtin.service" => service::run,
        "ansible.builtin.service_facts" => node_facts::services,
        "ansible.builtin.set_fact" => set_fact::run,
        "ansible.builtin.set_stats" => set_fact::set_stats,
        "ansible.builtin.setup" | "ansible.builtin.gather_facts" => setup::run,
        "ansible.builtin.shell" => command::shell,
        "ansible.builtin.slurp" => slurp::run,
        "ansible.builtin.stat" => stat::run,
        "ansible.builtin.systemd_service" => systemd::run,
        "ansible.builtin.tempfile" => tempfile::run,
        "ansible.builtin.template" => template::run,
        "ansible.builtin.unarchive" => unarchive::run,
        "ansible.builtin.uri" => uri::run,
        "ansible.builtin.user" => user::run,
        "ansible.posix.authorized_key" => authorized_key::run,
        "ansible.posix.mount" => mount::run,
        "ansible.builtin.hostname" => hostname::run,
        "ansible.builtin.wait_for_connection" => set_fact::wait_for_connection,
        "ansible.builtin.validate_argument_spec" => validate_argument_spec::run,
        "ansible.builtin.wait_for" => wait_for::run,
        "ansible.posix.patch" => patch::run,
        "ansible.posix.selinux" => selinux::run,
        "ansible.posix.synchronize" => synchronize::run,
        "ansible.posix.sysctl" => sysctl::run,
        "community.crypto.openssh_keypair" => openssh_keypair::run,
        "community.general.ini_file" => ini_file::run,
        "community.general.modprobe" => modprobe::run,
        "community.general.timezone" => timezone::run,
        "infiniband_facts" => node_facts::infiniband,
        "mount_facts" => node_facts::mounts,
        "terminate_user_sessions" => node_facts::terminate_sessions,
        _ => return None,
    };
    Some(run)
}

impl Failure {
    /// A failure with a message and nothing else.
    pub fn new(msg: impl Into<String>) -> Failure {
        Failure { msg: msg.into(), result: Map::default(), origin: Origin::Module }
    }

    /// An error that `failed_when` cannot take back, and that ends a loop.
    pub fn raised(msg: impl Into<String>) -> Failure {
        Failure { origin: Origin::Error, ..Failure::new(msg) }
    }

    /// A refusal that `failed_when` cannot take back.
    pub fn refused(msg: impl Into<String>) -> Failure {
        Failure { origin: Origin::Action, ..Failure::new(msg) }
    }
}

impl Outcome {
    /// Adds a return value.
    pub fn with(mut self, name: &str, value: impl Into<Data>) -> Outcome {
        self.result.insert(Data::str(name), value.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::spec;

    /// What the builder accepts, the node must be able to run.
    #[test]
    fn every_specification_has_a_run_side() {
        let without: Vec<&str> = spec::all().map(|s| s.name).filter(|n| super::find(n).is_none()).collect();
        assert!(without.is_empty(), "accepted, but not run: {without:?}");
    }

    /// The arms of `find`, as they are written: what runs must have arguments that the builder knows.
    #[test]
    fn every_run_side_has_a_specification() {
        let source = include_str!("mod.rs");
        let body = source.split("\nfn find(").nth(1).and_then(|s| s.split("\n}\n").next()).expect("find");
        let arms = body.lines().filter(|l| l.contains("=>")).flat_map(|l| l.split('"').skip(1).step_by(2));
        let (mut count, mut without) = (0, Vec::new());
        for name in arms {
            assert!(super::find(name).is_some(), "{name}");
            count += 1;
            if spec::all().all(|s| s.name != name) {
                without.push(name);
            }
        }
        assert_eq!(count, spec::all().count());
        assert!(without.is_empty(), "run, but never accepted: {without:?}");
    }
}

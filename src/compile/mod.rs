//! Source to plan: every keyword, argument and template checked, static imports expanded, and of files only what
//! reachable tasks can use. Whatever cannot be honoured on a node is refused here, all of it at once.
//!
//! `playbook` reads plays, `list` tasks and blocks, `task` one task, `include` what it imports or includes, `role`
//! roles; `keyword` and `argument` read their parts, `module` holds arguments against `spec`, `reach` collects files,
//! `template` looks into Jinja.

mod argument;
mod collection;
mod context;
mod delegate;
mod files;
mod include;
pub mod keyword;
mod known;
pub mod later;
mod lint;
mod list;
pub mod module;
mod own_boot;
mod own_plugin;
mod playbook;
mod role;
mod split;
mod task;
mod template;
mod undefined;

pub use known::Known;
pub use split::{Form, parse_pairs};

use crate::plan::{Map, Plan};
use crate::source::{Diagnostic, Diagnostics, FileBytes, Tree};
use crate::vars::vault::Keyring;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a build may set beside the source.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Variables that are known when the bundle is built (`-e`): they may stand in names of imports.
    pub extra_vars: Map,
    /// What becomes of mistakes that Ansible meets only when the task runs.
    pub findings: Findings,
    /// Vault passwords, where what is compiled is run by the same command; a bundle holds nothing that was encrypted.
    pub keyring: Option<Rc<Keyring>>,
}

/// What becomes of mistakes that Ansible meets only when the task runs: an unknown module, parameter, filter or file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Findings {
    /// The build refuses them: a node must not find them out.
    #[default]
    Refuse,
    /// They are warnings, and the task fails when it runs: `apply`, where the author looks on and a condition or a
    /// rescue may foresee it.
    AtRunTime,
}

/// A compiled playbook.
#[derive(Debug, Default)]
pub struct Compiled {
    /// What is to be done.
    pub plan: Plan,
    /// The files that the plan names, by path in the source tree.
    pub files: BTreeMap<String, FileBytes>,
    /// What was understood, but hardly meant so.
    pub warnings: Vec<Diagnostic>,
}

/// Compiles the playbook at a path of the tree. The same tree gives the same result.
pub fn compile(tree: &Tree, playbook: &str, options: &Options) -> Result<Compiled, Diagnostics> {
    let mut compiler = context::Compiler::new(tree, playbook, options);
    compiler.playbook(playbook);
    // What runs later may bring in handlers.
    if options.findings == Findings::Refuse {
        compiler.check_notifications();
        compiler.undefinable();
        compiler.spared_plugins();
    }
    compiler.own_boot();
    compiler.finish()
}

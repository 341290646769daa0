//! The contract between builder and executor: what a bundle says is to be done.
//!
//! Types only. The builder's `compile` writes them, the executor's `apply` reads them, and nothing here knows
//! either. The names are Ansible's: play, block, task, handler, role, keyword.

pub mod data;
pub mod export;
pub mod limits;
pub mod manifest;
pub mod status;
mod wire;

pub use data::{Clock, Data, Hashing, Key, Made, Map, Timestamp};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Version of the plan's JSON. An executor refuses a plan newer than it knows.
pub const FORMAT: u32 = 1;

/// The directory that source paths are relative to, as roles see it in `playbook_dir` and `role_path`. Nothing
/// lies there on the node: reads beneath it are answered from the bundle's blobs.
pub const SOURCE_ROOT: &str = "/run/compute-init/source";

/// A compiled playbook.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`] of the builder that wrote it.
    pub format: u32,
    /// The playbook's path in the source tree.
    pub playbook: String,
    /// Source files that spans name by index.
    pub sources: Vec<String>,
    /// The plays, in order.
    pub plays: Vec<Play>,
    /// Roles that can be reached, by name, or path where a name is not enough.
    #[serde(default)]
    pub roles: IndexMap<String, Role>,
    /// Task files that dynamic includes can reach, by path in the source tree.
    #[serde(default)]
    pub task_files: IndexMap<String, Vec<Node>>,
    /// Files that tasks can reach (templates, files, vars), by path in the source tree.
    #[serde(default)]
    pub files: IndexMap<String, FileRef>,
    /// What the plan can ask of the world outside it.
    #[serde(default)]
    pub needs: Needs,
    /// The playbook fetches its export and loads its variables itself: the boot's own stages for that stand aside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_contained: bool,
    /// Such a playbook asks Slurm for the node itself: the stage `resume` stands aside too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resumes: bool,
}

/// A file of the source tree that travels in the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRef {
    /// SHA-256 of its bytes, `sha256:<hex>`.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    /// Permission bits in the source tree, normalised to 0644 or 0755.
    pub mode: u32,
}

/// Variables that tasks and templates can use, as far as they can be seen statically.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Needs {
    /// Names of top-level variables, sorted.
    pub variables: Vec<String>,
    /// Places where the name of a variable or host is only known at run time.
    pub dynamic: Vec<Span>,
}

/// A place in a source file; lines and columns count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Index into [`Plan::sources`].
    #[serde(rename = "f")]
    pub file: u32,
    /// Line.
    #[serde(rename = "l")]
    pub line: u32,
    /// Column, in characters.
    #[serde(rename = "c")]
    pub column: u32,
}

/// A play.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Play {
    /// `name`; Ansible shows `hosts` where there is none.
    pub name: Option<String>,
    /// Where it starts.
    pub span: Span,
    /// `hosts`, as patterns.
    pub hosts: Vec<String>,
    /// Keywords that every task inherits.
    pub keywords: Keywords,
    /// `vars_files`: each a name, or a list of which the first that exists is taken.
    pub vars_files: Vec<Data>,
    /// `gather_facts`; `None` is Ansible's default (gather).
    pub gather_facts: Option<Data>,
    /// `force_handlers`.
    pub force_handlers: bool,
    /// `pre_tasks`.
    pub pre_tasks: Vec<Node>,
    /// `roles`, as written: `apply` runs [`Role::dependencies`] before each.
    pub roles: Vec<RoleUse>,
    /// `tasks`.
    pub tasks: Vec<Node>,
    /// `post_tasks`.
    pub post_tasks: Vec<Node>,
    /// The play's own handlers.
    pub handlers: Vec<Node>,
}

/// A role that a play, a dependency or an import brings in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RoleUse {
    /// Key into [`Plan::roles`].
    pub role: String,
    /// Where it is named.
    pub span: Span,
    /// Keywords on the entry (`when`, `tags`, `become`, `vars`, ...).
    pub keywords: Keywords,
    /// Role parameters: keys of the entry that are not keywords.
    pub params: Map,
    /// `tasks_from`, `vars_from`, `defaults_from`, `handlers_from`.
    pub from: From,
    /// `allow_duplicates: false` of an import: not where the role ran already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

/// Which files of a role are taken instead of `main`. Stems as the author wrote them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct From {
    /// `tasks_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<String>,
    /// `vars_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vars: Option<String>,
    /// `defaults_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<String>,
    /// `handlers_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handlers: Option<String>,
    /// `rolespec_validate: false`: the role's argument specification is not heeded.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchecked: bool,
}

/// A role: its files by stem (`main` is the default of each kind).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Role {
    /// Its name as roles and messages use it.
    pub name: String,
    /// Its directory in the source tree.
    pub path: String,
    /// The collection that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Task files: stem or path below `tasks/` to a path in [`Plan::task_files`].
    pub tasks: IndexMap<String, String>,
    /// Handler files by stem.
    pub handlers: IndexMap<String, Vec<Node>>,
    /// `defaults/` by stem.
    pub defaults: IndexMap<String, Map>,
    /// `vars/` by stem.
    pub vars: IndexMap<String, Map>,
    /// `dependencies` of `meta/main.yml`.
    pub dependencies: Vec<RoleUse>,
    /// `argument_specs` of `meta/`: entry point to `options`, `short_description` and what else is written there.
    pub argument_specs: Map,
    /// `allow_duplicates` of `meta/main.yml`.
    pub allow_duplicates: bool,
}

/// A task or a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Node {
    /// A task.
    Task(Box<Task>),
    /// A block, or what a static import was expanded to.
    Block(Box<Block>),
}

/// `block`, `rescue`, `always`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Block {
    /// `name`.
    pub name: Option<String>,
    /// Where it starts.
    pub span: Span,
    /// What its tasks inherit.
    pub keywords: Keywords,
    /// Why it is there.
    pub origin: Origin,
    /// `block`.
    pub block: Vec<Node>,
    /// `rescue`.
    pub rescue: Vec<Node>,
    /// `always`.
    pub always: Vec<Node>,
}

/// What a [`Block`] was in the source.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// `block:`.
    #[default]
    Block,
    /// `import_tasks`; its `vars:` are those of the tasks it brings in.
    ImportTasks {
        /// Its `vars:`.
        params: Map,
        /// The file that was imported, in the source tree.
        file: String,
    },
    /// `import_role`; its `vars:` are in `used.keywords.vars`.
    ImportRole {
        /// The role and its parameters. The block itself is empty: `apply` runs the role's dependencies and its
        /// tasks ([`Role::tasks`], [`Plan::task_files`]) in its place.
        used: Box<RoleUse>,
    },
}

/// A task.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Task {
    /// `name`, as a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The action as the author wrote it, where that titles the task otherwise than the plan's name of it. `apply` alone
    /// shows titles in Ansible's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Where it starts.
    pub span: Span,
    /// Its own keywords; what it inherits is on the blocks around it.
    pub keywords: Keywords,
    /// What it does.
    pub action: Action,
    /// Its arguments.
    pub args: Args,
    /// `loop` or `with_*`.
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    pub loop_: Option<Loop>,
    /// `register`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<String>,
    /// `until`, conditions joined by and.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub until: Vec<Data>,
    /// `retries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<Data>,
    /// `delay`, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Data>,
    /// `changed_when`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed_when: Vec<Data>,
    /// `failed_when`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_when: Vec<Data>,
    /// `notify`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Data>,
    /// `listen` (handlers).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<Data>,
    /// `async`, seconds.
    #[serde(rename = "async", skip_serializing_if = "Option::is_none")]
    pub async_: Option<Data>,
    /// `poll`, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll: Option<Data>,
    /// The role it is written in, as a key into [`Plan::roles`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What a task does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A module, by the full name `spec` knows it by (`ansible.builtin.copy`).
    Module(String),
    /// `include_tasks`: the file's name may be a template.
    IncludeTasks {
        /// `file`.
        file: Data,
        /// `apply`: keywords for what is included.
        apply: Box<Keywords>,
    },
    /// `include_role`.
    IncludeRole {
        /// `name`, a template or a literal.
        name: Data,
        /// `*_from`, each a template or a literal.
        from: Box<IncludeFrom>,
        /// `apply`: keywords for what is included.
        apply: Box<Keywords>,
        /// `public`.
        public: Data,
        /// `allow_duplicates`.
        allow_duplicates: bool,
    },
    /// `meta`.
    Meta(Meta),
}

impl Default for Action {
    fn default() -> Action {
        Action::Meta(Meta::Noop)
    }
}

/// The `*_from` options of an `include_role`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IncludeFrom {
    /// `tasks_from`.
    pub tasks: Option<Data>,
    /// `vars_from`.
    pub vars: Option<Data>,
    /// `defaults_from`.
    pub defaults: Option<Data>,
    /// `handlers_from`.
    pub handlers: Option<Data>,
    /// `rolespec_validate: false`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchecked: bool,
}

/// The actions of `meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meta {
    /// `noop`.
    Noop,
    /// `flush_handlers`.
    FlushHandlers,
    /// `refresh_inventory`.
    RefreshInventory,
    /// `clear_facts`.
    ClearFacts,
    /// `clear_host_errors`.
    ClearHostErrors,
    /// `end_play`.
    EndPlay,
    /// `end_batch`.
    EndBatch,
    /// `end_host`.
    EndHost,
    /// `reset_connection`.
    ResetConnection,
}

/// A module's arguments.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Args {
    /// Names and values; aliases are as the author wrote them. Free-form text is under `_raw_params`.
    Map(Map),
    /// The whole of the arguments is one template that gives a dictionary. `with` lies beneath it (`args:`).
    Template {
        /// The template.
        text: String,
        /// Arguments given beside it.
        with: Map,
    },
}

impl Default for Args {
    fn default() -> Args {
        Args::Map(Map::default())
    }
}

/// `loop`, or `with_<lookup>`, and `loop_control`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Loop {
    /// The lookup of `with_<lookup>`; `None` for `loop`.
    pub with: Option<String>,
    /// The items, or the lookup's terms.
    pub items: Data,
    /// `loop_var`.
    pub var: Option<Data>,
    /// `index_var`.
    pub index_var: Option<Data>,
    /// `label`.
    pub label: Option<Data>,
    /// `pause`, seconds.
    pub pause: Option<Data>,
    /// `extended`.
    pub extended: Option<Data>,
    /// `extended_allitems`.
    pub extended_allitems: Option<Data>,
}

/// Keywords that tasks inherit from the blocks, roles and the play around them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keywords {
    /// `when`, joined by and; a parent's conditions come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Data>,
    /// `notify` of a block or an include's `apply`, for tasks without one of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<Data>,
    /// `tags`; they add up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Data>,
    /// `vars`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub vars: Map,
    /// `environment`: dictionaries or templates; a child's come over its parent's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<Data>,
    /// `module_defaults`: dictionaries; a child's come over its parent's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub module_defaults: Vec<Data>,
    /// `become`.
    #[serde(rename = "become", skip_serializing_if = "Option::is_none")]
    pub become_: Option<Data>,
    /// `become_user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub become_user: Option<Data>,
    /// `become_method`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub become_method: Option<Data>,
    /// `ignore_errors`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_errors: Option<Data>,
    /// `ignore_unreachable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_unreachable: Option<Data>,
    /// `any_errors_fatal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any_errors_fatal: Option<Data>,
    /// `no_log`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_log: Option<Data>,
    /// `check_mode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_mode: Option<Data>,
    /// `diff`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Data>,
    /// `run_once`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_once: Option<Data>,
    /// `delegate_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<Data>,
    /// `delegate_facts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate_facts: Option<Data>,
    /// `timeout`, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Data>,
    /// `throttle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Data>,
    /// `connection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Data>,
}

impl Plan {
    /// `path:line:column` of a span, for messages.
    pub fn place(&self, span: Span) -> Place<'_> {
        Place { file: self.sources.get(span.file as usize).map_or("?", String::as_str), span }
    }
}

/// A span with its file's name; shows as `path:line:column`.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The source file.
    pub file: &'a str,
    /// The position in it.
    pub span: Span,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.span.line, self.span.column)
    }
}

//! Argument specifications: what each module documents, as data that builder and executor share.
//!
//! The builder refuses what a specification does not know; the executor coerces templated arguments to their
//! documented types exactly as Ansible's `AnsibleModule` does. The source of each entry is the module's own
//! documentation (`ansible-doc MODULE`). No I/O and no behaviour of modules here.

mod check;
mod convert;
mod tables;

pub use check::{Args, Problem, check, check_literals};
pub use convert::{boolean, python_str};

/// A module's documented interface.
#[derive(Debug)]
pub struct ModuleSpec {
    /// Full name, `ansible.builtin.copy`.
    pub name: &'static str,
    /// Other names it answers to beside its last part (`ansible.builtin.systemd` for `systemd_service`).
    pub aliases: &'static [&'static str],
    /// Its parameters.
    pub params: &'static [Param],
    /// Takes free-form text (`_raw_params`).
    pub free_form: bool,
    /// Accepts parameters that are not listed (`set_fact`, `debug` does not).
    pub any_params: bool,
    /// Takes mode, owner, group, attributes and SELinux parameters (`add_file_common_args`).
    pub file_common: bool,
    /// At least one of each group must be given.
    pub required_one_of: &'static [&'static [&'static str]],
    /// At most one of each group may be given.
    pub mutually_exclusive: &'static [&'static [&'static str]],
    /// All or none of each group.
    pub required_together: &'static [&'static [&'static str]],
    /// `(parameter, value, others)`: when the parameter has the value, the others are required.
    pub required_if: &'static [(&'static str, &'static str, &'static [&'static str])],
    /// `(parameter, others)`: when the parameter is given, the others are required.
    pub required_by: &'static [(&'static str, &'static [&'static str])],
}

impl ModuleSpec {
    /// The values that struct update syntax fills in.
    pub const DEFAULT: ModuleSpec = ModuleSpec {
        name: "",
        aliases: &[],
        params: &[],
        free_form: false,
        any_params: false,
        file_common: false,
        required_one_of: &[],
        mutually_exclusive: &[],
        required_together: &[],
        required_if: &[],
        required_by: &[],
    };
}

/// A documented parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Its type.
    pub kind: Kind,
    /// Must be given.
    pub required: bool,
    /// The values it may have; empty for any.
    pub choices: &'static [&'static str],
    /// Its default as JSON text; `None` for null.
    pub default: Option<&'static str>,
    /// Handed over as written; the module evaluates it itself (`assert`'s `that`).
    pub untemplated: bool,
    /// Never shown (`no_log` in the argument spec).
    pub secret: bool,
    /// Sub-options of a dict or a list of dicts.
    pub options: &'static [Param],
}

impl Param {
    /// The values that struct update syntax fills in.
    pub const DEFAULT: Param = Param {
        name: "",
        aliases: &[],
        kind: Kind::Str,
        required: false,
        choices: &[],
        default: None,
        untemplated: false,
        secret: false,
        options: &[],
    };
}

/// The types of argument specs (Ansible's module_utils/common/validation.py).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `str`
    Str,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `float`
    Float,
    /// `path`: `~` and variables of the environment are expanded.
    Path,
    /// `raw`: as it is.
    Raw,
    /// `dict`
    Dict,
    /// `list` with elements of one type.
    List(&'static Kind),
    /// `bytes`: a human-readable size.
    Bytes,
    /// `json`
    Json,
}

/// The specification of a module that nodes run, by its short or full name.
pub fn find(name: &str) -> Option<&'static ModuleSpec> {
    named(all(), name)
}

/// The specification of a module that nodes or `apply` run, by its short or full name.
#[cfg(feature = "builder")]
pub fn find_anywhere(name: &str) -> Option<&'static ModuleSpec> {
    find(name).or_else(|| named(here(), name))
}

fn named(mut modules: impl Iterator<Item = &'static ModuleSpec>, name: &str) -> Option<&'static ModuleSpec> {
    let short = ["ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.", "community.crypto."]
        .iter()
        .find_map(|p| name.strip_prefix(p));
    modules.find(|m| {
        m.name == name
            || m.aliases.contains(&name)
            || (short.is_none() && m.name.rsplit('.').next() == Some(name))
            || (name.starts_with("ansible.legacy.") && m.name.rsplit('.').next() == short)
    })
}

/// Specifications of modules that only `apply` runs, and that a build refuses.
#[cfg(feature = "builder")]
pub fn here() -> impl Iterator<Item = &'static ModuleSpec> {
    tables::HERE.iter().copied()
}

/// All specifications of modules that a node runs.
pub fn all() -> impl Iterator<Item = &'static ModuleSpec> {
    tables::ALL.iter().copied()
}

#[cfg(test)]
mod tests;

//! A module's arguments held against its specification, and modules that have no business on a node.

use super::Findings;
use super::argument::{Action as Named, short};
use super::context::{Compiler, Scope};
use super::keyword::is_identifier;
use super::template::holds_template;
use crate::plan::{Args, Data, Map};
use crate::source::Code;
use crate::spec::{self, ModuleSpec, Problem};
use crate::vars::nearest;
use crate::yaml::{Content, Node};

/// Modules that install software.
pub const PACKAGES: &[&str] = &[
    "apk",
    "apt",
    "apt_key",
    "apt_repository",
    "apt_rpm",
    "bundler",
    "cpanm",
    "deb822_repository",
    "debconf",
    "dnf",
    "dnf5",
    "dpkg_selections",
    "flatpak",
    "gem",
    "git",
    "homebrew",
    "npm",
    "package",
    "pacman",
    "pip",
    "portage",
    "rhsm_repository",
    "rpm_key",
    "snap",
    "subversion",
    "yarn",
    "yum",
    "yum_repository",
    "zypper",
    "zypper_repository",
];
/// Modules that change an inventory or another machine.
pub const NOT_OURS: &[&str] = &["add_host", "at", "group_by", "iso_extract", "reboot"];
/// Modules that `apply` runs and a node does not, and why.
pub const NOT_YET: &[(&str, &str)] = &[
    ("async_status", "tasks of a boot do not run in the background, so there is no job to ask for"),
    ("fetch", "a node at boot has nobody to fetch anything for; `compute-init apply` runs it"),
];
/// Collections of clouds, network devices and other operating systems.
pub const COLLECTIONS: &[&str] = &[
    "amazon.",
    "azure.",
    "cisco.",
    "containers.",
    "google.",
    "kubernetes.",
    "microsoft.",
    "openstack.",
    "ovirt.",
    "vmware.",
    "vyos.",
    "ansible.windows.",
    "community.aws.",
    "community.docker.",
    "community.vmware.",
    "community.windows.",
    "stackhpc.terraform",
    "theforeman.",
];

/// The code and the advice for a module that is known, but not run on nodes.
pub(super) fn elsewhere(name: &str) -> Option<(Code, &'static str)> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let ours = ["ansible.", "community.general.", "community.crypto."];
    let plain = !name.contains('.') || ours.iter().any(|c| name.starts_with(c));
    if plain && PACKAGES.contains(&last) {
        let hint = "install packages when the image is built; if the role serves both, give the task a condition that \
                    is always false on the node";
        return Some((Code::PACKAGES_AT_BOOT, hint));
    }
    if let Some((_, hint)) = NOT_YET.iter().find(|(n, _)| plain && *n == last) {
        return Some((Code::NOT_FOR_NODES, hint));
    }
    if (plain && NOT_OURS.contains(&last)) || COLLECTIONS.iter().any(|c| name.starts_with(c)) {
        let hint = "keep it in the playbook that runs on the control machine";
        return Some((Code::NOT_FOR_NODES, hint));
    }
    None
}

/// Whether a name means this module.
fn is_called(spec: &ModuleSpec, name: &str) -> bool {
    spec::find_anywhere(name).is_some_and(|found| std::ptr::eq(found, spec))
}

impl Compiler<'_> {
    /// Checks a module and its arguments.
    pub fn module(&mut self, scope: &Scope, named: &Named) {
        if scope.never {
            return;
        }
        let refused = self.options.findings == Findings::Refuse && spec::here().any(|s| is_called(s, &named.name));
        if let Some(spec) = spec::find_anywhere(&named.name).filter(|_| !refused) {
            self.argument_templates(scope, named, spec);
            self.check_arguments(scope, named, spec);
        } else if let Some((code, hint)) = elsewhere(&named.name) {
            let message = match code {
                Code::PACKAGES_AT_BOOT => format!("{} would install software at boot", named.name),
                _ => format!("{} is not for a node", named.name),
            };
            self.error_hint(scope, named.key, code, (message, hint.to_owned()));
        }
    }

    /// Templates in the arguments; expressions where the module evaluates them itself.
    fn argument_templates(&mut self, scope: &Scope, named: &Named, spec: &'static ModuleSpec) {
        for node in [Some(named.value), named.beneath].into_iter().flatten() {
            let Content::Map(pairs) = &node.content else {
                self.templates(scope, node);
                continue;
            };
            for (key, value) in pairs {
                let name = key.as_str().unwrap_or_default();
                self.lint_mode(scope, name, value);
                match (short(spec.name), name) {
                    ("assert", "that") => drop(self.conditions(scope, value)),
                    ("debug", "var") => {}
                    ("validate_argument_spec", "argument_spec") => self.lazy(scope, value),
                    _ => {
                        self.templates(scope, value);
                    }
                }
            }
        }
    }

    fn check_arguments(&mut self, scope: &Scope, named: &Named, spec: &'static ModuleSpec) {
        let (given, whole) = match &named.args {
            Args::Map(map) => (map, false),
            Args::Template { with, .. } => (with, true),
        };
        if short(spec.name) == "set_fact" {
            self.fact_names(scope, named, given);
        }
        for problem in spec::check_literals(spec, given, &holds_template) {
            let code = code_of(&problem);
            // What a template will add is not known: only what is written can be wrong.
            if whole && (code == Code::MISSING_PARAMETER || problem.param.is_empty()) {
                continue;
            }
            self.problem(scope, named, (spec, code, problem));
        }
        let needs_text = spec.free_form && matches!(short(spec.name), "command" | "shell" | "script" | "raw");
        let has_text = ["_raw_params", "argv", "cmd"].iter().any(|n| named.arg(n).is_some_and(Data::truthy));
        if needs_text && !whole && !has_text {
            let message = format!("{} needs a command", short(spec.name));
            self.error(scope, named.node("_raw_params"), Code::MISSING_PARAMETER, message);
        }
    }

    fn problem(&mut self, scope: &Scope, named: &Named, (spec, code, problem): (&'static ModuleSpec, Code, Problem)) {
        if code == Code::MISSING_PARAMETER && self.defaulted.contains(spec.name) {
            return;
        }
        let root = problem.param.split(['.', '[']).next().unwrap_or_default();
        let node = self.key_of(named, root, code);
        let mut message = problem.message;
        if code == Code::UNKNOWN_PARAMETER {
            message = format!("{} has no parameter `{}`", short(spec.name), problem.param);
        }
        let names: Vec<&str> = spec.parameters().flat_map(|p| p.aliases.iter().copied().chain([p.name])).collect();
        let near = (code == Code::UNKNOWN_PARAMETER).then(|| nearest(&problem.param, names.iter().copied())).flatten();
        match near.map(|n| format!("did you mean `{n}`?")).or(problem.hint) {
            Some(hint) => self.error_hint(scope, &node, code, (message, hint)),
            None => self.error(scope, &node, code, message),
        }
    }

    /// The node to point at: the key of an unknown parameter, the value of a wrong one.
    fn key_of(&self, named: &Named, param: &str, code: Code) -> Node {
        if code == Code::MISSING_PARAMETER {
            return named.key.clone();
        }
        for node in [Some(named.value), named.beneath].into_iter().flatten() {
            if let Content::Map(pairs) = &node.content
                && let Some((key, value)) = pairs.iter().find(|(k, _)| k.as_str() == Some(param))
            {
                return if code == Code::UNKNOWN_PARAMETER { key.clone() } else { value.clone() };
            }
        }
        let written =
            spec::find_anywhere(&named.name).and_then(|s| s.parameter(param)).map(|p| p.aliases).unwrap_or_default();
        let alias = written.iter().find_map(|a| named.value.get(a));
        alias.unwrap_or_else(|| named.node(param)).clone()
    }

    fn fact_names(&mut self, scope: &Scope, named: &Named, given: &Map) {
        let names: Vec<String> = given.keys().filter_map(Data::as_str).map(str::to_owned).collect();
        if names.iter().all(|n| n == "cacheable") && matches!(named.args, Args::Map(_)) {
            self.error(scope, named.key, Code::MISSING_PARAMETER, "set_fact needs at least one name and value");
        }
        for name in names.iter().filter(|n| !n.contains("{{") && *n != "_raw_params" && !is_identifier(n)) {
            self.variable_name(scope, &self.key_of(named, name, Code::UNKNOWN_PARAMETER), name);
        }
    }
}

fn code_of(problem: &Problem) -> Code {
    let m = &problem.message;
    if m.starts_with("Unsupported parameters") {
        Code::UNKNOWN_PARAMETER
    } else if m.starts_with("missing") || m.contains(" required") || m.contains("are missing") {
        Code::MISSING_PARAMETER
    } else {
        Code::BAD_PARAMETER
    }
}

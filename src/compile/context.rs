//! What a compilation carries along: the plan so far, the diagnostics, what has been read, and where we are.

use super::known::Layers;
use super::{Compiled, Findings, Options};
use crate::plan::{FORMAT, Plan, Span, limits};
use crate::source::{Bag, Code, Diagnostic, Diagnostics, FileBytes, Location, ReadError, Tree, parent};
use crate::vars::Vault;
use crate::vars::vault::is_sealed;
use crate::yaml::{self, Flavour, Mark, Node};
use indexmap::IndexSet;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

/// Mistakes of one task, which Ansible meets only when that task runs.
pub(super) const AT_RUN_TIME: &[Code] = &[
    Code::UNKNOWN_MODULE,
    Code::PACKAGES_AT_BOOT,
    Code::NOT_FOR_NODES,
    Code::UNKNOWN_PARAMETER,
    Code::BAD_PARAMETER,
    Code::MISSING_PARAMETER,
    Code::OWN_PLUGIN,
    Code::BAD_ARGUMENTS,
    Code::FILE_NOT_FOUND,
    Code::TEMPLATE_SYNTAX,
    Code::UNKNOWN_FILTER,
    Code::UNKNOWN_TEST,
    Code::UNKNOWN_LOOKUP,
    Code::NO_HANDLER,
];

/// A compilation under way.
pub(super) struct Compiler<'t> {
    pub tree: &'t Tree,
    pub options: &'t Options,
    pub bag: Bag,
    pub plan: Plan,
    pub files: BTreeMap<String, FileBytes>,
    /// Source files in the order in which they were met; a span's index.
    sources: IndexSet<String>,
    /// Task files, role parts and templates that were begun: each is compiled once.
    pub begun: HashSet<String>,
    /// Roles on the way down a chain of dependencies: meeting one again is a circle.
    pub role_stack: Vec<String>,
    /// Names of variables that templates use.
    pub names: BTreeSet<String>,
    /// Where a variable is used first, by what is sure to be evaluated.
    pub uses: BTreeMap<String, Place>,
    /// Places where a name is known only at run time.
    pub dynamic: BTreeSet<Span>,
    /// Names and topics that can be notified, and whether some are templates.
    pub handlers: HashSet<String>,
    pub open_handlers: bool,
    /// What is notified, and where.
    pub notified: Vec<(String, Place)>,
    /// Modules that some module_defaults names: arguments that are missing may come from there.
    pub defaulted: HashSet<&'static str>,
    /// The task copies files as they are, encrypted or not.
    pub sealed_allowed: bool,
    /// The directory of the playbook.
    pub playbook_dir: String,
}

/// Where in the source we are, and what surrounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The file.
    pub file: String,
    /// The role that it belongs to, as a key of the plan's roles.
    pub role: Option<String>,
    /// Directories of the roles around, from the inside out.
    pub role_paths: Vec<String>,
    /// Whether these are handlers.
    pub handlers: bool,
    /// A condition around is always false: nothing here ever runs.
    pub never: bool,
    /// Failing is foreseen (`ignore_errors`, `rescue`): what would fail at run time only is a warning.
    pub foreseen: bool,
    /// Collections in which names without one are looked for.
    pub collections: Vec<String>,
    /// Variables around that the source tells.
    pub known: Rc<Layers>,
    /// Files whose static imports led here.
    pub imports: Vec<String>,
    /// Imports do not expand in a part that is already too deep.
    pub depth: usize,
}

impl Scope {
    /// The scope of a file outside of roles.
    pub fn of(file: &str) -> Scope {
        Scope { file: file.to_owned(), ..Scope::default() }
    }

    /// An error, or a warning where it is a failure at run time that the author foresees.
    pub fn diagnostic(&self, code: Code, message: String) -> Diagnostic {
        let at_run_time = [Code::FILE_NOT_FOUND, Code::BAD_PARAMETER, Code::MISSING_PARAMETER, Code::UNKNOWN_PARAMETER];
        match self.foreseen && at_run_time.contains(&code) {
            true => Diagnostic::warning(code, &self.file, message),
            false => Diagnostic::error(code, &self.file, message),
        }
    }

    /// Directories in which relative files are searched for.
    pub fn directories(&self, playbook_dir: &str) -> Vec<String> {
        let mut dirs = self.role_paths.clone();
        for dir in [parent(&self.file), playbook_dir] {
            if !dirs.iter().any(|d| d == dir) {
                dirs.push(dir.to_owned());
            }
        }
        dirs
    }
}

/// A place in a file, for diagnostics.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub file: String,
    pub at: Location,
}

impl<'t> Compiler<'t> {
    pub fn new(tree: &'t Tree, playbook: &str, options: &'t Options) -> Compiler<'t> {
        let plan = Plan { format: FORMAT, playbook: playbook.to_owned(), ..Plan::default() };
        Compiler {
            tree,
            options,
            bag: Bag::default(),
            plan,
            files: BTreeMap::new(),
            sources: IndexSet::new(),
            begun: HashSet::new(),
            role_stack: Vec::new(),
            names: BTreeSet::new(),
            uses: BTreeMap::new(),
            dynamic: BTreeSet::new(),
            handlers: HashSet::new(),
            open_handlers: false,
            notified: Vec::new(),
            defaulted: HashSet::new(),
            sealed_allowed: false,
            playbook_dir: parent(playbook).to_owned(),
        }
    }

    /// Sources that a plan before this one has: spans count on from them.
    pub fn known_sources(&mut self, sources: &[String]) {
        self.sources = sources.iter().cloned().collect();
    }

    /// What makes a part worth compiling again: the role that it is of, the roles around, whose files it may use, and
    /// whether it runs and may fail.
    pub fn circumstances(&self, scope: &Scope) -> String {
        // Roles that bring in each other can be reached by more ways than anybody waits for.
        let few = self.begun.len() < limits::CIRCUMSTANCES;
        let around = scope.role_paths.get(1..).filter(|_| few).unwrap_or_default().join(":");
        let role = scope.role.as_deref().unwrap_or_default();
        format!("{role}|{around}|{}|{}", u8::from(scope.never), u8::from(scope.foreseen))
    }

    /// The result, or everything that is wrong.
    pub fn finish(mut self) -> Result<Compiled, Diagnostics> {
        if self.options.findings == Findings::AtRunTime {
            self.bag.soften(AT_RUN_TIME);
        }
        let failed = self.bag.has_errors();
        let found = self.bag.into_sorted();
        if failed {
            return Err(Diagnostics(found));
        }
        self.plan.sources = self.sources.into_iter().collect();
        self.plan.needs.variables = self.names.into_iter().collect();
        self.plan.needs.dynamic = self.dynamic.into_iter().collect();
        self.plan.task_files.sort_unstable_keys();
        self.plan.roles.sort_unstable_keys();
        self.plan.files.sort_unstable_keys();
        Ok(Compiled { plan: self.plan, files: self.files, warnings: found })
    }

    /// The span of a place.
    pub fn span(&mut self, file: &str, mark: Mark) -> Span {
        let (index, _) = self.sources.insert_full(file.to_owned());
        Span { file: u32::try_from(index).unwrap_or(u32::MAX), line: mark.line, column: mark.column }
    }

    /// The file of a span.
    pub fn source_of(&self, span: Span) -> Option<String> {
        self.sources.get_index(span.file as usize).cloned()
    }

    /// The place of a node.
    pub fn place(&self, scope: &Scope, node: &Node) -> Place {
        Place { file: scope.file.clone(), at: location(node) }
    }

    /// Reports an error at a node.
    pub fn error(&mut self, scope: &Scope, node: &Node, code: Code, message: impl Into<String>) {
        self.bag.push(scope.diagnostic(code, message.into()).at(location(node)));
    }

    /// Reports an error at a node, with advice.
    pub fn error_hint(&mut self, scope: &Scope, node: &Node, code: Code, (message, hint): (String, String)) {
        self.bag.push(scope.diagnostic(code, message).at(location(node)).hint(hint));
    }

    /// Reports a warning at a node, with advice.
    pub fn warning_hint(&mut self, scope: &Scope, node: &Node, code: Code, (message, hint): (String, String)) {
        self.bag.push(Diagnostic::warning(code, &scope.file, message).at(location(node)).hint(hint));
    }

    /// Reads a YAML file; what is wrong with it is reported.
    pub fn yaml(&mut self, path: &str) -> Option<Node> {
        let mut bytes = match self.tree.read(path, limits::YAML as u64) {
            Ok(file) => file.bytes,
            Err(e) => {
                self.unreadable(path, &e);
                return None;
            }
        };
        let sealed = is_sealed(&bytes);
        if sealed {
            bytes = self.unsealed(path, &bytes)?;
        // An excerpt of an encrypted file is not for a terminal.
        } else if let Ok(text) = std::str::from_utf8(&bytes) {
            self.bag.text(path, text);
        }
        match yaml::document(&bytes, Flavour::Ansible) {
            Ok(document) => {
                for twice in document.duplicates {
                    let at = Location {
                        line: twice.second.line,
                        column: twice.second.column,
                        length: u32::try_from(twice.key.chars().count()).unwrap_or(1),
                    };
                    let message = format!("the key `{}` is written twice; the last value counts", twice.key);
                    let note = format!("first written in line {}", twice.first.line);
                    self.bag.push(
                        Diagnostic::warning(Code::DUPLICATE_KEY, path, message)
                            .at(at)
                            .note(note)
                            .hint("remove one of them"),
                    );
                    self.bag.worded(format!(
                        "While constructing a mapping from /{path}, line {}, column {}, found a duplicate dict key ({}). \
                         Using last defined value only.",
                        twice.map.line, twice.map.column, twice.key
                    ));
                }
                if let (true, Some(keyring)) = (sealed, &self.options.keyring) {
                    keyring.conceal(&document.root.data());
                }
                Some(document.root)
            }
            Err(e) => {
                self.not_yaml(path, &e);
                None
            }
        }
    }

    /// The text of an encrypted file, where the command has its password; else it is reported.
    pub fn unsealed(&mut self, path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let (message, hint) = match self.options.keyring.as_ref().map(|k| k.open(bytes)) {
            Some(Ok(text)) => return Some(text),
            Some(Err(why)) => (format!("cannot read this file: {why}"), "check --vault-password-file and --vault-id"),
            None => (
                "this file is encrypted with Ansible Vault".to_owned(),
                "keep secrets in the control export: each node gets only its own from there, and a bundle holds no key",
            ),
        };
        self.bag.push(Diagnostic::error(Code::VAULT_FILE, path, message).hint(hint));
        None
    }

    fn not_yaml(&mut self, path: &str, e: &yaml::Error) {
        let mut message = e.problem.clone();
        if let Some(context) = &e.context {
            message = format!("{message} {context}");
        }
        let mut diagnostic = Diagnostic::error(Code::YAML_SYNTAX, path, message);
        if let Some(mark) = e.mark {
            diagnostic = diagnostic.at(Location { line: mark.line, column: mark.column, length: 1 });
            let line = self.bag.text_of(path).and_then(|t| t.lines().nth(mark.line.saturating_sub(1) as usize));
            if line.is_some_and(|l| l.contains(": {{") || l.contains("- {{")) {
                diagnostic = diagnostic.hint("quote a value that begins with {{: \"{{ ... }}\"");
            } else if e.problem.contains("mapping values") {
                diagnostic = diagnostic.hint("quote a value that holds a colon and a blank");
            }
        }
        if let Some(mark) = e.context_mark {
            diagnostic = diagnostic.note(format!("it began in line {}, column {}", mark.line, mark.column));
        }
        self.bag.push(diagnostic);
    }

    /// Reports a file that cannot be read.
    pub fn unreadable(&mut self, path: &str, e: &ReadError) {
        let code = if *e == ReadError::Outside { Code::OUTSIDE } else { Code::UNREADABLE };
        let mut diagnostic = Diagnostic::error(code, path, format!("cannot read {path}: {e}"));
        if code == Code::OUTSIDE {
            diagnostic =
                diagnostic.hint("copy what is needed into the source tree, or give its directory with --roles-path");
        }
        self.bag.push(diagnostic);
    }
}

/// The place of a span.
pub(super) fn location_of(span: Span) -> Location {
    Location { line: span.line.max(1), column: span.column.max(1), length: 1 }
}

/// The place of a node, as far as it lies in one line.
pub(super) fn location(node: &Node) -> Location {
    let one_line = node.end.line == node.start.line;
    let length = if one_line { node.end.column.saturating_sub(node.start.column).max(1) } else { 1 };
    Location { line: node.start.line.max(1), column: node.start.column.max(1), length }
}

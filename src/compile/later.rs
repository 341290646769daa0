//! Parts of a playbook that are compiled while it runs (`apply`): what a dynamic include names is known only then, and
//! may not even exist before.

use super::context::{Compiler, Scope};
use super::{Compiled, Options};
use crate::plan::{From, Role};
use crate::source::{Code, Diagnostic, Diagnostics, Tree};
use crate::yaml::{Content, Mark, Node};

/// Where an include stands.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The playbook.
    pub playbook: &'a str,
    /// Directories of the roles around it, from the inside out.
    pub roles: &'a [String],
    /// Whether handlers are included.
    pub handlers: bool,
    /// The source files that spans name so far.
    pub sources: &'a [String],
}

fn compiler<'t>(tree: &'t Tree, options: &'t Options, around: &Around<'_>) -> Compiler<'t> {
    let mut compiler = Compiler::new(tree, around.playbook, options);
    compiler.known_sources(around.sources);
    compiler
}

/// Compiles a file of tasks, by its path in the tree.
pub fn tasks(tree: &Tree, options: &Options, around: &Around<'_>, path: &str) -> Result<Compiled, Diagnostics> {
    let mut compiler = compiler(tree, options, around);
    let role = around.roles.first().map(|path| {
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        compiler.plan.roles.insert(name.clone(), Role { name: name.clone(), path: path.clone(), ..Role::default() });
        name
    });
    let scope = Scope {
        file: path.to_owned(),
        role,
        role_paths: around.roles.to_vec(),
        handlers: around.handlers,
        collections: around.roles.first().and_then(|path| super::collection::of_path(path)).into_iter().collect(),
        ..Scope::default()
    };
    let nodes = compiler.task_file(&scope);
    compiler.plan.task_files.insert(path.to_owned(), nodes);
    compiler.finish()
}

/// Compiles a role as an include uses it; gives its key too.
pub fn role(
    tree: &Tree,
    options: &Options,
    around: &Around<'_>,
    (name, from): (&str, &From),
) -> Result<(Compiled, String), Diagnostics> {
    let mut compiler = compiler(tree, options, around);
    let collections = around.roles.first().and_then(|path| super::collection::of_path(path)).into_iter().collect();
    let scope = Scope { role_paths: around.roles.to_vec(), collections, ..Scope::of(around.playbook) };
    // There is no place to point at: the name may be the value of a variable.
    let start = Mark { line: 1, column: 1 };
    let content = Content::Scalar(crate::plan::Data::str(name));
    let node = Node { content, start, end: start, ..Node::default() };
    match compiler.use_role(&scope, &node, name, from) {
        Some(key) => compiler.finish().map(|compiled| (compiled, key)),
        None => {
            compiler.finish()?;
            let message = format!("there is no role `{name}`");
            Err(Diagnostics(vec![Diagnostic::error(Code::ROLE_NOT_FOUND, around.playbook, message)]))
        }
    }
}

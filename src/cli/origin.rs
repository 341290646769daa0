//! Where a source comes from, and what the compiler says about it: shared by `check` and `build`.

use super::{Exit, Ui};
use crate::compile::{self, Compiled};
use crate::source::{Colour, Diagnostic, Severity, Tree, render, shipped};
use anyhow::{Context, bail};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The playbook that is looked for where a directory is given.
const DEFAULT_PLAYBOOK: &str = "compute-init.yml";

/// What to compile.
#[derive(clap::Args, Clone)]
pub(super) struct Origin {
    /// A playbook, or a directory that holds compute-init.yml [default: the shipped role set]
    source: Option<PathBuf>,
    /// Further directories with roles; may be repeated
    #[arg(long, value_name = "DIR")]
    roles_path: Vec<PathBuf>,
    /// Fail where there are warnings
    #[arg(long)]
    strict: bool,
}

/// What came of compiling.
pub(super) enum Outcome {
    /// A plan; the diagnostics are warnings.
    Compiled(Box<Compiled>),
    /// Nothing, and how to exit.
    Refused(Vec<Diagnostic>, Exit),
}

/// What `--json` prints about a source.
#[derive(Serialize)]
pub(super) struct Findings<'a> {
    /// Number of errors.
    pub errors: usize,
    /// Number of warnings.
    pub warnings: usize,
    /// All of them.
    pub diagnostics: &'a [Diagnostic],
}

impl<'a> Findings<'a> {
    /// Counts.
    pub(super) fn new(diagnostics: &'a [Diagnostic]) -> Findings<'a> {
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        let warnings = diagnostics.iter().filter(|d| d.severity == Severity::Warning).count();
        Findings { errors, warnings, diagnostics }
    }

    /// `2 errors, 1 warning`.
    pub(super) fn counts(&self) -> String {
        let plural = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        format!("{}, {}", plural(self.errors, "error"), plural(self.warnings, "warning"))
    }
}

impl Origin {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        self.source.as_ref().map_or("the shipped role set".to_owned(), |path| path.display().to_string())
    }

    /// The directories that hold it; none for the shipped role set.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let source = self.source.as_ref().map(|path| match path.is_dir() {
            true => path.clone(),
            false => crate::sys::file::parent(path).to_owned(),
        });
        source.into_iter().chain(self.roles_path.iter().cloned()).collect()
    }

    /// Compiles it, and shows the diagnostics unless they are printed as JSON later.
    pub(super) fn compile(&self, ui: &Ui) -> anyhow::Result<Outcome> {
        let (mut tree, playbook) = match &self.source {
            None => (shipped::tree(), shipped::PLAYBOOK.to_owned()),
            Some(path) => open(path)?,
        };
        for directory in &self.roles_path {
            let context = || format!("opening the roles path {}", directory.display());
            tree.add_roles_path(directory).with_context(context)?;
        }
        Ok(match compile::compile(&tree, &playbook, &compile::Options::default()) {
            Ok(compiled) => {
                show(&compiled.warnings, ui);
                match self.strict && compiled.warnings.iter().any(|d| d.severity == Severity::Warning) {
                    true => Outcome::Refused(compiled.warnings, Exit::Machine),
                    false => Outcome::Compiled(Box::new(compiled)),
                }
            }
            Err(diagnostics) => {
                show(&diagnostics.0, ui);
                Outcome::Refused(diagnostics.0, Exit::Source)
            }
        })
    }
}

fn open(path: &Path) -> anyhow::Result<(Tree, String)> {
    let (directory, playbook) = if path.is_dir() {
        if !path.join(DEFAULT_PLAYBOOK).is_file() {
            bail!("{} holds no {DEFAULT_PLAYBOOK}: name the playbook", path.display());
        }
        (path, DEFAULT_PLAYBOOK.to_owned())
    } else {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.with_context(|| format!("{} does not name a playbook", path.display()))?;
        let above = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        (above.unwrap_or(Path::new(".")), name.to_owned())
    };
    let tree = Tree::directory(directory).with_context(|| format!("opening {}", directory.display()))?;
    Ok((tree, playbook))
}

fn show(diagnostics: &[Diagnostic], ui: &Ui) {
    if ui.json() {
        return;
    }
    let colour = if ui.colour() { Colour::Always } else { Colour::Never };
    for diagnostic in diagnostics {
        eprintln!("{}\n", render(diagnostic, colour));
    }
}

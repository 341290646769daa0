//! What the compiler found, as `apply` says it: in ansible-playbook's words where it has some, else as `check` does.

use super::settings::Severity as Duplicates;
use crate::cli::Ui;
use crate::cli::console::warn;
use crate::source::{Code, Diagnostic, Severity};
use std::cell::RefCell;
use std::collections::HashSet;

/// Shows diagnostics; remembers which warnings were shown, for Ansible shows each text once.
pub(super) struct Reporter<'a> {
    pub ui: &'a Ui,
    /// The playbook's directory.
    pub directory: String,
    pub duplicates: Duplicates,
    shown: RefCell<HashSet<String>>,
}

impl<'a> Reporter<'a> {
    pub fn new(ui: &'a Ui, directory: String, duplicates: Duplicates) -> Reporter<'a> {
        Reporter { ui, directory, duplicates, shown: RefCell::default() }
    }

    /// Shows them. The first that ends the run comes back, in Ansible's words where it has some.
    pub fn show(&self, diagnostics: Vec<Diagnostic>) -> Option<String> {
        let mut fatal = None;
        for mut diagnostic in diagnostics {
            if diagnostic.code == Code::DUPLICATE_KEY {
                match self.duplicates {
                    Duplicates::Ignore => continue,
                    Duplicates::Warn => {}
                    Duplicates::Error => diagnostic.severity = Severity::Error,
                }
            }
            let broken = (diagnostic.code == Code::YAML_SYNTAX).then(|| neither(&diagnostic));
            let words = diagnostic.ansible.clone().or(broken);
            let diagnostic = diagnostic.on_machine(&self.directory);
            match (diagnostic.severity, words) {
                (Severity::Warning, Some(words)) => self.warn(&words),
                (Severity::Note, _) => {}
                (Severity::Warning, None) => self.ui.diagnostics(&[diagnostic]),
                (Severity::Error, words) => {
                    let place = diagnostic.span.map(|s| format!(":{}:{}", s.line, s.column)).unwrap_or_default();
                    let plain = format!("{} [{}{place}]", diagnostic.message, diagnostic.file);
                    self.ui.diagnostics(&[diagnostic]);
                    if let Some(words) = &words {
                        eprintln!("ERROR! {words}");
                    }
                    fatal = fatal.or(Some(words.unwrap_or(plain)));
                }
            }
        }
        fatal
    }

    fn warn(&self, text: &str) {
        if self.shown.borrow_mut().insert(text.to_owned()) {
            warn(text);
        }
    }
}

/// A file that is neither JSON nor YAML: Ansible reads it as both, and says why it is neither.
fn neither(diagnostic: &Diagnostic) -> String {
    let read = std::fs::read(format!("/{}", diagnostic.file)).ok();
    let json = read.and_then(|bytes| serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).err());
    let json = json.map_or_else(|| "not read".to_owned(), |e| e.to_string());
    format!(
        "We were unable to read either as JSON nor YAML, these are the errors we got from each:\nJSON: {json}\n\n\
         Syntax Error while loading YAML.\n  {}",
        diagnostic.message
    )
}

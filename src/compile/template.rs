//! Templates in values: what they name is collected, what is wrong with them is reported. The seam to `vars`' parser.

use super::context::{Compiler, Place, Scope, location};
use crate::plan::Data;
use crate::source::{Code, Diagnostic, Location};
use crate::yaml::{Content, Node, Style};

/// Whether a text holds Jinja.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// Whether a value holds Jinja anywhere.
pub(super) fn holds_template(data: &Data) -> bool {
    match data {
        Data::Str(text) => is_template(text),
        Data::List(items) | Data::Tuple(items) | Data::Set(items) => items.iter().any(holds_template),
        Data::Map(map) => map.iter().any(|(k, v)| holds_template(k) || holds_template(v)),
        _ => false,
    }
}

impl Compiler<'_> {
    /// All text in a node that is templated when the task runs.
    pub fn templates(&mut self, scope: &Scope, node: &Node) {
        match &node.content {
            Content::Scalar(Data::Str(text)) if is_template(text) => self.template(scope, node, text),
            Content::Scalar(Data::Vault(_)) => self.vault(scope, node),
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|i| self.templates(scope, i)),
            Content::Map(pairs) => pairs.iter().for_each(|(k, v)| {
                self.templates(scope, k);
                self.templates(scope, v);
            }),
        }
    }

    /// All text in a node that is templated only if somebody uses it: it may be no Jinja at all.
    pub fn lazy(&mut self, scope: &Scope, node: &Node) {
        match &node.content {
            Content::Scalar(Data::Vault(_)) => self.vault(scope, node),
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|i| self.lazy(scope, i)),
            Content::Map(pairs) => pairs.iter().for_each(|(_, v)| self.lazy(scope, v)),
        }
    }

    fn vault(&mut self, scope: &Scope, node: &Node) {
        let message = "this value is encrypted with Ansible Vault, and a bundle holds no key";
        let diagnostic = Diagnostic::warning(Code::VAULT_VALUE, &scope.file, message)
            .at(location(node))
            .hint("keep secrets in the control export, or build with a vault password");
        self.bag.push(diagnostic);
    }

    /// One text with Jinja in it.
    pub fn template(&mut self, scope: &Scope, node: &Node, text: &str) {
        let _ = (scope, node, text);
    }

    /// One condition: an expression without braces.
    pub fn condition(&mut self, scope: &Scope, node: &Node, text: &str) {
        self.lint_condition(scope, node, text);
    }
}

/// The place of a line and column within a node's text.
pub(super) fn inside(scope: &Scope, node: &Node, line: u32, column: u32) -> Place {
    let whole = location(node);
    let at = match node.style {
        Style::Literal => Location { line: node.start.line + line, column: 1, length: 1 },
        Style::Plain | Style::Quoted if line == 1 && node.start.line == node.end.line => {
            let shift = u32::from(node.style == Style::Quoted);
            Location { line: node.start.line, column: node.start.column + shift + column.saturating_sub(1), length: 1 }
        }
        _ => whole,
    };
    Place { file: scope.file.clone(), at }
}

impl Compiler<'_> {
    /// The text of a template file: what it includes is reachable too.
    pub fn template_text(&mut self, scope: &Scope, path: &str) {
        let _ = (scope, path);
    }
}

//! What is valid, but hardly what the author meant.

use super::context::{Compiler, Scope};
use crate::plan::Data;
use crate::source::Code;
use crate::yaml::{Content, Node, Style};

impl Compiler<'_> {
    /// A condition's habits.
    pub(super) fn lint_condition(&mut self, scope: &Scope, node: &Node, text: &str) {
        if text.contains("{{") || text.contains("{%") {
            let message = "braces in a condition: it is an expression already".to_owned();
            let hint = "write the expression without {{ }}".to_owned();
            self.warning_hint(scope, node, Code::BARE_JINJA, (message, hint));
            self.bag.worded(format!(
                "conditional statements should not include jinja2 templating delimiters such as {{{{ }}}} or {{% %}}. \
                 Found: {text}"
            ));
        }
        self.lint_or(scope, node, text);
    }

    /// `['a' or 'b']`
    pub(super) fn lint_or(&mut self, scope: &Scope, node: &Node, text: &str) {
        let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let between = |q: char| squeezed.contains(&format!("{q}or{q}"));
        if (between('\'') || between('"')) && squeezed.contains('[') {
            let message = "`or` between texts gives the first of them".to_owned();
            let hint = "separate them by a comma: ['a', 'b']".to_owned();
            self.warning_hint(scope, node, Code::OR_OF_TEXTS, (message, hint));
        }
    }

    /// A mode that YAML read as a number.
    pub(super) fn lint_mode(&mut self, scope: &Scope, name: &str, node: &Node) {
        if !matches!(name, "mode" | "directory_mode") || node.style != Style::Plain {
            return;
        }
        let Content::Scalar(Data::Int(value)) = node.content else { return };
        let written = self
            .bag
            .text_of(&scope.file)
            .and_then(|t| t.lines().nth(node.start.line.saturating_sub(1) as usize))
            .map(|line| {
                let from = node.start.column.saturating_sub(1) as usize;
                line.chars().skip(from).take_while(|c| c.is_ascii_digit() || *c == 'o').collect::<String>()
            })
            .unwrap_or_default();
        if written.len() > 1 && written.starts_with('0') {
            return;
        }
        let message = format!("`{name}: {value}` is the decimal number {value}, which is mode {value:04o}");
        let hint = format!("write it in quotes: \"0{value}\"");
        self.warning_hint(scope, node, Code::OCTAL_MODE, (message, hint));
    }
}

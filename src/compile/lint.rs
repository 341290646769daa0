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
        self.lint_metadata(scope, node, text);
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

    /// A secret that comes by the instance's metadata, which everybody on the node can read.
    pub(super) fn lint_metadata(&mut self, scope: &Scope, node: &Node, text: &str) {
        for name in metadata_keys(text).into_iter().filter(|name| is_secret(name)) {
            let message = format!("`{name}` of the metadata looks like a secret");
            let hint = "every process of the node can read the metadata service, and the cloud keeps it: put secrets into the \
                        inventory, which the control export gives to each node alone"
                .to_owned();
            self.warning_hint(scope, node, Code::SECRET_METADATA, (message, hint));
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

/// Members of what is called `meta` or ends so, as instances' metadata is: `x.meta.name`, `meta['name']`.
fn metadata_keys(text: &str) -> Vec<&str> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for word in ["meta", "metadata"] {
        for (at, _) in text.match_indices(word) {
            let rest = text[at + word.len()..].trim_start_matches(['\'', '"', ']']);
            let member = rest.strip_prefix('.').map(|r| r.strip_prefix("get(").unwrap_or(r)).or(rest.strip_prefix('['));
            let Some(member) = member else { continue };
            let member = member.trim_start_matches(['\'', '"']);
            let name = member.split(|c| !part(c)).next().unwrap_or_default();
            if !found.contains(&name) {
                found.push(name);
            }
        }
    }
    found
}

/// Whether a name is one that secrets have.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts: Vec<&str> = name.split('_').collect();
    let public = parts.iter().any(|p| matches!(*p, "public" | "pub" | "file" | "path" | "id" | "name" | "url"));
    let words = ["password", "passwd", "passphrase", "secret", "token", "mungekey", "credential", "credentials"];
    let secret = parts.iter().any(|p| words.contains(p) || *p == "key" || *p == "keytab");
    secret && !public
}

#[cfg(test)]
mod tests {
    use super::{is_secret, metadata_keys};

    #[test]
    fn keys_of_metadata_are_seen() {
        assert_eq!(
            metadata_keys("{{ os.meta.a_key | x }} {{ meta['b'] }} {{ compute_init_metadata.meta }}"),
            ["a_key", "b", "meta"]
        );
        assert_eq!(metadata_keys("{{ x['meta']['token'] }} {{ item.metal }} metaphor"), ["token"]);
        assert!(is_secret("munge_key") && is_secret("ADMIN_PASSWORD") && is_secret("token"));
        assert!(!is_secret("ssh_public_key") && !is_secret("keyboard") && !is_secret("control_address"));
        assert!(!is_secret("token_url") && !is_secret("compute"));
    }
}

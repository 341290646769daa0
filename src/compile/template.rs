//! Templates in values: what they name is collected and made reachable, what is wrong with them is reported.

use super::context::{Compiler, Place, Scope, location};
use super::own_plugin::Kind;
use crate::plan::{Data, Span};
use crate::source::{Code, Diagnostic, Location, parent};
use crate::vars::analysis::{self, Asset, Named, SyntaxError, Usage};
use crate::vars::jinja::Style as Jinja;
use crate::vars::vault::{Vault, is_sealed};
use crate::vars::{nearest, registry};
use crate::yaml::{Content, Mark, Node, Style};

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

/// What a name in a template stands for.
#[derive(Clone, Copy)]
enum Plugin {
    Filter,
    Test,
    Lookup,
}

/// Where a template's text stands, to turn its lines and columns into the file's.
struct Anchor<'a> {
    scope: &'a Scope,
    node: Option<&'a Node>,
}

impl Anchor<'_> {
    fn place(&self, line: u32, column: u32) -> Location {
        let Some(node) = self.node else {
            return Location { line, column: column.max(1), length: 1 };
        };
        let column = column.max(1);
        match node.style {
            // The text's indentation is not known: the line is.
            Style::Literal => Location { line: node.start.line + line, column: 1, length: 1 },
            Style::Plain | Style::Quoted if line == 1 && node.start.line == node.end.line => {
                let quote = u32::from(node.style == Style::Quoted);
                Location { line: node.start.line, column: node.start.column + quote + column - 1, length: 1 }
            }
            _ => location(node),
        }
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
            Content::Scalar(Data::Str(text)) if is_template(text) => {
                self.lint_metadata(scope, node, text);
                if let Ok(found) = analysis::text(text) {
                    self.collect(scope, node.start, &found);
                    let anchor = Anchor { scope, node: Some(node) };
                    let files = found.assets.into_iter().map(|f| Asset { optional: true, ..f }).collect();
                    self.named_files(&anchor, files);
                }
            }
            Content::Scalar(_) => {}
            Content::List(items) => items.iter().for_each(|i| self.lazy(scope, i)),
            Content::Map(pairs) => pairs.iter().for_each(|(_, v)| self.lazy(scope, v)),
        }
    }

    fn vault(&mut self, scope: &Scope, node: &Node) {
        if let (Some(keyring), Content::Scalar(Data::Vault(envelope))) = (&self.options.keyring, &node.content) {
            keyring.note(envelope, &format!("{}:{}:{}", scope.file, node.start.line, node.start.column));
            return;
        }
        let message = "this value is encrypted with Ansible Vault, and a bundle holds no key";
        let diagnostic = Diagnostic::error(Code::VAULT_VALUE, &scope.file, message).at(location(node)).hint(
            "move it to the inventory: the control export gives each node its own secrets, decrypted for it alone",
        );
        self.bag.push(diagnostic);
    }

    /// One text with Jinja in it.
    pub fn template(&mut self, scope: &Scope, node: &Node, text: &str) {
        if is_template(text) {
            self.lint_or(scope, node, text);
            self.lint_metadata(scope, node, text);
            self.inspected(&Anchor { scope, node: Some(node) }, analysis::text(text));
        }
    }

    /// One condition: an expression without braces.
    pub fn condition(&mut self, scope: &Scope, node: &Node, text: &str) {
        self.lint_condition(scope, node, text);
        if text.trim().is_empty() {
            return;
        }
        let found = if is_template(text) { analysis::text(text) } else { analysis::condition(text) };
        self.inspected(&Anchor { scope, node: Some(node) }, found);
    }

    /// The text of a template file: what it includes is reachable too.
    pub fn template_text(&mut self, scope: &Scope, path: &str) {
        let Some(mut bytes) = self.files.get(path).map(|f| f.bytes.clone()) else { return };
        let sealed = is_sealed(&bytes);
        if sealed {
            let Some(text) = self.unsealed(path, &bytes) else { return };
            bytes = text;
        }
        // A template may hold bytes that are no text; Jinja's tags never do.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !sealed {
            self.bag.text(path, &text);
        }
        let inner = Scope { file: path.to_owned(), ..scope.clone() };
        self.inspected(&Anchor { scope: &inner, node: None }, analysis::file(&text, &Jinja::default()));
    }

    fn inspected(&mut self, anchor: &Anchor, found: Result<Usage, SyntaxError>) {
        match found {
            Ok(found) => {
                let mark = anchor.node.map_or(Mark { line: 1, column: 1 }, |n| n.start);
                self.collect(anchor.scope, mark, &found);
                self.used(anchor, &found);
                found.filters.iter().for_each(|n| self.known_plugin(anchor, (Plugin::Filter, n)));
                found.tests.iter().for_each(|n| self.known_plugin(anchor, (Plugin::Test, n)));
                let lookups = found.lookups.iter().filter_map(|l| l.plugin.as_ref());
                lookups.for_each(|n| self.known_plugin(anchor, (Plugin::Lookup, n)));
                self.named_files(anchor, found.assets);
            }
            Err(mistake) => self.not_jinja(anchor, mistake),
        }
    }

    /// Remembers where variables are used that somebody is sure to ask for.
    fn used(&mut self, anchor: &Anchor, found: &Usage) {
        if anchor.scope.never || anchor.scope.foreseen {
            return;
        }
        for variable in &found.variables {
            let place = || Place { file: anchor.scope.file.clone(), at: anchor.place(variable.line, variable.column) };
            self.uses.entry(variable.name.clone()).or_insert_with(place);
        }
    }

    fn collect(&mut self, scope: &Scope, mark: Mark, found: &Usage) {
        self.names.extend(found.variables.iter().map(|v| v.name.clone()));
        let hosts = &found.hosts;
        if found.computed_variables || hosts.unknown || !hosts.named_by.is_empty() {
            let span: Span = self.span(&scope.file, mark);
            self.dynamic.insert(span);
        }
    }

    fn not_jinja(&mut self, anchor: &Anchor, mistake: SyntaxError) {
        if anchor.scope.never {
            return;
        }
        let at = anchor.place(mistake.line, mistake.column);
        let message = format!("this is not Jinja2: {}", mistake.message);
        self.bag.push(Diagnostic::error(Code::TEMPLATE_SYNTAX, &anchor.scope.file, message).at(at));
    }

    fn known_plugin(&mut self, anchor: &Anchor, (plugin, used): (Plugin, &Named)) {
        let name = used.name.as_str();
        let (known, names, code, what) = match plugin {
            Plugin::Filter => {
                let vault = self.options.keyring.as_deref().map(|k| k as &dyn Vault);
                (registry::filter(name, vault).is_some(), registry::filter_names(), Code::UNKNOWN_FILTER, "filter")
            }
            Plugin::Test => (registry::test(name).is_some(), registry::test_names(), Code::UNKNOWN_TEST, "test"),
            Plugin::Lookup => {
                (registry::lookup(name).is_some(), registry::lookup_names(), Code::UNKNOWN_LOOKUP, "lookup")
            }
        };
        if anchor.scope.never {
            return;
        }
        let short = registry::short_name(name);
        if matches!(plugin, Plugin::Filter) && ["vault", "unvault"].contains(&short) && self.options.keyring.is_none() {
            let at = anchor.place(used.line, used.column);
            let message = format!("the filter `{short}` is not for a node");
            let hint = "encrypt and decrypt where the inventory is: the control export gives each node its own secrets";
            self.bag.push(Diagnostic::error(code, &anchor.scope.file, message).at(at).hint(hint));
            return;
        }
        if known {
            return;
        }
        let hint = match nearest(registry::short_name(name), names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("compute-init has no such {what}, and a node has no Python to run a site's own"),
        };
        let at = anchor.place(used.line, used.column);
        let kind = match plugin {
            Plugin::Filter => Kind::Filter,
            Plugin::Test => Kind::Test,
            Plugin::Lookup => Kind::Lookup,
        };
        if let Some(own) = self.own_plugin(anchor.scope, kind, name) {
            self.bag.push(own.at(at));
            return;
        }
        let message = format!("unknown {what} `{name}`");
        self.bag.push(Diagnostic::error(code, &anchor.scope.file, message).at(at).hint(hint));
    }

    /// Files that a template includes or looks up.
    fn named_files(&mut self, anchor: &Anchor, files: Vec<Asset>) {
        for file in files {
            let Some(name) = file.name else {
                self.whole(anchor.scope, file.kind);
                continue;
            };
            // A template includes what lies beside it, too.
            let mut scope = anchor.scope.clone();
            let beside = parent(&scope.file).to_owned();
            if !scope.role_paths.contains(&beside) && anchor.node.is_none() {
                scope.role_paths.push(beside);
            }
            scope.never |= file.optional;
            let at = anchor.place(file.line, file.column);
            let start = Mark { line: at.line, column: at.column };
            let end = Mark { line: at.line, column: at.column + at.length };
            let node = Node { start, end, ..Node::default() };
            self.need(&scope, &node, (file.kind, &name));
        }
    }
}

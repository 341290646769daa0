//! What a template names: variables, filters, tests, lookups, other templates. Looks, and judges nothing.

use crate::vars::jinja::{Argument, Expr, ForLoop, Kind, Macro, Node, Part, Statement, Style, Target, parse};
use std::collections::{BTreeSet, HashSet};

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    Filter,
    Test,
    Lookup,
}

/// A plugin that a template uses.
#[derive(Debug)]
pub(super) struct Use {
    pub plugin: Plugin,
    pub name: String,
    pub line: u32,
    pub column: u32,
}

/// A file that a template or lookup names; `None` where the name is computed.
#[derive(Debug)]
pub(super) struct Named {
    /// `templates`, `files`, `vars`.
    pub kind: &'static str,
    pub name: Option<String>,
    /// It may be absent.
    pub optional: bool,
    pub line: u32,
    pub column: u32,
}

impl Named {
    fn at(at: &Expr, kind: &'static str, name: Option<String>, optional: bool) -> Named {
        Named { kind, name, optional, line: at.line, column: at.column }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Variables that the template does not define itself.
    pub names: BTreeSet<String>,
    pub plugins: Vec<Use>,
    pub files: Vec<Named>,
    /// A variable's or host's name is computed.
    pub dynamic: bool,
}

/// A template that cannot be parsed.
#[derive(Debug)]
pub(super) struct Mistake {
    pub message: String,
    pub line: u32,
    pub column: u32,
}

/// Looks through a template.
pub(super) fn inspect(source: &str) -> Result<Findings, Mistake> {
    let template = parse(source, "", &Style::default()).map_err(|e| {
        let place = e.context.first().map(String::as_str).unwrap_or_default();
        let numbers: Vec<u32> =
            place.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).take(2).collect();
        Mistake {
            message: e.message,
            line: numbers.first().copied().unwrap_or(1),
            column: numbers.get(1).copied().unwrap_or(1),
        }
    })?;
    let mut inspector = Inspector { found: Findings::default(), scopes: vec![HashSet::new()] };
    inspector.nodes(&template.body);
    Ok(inspector.found)
}

struct Inspector {
    found: Findings,
    scopes: Vec<HashSet<String>>,
}

/// Names that Jinja and Ansible define everywhere.
const GLOBALS: &[&str] = &[
    "lookup",
    "query",
    "q",
    "now",
    "undef",
    "finalize",
    "range",
    "dict",
    "lipsum",
    "cycler",
    "joiner",
    "namespace",
    "omit",
    "loop",
    "self",
    "super",
    "caller",
    "varargs",
    "kwargs",
];

impl Inspector {
    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|n| self.statement(&n.what));
    }

    /// Nodes whose assignments end with them.
    fn scoped(&mut self, names: impl IntoIterator<Item = String>, inner: impl FnOnce(&mut Self)) {
        self.scopes.push(names.into_iter().collect());
        inner(self);
        self.scopes.pop();
    }

    fn define(&mut self, name: &str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned());
        }
    }

    fn assign(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.define(name),
            Target::Attribute(name, _) => self.name(name),
            Target::Tuple(targets) => targets.iter().for_each(|t| self.assign(t)),
        }
    }

    fn name(&mut self, name: &str) {
        let local = self.scopes.iter().any(|s| s.contains(name));
        if !local && !GLOBALS.contains(&name) {
            self.found.names.insert(name.to_owned());
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Text(_) => {}
            Statement::Print(expr) => self.expr(expr),
            Statement::For(each) => self.each(each),
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    self.expr(test);
                    self.nodes(body);
                }
                self.nodes(otherwise);
            }
            Statement::Set(target, value) => {
                self.expr(value);
                self.assign(target);
            }
            Statement::SetBlock(target, filter, body) => {
                filter.iter().for_each(|f| self.expr(f));
                self.scoped([], |i| i.nodes(body));
                self.assign(target);
            }
            Statement::With(values, body) => {
                values.iter().for_each(|(_, v)| self.expr(v));
                self.scoped([], |i| {
                    values.iter().for_each(|(t, _)| i.assign(t));
                    i.nodes(body);
                });
            }
            Statement::Filter(filter, body) => {
                self.expr(filter);
                self.scoped([], |i| i.nodes(body));
            }
            Statement::Macro(m) => {
                self.define(&m.name);
                self.body(m);
            }
            Statement::Call(callee, m) => {
                self.expr(callee);
                self.body(m);
            }
            Statement::Block(block) => self.scoped([], |i| i.nodes(&block.body)),
            Statement::Extends(name) => self.template(name, false),
            Statement::Include { names, ignore_missing, .. } => self.template(names, *ignore_missing),
            Statement::Import(import) => {
                self.template(&import.name, false);
                import.target.iter().for_each(|t| self.define(t));
                import.members.iter().for_each(|(_, name)| self.define(name));
            }
        }
    }

    fn each(&mut self, each: &ForLoop) {
        self.expr(&each.iter);
        self.scoped([], |i| {
            i.assign(&each.target);
            each.filter.iter().for_each(|f| i.expr(f));
            i.nodes(&each.body);
        });
        self.nodes(&each.otherwise);
    }

    fn body(&mut self, m: &Macro) {
        m.parameters.iter().flat_map(|(_, d)| d).for_each(|d| self.expr(d));
        let names: Vec<String> = m.parameters.iter().map(|(n, _)| n.to_string()).collect();
        self.scoped(names, |i| i.nodes(&m.body));
    }

    /// A template by name, or a list of names of which one is taken.
    fn template(&mut self, name: &Expr, optional: bool) {
        self.expr(name);
        match &name.kind {
            Kind::List(items) | Kind::Tuple(items) => {
                self.found.files.extend(items.iter().map(|i| Named::at(i, "templates", text(i), true)));
            }
            _ => self.found.files.push(Named::at(name, "templates", text(name), optional)),
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|e| self.expr(e));
    }

    fn arguments(&mut self, arguments: &[Argument]) {
        self.exprs(arguments.iter().map(|a| &a.value));
    }

    fn plugin(&mut self, plugin: Plugin, name: &str, at: &Expr) {
        self.found.plugins.push(Use { plugin, name: name.to_owned(), line: at.line, column: at.column });
    }

    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            Kind::Const(_) | Kind::Captured => {}
            Kind::Name(name) => {
                self.found.dynamic |= matches!(&**name, "hostvars" | "vars");
                self.name(name);
            }
            Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => self.exprs(items),
            Kind::Dict(pairs) => self.exprs(pairs.iter().flat_map(|(k, v)| [k, v])),
            Kind::Not(a) | Kind::Negative(a) | Kind::Positive(a) => self.expr(a),
            Kind::And(a, b) | Kind::Or(a, b) | Kind::Binary(_, a, b) => self.exprs([&**a, &**b]),
            Kind::Compare(first, rest) => {
                self.expr(first);
                self.exprs(rest.iter().map(|(_, e)| e));
            }
            Kind::Condition { test, then, otherwise } => {
                self.exprs([&**test, &**then]);
                self.exprs(otherwise.iter().map(|e| &**e));
            }
            Kind::Filter(value, name, arguments) => {
                self.expr(value);
                self.plugin(Plugin::Filter, name, e);
                self.named_plugins(name, arguments, e);
                self.arguments(arguments);
            }
            Kind::Test(value, name, arguments) => {
                self.expr(value);
                self.plugin(Plugin::Test, name, e);
                self.arguments(arguments);
            }
            Kind::Attribute(value, name) => match &value.kind {
                Kind::Name(vars) if &**vars == "vars" => self.name(name),
                _ => self.expr(value),
            },
            Kind::Item(value, key) => match (&value.kind, text(key)) {
                (Kind::Name(vars), Some(name)) if &**vars == "vars" => self.name(&name),
                (Kind::Name(hosts), Some(_)) if &**hosts == "hostvars" => self.name(hosts),
                _ => self.exprs([&**value, &**key]),
            },
            Kind::Slice(value, bounds) => {
                self.expr(value);
                self.exprs(bounds.iter().flatten().map(|b| &**b));
            }
            Kind::Call(callee, arguments) => self.call(callee, arguments),
        }
    }

    /// `map('filter')`, `select('test')` and their kin name plugins in text.
    fn named_plugins(&mut self, filter: &str, arguments: &[Argument], at: &Expr) {
        let positional = |n: usize| {
            arguments.iter().filter(|a| matches!(a.part, Part::Positional)).nth(n).and_then(|a| text(&a.value))
        };
        let (plugin, name) = match filter {
            "map" => (Plugin::Filter, positional(0)),
            "select" | "reject" => (Plugin::Test, positional(0)),
            "selectattr" | "rejectattr" => (Plugin::Test, positional(1)),
            _ => return,
        };
        if let Some(name) = name {
            self.plugin(plugin, &name, at);
        }
    }

    fn call(&mut self, callee: &Expr, arguments: &[Argument]) {
        let is_lookup = matches!(&callee.kind, Kind::Name(n) if matches!(&**n, "lookup" | "query" | "q"));
        if is_lookup && let Some(name) = arguments.first().and_then(|a| text(&a.value)) {
            self.plugin(Plugin::Lookup, &name, &arguments[0].value);
            self.lookup(name.rsplit('.').next().unwrap_or_default(), (callee, &arguments[1..]));
        } else {
            self.expr(callee);
        }
        self.arguments(arguments);
    }

    fn lookup(&mut self, name: &str, (at, arguments): (&Expr, &[Argument])) {
        let kind = match name {
            "file" | "unvault" => "files",
            "template" => "templates",
            "vars" => {
                for argument in arguments.iter().filter(|a| matches!(a.part, Part::Positional)) {
                    match text(&argument.value) {
                        Some(name) => self.name(&name),
                        None => self.found.dynamic = true,
                    }
                }
                return;
            }
            "fileglob" | "filetree" | "ini" | "csvfile" => {
                self.found.files.push(Named::at(at, "files", None, true));
                return;
            }
            "first_found" => {
                for kind in ["files", "templates", "vars"] {
                    self.found.files.push(Named::at(at, kind, None, true));
                }
                return;
            }
            _ => return,
        };
        for argument in arguments.iter().filter(|a| matches!(a.part, Part::Positional | Part::Splat)) {
            self.found.files.push(Named::at(&argument.value, kind, text(&argument.value), false));
        }
    }
}

/// The text of a constant.
fn text(expr: &Expr) -> Option<String> {
    match &expr.kind {
        Kind::Const(value) => value.as_str().map(str::to_owned),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Plugin, inspect};

    fn names(source: &str) -> Vec<String> {
        inspect(source).expect("parses").names.into_iter().collect()
    }

    #[test]
    fn only_free_names_are_needed() {
        assert_eq!(names("{{ a.b[c] | default(d) }}"), ["a", "c", "d"]);
        assert_eq!(
            names("{% set x = y %}{{ x }}{% for i in l if i %}{{ i }}{{ loop.index }}{% endfor %}{{ i }}"),
            ["i", "l", "y"]
        );
        assert_eq!(names("{% macro m(p, q=z) %}{{ p }}{% endmacro %}{{ m(1) }}"), ["z"]);
        assert_eq!(names("{{ lookup('vars', 'n') }}{{ vars['k'] }}{{ vars.j }}"), ["j", "k", "n"]);
    }

    #[test]
    fn plugins_and_files_are_found() {
        let found = inspect("{{ l | map('quote') | select('odd') }}{% include 'x.j2' %}{{ lookup('file', f) }}")
            .expect("parses");
        let plugins: Vec<_> = found.plugins.iter().map(|p| (p.plugin, p.name.as_str())).collect();
        assert!(plugins.contains(&(Plugin::Filter, "quote")) && plugins.contains(&(Plugin::Test, "odd")));
        assert!(plugins.contains(&(Plugin::Lookup, "file")));
        assert_eq!(found.files[0].name.as_deref(), Some("x.j2"));
        assert!(found.files[1].name.is_none() && !found.dynamic);
        assert!(inspect("{{ hostvars[h].x }}").expect("parses").dynamic);
    }

    #[test]
    fn mistakes_have_places() {
        let mistake = inspect("line\n{{ a b }}").expect_err("is refused");
        assert_eq!((mistake.line, mistake.message.is_empty()), (2, false));
    }
}

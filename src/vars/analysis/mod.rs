//! What a template names, without evaluating it: for the compiler, which refuses unknown names with their place, and
//! for the export, which must know what is read of other hosts.

#[cfg(test)]
mod tests;

use super::error::TemplateError;
use super::eval::GLOBALS;
use super::jinja::look::{constant, extracted, named, parts, positional};
use super::jinja::{Argument, Expr, Kind, Node, Part, Statement, Style, Target, double_backslashes, normalise, parse};
use super::templar::{Rendering, header};
use super::value::Value;
use crate::sys::order;
use std::collections::BTreeSet;
use std::rc::Rc;

/// A name and where it stands in its template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The name, as written.
    pub name: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// A lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// Its name, where it is a constant.
    pub plugin: Option<Named>,
    /// Its first term, where it is a constant: a file, a variable, a command.
    pub term: Option<String>,
}

/// A file of the source that a template includes or looks up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The directory in which it is looked for first: `templates`, `files`, `vars`.
    pub kind: &'static str,
    /// Its name; `None` where it is computed.
    pub name: Option<String>,
    /// It may be absent.
    pub optional: bool,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Asset {
    fn at(e: &Expr, kind: &'static str, name: Option<String>, optional: bool) -> Asset {
        Asset { kind, name, optional, line: e.line, column: e.column }
    }
}

/// What is read of other hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherHosts {
    /// Variables that are read by name.
    pub names: BTreeSet<String>,
    /// Variables whose value is the name of a variable that is read (`map(attribute=which)`).
    pub named_by: BTreeSet<String>,
    /// Whether it cannot be told which are read.
    pub unknown: bool,
}

/// What a template names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Variables that it does not set itself.
    pub variables: Vec<Named>,
    /// Whether variables are named by what is computed (`vars[x]`, `lookup('vars', x)`).
    pub computed_variables: bool,
    /// Filters, those named as text for `map` included.
    pub filters: Vec<Named>,
    /// Tests, those named as text for `select` and the like included.
    pub tests: Vec<Named>,
    /// Lookups.
    pub lookups: Vec<Lookup>,
    /// Templates that are included, imported or extended, and files that are looked up.
    pub assets: Vec<Asset>,
    /// What `hostvars` is asked for.
    pub hosts: OtherHosts,
}

/// Text that is not Jinja.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, in Jinja2's words.
    pub message: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 where it is not known.
    pub column: u32,
}

impl From<TemplateError> for SyntaxError {
    fn from(e: TemplateError) -> SyntaxError {
        let (line, column) = e.place.unwrap_or((1, 0));
        SyntaxError { message: e.message, line, column }
    }
}

/// What a playbook's text names.
pub fn text(source: &str) -> Result<Usage, SyntaxError> {
    let style = Style::default();
    let source = normalise(source);
    usage(&double_backslashes(&source, &style)?, &style)
}

/// What a template file names; its `#jinja2:` line is obeyed.
pub fn file(source: &str, style: &Style) -> Result<Usage, SyntaxError> {
    let how = Rendering { style: style.clone(), ..Rendering::default() };
    let (body, how) = header(source, &how)?;
    let above = u32::from(body.len() < source.len());
    let mut found = usage(&normalise(body), &how.style).map_err(|e| SyntaxError { line: e.line + above, ..e })?;
    found.moved(|line, column| (line + above, column));
    Ok(found)
}

/// What a condition names: an expression without braces. Columns count from its first character.
pub fn condition(expression: &str) -> Result<Usage, SyntaxError> {
    const HEAD: &str = "{% if ";
    let shift = |line: u32, column: u32| if line == 1 { column.saturating_sub(HEAD.len() as u32) } else { column };
    let source = format!("{HEAD}{expression} %}} True {{% else %}} False {{% endif %}}");
    let mut usage =
        usage(&source, &Style::default()).map_err(|e| SyntaxError { column: shift(e.line, e.column), ..e })?;
    usage.moved(|line, column| (line, shift(line, column)));
    Ok(usage)
}

impl Usage {
    /// Every place in it is another place of the file.
    fn moved(&mut self, to: impl Fn(u32, u32) -> (u32, u32)) {
        let lookups = self.lookups.iter_mut().filter_map(|l| l.plugin.as_mut());
        for named in self.variables.iter_mut().chain(&mut self.filters).chain(&mut self.tests).chain(lookups) {
            (named.line, named.column) = to(named.line, named.column);
        }
        for asset in &mut self.assets {
            (asset.line, asset.column) = to(asset.line, asset.column);
        }
    }
}

fn usage(source: &str, style: &Style) -> Result<Usage, SyntaxError> {
    let template = parse(source, "", style)?;
    let mut walk = Walk { usage: Usage::default(), scopes: vec![BTreeSet::new()] };
    walk.nodes(&template.body);
    Ok(walk.usage)
}

struct Walk {
    usage: Usage,
    scopes: Vec<BTreeSet<Rc<str>>>,
}

/// What an expression is, as far as other hosts' variables go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing of theirs.
    Other,
    /// `hostvars`.
    Hosts,
    /// A list of hosts' variables.
    HostList,
    /// One host's variables.
    Host,
}

/// Filters that give members of the list they are given.
const KEEPING: [&str; 12] = [
    "list",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "sort",
    "unique",
    "reverse",
    "default",
    "d",
    "shuffle",
    "flatten",
];
/// Filters that give one member of it.
const PICKING: [&str; 6] = ["first", "last", "random", "min", "max", "mandatory"];

fn place(name: &str, e: &Expr) -> Named {
    Named { name: name.to_owned(), line: e.line, column: e.column }
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|n| self.statement(&n.what));
    }

    fn inner(&mut self, names: &[&str], run: impl FnOnce(&mut Walk)) {
        self.scopes.push(order::set(names.iter().map(|n| Rc::from(*n))));
        run(self);
        self.scopes.pop();
    }

    fn define(&mut self, name: &Rc<str>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(Rc::clone(name));
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => self.define(name),
            Target::Attribute(..) => {}
            Target::Tuple(targets) => targets.iter().for_each(|t| self.target(t)),
        }
    }

    fn statement(&mut self, what: &Statement) {
        match what {
            Statement::Text(_) => {}
            Statement::Print(e) => self.used(e),
            Statement::Extends(e) => self.template_name(e, false),
            Statement::For(l) => {
                let shape = self.expr(&l.iter);
                self.inner(&["loop"], |w| {
                    w.target(&l.target);
                    // Items of a list of hosts' variables are not followed into the loop.
                    w.usage.hosts.unknown |= shape == Shape::HostList;
                    l.filter.iter().for_each(|e| w.used(e));
                    w.nodes(&l.body);
                });
                self.inner(&[], |w| w.nodes(&l.otherwise));
            }
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    self.expr(test);
                    self.nodes(body);
                }
                self.nodes(otherwise);
            }
            Statement::Set(target, e) => {
                self.used(e);
                self.target(target);
            }
            Statement::SetBlock(target, filter, body) => {
                self.inner(&[], |w| w.nodes(body));
                filter.iter().for_each(|e| self.used(e));
                self.target(target);
            }
            Statement::With(assignments, body) => {
                assignments.iter().for_each(|(_, e)| self.used(e));
                self.inner(&[], |w| {
                    assignments.iter().for_each(|(t, _)| w.target(t));
                    w.nodes(body);
                });
            }
            Statement::Filter(filter, body) => {
                self.inner(&[], |w| w.nodes(body));
                self.used(filter);
            }
            Statement::Macro(m) => {
                self.define(&m.name);
                self.macro_body(m);
            }
            Statement::Call(call, caller) => {
                self.used(call);
                self.macro_body(caller);
            }
            Statement::Block(block) => self.inner(&["super"], |w| w.nodes(&block.body)),
            Statement::Include { names, ignore_missing, .. } => match &names.kind {
                Kind::List(items) | Kind::Tuple(items) => items.iter().for_each(|e| self.template_name(e, true)),
                _ => self.template_name(names, *ignore_missing),
            },
            Statement::Import(import) => {
                self.template_name(&import.name, false);
                import.target.iter().for_each(|name| self.define(name));
                import.members.iter().for_each(|(_, alias)| self.define(alias));
            }
        }
    }

    fn macro_body(&mut self, m: &super::jinja::Macro) {
        self.inner(&["caller", "varargs", "kwargs"], |w| {
            for (name, default) in &m.parameters {
                default.iter().for_each(|e| w.used(e));
                w.define(name);
            }
            w.nodes(&m.body);
        });
    }

    fn template_name(&mut self, e: &Expr, optional: bool) {
        self.usage.assets.push(Asset::at(e, "templates", constant(e).map(str::to_owned), optional));
        self.used(e);
    }

    /// An expression whose value goes where it cannot be followed.
    fn used(&mut self, e: &Expr) {
        let shape = self.expr(e);
        self.usage.hosts.unknown |= shape != Shape::Other;
    }

    fn all_used(&mut self, args: &[Argument]) {
        args.iter().for_each(|a| self.used(&a.value));
    }

    /// A member of a host's variables, named by an expression.
    fn host_member(&mut self, name: &Expr) {
        match &name.kind {
            Kind::Const(Value::Str(t)) => {
                let first = t.as_str().split('.').next().unwrap_or_default();
                self.usage.hosts.names.insert(first.to_owned());
            }
            Kind::Name(variable) => {
                self.usage.hosts.named_by.insert(variable.to_string());
            }
            Kind::List(path) if !path.is_empty() => self.host_member(&path[0]),
            _ => self.usage.hosts.unknown = true,
        }
    }

    fn expr(&mut self, e: &Expr) -> Shape {
        match &e.kind {
            Kind::Const(_) | Kind::Captured => Shape::Other,
            Kind::Name(name) => self.name(e, name),
            Kind::Filter(inner, name, args) => self.filter(e, inner, (name, args)),
            Kind::Test(inner, name, args) => {
                // `in`, `defined` and the like look at the hosts, not into them.
                self.expr(inner);
                self.usage.tests.push(place(name, e));
                self.all_used(args);
                Shape::Other
            }
            Kind::Attribute(inner, name) => self.attribute(inner, name),
            Kind::Item(inner, key) => self.item(inner, key),
            Kind::Call(callee, args) => self.call(callee, args),
            Kind::Compare(first, rest) => {
                self.expr(first);
                for (_, e) in rest {
                    self.expr(e);
                }
                Shape::Other
            }
            Kind::Not(inner) => {
                self.expr(inner);
                Shape::Other
            }
            Kind::And(a, b) | Kind::Or(a, b) => {
                let (a, b) = (self.expr(a), self.expr(b));
                if a == Shape::Other { b } else { a }
            }
            Kind::Condition { test, then, otherwise } => {
                self.expr(test);
                let then = self.expr(then);
                let otherwise = otherwise.as_ref().map_or(Shape::Other, |e| self.expr(e));
                if then == Shape::Other { otherwise } else { then }
            }
            _ => {
                parts(e).into_iter().for_each(|e| self.used(e));
                Shape::Other
            }
        }
    }

    fn name(&mut self, e: &Expr, name: &Rc<str>) -> Shape {
        if self.scopes.iter().any(|s| s.contains(name)) || GLOBALS.contains(&&**name) || &**name == "self" {
            return Shape::Other;
        }
        self.usage.variables.push(place(name, e));
        match &**name {
            "hostvars" => Shape::Hosts,
            "vars" => {
                // Undone where a constant member is asked for.
                self.usage.computed_variables = true;
                Shape::Other
            }
            _ => Shape::Other,
        }
    }

    /// `vars.name` and `vars['name']` read the variable of that name.
    fn own_member(&mut self, inner: &Expr, name: &str) -> bool {
        let is_vars = matches!(&inner.kind, Kind::Name(n) if &**n == "vars");
        if is_vars {
            self.usage.variables.push(place("vars", inner));
            self.usage.variables.push(place(name, inner));
        }
        is_vars
    }

    fn attribute(&mut self, inner: &Expr, name: &Rc<str>) -> Shape {
        if self.own_member(inner, name) {
            return Shape::Other;
        }
        match self.expr(inner) {
            Shape::Hosts => Shape::Host,
            Shape::Host => {
                self.usage.hosts.names.insert(name.to_string());
                Shape::Other
            }
            Shape::HostList => {
                self.usage.hosts.unknown = true;
                Shape::Other
            }
            Shape::Other => Shape::Other,
        }
    }

    fn item(&mut self, inner: &Expr, key: &Expr) -> Shape {
        if constant(key).is_some_and(|name| self.own_member(inner, name)) {
            return Shape::Other;
        }
        let shape = self.expr(inner);
        self.used(key);
        match shape {
            Shape::Hosts | Shape::HostList => Shape::Host,
            Shape::Host => {
                self.host_member(key);
                Shape::Other
            }
            Shape::Other => Shape::Other,
        }
    }

    fn filter(&mut self, e: &Expr, inner: &Expr, (name, args): (&Rc<str>, &[Argument])) -> Shape {
        let shape = self.expr(inner);
        self.usage.filters.push(place(name, e));
        let short = super::registry::short_name(name);
        let first = positional(args, 0);
        match short {
            "map" => {
                self.usage.filters.extend(first.and_then(|a| constant(a).map(|n| place(n, a))));
            }
            "select" | "reject" => {
                self.usage.tests.extend(first.and_then(|a| constant(a).map(|n| place(n, a))));
            }
            "selectattr" | "rejectattr" => {
                let test = positional(args, 1);
                self.usage.tests.extend(test.and_then(|a| constant(a).map(|n| place(n, a))));
            }
            _ => {}
        }
        let container = extracted(short, args);
        if let Some(container) = container.filter(|c| matches!(&c.0.kind, Kind::Name(n) if &**n == "hostvars")) {
            self.expr(container.0);
            args.iter().filter(|a| !std::ptr::eq(&a.value, container.0)).for_each(|a| self.used(&a.value));
            return match container.1 {
                Some(member) => {
                    self.host_member(member);
                    Shape::Other
                }
                None if short == "map" => Shape::HostList,
                None => Shape::Host,
            };
        }
        self.all_used(args);
        match shape {
            Shape::Other => Shape::Other,
            Shape::Hosts if ["length", "count", "list", "sort"].contains(&short) => Shape::Other,
            Shape::Host if ["default", "d", "mandatory"].contains(&short) => Shape::Host,
            Shape::HostList if short == "length" || short == "count" => Shape::Other,
            Shape::HostList if PICKING.contains(&short) => Shape::Host,
            Shape::HostList if short == "map" => match named(args, "attribute") {
                Some(member) => {
                    self.host_member(member);
                    Shape::Other
                }
                None => shape,
            },
            Shape::HostList if KEEPING.contains(&short) => {
                if short.ends_with("attr") {
                    first.into_iter().for_each(|a| self.host_member(a));
                }
                shape
            }
            _ => {
                self.usage.hosts.unknown = true;
                Shape::Other
            }
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Argument]) -> Shape {
        match &callee.kind {
            Kind::Name(name) if ["lookup", "query", "q"].contains(&&**name) => self.lookup(args),
            Kind::Attribute(inner, method) if ["get", "values", "keys", "items"].contains(&&**method) => {
                let shape = self.expr(inner);
                self.all_used(args);
                match (shape, &**method) {
                    (Shape::Hosts, "values") => return Shape::HostList,
                    (Shape::Hosts, "get") => return Shape::Host,
                    (Shape::Host, "get") => match positional(args, 0) {
                        Some(name) => self.host_member(name),
                        None => self.usage.hosts.unknown = true,
                    },
                    (Shape::Other, _) | (_, "keys") => {}
                    _ => self.usage.hosts.unknown = true,
                }
                return Shape::Other;
            }
            _ => {
                self.used(callee);
            }
        }
        self.all_used(args);
        Shape::Other
    }

    fn lookup(&mut self, args: &[Argument]) {
        let plugin = positional(args, 0).and_then(|a| constant(a).map(|n| place(n, a)));
        let term = positional(args, 1).and_then(constant).map(str::to_owned);
        let short = plugin.as_ref().map(|p| super::registry::short_name(&p.name)).unwrap_or_default().to_owned();
        match short.as_str() {
            "vars" => {
                for term in args.iter().filter(|a| matches!(a.part, Part::Positional)).skip(1) {
                    match constant(&term.value) {
                        Some(name) => self.usage.variables.push(place(name, &term.value)),
                        None => self.usage.computed_variables = true,
                    }
                }
            }
            "file" | "unvault" => self.looked_up("files", args),
            "template" => self.looked_up("templates", args),
            "fileglob" | "filetree" | "ini" | "csvfile" => self.any_of(&["files"], args),
            "first_found" => self.any_of(&["files", "templates", "vars"], args),
            _ => {}
        }
        self.usage.lookups.push(Lookup { plugin, term });
    }

    /// A lookup whose terms are files by name.
    fn looked_up(&mut self, kind: &'static str, args: &[Argument]) {
        let optional = named(args, "errors").and_then(constant).is_some_and(|e| matches!(e, "ignore" | "warn"));
        let terms = args.iter().filter(|a| matches!(a.part, Part::Positional | Part::Splat)).skip(1);
        for term in terms {
            let name = constant(&term.value).map(str::to_owned);
            self.usage.assets.push(Asset::at(&term.value, kind, name, optional));
        }
    }

    /// A lookup that searches for itself.
    fn any_of(&mut self, kinds: &[&'static str], args: &[Argument]) {
        let Some(at) = args.first() else { return };
        self.usage.assets.extend(kinds.iter().map(|kind| Asset::at(&at.value, kind, None, true)));
    }
}

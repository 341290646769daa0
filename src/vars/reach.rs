//! What a template can reach beyond its own text: variables, lists of `groups`, and other hosts through `hostvars`; as
//! precise as can be seen without evaluating it. An export is cut down to this, so in doubt it is too much, never too
//! little, and says where.

use super::error::TemplateError;
use super::eval::GLOBALS;
use super::jinja::{
    Argument, Compare, Expr, Kind, Macro, Node, Part, Statement, Style, Target, double_backslashes, normalise, parse,
};
use super::templar::{Rendering, header};
use super::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A place in a template: line and column, from 1.
pub type At = (u32, u32);

/// What a template reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Variables that it does not set itself, with the first place of each.
    pub variables: BTreeMap<String, At>,
    /// Those of them that may be missing: behind `default` or `is defined`.
    pub optional: BTreeSet<String>,
    /// Where the name of a variable is computed.
    pub computed: Option<At>,
    /// Lists of `groups`.
    pub groups: BTreeSet<(Group, Use)>,
    /// Variables of other hosts.
    pub hosts: BTreeSet<Read>,
}

/// A list of `groups`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// This one.
    Named(String),
    /// Any: its name is computed, at this place.
    Any(At),
}

/// What is asked of a list of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Whether `inventory_hostname` is in it.
    Member,
    /// The first host, or whether there is one.
    First,
    /// All of it.
    Whole,
}

/// Something read of other hosts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// Of which.
    pub host: Chosen,
    /// What.
    pub names: Names,
}

/// Which hosts are meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chosen {
    /// The one of this name.
    Name(String),
    /// The one whose variable it is.
    Own,
    /// The first of a group.
    First(String),
    /// All of a group.
    Members(String),
    /// The one that a variable names.
    Variable(String, At),
    /// Any: which is computed, at this place.
    Any(At),
}

/// Which of their variables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Names {
    /// None: only that the host exists.
    Nothing,
    /// This one.
    One(String),
    /// The one that a variable names.
    In(String, At),
    /// Any: which is computed, at this place.
    Any(At),
}

/// What a playbook's text reaches; `None` where it is not Jinja.
pub fn text(source: &str) -> Option<Reach> {
    let style = Style::default();
    let source = normalise(source);
    reach(&double_backslashes(&source, &style).ok()?, &style).ok()
}

/// What a template file reaches.
pub fn file(source: &str) -> Option<Reach> {
    let (body, how) = header(source, &Rendering::default()).ok()?;
    reach(&normalise(body), &how.style).ok()
}

/// What a condition reaches.
pub fn condition(expression: &str) -> Option<Reach> {
    let text = |text: &str| reach(text, &Style::default()).ok();
    text(&format!("{{% if {expression} %}}{{% endif %}}"))
}

fn reach(source: &str, style: &Style) -> Result<Reach, TemplateError> {
    let template = parse(source, "", style)?;
    let mut walk = Walk { reach: Reach::default(), scopes: vec![BTreeMap::new()], lenient: false };
    walk.nodes(&template.body);
    Ok(walk.reach)
}

/// What an expression is, as far as groups and hosts go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// None of the below.
    Other,
    /// `groups`.
    Groups,
    /// A list of `groups`.
    Group(String),
    /// How many are in one.
    Count(String),
    /// The name of a host.
    HostName(Chosen),
    /// `hostvars`.
    Hosts,
    /// A list of hosts' variables.
    HostList(Chosen),
    /// One host's variables.
    Host(Chosen),
}

/// Filters that give members of the list they are given.
const KEEPING: [&str; 10] =
    ["list", "select", "reject", "selectattr", "rejectattr", "sort", "unique", "reverse", "default", "d"];
/// Filters that give one member of it.
const PICKING: [&str; 5] = ["first", "last", "random", "min", "max"];
/// What is known of every host that is there at all.
const KNOWN_OF_ALL: [&str; 2] = ["group_names", "inventory_hostname"];

struct Walk {
    reach: Reach,
    scopes: Vec<BTreeMap<Rc<str>, Shape>>,
    /// What is looked at may be missing.
    lenient: bool,
}

fn constant(e: &Expr) -> Option<&str> {
    match &e.kind {
        Kind::Const(Value::Str(t)) => Some(t.as_str()),
        _ => None,
    }
}

fn number(e: &Expr) -> Option<i128> {
    match &e.kind {
        Kind::Const(Value::Int(n)) => Some(*n),
        _ => None,
    }
}

fn at(e: &Expr) -> At {
    (e.line, e.column)
}

fn positional(args: &[Argument], n: usize) -> Option<&Expr> {
    args.iter().filter(|a| matches!(a.part, Part::Positional)).nth(n).map(|a| &a.value)
}

fn named<'a>(args: &'a [Argument], name: &str) -> Option<&'a Expr> {
    args.iter().find(|a| matches!(&a.part, Part::Named(n) if &**n == name)).map(|a| &a.value)
}

impl Walk {
    fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|n| self.statement(&n.what));
    }

    fn inner(&mut self, names: &[&str], run: impl FnOnce(&mut Walk)) {
        self.scopes.push(names.iter().map(|n| (Rc::from(*n), Shape::Other)).collect());
        run(self);
        self.scopes.pop();
    }

    fn target(&mut self, target: &Target, shape: Shape) {
        match target {
            Target::Name(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(Rc::clone(name), shape);
                }
            }
            Target::Attribute(..) => {}
            Target::Tuple(targets) => targets.iter().for_each(|t| self.target(t, Shape::Other)),
        }
    }

    fn statement(&mut self, what: &Statement) {
        match what {
            Statement::Text(_) => {}
            Statement::Print(e) | Statement::Extends(e) => self.used(e),
            Statement::For(l) => {
                let shape = self.expr(&l.iter);
                let item = self.each(shape, &l.iter);
                self.inner(&["loop"], |w| {
                    w.target(&l.target, item);
                    l.filter.iter().for_each(|e| w.truth(e));
                    w.nodes(&l.body);
                });
                self.inner(&[], |w| w.nodes(&l.otherwise));
            }
            Statement::If(branches, otherwise) => {
                for (test, body) in branches {
                    self.truth(test);
                    self.nodes(body);
                }
                self.nodes(otherwise);
            }
            Statement::Set(target, e) => {
                let shape = match self.expr(e) {
                    kept @ (Shape::HostName(_) | Shape::Host(_) | Shape::HostList(_)) => kept,
                    shape => {
                        self.gone(shape, e);
                        Shape::Other
                    }
                };
                self.target(target, shape);
            }
            Statement::SetBlock(target, filter, body) => {
                self.inner(&[], |w| w.nodes(body));
                filter.iter().for_each(|e| self.used(e));
                self.target(target, Shape::Other);
            }
            Statement::With(assignments, body) => {
                assignments.iter().for_each(|(_, e)| self.used(e));
                self.inner(&[], |w| {
                    assignments.iter().for_each(|(t, _)| w.target(t, Shape::Other));
                    w.nodes(body);
                });
            }
            Statement::Filter(filter, body) => {
                self.inner(&[], |w| w.nodes(body));
                self.used(filter);
            }
            Statement::Macro(m) => {
                self.target(&Target::Name(Rc::clone(&m.name)), Shape::Other);
                self.macro_body(m);
            }
            Statement::Call(call, caller) => {
                self.used(call);
                self.macro_body(caller);
            }
            Statement::Block(block) => self.inner(&["super"], |w| w.nodes(&block.body)),
            Statement::Include { names, .. } => self.used(names),
            Statement::Import(import) => {
                self.used(&import.name);
                let own = import.members.iter().map(|(_, alias)| alias);
                for name in import.target.iter().chain(own) {
                    self.target(&Target::Name(Rc::clone(name)), Shape::Other);
                }
            }
        }
    }

    fn macro_body(&mut self, m: &Macro) {
        self.inner(&["caller", "varargs", "kwargs"], |w| {
            for (name, default) in &m.parameters {
                default.iter().for_each(|e| w.used(e));
                w.target(&Target::Name(Rc::clone(name)), Shape::Other);
            }
            w.nodes(&m.body);
        });
    }

    fn group(&mut self, name: String, how: Use) {
        self.reach.groups.insert((Group::Named(name), how));
    }

    fn read(&mut self, host: Chosen, names: Names) {
        let names = match names {
            Names::One(name) if KNOWN_OF_ALL.contains(&name.as_str()) => Names::Nothing,
            names => names,
        };
        self.reach.hosts.insert(Read { host, names });
    }

    /// A value goes where it cannot be followed.
    fn gone(&mut self, shape: Shape, e: &Expr) {
        match shape {
            Shape::Other => {}
            Shape::Groups => {
                self.reach.groups.insert((Group::Any(at(e)), Use::Whole));
            }
            Shape::Group(name) | Shape::Count(name) => self.group(name, Use::Whole),
            Shape::HostName(chosen) => self.named_host(chosen),
            Shape::Hosts => self.read(Chosen::Any(at(e)), Names::Any(at(e))),
            Shape::HostList(chosen) | Shape::Host(chosen) => self.read(chosen, Names::Any(at(e))),
        }
    }

    /// Groups that a host's name was taken from; the host itself is not read.
    fn named_host(&mut self, chosen: Chosen) {
        match chosen {
            Chosen::First(group) => self.group(group, Use::First),
            Chosen::Members(group) => self.group(group, Use::Whole),
            Chosen::Any(place) => self.read(Chosen::Any(place), Names::Nothing),
            Chosen::Name(_) | Chosen::Own | Chosen::Variable(..) => {}
        }
    }

    fn used(&mut self, e: &Expr) {
        let shape = self.expr(e);
        self.gone(shape, e);
    }

    fn all_used(&mut self, args: &[Argument]) {
        args.iter().for_each(|a| self.used(&a.value));
    }

    /// Only whether it is true counts.
    fn truth(&mut self, e: &Expr) {
        match self.expr(e) {
            Shape::Group(name) | Shape::Count(name) => self.group(name, Use::First),
            shape => self.gone(shape, e),
        }
    }

    /// The items of what is looped over.
    fn each(&mut self, shape: Shape, e: &Expr) -> Shape {
        match shape {
            Shape::Group(name) => {
                self.group(name.clone(), Use::Whole);
                Shape::HostName(Chosen::Members(name))
            }
            Shape::Hosts => {
                self.read(Chosen::Any(at(e)), Names::Nothing);
                Shape::HostName(Chosen::Any(at(e)))
            }
            Shape::HostList(chosen) => Shape::Host(chosen),
            shape => {
                self.gone(shape, e);
                Shape::Other
            }
        }
    }

    /// The value of `inner`, of which parts may be missing.
    fn leniently(&mut self, inner: &Expr) -> Shape {
        let before = std::mem::replace(&mut self.lenient, true);
        let shape = self.expr(inner);
        self.lenient = before;
        shape
    }

    fn strictly<T>(&mut self, run: impl FnOnce(&mut Walk) -> T) -> T {
        let before = std::mem::replace(&mut self.lenient, false);
        let out = run(self);
        self.lenient = before;
        out
    }

    fn expr(&mut self, e: &Expr) -> Shape {
        match &e.kind {
            Kind::Const(_) | Kind::Captured => Shape::Other,
            Kind::Name(name) => self.name(e, name),
            Kind::Attribute(inner, name) => self.member(inner, Some(name), e),
            Kind::Item(inner, key) => match constant(key) {
                Some(name) => self.member(inner, Some(&name.to_owned()), e),
                None => self.computed_member(inner, key),
            },
            Kind::Filter(inner, name, args) => self.filter(e, inner, (name, args)),
            Kind::Test(inner, name, args) => self.test(inner, name, args),
            Kind::Compare(first, rest) => {
                self.strictly(|w| w.compare(first, rest));
                Shape::Other
            }
            Kind::Not(inner) => {
                self.strictly(|w| w.truth(inner));
                Shape::Other
            }
            Kind::Condition { test, then, otherwise } => {
                self.strictly(|w| w.truth(test));
                self.either(then, otherwise.as_deref())
            }
            Kind::And(a, b) | Kind::Or(a, b) => self.either(a, Some(b)),
            Kind::Call(callee, args) => self.strictly(|w| w.call(callee, args)),
            _ => {
                self.strictly(|w| w.parts(e));
                Shape::Other
            }
        }
    }

    /// One of two values; two that are both of hosts are more than can be followed.
    fn either(&mut self, a: &Expr, b: Option<&Expr>) -> Shape {
        let first = self.expr(a);
        let Some(b) = b else { return first };
        match (first, self.expr(b)) {
            (Shape::Other, second) => second,
            (first, Shape::Other) => first,
            (first, second) => {
                self.gone(first, a);
                self.gone(second, b);
                Shape::Other
            }
        }
    }

    fn parts(&mut self, e: &Expr) {
        match &e.kind {
            Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => items.iter().for_each(|e| self.used(e)),
            Kind::Dict(pairs) => pairs.iter().for_each(|(k, v)| {
                self.used(k);
                self.used(v);
            }),
            Kind::Negative(a) | Kind::Positive(a) => self.used(a),
            Kind::Binary(_, a, b) => {
                self.used(a);
                self.used(b);
            }
            Kind::Slice(a, bounds) => {
                self.used(a);
                bounds.iter().flatten().for_each(|e| self.used(e));
            }
            _ => {}
        }
    }

    fn compare(&mut self, first: &Expr, rest: &[(Compare, Expr)]) {
        let [(operator, second)] = rest else {
            self.used(first);
            return rest.iter().for_each(|(_, e)| self.used(e));
        };
        let (left, right) = (self.expr(first), self.expr(second));
        let is_in = matches!(operator, Compare::In | Compare::NotIn);
        match (left, right) {
            (Shape::HostName(Chosen::Own), Shape::Group(name)) if is_in => self.group(name, Use::Member),
            (Shape::Other, Shape::Hosts) if is_in && constant(first).is_some() => {
                let host = constant(first).unwrap_or_default().to_owned();
                self.read(Chosen::Name(host), Names::Nothing);
            }
            (_, Shape::Hosts) if is_in => self.read(Chosen::Any(at(second)), Names::Nothing),
            (Shape::Other, Shape::Groups) if is_in && constant(first).is_some() => {
                self.group(constant(first).unwrap_or_default().to_owned(), Use::Member);
            }
            // `length > 0` asks whether there is one.
            (Shape::Count(name), Shape::Other)
                if number(second) == Some(0) && !is_in || number(second) == Some(1) && asks_for_one(*operator) =>
            {
                self.group(name, Use::First);
            }
            (left, right) => {
                self.gone(left, first);
                self.gone(right, second);
            }
        }
    }

    fn test(&mut self, inner: &Expr, name: &str, args: &[Argument]) -> Shape {
        let asks = matches!(super::registry::short_name(name), "defined" | "undefined");
        let shape = if asks { self.leniently(inner) } else { self.strictly(|w| w.expr(inner)) };
        match shape {
            // Whether a list is there is asked, not what is in it.
            Shape::Group(name) if asks => self.group(name, Use::Member),
            Shape::Host(chosen) if asks => self.read(chosen, Names::Nothing),
            Shape::Groups | Shape::Hosts if asks => {}
            shape => self.gone(shape, inner),
        }
        self.strictly(|w| w.all_used(args));
        Shape::Other
    }

    fn name(&mut self, e: &Expr, name: &Rc<str>) -> Shape {
        if let Some(bound) = self.scopes.iter().rev().find_map(|s| s.get(name)) {
            return bound.clone();
        }
        if GLOBALS.contains(&&**name) || &**name == "self" {
            return Shape::Other;
        }
        match &**name {
            "groups" => return Shape::Groups,
            "hostvars" => return Shape::Hosts,
            "inventory_hostname" => return Shape::HostName(Chosen::Own),
            "vars" => {
                self.reach.computed.get_or_insert(at(e));
                return Shape::Other;
            }
            _ => {}
        }
        self.variable(name, at(e));
        Shape::Other
    }

    fn variable(&mut self, name: &str, place: At) {
        self.reach.variables.entry(name.to_owned()).or_insert(place);
        if self.lenient {
            self.reach.optional.insert(name.to_owned());
        }
    }

    /// `inner.name` and `inner['name']`.
    fn member(&mut self, inner: &Expr, name: Option<&(impl AsRef<str> + ?Sized)>, e: &Expr) -> Shape {
        let name = name.map(AsRef::as_ref).unwrap_or_default();
        if matches!(&inner.kind, Kind::Name(n) if &**n == "vars") {
            self.variable(name, at(e));
            return Shape::Other;
        }
        match self.expr(inner) {
            Shape::Groups => Shape::Group(name.to_owned()),
            Shape::Group(group) if name == "0" => {
                self.group(group.clone(), Use::First);
                Shape::HostName(Chosen::First(group))
            }
            Shape::Hosts => Shape::Host(Chosen::Name(name.to_owned())),
            Shape::Host(chosen) => {
                self.read(chosen, Names::One(name.to_owned()));
                Shape::Other
            }
            shape => {
                self.gone(shape, inner);
                Shape::Other
            }
        }
    }

    /// `inner[key]`, where the key is no text.
    fn computed_member(&mut self, inner: &Expr, key: &Expr) -> Shape {
        let shape = self.expr(inner);
        if matches!(&inner.kind, Kind::Name(n) if &**n == "vars") {
            self.reach.computed.get_or_insert(at(inner));
        }
        match shape {
            Shape::Hosts => {
                let chosen = self.strictly(|w| w.host_key(key));
                Shape::Host(chosen)
            }
            Shape::Group(group) if number(key) == Some(0) => {
                self.group(group.clone(), Use::First);
                Shape::HostName(Chosen::First(group))
            }
            Shape::HostList(chosen) if number(key).is_some() => Shape::Host(chosen),
            Shape::Host(chosen) => {
                let names = self.host_member(key);
                self.read(chosen, names);
                Shape::Other
            }
            shape => {
                self.gone(shape, inner);
                self.strictly(|w| w.used(key));
                Shape::Other
            }
        }
    }

    /// The host that an expression names.
    fn host_key(&mut self, key: &Expr) -> Chosen {
        if let Some(name) = constant(key) {
            return Chosen::Name(name.to_owned());
        }
        match (self.expr(key), &key.kind) {
            (Shape::HostName(chosen), _) => {
                self.named_host(chosen.clone());
                chosen
            }
            (Shape::Other, Kind::Name(name)) if !self.scopes.iter().any(|s| s.contains_key(name)) => {
                Chosen::Variable(name.to_string(), at(key))
            }
            (shape, _) => {
                self.gone(shape, key);
                Chosen::Any(at(key))
            }
        }
    }

    /// The variable of a host that an expression names.
    fn host_member(&mut self, key: &Expr) -> Names {
        match &key.kind {
            Kind::Const(Value::Str(t)) => Names::One(t.as_str().split('.').next().unwrap_or_default().to_owned()),
            Kind::List(path) if !path.is_empty() => {
                path[1..].iter().for_each(|e| self.used(e));
                self.host_member(&path[0])
            }
            Kind::Name(name) if !self.scopes.iter().any(|s| s.contains_key(name)) => {
                self.variable(name, at(key));
                Names::In(name.to_string(), at(key))
            }
            _ => {
                self.used(key);
                Names::Any(at(key))
            }
        }
    }

    fn filter(&mut self, e: &Expr, inner: &Expr, (name, args): (&Rc<str>, &[Argument])) -> Shape {
        let short = super::registry::short_name(name);
        if matches!(short, "default" | "d") {
            let shape = self.leniently(inner);
            self.strictly(|w| w.all_used(args));
            return shape;
        }
        let outer = std::mem::replace(&mut self.lenient, false);
        let shape = match extracted(short, args) {
            Some((container, member)) if matches!(&container.kind, Kind::Name(n) if &**n == "hostvars") => {
                self.extract(inner, member, short)
            }
            _ => self.plain_filter(e, inner, short, args),
        };
        self.lenient = outer;
        shape
    }

    /// `key | extract(hostvars, member)` and `keys | map('extract', hostvars, member)`.
    fn extract(&mut self, inner: &Expr, member: Option<&Expr>, filter: &str) -> Shape {
        let chosen = if filter == "map" {
            match self.expr(inner) {
                Shape::Group(group) => {
                    self.group(group.clone(), Use::Whole);
                    Chosen::Members(group)
                }
                shape => {
                    self.gone(shape, inner);
                    Chosen::Any(at(inner))
                }
            }
        } else {
            self.host_key(inner)
        };
        match member {
            Some(member) => {
                let names = self.host_member(member);
                self.read(chosen, names);
                Shape::Other
            }
            None if filter == "map" => Shape::HostList(chosen),
            None => Shape::Host(chosen),
        }
    }

    fn plain_filter(&mut self, e: &Expr, inner: &Expr, short: &str, args: &[Argument]) -> Shape {
        let shape = self.expr(inner);
        let first = positional(args, 0);
        match shape {
            Shape::Other => {
                self.all_used(args);
                Shape::Other
            }
            Shape::Group(group) => match short {
                "first" => {
                    self.group(group.clone(), Use::First);
                    Shape::HostName(Chosen::First(group))
                }
                "length" | "count" => Shape::Count(group),
                // Every item is a name of the group still, though not in its order.
                "sort" | "list" | "unique" | "reverse" => {
                    self.group(group.clone(), Use::Whole);
                    if short == "list" { Shape::Group(group) } else { Shape::Other }
                }
                _ => {
                    self.all_used(args);
                    self.group(group, Use::Whole);
                    Shape::Other
                }
            },
            Shape::Count(group) if matches!(short, "int" | "bool") => Shape::Count(group),
            Shape::Hosts if matches!(short, "length" | "count") => {
                self.read(Chosen::Any(at(e)), Names::Nothing);
                Shape::Other
            }
            Shape::HostName(chosen) if args.is_empty() && matches!(short, "string" | "mandatory" | "trim") => {
                Shape::HostName(chosen)
            }
            Shape::Host(chosen) if short == "mandatory" => Shape::Host(chosen),
            Shape::HostList(chosen) => self.list_filter((chosen, inner), short, (first, args)),
            shape => {
                self.all_used(args);
                self.gone(shape, inner);
                Shape::Other
            }
        }
    }

    fn list_filter(
        &mut self,
        (chosen, inner): (Chosen, &Expr),
        short: &str,
        (first, args): (Option<&Expr>, &[Argument]),
    ) -> Shape {
        if short == "map"
            && let Some(member) = named(args, "attribute")
        {
            let names = self.host_member(member);
            self.read(chosen, names);
            return Shape::Other;
        }
        if matches!(short, "length" | "count") {
            self.read(chosen, Names::Nothing);
            return Shape::Other;
        }
        if PICKING.contains(&short) && args.is_empty() {
            self.read(chosen.clone(), Names::Nothing);
            return Shape::Host(chosen);
        }
        if !KEEPING.contains(&short) {
            self.all_used(args);
            self.gone(Shape::HostList(chosen), inner);
            return Shape::Other;
        }
        let rest = args.iter().skip(usize::from(short.ends_with("attr")));
        rest.for_each(|a| self.used(&a.value));
        if !short.ends_with("attr") {
            return Shape::HostList(chosen);
        }
        let test = positional(args, 1).and_then(constant);
        let group = positional(args, 2).and_then(constant);
        match (first.and_then(constant), test, group) {
            (Some("group_names"), Some("contains"), Some(group))
                if short == "selectattr" && matches!(chosen, Chosen::Any(_)) =>
            {
                let chosen = Chosen::Members(group.to_owned());
                self.read(chosen.clone(), Names::Nothing);
                Shape::HostList(chosen)
            }
            _ => {
                let names = first.map_or(Names::Nothing, |first| self.host_member(first));
                self.read(chosen.clone(), names);
                Shape::HostList(chosen)
            }
        }
    }

    fn call(&mut self, callee: &Expr, args: &[Argument]) -> Shape {
        match &callee.kind {
            Kind::Name(name) if ["lookup", "query", "q"].contains(&&**name) => self.lookup(args),
            Kind::Attribute(inner, method) => return self.method(inner, method, args),
            _ => self.used(callee),
        }
        self.all_used(args);
        Shape::Other
    }

    fn method(&mut self, inner: &Expr, method: &str, args: &[Argument]) -> Shape {
        let shape = if method == "get" { self.leniently(inner) } else { self.expr(inner) };
        let first = positional(args, 0);
        let others: Vec<&Argument> = args.iter().skip(1).collect();
        match (shape, method, first) {
            (Shape::Groups, "get", Some(key)) if constant(key).is_some() => {
                others.iter().for_each(|a| self.used(&a.value));
                Shape::Group(constant(key).unwrap_or_default().to_owned())
            }
            (Shape::Hosts, "get", Some(key)) => {
                others.iter().for_each(|a| self.used(&a.value));
                let chosen = self.host_key(key);
                self.read(chosen.clone(), Names::Nothing);
                Shape::Host(chosen)
            }
            (Shape::Hosts, "values", _) => Shape::HostList(Chosen::Any(at(inner))),
            (Shape::Hosts, "keys", _) => {
                self.read(Chosen::Any(at(inner)), Names::Nothing);
                Shape::Other
            }
            (Shape::Host(chosen), "get", Some(key)) => {
                others.iter().for_each(|a| self.used(&a.value));
                let names = self.host_member(key);
                self.read(chosen, names);
                Shape::Other
            }
            (shape, _, _) => {
                self.gone(shape, inner);
                self.all_used(args);
                Shape::Other
            }
        }
    }

    fn lookup(&mut self, args: &[Argument]) {
        let plugin = positional(args, 0).and_then(constant).map(super::registry::short_name);
        match plugin {
            Some("vars") => {
                let fallback = named(args, "default").is_some();
                for term in args.iter().filter(|a| matches!(a.part, Part::Positional)).skip(1) {
                    match constant(&term.value) {
                        Some(name) => {
                            let before = std::mem::replace(&mut self.lenient, fallback);
                            self.variable(name, at(&term.value));
                            self.lenient = before;
                        }
                        None => self.reach.computed = self.reach.computed.or(Some(at(&term.value))),
                    }
                }
            }
            Some("varnames") => {
                self.reach.computed = self.reach.computed.or(args.first().map(|a| at(&a.value)));
            }
            Some("inventory_hostnames") => {
                let place = args.first().map(|a| at(&a.value)).unwrap_or_default();
                self.reach.groups.insert((Group::Any(place), Use::Whole));
            }
            _ => {}
        }
    }
}

/// Whether comparing a count with one by this asks whether there is one.
fn asks_for_one(operator: Compare) -> bool {
    matches!(operator, Compare::Ge | Compare::Lt)
}

/// The container and member of `key | extract(container, member)` and `keys | map('extract', container, member)`.
fn extracted<'a>(filter: &str, args: &'a [Argument]) -> Option<(&'a Expr, Option<&'a Expr>)> {
    let from = match filter {
        "extract" => 0,
        "map" if positional(args, 0).and_then(constant).map(super::registry::short_name) == Some("extract") => 1,
        _ => return None,
    };
    Some((positional(args, from)?, positional(args, from + 1)))
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;

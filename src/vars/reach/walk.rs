//! Statements of a template: which names they set, what they loop over, and where values go that cannot be followed.

use super::{At, Chosen, Group, Names, Reach, Read, Use};
use crate::vars::jinja::{Argument, Expr, Macro, Node, Statement, Target};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an expression is, as far as groups and hosts go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
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

/// What is known of every host that is there at all.
const KNOWN_OF_ALL: [&str; 2] = ["group_names", "inventory_hostname"];

/// The way through a template.
pub(super) struct Walk {
    pub(super) reach: Reach,
    pub(super) scopes: Vec<BTreeMap<Rc<str>, Shape>>,
    /// What is looked at may be missing.
    pub(super) lenient: bool,
}

/// The place of an expression.
pub(super) fn at(e: &Expr) -> At {
    (e.line, e.column)
}

impl Walk {
    /// What the statements of a template reach.
    pub(super) fn through(nodes: &[Node]) -> Reach {
        let mut walk = Walk { reach: Reach::default(), scopes: vec![BTreeMap::new()], lenient: false };
        walk.nodes(nodes);
        walk.reach
    }

    pub(super) fn nodes(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|n| self.statement(&n.what));
    }

    pub(super) fn inner(&mut self, names: &[&str], run: impl FnOnce(&mut Walk)) {
        self.scopes.push(names.iter().map(|n| (Rc::from(*n), Shape::Other)).collect());
        run(self);
        self.scopes.pop();
    }

    pub(super) fn target(&mut self, target: &Target, shape: Shape) {
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

    pub(super) fn statement(&mut self, what: &Statement) {
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

    pub(super) fn macro_body(&mut self, m: &Macro) {
        self.inner(&["caller", "varargs", "kwargs"], |w| {
            for (name, default) in &m.parameters {
                default.iter().for_each(|e| w.used(e));
                w.target(&Target::Name(Rc::clone(name)), Shape::Other);
            }
            w.nodes(&m.body);
        });
    }

    pub(super) fn group(&mut self, name: String, how: Use) {
        self.reach.groups.insert((Group::Named(name), how));
    }

    pub(super) fn read(&mut self, host: Chosen, names: Names) {
        let names = match names {
            Names::One(name) if KNOWN_OF_ALL.contains(&name.as_str()) => Names::Nothing,
            names => names,
        };
        self.reach.hosts.insert(Read { host, names });
    }

    /// A value goes where it cannot be followed.
    pub(super) fn gone(&mut self, shape: Shape, e: &Expr) {
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
    pub(super) fn named_host(&mut self, chosen: Chosen) {
        match chosen {
            Chosen::First(group) => self.group(group, Use::First),
            Chosen::Members(group) => self.group(group, Use::Whole),
            Chosen::Any(place) => self.read(Chosen::Any(place), Names::Nothing),
            Chosen::Name(_) | Chosen::Own | Chosen::Variable(..) => {}
        }
    }

    pub(super) fn used(&mut self, e: &Expr) {
        let shape = self.expr(e);
        self.gone(shape, e);
    }

    pub(super) fn all_used(&mut self, args: &[Argument]) {
        args.iter().for_each(|a| self.used(&a.value));
    }

    /// Only whether it is true counts.
    pub(super) fn truth(&mut self, e: &Expr) {
        match self.expr(e) {
            Shape::Group(name) | Shape::Count(name) => self.group(name, Use::First),
            shape => self.gone(shape, e),
        }
    }

    /// The items of what is looped over.
    pub(super) fn each(&mut self, shape: Shape, e: &Expr) -> Shape {
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
    pub(super) fn leniently(&mut self, inner: &Expr) -> Shape {
        let before = std::mem::replace(&mut self.lenient, true);
        let shape = self.expr(inner);
        self.lenient = before;
        shape
    }

    pub(super) fn strictly<T>(&mut self, run: impl FnOnce(&mut Walk) -> T) -> T {
        let before = std::mem::replace(&mut self.lenient, false);
        let out = run(self);
        self.lenient = before;
        out
    }
}

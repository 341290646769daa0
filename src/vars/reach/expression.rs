//! What an expression is, as far as groups and hosts go: names, members, comparisons and tests.

use super::walk::{Shape, Walk, at};
use super::{At, Chosen, Names, Use};
use crate::vars::eval::GLOBALS;
use crate::vars::jinja::look::{constant, parts};
use crate::vars::jinja::{Argument, Compare, Expr, Kind};
use crate::vars::registry;
use crate::vars::value::Value;
use std::rc::Rc;

/// The number that an expression is, where it is one.
fn number(e: &Expr) -> Option<i128> {
    match &e.kind {
        Kind::Const(Value::Int(n)) => Some(*n),
        _ => None,
    }
}

impl Walk {
    pub(super) fn expr(&mut self, e: &Expr) -> Shape {
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
                self.strictly(|w| parts(e).into_iter().for_each(|e| w.used(e)));
                Shape::Other
            }
        }
    }

    /// One of two values; two that are both of hosts are more than can be followed.
    pub(super) fn either(&mut self, a: &Expr, b: Option<&Expr>) -> Shape {
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

    pub(super) fn compare(&mut self, first: &Expr, rest: &[(Compare, Expr)]) {
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

    pub(super) fn test(&mut self, inner: &Expr, name: &str, args: &[Argument]) -> Shape {
        let asks = matches!(registry::short_name(name), "defined" | "undefined");
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

    pub(super) fn name(&mut self, e: &Expr, name: &Rc<str>) -> Shape {
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

    pub(super) fn variable(&mut self, name: &str, place: At) {
        self.reach.variables.entry(name.to_owned()).or_insert(place);
        if self.lenient {
            self.reach.optional.insert(name.to_owned());
        }
    }

    /// `inner.name` and `inner['name']`.
    pub(super) fn member(&mut self, inner: &Expr, name: Option<&(impl AsRef<str> + ?Sized)>, e: &Expr) -> Shape {
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
    pub(super) fn computed_member(&mut self, inner: &Expr, key: &Expr) -> Shape {
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
    pub(super) fn host_key(&mut self, key: &Expr) -> Chosen {
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
    pub(super) fn host_member(&mut self, key: &Expr) -> Names {
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
}

/// Whether comparing a count with one by this asks whether there is one.
fn asks_for_one(operator: Compare) -> bool {
    matches!(operator, Compare::Ge | Compare::Lt)
}

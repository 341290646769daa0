//! What filters, methods and lookups make of groups and hosts.

use super::walk::{Shape, Walk, at};
use super::{Chosen, Group, Names, Use};
use crate::vars::jinja::look::{constant, extracted, named, positional};
use crate::vars::jinja::{Argument, Expr, Kind, Part};
use crate::vars::registry;
use std::rc::Rc;

/// Filters that give members of the list they are given.
const KEEPING: [&str; 10] =
    ["list", "select", "reject", "selectattr", "rejectattr", "sort", "unique", "reverse", "default", "d"];
/// Filters that give one member of it.
const PICKING: [&str; 5] = ["first", "last", "random", "min", "max"];

impl Walk {
    pub(super) fn filter(&mut self, e: &Expr, inner: &Expr, (name, args): (&Rc<str>, &[Argument])) -> Shape {
        let short = registry::short_name(name);
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
    pub(super) fn extract(&mut self, inner: &Expr, member: Option<&Expr>, filter: &str) -> Shape {
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

    pub(super) fn plain_filter(&mut self, e: &Expr, inner: &Expr, short: &str, args: &[Argument]) -> Shape {
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

    pub(super) fn list_filter(
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

    pub(super) fn call(&mut self, callee: &Expr, args: &[Argument]) -> Shape {
        match &callee.kind {
            Kind::Name(name) if ["lookup", "query", "q"].contains(&&**name) => self.lookup(args),
            Kind::Attribute(inner, method) => return self.method(inner, method, args),
            _ => self.used(callee),
        }
        self.all_used(args);
        Shape::Other
    }

    pub(super) fn method(&mut self, inner: &Expr, method: &str, args: &[Argument]) -> Shape {
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

    pub(super) fn lookup(&mut self, args: &[Argument]) {
        let plugin = positional(args, 0).and_then(constant).map(registry::short_name);
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

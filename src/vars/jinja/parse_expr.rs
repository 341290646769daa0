//! Expressions, by Jinja2's grammar.

use super::ast::{Argument, Binary, Compare, Expr, Kind, Part};
use super::lex::{Lexed, Lexeme};
use crate::vars::env::stack_pointer;
use crate::vars::error::{Outcome, TemplateError};
use crate::vars::value::Value;
use std::rc::Rc;

/// Levels an expression may nest. Jinja2 itself ends at fewer: Python's stack holds about 80 brackets.
const DEPTH: u16 = 300;
/// Brackets, statements and operands without end that the parser itself may be inside of.
const NESTING: usize = 160;

/// Bytes of stack that parsing may take, whatever the nesting costs: a third of the smallest thread's.
const STACK: usize = 600_000;

/// Methods that change their value.
const MUTATORS: [&str; 15] = [
    "append",
    "extend",
    "insert",
    "pop",
    "popitem",
    "remove",
    "clear",
    "update",
    "setdefault",
    "sort",
    "reverse",
    "add",
    "discard",
    "difference_update",
    "intersection_update",
];

/// The tokens of a template and how far they are read.
pub struct Parser {
    tokens: Vec<Lexeme>,
    at: usize,
    nesting: usize,
    stack: usize,
    /// For each macro around: whether it names `caller`, `varargs`, `kwargs`.
    pub(super) macro_uses: Vec<[bool; 3]>,
    /// Whether a method that changes its value is called.
    pub(super) mutates: bool,
}

/// Whether a comma after an expression makes a tuple of it, and whether `a if b` may stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inline {
    /// `a if b else c` is taken.
    Condition,
    /// `if` ends the expression.
    Plain,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Lexeme>) -> Parser {
        Parser { tokens, at: 0, nesting: 0, stack: stack_pointer(), macro_uses: Vec::new(), mutates: false }
    }

    pub(super) fn current(&self) -> &Lexed {
        &self.tokens[self.at.min(self.tokens.len() - 1)].token
    }

    pub(super) fn look(&self) -> &Lexed {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }

    pub(super) fn line(&self) -> u32 {
        self.tokens[self.at.min(self.tokens.len() - 1)].line
    }

    fn column(&self) -> u32 {
        self.tokens[self.at.min(self.tokens.len() - 1)].column
    }

    pub(super) fn next(&mut self) -> Lexed {
        let token = self.current().clone();
        self.at += 1;
        token
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Outcome<T> {
        Err(TemplateError::syntax(message).at(self.line(), self.column()))
    }

    pub(super) fn is_op(&self, op: &str) -> bool {
        matches!(self.current(), Lexed::Op(o) if *o == op)
    }

    pub(super) fn is_name(&self, name: &str) -> bool {
        matches!(self.current(), Lexed::Name(n) if n == name)
    }

    pub(super) fn skip_op(&mut self, op: &str) -> bool {
        let found = self.is_op(op);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect_op(&mut self, op: &str) -> Outcome<()> {
        if self.skip_op(op) { Ok(()) } else { self.unexpected(op) }
    }

    pub(super) fn expect_name(&mut self) -> Outcome<Rc<str>> {
        match self.current() {
            Lexed::Name(n) => {
                let name = Rc::from(n.as_str());
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected("name"),
        }
    }

    pub(super) fn expect_keyword(&mut self, name: &str) -> Outcome<()> {
        if self.skip_name(name) { Ok(()) } else { self.unexpected(name) }
    }

    pub(super) fn unexpected<T>(&self, expected: &str) -> Outcome<T> {
        if matches!(self.current(), Lexed::End) {
            return self.fail(format!("unexpected end of template, expected '{expected}'."));
        }
        self.fail(format!("expected token '{expected}', got '{}'", self.current().describe()))
    }

    /// Runs `inner` one level deeper.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Parser) -> Outcome<T>) -> Outcome<T> {
        self.enter()?;
        let out = inner(self);
        self.leave();
        out
    }

    /// Goes one level deeper; [`Parser::leave`] comes back (not needed after an error).
    pub(super) fn enter(&mut self) -> Outcome<()> {
        if self.nesting >= NESTING || self.stack.abs_diff(stack_pointer()) > STACK {
            return self.fail("the template nests too deep");
        }
        self.nesting += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }

    fn place(&self) -> (u32, u32) {
        (self.line(), self.column())
    }

    fn make(&self, (line, column): (u32, u32), kind: Kind) -> Outcome<Expr> {
        let depth = depth_of(&kind) + 1;
        if depth > DEPTH {
            return self.fail("the expression is too long");
        }
        Ok(Expr { line, column, depth, kind })
    }

    pub(super) fn expression(&mut self, inline: Inline) -> Outcome<Expr> {
        self.nested(|p| if inline == Inline::Condition { p.condition() } else { p.or() })
    }

    fn condition(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let mut expr = self.or()?;
        while self.skip_name("if") {
            let test = Box::new(self.or()?);
            let otherwise = match self.skip_name("else") {
                true => Some(Box::new(self.nested(Parser::condition)?)),
                false => None,
            };
            expr = self.make(place, Kind::Condition { test, then: Box::new(expr), otherwise })?;
        }
        Ok(expr)
    }

    fn or(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let mut left = self.and()?;
        while self.skip_name("or") {
            let right = self.and()?;
            left = self.make(place, Kind::Or(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let mut left = self.not()?;
        while self.skip_name("and") {
            let right = self.not()?;
            left = self.make(place, Kind::And(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Outcome<Expr> {
        let place = self.place();
        if self.skip_name("not") {
            let inner = self.nested(Parser::not)?;
            return self.make(place, Kind::Not(Box::new(inner)));
        }
        self.compare()
    }

    fn compare(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let first = self.sum()?;
        let mut rest = Vec::new();
        loop {
            let op = match self.current() {
                Lexed::Op("==") => Compare::Eq,
                Lexed::Op("!=") => Compare::Ne,
                Lexed::Op("<") => Compare::Lt,
                Lexed::Op("<=") => Compare::Le,
                Lexed::Op(">") => Compare::Gt,
                Lexed::Op(">=") => Compare::Ge,
                Lexed::Name(n) if n == "in" => Compare::In,
                Lexed::Name(n) if n == "not" && matches!(self.look(), Lexed::Name(l) if l == "in") => {
                    self.at += 1;
                    Compare::NotIn
                }
                _ => break,
            };
            self.at += 1;
            rest.push((op, self.sum()?));
        }
        if rest.is_empty() { Ok(first) } else { self.make(place, Kind::Compare(Box::new(first), rest)) }
    }

    fn binary(&mut self, operators: &[(&str, Binary)], operand: fn(&mut Parser) -> Outcome<Expr>) -> Outcome<Expr> {
        let place = self.place();
        let mut left = operand(self)?;
        while let Some((_, op)) = operators.iter().find(|(o, _)| self.is_op(o)) {
            self.at += 1;
            let right = operand(self)?;
            left = self.make(place, Kind::Binary(*op, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn sum(&mut self) -> Outcome<Expr> {
        self.binary(&[("+", Binary::Add), ("-", Binary::Sub)], Parser::concat)
    }

    fn concat(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let first = self.product()?;
        if !self.is_op("~") {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.skip_op("~") {
            parts.push(self.product()?);
        }
        self.make(place, Kind::Concat(parts))
    }

    fn product(&mut self) -> Outcome<Expr> {
        let operators = [("*", Binary::Mul), ("/", Binary::Div), ("//", Binary::FloorDiv), ("%", Binary::Mod)];
        self.binary(&operators, |p| p.binary(&[("**", Binary::Pow)], Parser::unary))
    }

    fn unary(&mut self) -> Outcome<Expr> {
        let operand = self.signed()?;
        self.filters_and_tests(operand)
    }

    fn signed(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let expr = if self.skip_op("-") {
            let inner = self.nested(Parser::signed)?;
            self.make(place, Kind::Negative(Box::new(inner)))?
        } else if self.skip_op("+") {
            let inner = self.nested(Parser::signed)?;
            self.make(place, Kind::Positive(Box::new(inner)))?
        } else {
            self.primary()?
        };
        self.postfix(expr)
    }

    pub(super) fn primary(&mut self) -> Outcome<Expr> {
        let place = self.place();
        let kind = match self.current().clone() {
            Lexed::Name(name) => {
                self.at += 1;
                match name.as_str() {
                    "true" | "True" => Kind::Const(Value::Bool(true)),
                    "false" | "False" => Kind::Const(Value::Bool(false)),
                    "none" | "None" => Kind::Const(Value::None),
                    _ => {
                        self.note_name(&name);
                        Kind::Name(name.into())
                    }
                }
            }
            Lexed::Str(mut text) => {
                self.at += 1;
                while let Lexed::Str(more) = self.current() {
                    text.push_str(more);
                    self.at += 1;
                }
                Kind::Const(Value::str(text))
            }
            Lexed::Int(i) => {
                self.at += 1;
                Kind::Const(Value::Int(i))
            }
            Lexed::Float(f) => {
                self.at += 1;
                Kind::Const(Value::Float(f))
            }
            Lexed::Op("(") => {
                self.at += 1;
                let inner = self.nested(|p| p.tuple(Inline::Condition, &[], true))?;
                self.expect_op(")")?;
                return Ok(inner);
            }
            Lexed::Op("[") => {
                self.at += 1;
                Kind::List(self.nested(|p| p.items("]", |p| p.expression(Inline::Condition)))?)
            }
            Lexed::Op("{") => {
                self.at += 1;
                Kind::Dict(self.nested(|p| {
                    p.items("}", |p| {
                        let key = p.expression(Inline::Condition)?;
                        p.expect_op(":")?;
                        Ok((key, p.expression(Inline::Condition)?))
                    })
                })?)
            }
            Lexed::End => return self.fail("unexpected end of template"),
            other => return self.fail(format!("unexpected '{}'", other.describe())),
        };
        self.make(place, kind)
    }

    fn note_name(&mut self, name: &str) {
        let Some(at) = ["caller", "varargs", "kwargs"].iter().position(|n| *n == name) else { return };
        for uses in &mut self.macro_uses {
            uses[at] = true;
        }
    }

    fn items<T>(&mut self, end: &str, mut item: impl FnMut(&mut Parser) -> Outcome<T>) -> Outcome<Vec<T>> {
        let mut items = Vec::new();
        while !self.is_op(end) {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if self.is_op(end) {
                break;
            }
            items.push(item(self)?);
        }
        self.expect_op(end)?;
        Ok(items)
    }

    /// One expression, or several with commas. `explicit` parentheses may hold none.
    pub(super) fn tuple(&mut self, inline: Inline, ends: &[&str], explicit: bool) -> Outcome<Expr> {
        let place = self.place();
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.expect_op(",")?;
            }
            if self.at_tuple_end(ends) {
                break;
            }
            items.push(self.expression(inline)?);
            if !self.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        if !is_tuple {
            if let Some(only) = items.pop() {
                return Ok(only);
            }
            if !explicit {
                return self.fail(format!("Expected an expression, got '{}'", self.current().describe()));
            }
        }
        self.make(place, Kind::Tuple(items))
    }

    pub(super) fn at_tuple_end(&self, ends: &[&str]) -> bool {
        match self.current() {
            Lexed::PrintEnd | Lexed::BlockEnd | Lexed::Op(")") => true,
            Lexed::Name(n) => ends.contains(&n.as_str()),
            _ => false,
        }
    }

    fn postfix(&mut self, mut expr: Expr) -> Outcome<Expr> {
        loop {
            let place = self.place();
            let kind = match self.current() {
                Lexed::Op(".") => {
                    self.at += 1;
                    self.attribute(expr)?
                }
                Lexed::Op("[") => {
                    self.at += 1;
                    self.subscript(expr)?
                }
                Lexed::Op("(") => self.call(expr)?,
                _ => return Ok(expr),
            };
            expr = self.make(place, kind)?;
        }
    }

    fn attribute(&mut self, expr: Expr) -> Outcome<Kind> {
        let place = self.place();
        match self.next() {
            Lexed::Name(name) => {
                self.mutates |= MUTATORS.contains(&name.as_str());
                Ok(Kind::Attribute(Box::new(expr), name.into()))
            }
            Lexed::Int(i) => {
                let key = self.make(place, Kind::Const(Value::Int(i)))?;
                Ok(Kind::Item(Box::new(expr), Box::new(key)))
            }
            _ => {
                self.at -= 1;
                self.fail("expected name or number")
            }
        }
    }

    fn subscript(&mut self, expr: Expr) -> Outcome<Kind> {
        let place = self.place();
        let mut parts = self.nested(|p| {
            p.items("]", |p| {
                let start = if p.is_op(":") { None } else { Some(p.expression(Inline::Condition)?) };
                if !p.skip_op(":") {
                    return Ok((start, None));
                }
                let bound = |p: &mut Parser| match p.current() {
                    Lexed::Op("]" | "," | ":") => Ok(None),
                    _ => p.expression(Inline::Condition).map(Some),
                };
                let stop = bound(p)?;
                let step = if p.skip_op(":") { bound(p)? } else { None };
                Ok((start, Some([stop, step])))
            })
        })?;
        if parts.len() == 1 {
            return Ok(match parts.pop() {
                Some((start, Some([stop, step]))) => {
                    Kind::Slice(Box::new(expr), [start, stop, step].map(|p| p.map(Box::new)))
                }
                Some((Some(key), None)) => Kind::Item(Box::new(expr), Box::new(key)),
                _ => return self.fail("an index is missing"),
            });
        }
        let mut keys = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                (Some(key), None) => keys.push(key),
                _ => return self.fail("slices cannot be members of an index"),
            }
        }
        let key = self.make(place, Kind::Tuple(keys))?;
        Ok(Kind::Item(Box::new(expr), Box::new(key)))
    }

    fn call(&mut self, callee: Expr) -> Outcome<Kind> {
        Ok(Kind::Call(Box::new(callee), self.arguments()?))
    }

    /// `(a, b=c, *d, **e)`.
    fn arguments(&mut self) -> Outcome<Vec<Argument>> {
        self.expect_op("(")?;
        // How far along the order positional, splat, named, named splat the arguments are.
        let (mut named, mut splat, mut named_splat) = (Vec::new(), false, false);
        self.nested(|p| {
            p.items(")", |p| {
                let bad = "invalid syntax for function call expression";
                let part = match (p.current().clone(), p.look()) {
                    (Lexed::Op("*"), _) => {
                        if splat || named_splat {
                            return p.fail(bad);
                        }
                        p.at += 1;
                        splat = true;
                        Part::Splat
                    }
                    (Lexed::Op("**"), _) => {
                        if named_splat {
                            return p.fail(bad);
                        }
                        p.at += 1;
                        named_splat = true;
                        Part::NamedSplat
                    }
                    (Lexed::Name(name), Lexed::Op("=")) => {
                        if named_splat {
                            return p.fail(bad);
                        }
                        if named.contains(&name) {
                            return p.fail(format!("keyword argument repeated: {name}"));
                        }
                        p.at += 2;
                        named.push(name.clone());
                        Part::Named(name.into())
                    }
                    _ if !named.is_empty() || splat || named_splat => return p.fail(bad),
                    _ => Part::Positional,
                };
                Ok(Argument { part, value: p.expression(Inline::Condition)? })
            })
        })
    }

    fn filters_and_tests(&mut self, mut expr: Expr) -> Outcome<Expr> {
        loop {
            let place = self.place();
            let kind = if self.is_op("|") {
                self.at += 1;
                self.filter(expr)?
            } else if self.skip_name("is") {
                expr = self.test(expr, place)?;
                continue;
            } else if self.is_op("(") {
                self.call(expr)?
            } else {
                return Ok(expr);
            };
            expr = self.make(place, kind)?;
        }
    }

    fn dotted_name(&mut self) -> Outcome<Rc<str>> {
        let mut name = self.expect_name()?.to_string();
        while self.skip_op(".") {
            name.push('.');
            name.push_str(&self.expect_name()?);
        }
        Ok(name.into())
    }

    fn filter(&mut self, expr: Expr) -> Outcome<Kind> {
        let name = self.dotted_name()?;
        let args = if self.is_op("(") { self.arguments()? } else { Vec::new() };
        Ok(Kind::Filter(Box::new(expr), name, args))
    }

    /// `name | name`, applied to what a block captures; the first name is next.
    pub(super) fn filter_chain(&mut self) -> Outcome<Expr> {
        let mut expr = self.make(self.place(), Kind::Captured)?;
        loop {
            let place = self.place();
            let kind = self.filter(expr)?;
            expr = self.make(place, kind)?;
            if !self.skip_op("|") {
                return Ok(expr);
            }
        }
    }

    fn test(&mut self, expr: Expr, place: (u32, u32)) -> Outcome<Expr> {
        let negated = self.skip_name("not");
        let name = self.dotted_name()?;
        let args = match self.current() {
            Lexed::Op("(") => self.arguments()?,
            Lexed::Name(n) if ["else", "or", "and"].contains(&n.as_str()) => Vec::new(),
            Lexed::Name(n) if n == "is" => return self.fail("You cannot chain multiple tests with is"),
            Lexed::Name(_) | Lexed::Str(_) | Lexed::Int(_) | Lexed::Float(_) | Lexed::Op("[" | "{") => {
                let value = self.primary()?;
                vec![Argument { part: Part::Positional, value: self.postfix(value)? }]
            }
            _ => Vec::new(),
        };
        let test = self.make(place, Kind::Test(Box::new(expr), name, args))?;
        if negated { self.make(place, Kind::Not(Box::new(test))) } else { Ok(test) }
    }
}

/// The depth of the deepest expression directly beneath.
fn depth_of(kind: &Kind) -> u16 {
    let all = |items: &[Expr]| items.iter().map(|e| e.depth).max().unwrap_or(0);
    let args = |args: &[Argument]| args.iter().map(|a| a.value.depth).max().unwrap_or(0);
    match kind {
        Kind::Const(_) | Kind::Name(_) | Kind::Captured => 0,
        Kind::List(items) | Kind::Tuple(items) | Kind::Concat(items) => all(items),
        Kind::Dict(pairs) => pairs.iter().map(|(k, v)| k.depth.max(v.depth)).max().unwrap_or(0),
        Kind::Not(e) | Kind::Negative(e) | Kind::Positive(e) | Kind::Attribute(e, _) => e.depth,
        Kind::And(a, b) | Kind::Or(a, b) | Kind::Binary(_, a, b) | Kind::Item(a, b) => a.depth.max(b.depth),
        Kind::Compare(first, rest) => rest.iter().map(|(_, e)| e.depth).max().unwrap_or(0).max(first.depth),
        Kind::Condition { test, then, otherwise } => {
            test.depth.max(then.depth).max(otherwise.as_ref().map_or(0, |e| e.depth))
        }
        Kind::Filter(e, _, a) | Kind::Test(e, _, a) | Kind::Call(e, a) => e.depth.max(args(a)),
        Kind::Slice(e, parts) => parts.iter().flatten().map(|p| p.depth).max().unwrap_or(0).max(e.depth),
    }
}

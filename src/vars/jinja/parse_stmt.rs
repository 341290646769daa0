//! Statements, by Jinja2's grammar.

use super::ast::{Block, Expr, ForLoop, Import, Kind, Macro, Node, Statement, Target, Template};
use super::lex::{Lexed, Style, lex, normalise};
use super::parse_expr::{Inline, Parser};
use crate::vars::error::Outcome;
use std::rc::Rc;

/// Parses a template called `name`.
pub fn parse(source: &str, name: &str, style: &Style) -> Outcome<Template> {
    let mut parser = StatementParser { p: Parser::new(lex(&normalise(source), style)?), blocks: Vec::new() };
    let body = parser.nodes(&[])?;
    Ok(Template { name: name.into(), body, blocks: parser.blocks, mutates: parser.p.mutates })
}

struct StatementParser {
    p: Parser,
    blocks: Vec<Rc<Block>>,
}

impl StatementParser {
    /// Statements up to a tag of `ends`, whose name is then current (or the end of the template).
    fn nodes(&mut self, ends: &[&str]) -> Outcome<Vec<Node>> {
        let mut out = Vec::new();
        loop {
            let line = self.p.line();
            let what = match self.p.current().clone() {
                Lexed::Data(text) => {
                    self.p.next();
                    Statement::Text(text.into())
                }
                Lexed::PrintStart => {
                    self.p.next();
                    let expr = self.p.tuple(Inline::Condition, &[], false)?;
                    if !matches!(self.p.current(), Lexed::PrintEnd) {
                        return self.p.unexpected("end of print statement");
                    }
                    self.p.next();
                    Statement::Print(expr)
                }
                Lexed::BlockStart => {
                    self.p.next();
                    if matches!(self.p.current(), Lexed::Name(n) if ends.contains(&n.as_str())) {
                        return Ok(out);
                    }
                    let before = self.p.line();
                    let statements = self.statement()?;
                    self.block_end()?;
                    out.extend(statements.into_iter().map(|what| Node { line: before, what }));
                    continue;
                }
                Lexed::End if ends.is_empty() => return Ok(out),
                Lexed::End => {
                    let wanted = ends.iter().map(|e| format!("'{e}'")).collect::<Vec<_>>().join(" or ");
                    let message =
                        format!("Unexpected end of template. Jinja was looking for the following tags: {wanted}.");
                    return self.p.fail(message);
                }
                other => return self.p.fail(format!("unexpected '{}'", other.describe())),
            };
            out.push(Node { line, what });
        }
    }

    fn block_end(&mut self) -> Outcome<()> {
        if !matches!(self.p.current(), Lexed::BlockEnd) {
            return self.p.unexpected("end of statement block");
        }
        self.p.next();
        Ok(())
    }

    /// The body up to a tag of `ends`; gives which one it was, its name consumed.
    fn body(&mut self, ends: &[&str]) -> Outcome<(Vec<Node>, String)> {
        self.p.skip_op(":");
        self.block_end()?;
        self.p.enter()?;
        let nodes = self.nodes(ends)?;
        self.p.leave();
        let Lexed::Name(end) = self.p.next() else { return self.p.fail("unexpected end of template") };
        Ok((nodes, end))
    }

    fn statement(&mut self) -> Outcome<Vec<Statement>> {
        let Lexed::Name(tag) = self.p.current().clone() else { return self.p.fail("tag name expected") };
        self.p.next();
        Ok(vec![match tag.as_str() {
            "for" => self.for_loop()?,
            "if" => self.if_chain()?,
            "set" => self.set()?,
            "with" => self.with()?,
            "filter" => {
                let filter = self.p.filter_chain()?;
                Statement::Filter(filter, self.body(&["endfilter"])?.0)
            }
            "macro" => self.macro_definition()?,
            "call" => self.call()?,
            "block" => self.block()?,
            "extends" => Statement::Extends(self.p.expression(Inline::Condition)?),
            "include" => self.include()?,
            "import" => self.import()?,
            "from" => self.import_members()?,
            "print" => {
                let mut out = Vec::new();
                while !matches!(self.p.current(), Lexed::BlockEnd) {
                    if !out.is_empty() {
                        self.p.expect_op(",")?;
                    }
                    out.push(Statement::Print(self.p.expression(Inline::Condition)?));
                }
                return Ok(out);
            }
            // Ansible's environment never escapes: the body is all there is to it.
            "autoescape" => {
                self.p.expression(Inline::Condition)?;
                Statement::With(Vec::new(), self.body(&["endautoescape"])?.0)
            }
            other => return self.p.fail(format!("Encountered unknown tag '{other}'.")),
        }])
    }

    fn for_loop(&mut self) -> Outcome<Statement> {
        let target = self.target(&["in"])?;
        self.p.expect_keyword("in")?;
        let iter = self.p.tuple(Inline::Plain, &["recursive"], false)?;
        let filter = if self.p.skip_name("if") { Some(self.p.expression(Inline::Condition)?) } else { None };
        let recursive = self.p.skip_name("recursive");
        let (body, end) = self.body(&["endfor", "else"])?;
        let otherwise = if end == "else" { self.body(&["endfor"])?.0 } else { Vec::new() };
        Ok(Statement::For(Rc::new(ForLoop { target, iter, filter, body, otherwise, recursive })))
    }

    fn if_chain(&mut self) -> Outcome<Statement> {
        let mut branches = Vec::new();
        loop {
            let test = self.p.tuple(Inline::Plain, &[], false)?;
            let (body, end) = self.body(&["elif", "else", "endif"])?;
            branches.push((test, body));
            match end.as_str() {
                "elif" => {}
                "else" => return Ok(Statement::If(branches, self.body(&["endif"])?.0)),
                _ => return Ok(Statement::If(branches, Vec::new())),
            }
        }
    }

    fn set(&mut self) -> Outcome<Statement> {
        let target = match (self.p.current().clone(), self.p.look()) {
            (Lexed::Name(name), Lexed::Op(".")) => {
                self.p.next();
                self.p.next();
                Target::Attribute(name.into(), self.p.expect_name()?)
            }
            _ => self.target(&[])?,
        };
        if self.p.skip_op("=") {
            return Ok(Statement::Set(target, self.p.tuple(Inline::Condition, &[], false)?));
        }
        let filter = if self.p.skip_op("|") { Some(self.p.filter_chain()?) } else { None };
        Ok(Statement::SetBlock(target, filter, self.body(&["endset"])?.0))
    }

    fn with(&mut self) -> Outcome<Statement> {
        let mut assignments = Vec::new();
        while !matches!(self.p.current(), Lexed::BlockEnd) {
            if !assignments.is_empty() {
                self.p.expect_op(",")?;
            }
            let target = self.target(&[])?;
            self.p.expect_op("=")?;
            assignments.push((target, self.p.expression(Inline::Condition)?));
        }
        Ok(Statement::With(assignments, self.body(&["endwith"])?.0))
    }

    fn parameters(&mut self) -> Outcome<Vec<(Rc<str>, Option<Expr>)>> {
        self.p.expect_op("(")?;
        let mut out: Vec<(Rc<str>, Option<Expr>)> = Vec::new();
        while !self.p.is_op(")") {
            if !out.is_empty() {
                self.p.expect_op(",")?;
            }
            let name = self.name()?;
            let default = if self.p.skip_op("=") { Some(self.p.expression(Inline::Condition)?) } else { None };
            if default.is_none() && out.last().is_some_and(|(_, d)| d.is_some()) {
                return self.p.fail("non-default argument follows default argument");
            }
            out.push((name, default));
        }
        self.p.expect_op(")")?;
        Ok(out)
    }

    fn macro_definition(&mut self) -> Outcome<Statement> {
        let name = self.name()?;
        self.p.macro_uses.push([false; 3]);
        let parameters = self.parameters()?;
        let (body, _) = self.body(&["endmacro"])?;
        let uses = self.p.macro_uses.pop().unwrap_or_default();
        Ok(Statement::Macro(Rc::new(Macro { name, parameters, body, uses })))
    }

    fn call(&mut self) -> Outcome<Statement> {
        self.p.macro_uses.push([false; 3]);
        let parameters = if self.p.is_op("(") { self.parameters()? } else { Vec::new() };
        let callee = self.p.expression(Inline::Condition)?;
        if !matches!(callee.kind, Kind::Call(..)) {
            return self.p.fail("expected call");
        }
        let (body, _) = self.body(&["endcall"])?;
        let uses = self.p.macro_uses.pop().unwrap_or_default();
        let caller = Rc::new(Macro { name: "caller".into(), parameters, body, uses });
        Ok(Statement::Call(callee, caller))
    }

    fn block(&mut self) -> Outcome<Statement> {
        let name = self.p.expect_name()?;
        let scoped = self.p.skip_name("scoped");
        let required = self.p.skip_name("required");
        if self.p.is_op("-") {
            return self.p.fail("Block names in Jinja have to be valid Python identifiers and may not contain hyphens");
        }
        if self.blocks.iter().any(|b| b.name == name) {
            return self.p.fail(format!("block '{name}' defined twice"));
        }
        let (body, _) = self.body(&["endblock"])?;
        let blank = |n: &Node| matches!(&n.what, Statement::Text(t) if t.trim().is_empty());
        if required && !body.iter().all(blank) {
            return self.p.fail("Required blocks can only contain comments or whitespace");
        }
        self.p.skip_name(&name);
        if self.blocks.iter().any(|b| b.name == name) {
            return self.p.fail(format!("block '{name}' defined twice"));
        }
        let block = Rc::new(Block { name, body, scoped, required });
        self.blocks.push(Rc::clone(&block));
        Ok(Statement::Block(block))
    }

    /// `with context` or `without context`, if it is next.
    fn context_marker(&mut self) -> Option<bool> {
        let with = match self.p.current() {
            Lexed::Name(n) if n == "with" => true,
            Lexed::Name(n) if n == "without" => false,
            _ => return None,
        };
        if !matches!(self.p.look(), Lexed::Name(n) if n == "context") {
            return None;
        }
        self.p.next();
        self.p.next();
        Some(with)
    }

    fn include(&mut self) -> Outcome<Statement> {
        let names = self.p.expression(Inline::Condition)?;
        let mut ignore_missing = false;
        if self.p.is_name("ignore") && matches!(self.p.look(), Lexed::Name(n) if n == "missing") {
            self.p.next();
            self.p.next();
            ignore_missing = true;
        }
        let with_context = self.context_marker().unwrap_or(true);
        Ok(Statement::Include { names, ignore_missing, with_context })
    }

    fn import(&mut self) -> Outcome<Statement> {
        let name = self.p.expression(Inline::Condition)?;
        self.p.expect_keyword("as")?;
        let target = Some(self.name()?);
        let with_context = self.context_marker().unwrap_or(false);
        Ok(Statement::Import(Import { name, target, members: Vec::new(), with_context }))
    }

    fn import_members(&mut self) -> Outcome<Statement> {
        let name = self.p.expression(Inline::Condition)?;
        self.p.expect_keyword("import")?;
        let mut members = Vec::new();
        let mut with_context = false;
        loop {
            if !members.is_empty() {
                self.p.expect_op(",")?;
            }
            if let Some(with) = self.context_marker() {
                with_context = with;
                break;
            }
            let member = self.name()?;
            if member.starts_with('_') {
                return self.p.fail("names starting with an underline can not be imported");
            }
            let alias = if self.p.skip_name("as") { self.name()? } else { Rc::clone(&member) };
            members.push((member, alias));
            if let Some(with) = self.context_marker() {
                with_context = with;
                break;
            }
            if !self.p.is_op(",") {
                break;
            }
        }
        Ok(Statement::Import(Import { name, target: None, members, with_context }))
    }

    /// A name that can be assigned to.
    fn name(&mut self) -> Outcome<Rc<str>> {
        const CONSTANTS: [&str; 6] = ["true", "false", "none", "True", "False", "None"];
        if let Lexed::Name(n) = self.p.current()
            && CONSTANTS.contains(&n.as_str())
        {
            return self.p.fail(format!("can't assign to '{n}'"));
        }
        self.p.expect_name()
    }

    /// `a` or `a, (b, c)`.
    fn target(&mut self, ends: &[&str]) -> Outcome<Target> {
        let mut items = Vec::new();
        let mut is_tuple = false;
        loop {
            if !items.is_empty() {
                self.p.expect_op(",")?;
            }
            if self.p.at_tuple_end(ends) {
                break;
            }
            items.push(if self.p.skip_op("(") {
                self.p.enter()?;
                let inner = self.target(&[])?;
                self.p.leave();
                self.p.expect_op(")")?;
                inner
            } else if matches!(self.p.current(), Lexed::Name(_)) {
                Target::Name(self.name()?)
            } else {
                return self.p.fail(format!("can't assign to '{}'", self.p.current().describe()));
            });
            if !self.p.is_op(",") {
                break;
            }
            is_tuple = true;
        }
        match items.pop() {
            Some(only) if !is_tuple => Ok(only),
            Some(last) => {
                items.push(last);
                Ok(Target::Tuple(items))
            }
            None => self.p.fail(format!("Expected an expression, got '{}'", self.p.current().describe())),
        }
    }
}

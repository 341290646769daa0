//! The tree of a JMESPath expression: a parser by binding powers.

use super::lex::{Quoted, Token, tokens};
use crate::vars::Value;

/// Nesting beyond this is an attack on the stack.
const DEPTH: usize = 100;

/// A piece of an expression.
#[derive(Clone, Debug)]
pub enum Node {
    /// A member of a dictionary.
    Field(String),
    /// `@`
    Current,
    /// A constant.
    Literal(Value),
    /// An item of a list.
    Index(i64),
    /// `[a:b:c]`
    Slice([Option<i64>; 3]),
    /// One after the other: `a.b`, `a[0]`, `a | b`.
    Chain(Box<Node>, Box<Node>),
    /// The right side for every item of the left.
    Projection(Box<Node>, Box<Node>),
    /// The right side for every value of the left dictionary.
    Values(Box<Node>, Box<Node>),
    /// One level of lists taken apart.
    Flatten(Box<Node>),
    /// The right side for every item that the condition (last) keeps.
    Filter(Box<Node>, Box<Node>, Box<Node>),
    /// A comparison.
    Compare(&'static str, Box<Node>, Box<Node>),
    /// `||`
    Or(Box<Node>, Box<Node>),
    /// `&&`
    And(Box<Node>, Box<Node>),
    /// `!`
    Not(Box<Node>),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{a: b}`
    Dict(Vec<(String, Node)>),
    /// `f(a, b)`
    Call(String, Vec<Node>),
    /// `&a`
    Reference(Box<Node>),
}

/// Parses an expression.
pub fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let node = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected()),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

/// How strongly an operator binds what is left of it.
fn power(token: &Token) -> u8 {
    let Token::Sign(sign) = token else { return 0 };
    match *sign {
        "|" => 1,
        "||" => 2,
        "&&" => 3,
        "==" | "!=" | "<" | ">" | "<=" | ">=" => 5,
        "[]" => 9,
        "*" => 20,
        "[?" => 21,
        "." => 40,
        "!" => 45,
        "{" => 50,
        "[" => 55,
        "(" => 60,
        _ => 0,
    }
}

fn both(make: fn(Box<Node>, Box<Node>) -> Node, left: Node, right: Node) -> Node {
    make(Box::new(left), Box::new(right))
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(_, t)| t)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, wanted: &str) -> bool {
        matches!(self.peek(), Token::Sign(sign) if *sign == wanted)
    }

    fn accept(&mut self, wanted: &str) -> bool {
        let hit = self.is(wanted);
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.accept(wanted) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> String {
        match self.tokens.get(self.at) {
            None | Some((_, Token::End)) => "Invalid jmespath expression: Incomplete expression".to_owned(),
            Some((at, token)) => {
                let shown = match token {
                    Token::Name(name, _) => name.clone(),
                    Token::Number(number) => number.to_string(),
                    Token::Sign(sign) => (*sign).to_owned(),
                    Token::Literal(_) | Token::End => "literal".to_owned(),
                };
                format!("Invalid jmespath expression: Parse error at column {at}, token \"{shown}\"")
            }
        }
    }

    fn expression(&mut self, binding: u8) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("Invalid jmespath expression: nested too deeply".to_owned());
        }
        let mut left = self.prefix()?;
        while binding < power(self.peek()) {
            left = self.infix(left)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Node, String> {
        let start = self.at;
        let node = match self.next() {
            Token::Literal(value) => Node::Literal(value),
            Token::Name(name, quoted) => {
                if quoted == Quoted::Yes && self.is("(") {
                    return Err(
                        "Invalid jmespath expression: Quoted identifier not allowed for function names.".to_owned()
                    );
                }
                Node::Field(name)
            }
            Token::Sign("*") => {
                let right = if self.is("]") { Node::Current } else { self.right_side(20)? };
                both(Node::Values, Node::Current, right)
            }
            Token::Sign("[?") => self.filter(Node::Current)?,
            Token::Sign("{") => self.dict()?,
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                inner
            }
            Token::Sign("[]") => {
                let right = self.right_side(9)?;
                both(Node::Projection, Node::Flatten(Box::new(Node::Current)), right)
            }
            Token::Sign("!") => Node::Not(Box::new(self.expression(45)?)),
            Token::Sign("[") => self.bracket(None)?,
            Token::Sign("&") => Node::Reference(Box::new(self.expression(0)?)),
            Token::Sign("@") => Node::Current,
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        };
        Ok(node)
    }

    fn infix(&mut self, left: Node) -> Result<Node, String> {
        let start = self.at;
        let Token::Sign(sign) = self.next() else {
            self.at = start;
            return Err(self.unexpected());
        };
        Ok(match sign {
            "." if self.accept("*") => {
                let right = self.right_side(20)?;
                both(Node::Values, left, right)
            }
            "." => {
                let right = self.after_dot(40)?;
                both(Node::Chain, left, right)
            }
            "|" => both(Node::Chain, left, self.expression(1)?),
            "||" => both(Node::Or, left, self.expression(2)?),
            "&&" => both(Node::And, left, self.expression(3)?),
            "(" => {
                let Node::Field(name) = left else {
                    self.at = start;
                    return Err(self.unexpected());
                };
                Node::Call(name, self.several(")")?)
            }
            "[?" => self.filter(left)?,
            "==" | "!=" | "<" | ">" | "<=" | ">=" => Node::Compare(sign, Box::new(left), Box::new(self.expression(5)?)),
            "[]" => {
                let right = self.right_side(9)?;
                both(Node::Projection, Node::Flatten(Box::new(left)), right)
            }
            "[" => self.bracket(Some(left))?,
            _ => {
                self.at = start;
                return Err(self.unexpected());
            }
        })
    }

    /// Behind `[`: an index, a slice, `*`, or, where nothing is left of it, a list.
    fn bracket(&mut self, left: Option<Node>) -> Result<Node, String> {
        if matches!(self.peek(), Token::Number(_)) || self.is(":") {
            let index = self.index()?;
            let slice = matches!(index, Node::Slice(_));
            let node = match left {
                Some(left) => both(Node::Chain, left, index),
                None => index,
            };
            return Ok(if slice { both(Node::Projection, node, self.right_side(20)?) } else { node });
        }
        let star = self.is("*") && matches!(self.tokens.get(self.at + 1), Some((_, Token::Sign("]"))));
        if star {
            self.at += 2;
            let right = self.right_side(20)?;
            return Ok(both(Node::Projection, left.unwrap_or(Node::Current), right));
        }
        match left {
            None => Ok(Node::List(self.list()?)),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn index(&mut self) -> Result<Node, String> {
        let mut parts = [None; 3];
        let mut part = 0;
        loop {
            match self.next() {
                Token::Number(number) if parts[part].is_none() => parts[part] = Some(number),
                Token::Sign(":") if part < 2 => part += 1,
                Token::Sign("]") => break,
                _ => {
                    self.at -= 1;
                    return Err(self.unexpected());
                }
            }
        }
        Ok(match (part, parts[0]) {
            (0, Some(index)) => Node::Index(index),
            _ => Node::Slice(parts),
        })
    }

    fn filter(&mut self, left: Node) -> Result<Node, String> {
        let condition = self.expression(0)?;
        self.expect("]")?;
        let right = if self.is("[]") { Node::Current } else { self.right_side(21)? };
        Ok(Node::Filter(Box::new(left), Box::new(right), Box::new(condition)))
    }

    /// What a projection does to each of its items.
    fn right_side(&mut self, binding: u8) -> Result<Node, String> {
        if power(self.peek()) < 10 {
            return Ok(Node::Current);
        }
        if self.is("[") || self.is("[?") {
            return self.expression(binding);
        }
        self.expect(".")?;
        self.after_dot(binding)
    }

    fn after_dot(&mut self, binding: u8) -> Result<Node, String> {
        if self.accept("[") {
            return Ok(Node::List(self.list()?));
        }
        if self.accept("{") {
            return self.dict();
        }
        match self.peek() {
            Token::Name(..) | Token::Sign("*") => self.expression(binding),
            _ => Err(self.unexpected()),
        }
    }

    fn list(&mut self) -> Result<Vec<Node>, String> {
        let items = self.several("]")?;
        if items.is_empty() { Err(self.unexpected()) } else { Ok(items) }
    }

    fn several(&mut self, end: &str) -> Result<Vec<Node>, String> {
        let mut items = Vec::new();
        if self.accept(end) {
            return Ok(items);
        }
        loop {
            items.push(self.expression(0)?);
            if self.accept(end) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    fn dict(&mut self) -> Result<Node, String> {
        let mut members = Vec::new();
        loop {
            let Token::Name(name, _) = self.next() else {
                self.at -= 1;
                return Err(self.unexpected());
            };
            self.expect(":")?;
            members.push((name, self.expression(0)?));
            if self.accept("}") {
                return Ok(Node::Dict(members));
            }
            self.expect(",")?;
        }
    }
}

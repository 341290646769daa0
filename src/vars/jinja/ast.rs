//! The tree of a template.

use crate::vars::value::Value;
use std::rc::Rc;

/// A parsed template.
pub struct Template {
    /// Its name, for messages: a path, or nothing for a string.
    pub name: Rc<str>,
    /// What it does.
    pub body: Vec<Node>,
    /// The blocks it defines, at any level.
    pub blocks: Vec<Rc<Block>>,
    /// Whether it calls a method that changes its value (`append`, `update`, ...).
    pub mutates: bool,
}

/// A statement, and the line it starts on.
pub struct Node {
    /// The line, from 1.
    pub line: u32,
    /// What it does.
    pub what: Statement,
}

/// What a statement does.
pub enum Statement {
    /// Text as it stands.
    Text(Rc<str>),
    /// `{{ expression }}`.
    Print(Expr),
    /// `{% for %}`.
    For(Rc<ForLoop>),
    /// `{% if %}`: conditions with their bodies, and the body of `else`.
    If(Vec<(Expr, Vec<Node>)>, Vec<Node>),
    /// `{% set target = value %}`.
    Set(Target, Expr),
    /// `{% set target | filters %}body{% endset %}`: the filters' input is [`Kind::Captured`].
    SetBlock(Target, Option<Expr>, Vec<Node>),
    /// `{% with %}`.
    With(Vec<(Target, Expr)>, Vec<Node>),
    /// `{% filter filters %}body{% endfilter %}`.
    Filter(Expr, Vec<Node>),
    /// `{% macro %}`.
    Macro(Rc<Macro>),
    /// `{% call(args) callee %}`.
    Call(Expr, Rc<Macro>),
    /// `{% block %}`.
    Block(Rc<Block>),
    /// `{% extends name %}`.
    Extends(Expr),
    /// `{% include names %}`.
    Include {
        /// A name, or a list of names of which the first that exists is taken.
        names: Expr,
        /// Whether nothing is printed where none exists.
        ignore_missing: bool,
        /// Whether it sees the variables.
        with_context: bool,
    },
    /// `{% import %}`, `{% from import %}`.
    Import(Import),
}

/// `{% import name as target %}`, or `{% from name import members %}`.
pub struct Import {
    /// The template.
    pub name: Expr,
    /// The name of the module, where all of it is imported.
    pub target: Option<Rc<str>>,
    /// Members and the names they get.
    pub members: Vec<(Rc<str>, Rc<str>)>,
    /// Whether it sees the variables.
    pub with_context: bool,
}

/// `{% for %}`.
pub struct ForLoop {
    /// What each item is assigned to.
    pub target: Target,
    /// What it goes over.
    pub iter: Expr,
    /// Which items count.
    pub filter: Option<Expr>,
    /// What is done for each.
    pub body: Vec<Node>,
    /// What is done where there is none.
    pub otherwise: Vec<Node>,
    /// Whether `loop(items)` calls it again.
    pub recursive: bool,
}

/// `{% macro %}`, or the body of `{% call %}`.
pub struct Macro {
    /// Its name; `caller` for a call's body.
    pub name: Rc<str>,
    /// Its parameters, with their defaults.
    pub parameters: Vec<(Rc<str>, Option<Expr>)>,
    /// Its body.
    pub body: Vec<Node>,
    /// Which of `caller`, `varargs` and `kwargs` its body names.
    pub uses: [bool; 3],
}

/// `{% block %}`.
pub struct Block {
    /// Its name.
    pub name: Rc<str>,
    /// Its body.
    pub body: Vec<Node>,
    /// Whether it sees the variables of the loops around it.
    pub scoped: bool,
    /// Whether a child must define it.
    pub required: bool,
}

/// What can be assigned to.
pub enum Target {
    /// A name.
    Name(Rc<str>),
    /// A namespace's attribute.
    Attribute(Rc<str>, Rc<str>),
    /// Several, unpacked.
    Tuple(Vec<Target>),
}

/// An expression: what it is, where it starts, and how deep it nests.
pub struct Expr {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// Levels beneath it; bounded by the parser.
    pub depth: u16,
    /// What it is.
    pub kind: Kind,
}

/// What an expression is.
pub enum Kind {
    /// A constant.
    Const(Value),
    /// A variable.
    Name(Rc<str>),
    /// The text that the block around a filter chain made.
    Captured,
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `{a: b}`.
    Dict(Vec<(Expr, Expr)>),
    /// `not a`.
    Not(Box<Expr>),
    /// `-a`.
    Negative(Box<Expr>),
    /// `+a`.
    Positive(Box<Expr>),
    /// `a and b`.
    And(Box<Expr>, Box<Expr>),
    /// `a or b`.
    Or(Box<Expr>, Box<Expr>),
    /// Arithmetic.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `a ~ b ~ c`.
    Concat(Vec<Expr>),
    /// `a < b <= c`.
    Compare(Box<Expr>, Vec<(Compare, Expr)>),
    /// `then if condition else otherwise`.
    Condition {
        /// The condition.
        test: Box<Expr>,
        /// Its value where it holds.
        then: Box<Expr>,
        /// And where not.
        otherwise: Option<Box<Expr>>,
    },
    /// `value | name(args)`.
    Filter(Box<Expr>, Rc<str>, Vec<Argument>),
    /// `value is name(args)`.
    Test(Box<Expr>, Rc<str>, Vec<Argument>),
    /// `value.name`.
    Attribute(Box<Expr>, Rc<str>),
    /// `value[key]`.
    Item(Box<Expr>, Box<Expr>),
    /// `value[start:stop:step]`.
    Slice(Box<Expr>, [Option<Box<Expr>>; 3]),
    /// `callee(args)`.
    Call(Box<Expr>, Vec<Argument>),
}

/// An operator of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `**`
    Pow,
}

/// An operator of comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `not in`
    NotIn,
}

/// An argument of a call.
pub struct Argument {
    /// How it is given.
    pub part: Part,
    /// Its value.
    pub value: Expr,
}

/// How an argument is given.
pub enum Part {
    /// By position.
    Positional,
    /// By name.
    Named(Rc<str>),
    /// `*values`.
    Splat,
    /// `**values`.
    NamedSplat,
}

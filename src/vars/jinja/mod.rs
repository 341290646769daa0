//! Jinja2's language: source text to tokens (`lex`), tokens to a tree (`parse_expr`, `parse_stmt`).
//!
//! The lexer is minijinja's. The parser is ours: it follows Jinja2's grammar to the letter (what it refuses is part of
//! what roles see), and it bounds the depth of the tree, so that no template can exhaust the stack.

mod ast;
mod lex;
pub mod look;
mod parse_expr;
mod parse_stmt;

pub use ast::{
    Argument, Binary, Block, Compare, Expr, ForLoop, Import, Kind, Macro, Node, Part, Statement, Target, Template,
};
pub use lex::{Mark, Style, double_backslashes, looks_like_template, normalise};
pub use parse_stmt::parse;

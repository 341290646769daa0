//! What a template can reach beyond its own text: variables, lists of `groups`, and other hosts through `hostvars`; as
//! precise as can be seen without evaluating it. An export is cut down to this, so in doubt it is too much, never too
//! little, and says where.
//!
//! `walk` goes through statements, `expression` follows what an expression is as far as groups and hosts go, `call`
//! what filters, methods and lookups make of it.

mod call;
mod expression;
#[cfg(test)]
mod tests;
mod walk;

use super::error::TemplateError;
use super::jinja::{Style, double_backslashes, normalise, parse};
use super::templar::{Rendering, header};
use std::collections::{BTreeMap, BTreeSet};
use walk::Walk;

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
    Ok(Walk::through(&parse(source, "", style)?.body))
}

//! A pattern as a tree, and what one character must be to match. Nothing here reads patterns or searches text.

use super::unicode;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Parts one behind the other; none is the empty pattern.
    Sequence(Vec<Node>),
    /// `a|b`
    Either(Vec<Node>),
    /// One character.
    One(One),
    /// A place.
    At(At),
    /// `(a)`, by its number.
    Group(usize, Box<Node>),
    /// `a*`, `a{2,3}?`
    Repeat(Box<Node>, Bounds),
    /// `(?>a)` and what possessive repetition comes down to.
    Atomic(Box<Node>),
    /// `(?=a)` and its kin.
    Look {
        /// What must be there, or must not.
        inner: Box<Node>,
        /// It must not be there.
        negated: bool,
        /// Characters to go back before looking.
        back: usize,
    },
    /// `\1`
    Reference(usize, Fold),
    /// `(?(1)a|b)`
    Conditional(usize, Box<Node>, Box<Node>),
}

/// How often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// At least.
    pub min: u32,
    /// At most; `u32::MAX` is any number.
    pub max: u32,
    /// As few as possible.
    pub lazy: bool,
}

/// Whether case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fold {
    /// It does.
    Exact,
    /// Not among ASCII letters.
    Ascii,
    /// Not at all.
    Unicode,
}

/// Places in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// `\A`
    Start,
    /// `\Z`
    End,
    /// `$`: the end, or before a newline that ends the text.
    LastLine,
    /// `^` of several lines.
    LineStart,
    /// `$` of several lines.
    LineEnd,
    /// `\b`, or `\B`; in ASCII or not.
    Boundary {
        /// It must not be one.
        negated: bool,
        /// Only ASCII makes words.
        ascii: bool,
    },
}

/// What one character must be.
#[derive(Clone, Debug)]
pub(super) enum One {
    /// This one.
    Char(char, Fold),
    /// `.`
    NoNewline,
    /// `.` that matches newlines.
    Any,
    /// `[a-z]`, `\d`
    Set(Box<Set>),
}

/// A class of characters.
#[derive(Clone, Debug)]
pub(super) struct Set {
    items: Vec<Item>,
    negated: bool,
    fold: Fold,
    /// The answers for ASCII.
    ascii: u128,
}

/// A part of a class.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// From one to another.
    Range(char, char),
    /// `\d`, `\s`, `\w`, or what they exclude.
    Category(Category),
}

/// `\d`, `\s`, `\w` and their opposites.
#[derive(Clone, Copy, Debug)]
pub(super) struct Category {
    /// The letter, in lower case.
    pub kind: char,
    /// It was a capital.
    pub negated: bool,
    /// Only ASCII counts.
    pub ascii: bool,
}

impl Category {
    fn holds(self, c: char) -> bool {
        let inside = match (self.kind, self.ascii) {
            ('d', false) => unicode::digit(c),
            ('s', false) => unicode::space(c),
            ('w', false) => unicode::word(c),
            ('d', true) => c.is_ascii_digit(),
            ('s', true) => matches!(c, ' ' | '\t'..='\r'),
            (_, _) => c.is_ascii_alphanumeric() || c == '_',
        };
        inside != self.negated
    }
}

impl Set {
    /// A class of these parts.
    pub fn new(items: Vec<Item>, negated: bool, fold: Fold) -> Set {
        let mut set = Set { items, negated, fold, ascii: 0 };
        set.ascii = (0..128_u8).filter(|c| set.finds(char::from(*c))).fold(0, |bits, c| bits | 1 << c);
        set
    }

    fn holds(&self, c: char) -> bool {
        if c.is_ascii() { self.ascii >> u32::from(c) & 1 == 1 } else { self.finds(c) }
    }

    fn finds(&self, c: char) -> bool {
        let inside = self.items.iter().any(|item| match (*item, self.fold) {
            (Item::Category(category), Fold::Exact) => category.holds(c),
            (Item::Category(category), Fold::Ascii) => category.holds(c.to_ascii_lowercase()),
            (Item::Category(category), Fold::Unicode) => category.holds(unicode::lower(c)),
            (Item::Range(a, b), Fold::Exact) => (a..=b).contains(&c),
            (Item::Range(a, b), Fold::Ascii) => {
                (a..=b).contains(&c.to_ascii_lowercase()) || (a..=b).contains(&c.to_ascii_uppercase())
            }
            (Item::Range(a, b), Fold::Unicode) => unicode::all_alike(c).any(|c| (a..=b).contains(&c)),
        });
        inside != self.negated
    }
}

impl One {
    /// Whether `c` is it.
    pub fn takes(&self, c: char) -> bool {
        match self {
            One::Char(wanted, fold) => fold.equal(*wanted, c),
            One::NoNewline => c != '\n',
            One::Any => true,
            One::Set(set) => set.holds(c),
        }
    }
}

impl Fold {
    /// Whether two characters count as one.
    pub fn equal(self, a: char, b: char) -> bool {
        a == b
            || match self {
                Fold::Exact => false,
                Fold::Ascii => a.eq_ignore_ascii_case(&b),
                Fold::Unicode => unicode::alike(a, b),
            }
    }
}

impl Node {
    /// The fewest and the most characters that it matches; `groups` are the widths of groups by number.
    pub fn width(&self, groups: &[(u64, u64)]) -> (u64, u64) {
        let add = |a: (u64, u64), b: (u64, u64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
        match self {
            Node::Sequence(all) => all.iter().fold((0, 0), |sum, node| add(sum, node.width(groups))),
            Node::Either(all) => {
                let widths = all.iter().map(|node| node.width(groups));
                widths.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or_default()
            }
            Node::One(_) => (1, 1),
            Node::At(_) | Node::Look { .. } => (0, 0),
            Node::Group(_, inner) | Node::Atomic(inner) => inner.width(groups),
            Node::Repeat(inner, bounds) => {
                let (min, max) = inner.width(groups);
                let most = if bounds.max == u32::MAX { u64::MAX } else { u64::from(bounds.max) };
                let most = if max == 0 { 0 } else { max.saturating_mul(most) };
                (min.saturating_mul(u64::from(bounds.min)), most)
            }
            Node::Reference(number, _) => groups.get(*number).copied().unwrap_or_default(),
            Node::Conditional(_, yes, no) => {
                let (yes, no) = (yes.width(groups), no.width(groups));
                (yes.0.min(no.0), yes.1.max(no.1))
            }
        }
    }
}

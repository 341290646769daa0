//! Python's `re` patterns read into a tree, with Python's error messages. Parses patterns only; never runs one.

use super::Flags;
use super::node::{At, Bounds, Fold, Node, One};

/// Groups in groups beyond this are an attack on the stack, not a pattern.
const DEPTH: usize = 100;

/// A pattern that was read.
pub(super) struct Parsed {
    /// What it is.
    pub node: Node,
    /// Names of groups with their numbers.
    pub names: Vec<(String, usize)>,
    /// How many groups there are.
    pub groups: usize,
}

/// Reads `pattern`.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Parsed, String> {
    let mut parser = Parser {
        chars: pattern.chars().collect(),
        at: 0,
        flags,
        names: Vec::new(),
        widths: vec![(0, 0)],
        open: Vec::new(),
        behind: None,
        wide_behind: false,
        depth: 0,
    };
    let node = parser.alternatives()?;
    if parser.at < parser.chars.len() {
        return Err(format!("unbalanced parenthesis at position {}", parser.at));
    }
    if parser.wide_behind {
        return Err("look-behind requires fixed-width pattern".to_owned());
    }
    Ok(Parsed { node, names: parser.names, groups: parser.widths.len() - 1 })
}

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) flags: Flags,
    names: Vec<(String, usize)>,
    /// The fewest and most characters of each group; the first is the whole.
    widths: Vec<(u64, u64)>,
    /// Groups not closed yet: Python refuses references to them.
    open: Vec<usize>,
    /// Groups that there were when a look-behind began.
    behind: Option<usize>,
    /// A look-behind has no width of its own: an error, though any other is told first.
    wide_behind: bool,
    depth: usize,
}

/// What may be repeated.
enum Last {
    Nothing,
    Item,
    Repeated,
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    pub(super) fn accept(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }

    fn deeper(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH { Err("pattern is nested too deeply".to_owned()) } else { Ok(()) }
    }

    fn alternatives(&mut self) -> Result<Node, String> {
        self.deeper()?;
        let mut all = vec![self.sequence()?];
        while self.accept('|') {
            all.push(self.sequence()?);
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Either(all) })
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut all: Vec<Node> = Vec::new();
        let mut last = Last::Nothing;
        while let Some(c) = self.peek() {
            if c == '|' || c == ')' {
                break;
            }
            if self.flags.verbose && self.skip_verbose(c) {
                continue;
            }
            let here = self.at;
            self.at += 1;
            if matches!(c, '*' | '+' | '?') || c == '{' {
                self.at = here;
                if let Some(bounds) = self.quantifier()? {
                    let repeated = match (last, all.pop()) {
                        (Last::Repeated, _) => return Err(format!("multiple repeat at position {here}")),
                        (Last::Item, Some(node)) => self.repeated(node, bounds),
                        _ => return Err(format!("nothing to repeat at position {here}")),
                    };
                    all.push(repeated);
                    last = Last::Repeated;
                    continue;
                }
                self.at = here + 1;
            }
            let Some(node) = self.item(c, here)? else { continue };
            last = if matches!(node, Node::At(_)) { Last::Nothing } else { Last::Item };
            all.push(node);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Sequence(all) })
    }

    /// Blanks and comments of `(?x)` patterns.
    fn skip_verbose(&mut self, c: char) -> bool {
        if c == '#' {
            while self.next().is_some_and(|c| c != '\n') {}
            return true;
        }
        let blank = matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
        self.at += usize::from(blank);
        blank
    }

    /// One item; `None` for what leaves nothing behind (comments, global flags).
    fn item(&mut self, c: char, here: usize) -> Result<Option<Node>, String> {
        Ok(Some(match c {
            '.' => Node::One(if self.flags.dot_all { One::Any } else { One::NoNewline }),
            '^' => Node::At(if self.flags.multi_line { At::LineStart } else { At::Start }),
            '$' => Node::At(if self.flags.multi_line { At::LineEnd } else { At::LastLine }),
            '(' => return self.group(here),
            '[' => self.class(here)?,
            '\\' => self.escape(here)?,
            _ => self.literal(c),
        }))
    }

    pub(super) fn literal(&self, c: char) -> Node {
        Node::One(One::Char(c, self.fold()))
    }

    /// Whether case counts here.
    pub(super) fn fold(&self) -> Fold {
        match (self.flags.ignore_case, self.flags.ascii) {
            (false, _) => Fold::Exact,
            (true, true) => Fold::Ascii,
            (true, false) => Fold::Unicode,
        }
    }

    /// A quantifier and how it is to be taken; `None` where a brace stands for itself.
    fn quantifier(&mut self) -> Result<Option<(Bounds, bool)>, String> {
        let here = self.at;
        let (min, max) = match self.next() {
            Some('*') => (0, u32::MAX),
            Some('+') => (1, u32::MAX),
            Some('?') => (0, 1),
            _ => match self.braces(here)? {
                Some(bounds) => bounds,
                None => return Ok(None),
            },
        };
        let lazy = self.accept('?');
        let possessive = !lazy && self.accept('+');
        Ok(Some((Bounds { min, max, lazy }, possessive)))
    }

    /// `{m,n}`, read behind the brace.
    fn braces(&mut self, here: usize) -> Result<Option<(u32, u32)>, String> {
        if self.peek() == Some('}') {
            return Ok(None);
        }
        let low = self.digits();
        let high = if self.accept(',') { self.digits() } else { low.clone() };
        if self.chars.get(self.at - 1) == Some(&'{') || !self.accept('}') {
            return Ok(None);
        }
        let count = |digits: &str, none: u32| match digits {
            "" => Ok(none),
            digits => digits.parse::<u32>().ok().filter(|n| *n != u32::MAX).ok_or("the repetition number is too large"),
        };
        let (min, max) = (count(&low, 0)?, count(&high, u32::MAX)?);
        if max < min {
            return Err(format!("min repeat greater than max repeat at position {}", here + 1));
        }
        Ok(Some((min, max)))
    }

    fn repeated(&self, node: Node, (bounds, possessive): (Bounds, bool)) -> Node {
        let node = Node::Repeat(Box::new(node), bounds);
        if possessive { Node::Atomic(Box::new(node)) } else { node }
    }

    fn digits(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            text.push(c);
            self.at += 1;
        }
        text
    }

    fn group(&mut self, here: usize) -> Result<Option<Node>, String> {
        if !self.accept('?') {
            return self.capture(None, here).map(Some);
        }
        let node = match self.next() {
            None => return Err("unexpected end of pattern".to_owned()),
            Some('P') => self.named(here)?,
            Some(':') => self.closed(here)?,
            Some('#') => {
                while let Some(c) = self.next() {
                    if c == ')' {
                        return Ok(None);
                    }
                }
                return Err(format!("missing ), unterminated comment at position {here}"));
            }
            Some(c @ ('=' | '!')) => Node::Look { inner: Box::new(self.closed(here)?), negated: c == '!', back: 0 },
            Some('>') => Node::Atomic(Box::new(self.closed(here)?)),
            Some('<') => match self.next() {
                Some(c @ ('=' | '!')) => self.behind(here, c == '!')?,
                Some(c) => return Err(format!("unknown extension ?<{c} at position {}", here + 1)),
                None => return Err("unexpected end of pattern".to_owned()),
            },
            Some('(') => self.conditional(here)?,
            Some(c) if c == '-' || "aiLmsux".contains(c) => {
                self.at -= 1;
                return self.inline_flags(here);
            }
            Some(c) => return Err(format!("unknown extension ?{c} at position {}", here + 1)),
        };
        Ok(Some(node))
    }

    /// What a group holds, up to its end. It is an item of its own, whatever it holds.
    fn closed(&mut self, here: usize) -> Result<Node, String> {
        let flags = self.flags;
        let node = self.alternatives()?;
        self.flags = flags;
        if !self.accept(')') {
            return Err(format!("missing ), unterminated subpattern at position {here}"));
        }
        Ok(if matches!(node, Node::At(_)) { Node::Sequence(vec![node]) } else { node })
    }

    /// `(?<=a)`, `(?<!a)`
    fn behind(&mut self, here: usize, negated: bool) -> Result<Node, String> {
        let outer = self.behind;
        self.behind = outer.or(Some(self.widths.len()));
        let inner = self.closed(here)?;
        self.behind = outer;
        let (least, most) = inner.width(&self.widths);
        self.wide_behind |= least != most;
        let back = usize::try_from(least).unwrap_or(usize::MAX);
        Ok(Node::Look { inner: Box::new(inner), negated, back })
    }

    fn capture(&mut self, name: Option<String>, here: usize) -> Result<Node, String> {
        let number = self.widths.len();
        self.widths.push((0, 0));
        if let Some(name) = name {
            if let Some((_, old)) = self.names.iter().find(|(n, _)| *n == name) {
                let at = here + 4;
                return Err(format!(
                    "redefinition of group name '{name}' as group {number}; was group {old} at position {at}"
                ));
            }
            self.names.push((name, number));
        }
        self.open.push(number);
        let inner = self.closed(here)?;
        self.open.pop();
        self.widths[number] = inner.width(&self.widths);
        Ok(Node::Group(number, Box::new(inner)))
    }

    fn named(&mut self, here: usize) -> Result<Node, String> {
        match self.next() {
            Some('<') => {
                let name = self.name('>')?;
                self.capture(Some(name), here)
            }
            Some('=') => {
                let name = self.name(')')?;
                let number = self.number_of(&name)?;
                self.reference(number, name.chars().count())
            }
            Some(c) => Err(format!("unknown extension ?P{c} at position {}", here + 1)),
            None => Err("unexpected end of pattern".to_owned()),
        }
    }

    fn name(&mut self, end: char) -> Result<String, String> {
        let start = self.at;
        let mut name = String::new();
        loop {
            match self.next() {
                Some(c) if c == end => break,
                Some(c) => name.push(c),
                None if name.is_empty() => return Err(format!("missing group name at position {start}")),
                None => return Err(format!("missing {end}, unterminated name at position {start}")),
            }
        }
        if name.is_empty() {
            return Err(format!("missing group name at position {start}"));
        }
        let word = name.chars().all(|c| c == '_' || c.is_alphanumeric());
        if !word || name.starts_with(|c: char| c.is_numeric()) {
            return Err(format!("bad character in group name '{name}' at position {start}"));
        }
        Ok(name)
    }

    fn number_of(&self, name: &str) -> Result<usize, String> {
        let found = self.names.iter().find(|(n, _)| n == name);
        let at = self.at.saturating_sub(name.chars().count() + 1);
        found.map(|(_, n)| *n).ok_or_else(|| format!("unknown group name '{name}' at position {at}"))
    }

    /// `\1`, `(?P=name)`, whose name or number ends here and is so long.
    pub(super) fn reference(&mut self, number: usize, length: usize) -> Result<Node, String> {
        if number >= self.widths.len() {
            let at = self.at - number.to_string().len();
            return Err(format!("invalid group reference {number} at position {at}"));
        }
        if self.open.contains(&number) {
            return Err(format!("cannot refer to an open group at position {}", self.at - length - 1));
        }
        if self.behind.is_some_and(|first| number >= first) {
            let at = self.at;
            return Err(format!("cannot refer to group defined in the same lookbehind subpattern at position {at}"));
        }
        Ok(Node::Reference(number, self.fold()))
    }

    fn conditional(&mut self, here: usize) -> Result<Node, String> {
        let start = self.at;
        let digits = self.digits();
        let number = if !digits.is_empty() && self.accept(')') {
            digits.parse::<usize>().unwrap_or(usize::MAX)
        } else {
            self.at = start;
            let name = self.name(')')?;
            self.number_of(&name)?
        };
        if number == 0 || number >= self.widths.len() {
            return Err(format!("invalid group reference {number} at position {start}"));
        }
        if let Some(first) = self.behind {
            let at = self.at;
            if self.open.contains(&number) {
                return Err(format!("cannot refer to an open group at position {at}"));
            }
            if number >= first {
                return Err(format!(
                    "cannot refer to group defined in the same lookbehind subpattern at position {at}"
                ));
            }
        }
        let flags = self.flags;
        self.deeper()?;
        let yes = self.sequence()?;
        let no = if self.accept('|') { self.sequence()? } else { Node::Sequence(Vec::new()) };
        self.flags = flags;
        self.depth -= 1;
        if self.peek() == Some('|') {
            return Err("conditional backref with more than two branches".to_owned());
        }
        if !self.accept(')') {
            return Err(format!("missing ), unterminated subpattern at position {here}"));
        }
        Ok(Node::Conditional(number, Box::new(yes), Box::new(no)))
    }

    fn inline_flags(&mut self, here: usize) -> Result<Option<Node>, String> {
        let outer = self.flags;
        let mut flags = outer;
        let mut on = true;
        loop {
            match self.next() {
                Some('-') if on => on = false,
                Some('i') => flags.ignore_case = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_all = on,
                Some('x') => flags.verbose = on,
                Some('a') => flags.ascii = on,
                Some('u') => flags.ascii = !on,
                Some('L') => {
                    let at = self.at;
                    return Err(format!("bad inline flags: cannot use 'L' flag with a str pattern at position {at}"));
                }
                Some(')') if on => {
                    if here != 0 {
                        return Err(format!("global flags not at the start of the expression at position {here}"));
                    }
                    self.flags = flags;
                    return Ok(None);
                }
                Some(':') => break,
                Some(_) => return Err(format!("unknown flag at position {}", self.at - 1)),
                None => return Err(format!("missing -, : or ) at position {}", self.at)),
            }
        }
        self.flags = flags;
        let node = self.closed(here);
        self.flags = outer;
        node.map(Some)
    }
}

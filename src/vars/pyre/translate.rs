//! Python's `re` syntax rewritten as fancy-regex's, with Python's error messages. Parses patterns only; never runs one.
//!
//! The two dialects differ in what `$`, `\Z`, `\s`, `\w`, octal escapes, `[[]` and `{,n}` mean and in which escapes
//! exist at all. Rather than patch text, the pattern is read construct by construct and written anew.

use super::Flags;
use std::fmt::Write;

/// Groups in groups beyond this are an attack on the stack, not a pattern.
const DEPTH: usize = 100;

/// Python's whitespace; Unicode's property alone lacks the four separators.
const SPACE: &str = r"[\s\x1c-\x1f]";
const NOT_SPACE: &str = r"[^\s\x1c-\x1f]";
/// Python's word characters are what `str.isalnum` accepts and `_`: no combining marks.
const WORD: &str = r"[\p{L}\p{N}_]";
const NOT_WORD: &str = r"[^\p{L}\p{N}_]";

/// A translated pattern.
pub(super) struct Translated {
    /// The pattern for fancy-regex.
    pub pattern: String,
    /// Names of groups with their numbers.
    pub names: Vec<(String, usize)>,
    /// How many groups there are.
    pub groups: usize,
    /// Whether an empty match may hide a longer one at the same place (`|a`, `a??`).
    pub may_prefer_empty: bool,
}

/// Rewrites `pattern`.
pub(super) fn translate(pattern: &str, flags: Flags) -> Result<Translated, String> {
    let mut parser = Parser {
        chars: pattern.chars().collect(),
        at: 0,
        flags,
        out: String::with_capacity(pattern.len() + 8),
        names: Vec::new(),
        groups: 0,
        open: Vec::new(),
        may_prefer_empty: false,
        depth: 0,
    };
    parser.alternatives()?;
    if parser.at < parser.chars.len() {
        return Err(format!("unbalanced parenthesis at position {}", parser.at));
    }
    let prefix = if parser.flags.ignore_case { "(?i)" } else { "" };
    Ok(Translated {
        pattern: format!("{prefix}{}", parser.out),
        names: parser.names,
        groups: parser.groups,
        may_prefer_empty: parser.may_prefer_empty,
    })
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    flags: Flags,
    out: String,
    names: Vec<(String, usize)>,
    groups: usize,
    /// Groups not closed yet: Python refuses references to them.
    open: Vec<usize>,
    may_prefer_empty: bool,
    depth: usize,
}

/// What the last item was, for the checks on what may be repeated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Repeated,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn accept(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(c);
        self.at += usize::from(hit);
        hit
    }

    fn alternatives(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("pattern is nested too deeply".to_owned());
        }
        self.sequence()?;
        while self.accept('|') {
            self.may_prefer_empty = true;
            self.out.push('|');
            self.sequence()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn sequence(&mut self) -> Result<(), String> {
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
            if matches!(c, '*' | '+' | '?') || (c == '{' && self.bounds().is_some()) {
                self.at = here;
                self.quantifier(last)?;
                last = Last::Repeated;
                continue;
            }
            last = self.item(c, here)?.unwrap_or(last);
        }
        Ok(())
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
    fn item(&mut self, c: char, here: usize) -> Result<Option<Last>, String> {
        match c {
            '.' => self.out.push_str(if self.flags.dot_all { r"(?s:.)" } else { r"[^\n]" }),
            '^' => self.out.push_str(if self.flags.multi_line { "(?m:^)" } else { r"\A" }),
            '$' => self.out.push_str(if self.flags.multi_line { "(?m:$)" } else { r"(?=\n?\z)" }),
            '(' => return self.group(here),
            '[' => self.class(here)?,
            '\\' => self.escape(here)?,
            _ => literal(c, &mut self.out),
        }
        let anchor = matches!(c, '^' | '$');
        // Python allows to repeat `$` but not `^`.
        Ok(Some(if anchor && c == '^' { Last::Nothing } else { Last::Item }))
    }

    /// The bounds of `{m,n}`, read just behind the brace; `None` when the brace is a literal.
    fn bounds(&mut self) -> Option<(String, Option<String>)> {
        let start = self.at;
        let found = self.bounds_after_brace();
        if found.is_none() {
            self.at = start;
        }
        found
    }

    fn bounds_after_brace(&mut self) -> Option<(String, Option<String>)> {
        if self.peek() == Some('}') {
            return None;
        }
        let low = self.digits();
        let high = if self.accept(',') { Some(self.digits()) } else { None };
        if low.is_empty() && high.is_none() {
            return None;
        }
        self.accept('}').then_some((low, high))
    }

    fn digits(&mut self) -> String {
        let mut text = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            text.push(c);
            self.at += 1;
        }
        text
    }

    fn quantifier(&mut self, last: Last) -> Result<(), String> {
        let here = self.at;
        match last {
            Last::Nothing => return Err(format!("nothing to repeat at position {here}")),
            Last::Repeated => return Err(format!("multiple repeat at position {here}")),
            Last::Item => {}
        }
        match self.next() {
            Some('{') => {
                let (low, high) = self.bounds().unwrap_or_default();
                let low = if low.is_empty() { "0".to_owned() } else { low };
                if let Some(high) = high.as_deref().filter(|h| !h.is_empty()) {
                    let (a, b) = (low.parse::<u32>().unwrap_or(u32::MAX), high.parse::<u32>().unwrap_or(u32::MAX));
                    if b < a {
                        return Err(format!("min repeat greater than max repeat at position {}", here + 1));
                    }
                }
                let _ = match high {
                    None => write!(self.out, "{{{low}}}"),
                    Some(high) => write!(self.out, "{{{low},{high}}}"),
                };
            }
            Some(c) => self.out.push(c),
            None => {}
        }
        if self.accept('?') {
            self.may_prefer_empty = true;
            self.out.push('?');
        } else if self.accept('+') {
            self.out.push('+');
        }
        Ok(())
    }

    fn group(&mut self, here: usize) -> Result<Option<Last>, String> {
        if !self.accept('?') {
            return self.capture(None, here);
        }
        match self.next() {
            None => Err("unexpected end of pattern".to_owned()),
            Some('P') => self.named(here),
            Some(':') => self.closed("(?:", here),
            Some('#') => {
                while let Some(c) = self.next() {
                    if c == ')' {
                        return Ok(None);
                    }
                }
                Err(format!("missing ), unterminated comment at position {here}"))
            }
            Some('=') => self.closed("(?=", here),
            Some('!') => self.closed("(?!", here),
            Some('>') => self.closed("(?>", here),
            Some('<') => match self.next() {
                Some('=') => self.closed("(?<=", here),
                Some('!') => self.closed("(?<!", here),
                Some(c) => Err(format!("unknown extension ?<{c} at position {}", here + 1)),
                None => Err("unexpected end of pattern".to_owned()),
            },
            Some('(') => self.conditional(here),
            Some(c) if c == '-' || "aiLmsux".contains(c) => {
                self.at -= 1;
                self.inline_flags(here)
            }
            Some(c) => Err(format!("unknown extension ?{c} at position {}", here + 1)),
        }
    }

    fn closed(&mut self, open: &str, here: usize) -> Result<Option<Last>, String> {
        self.out.push_str(open);
        let flags = self.flags;
        self.alternatives()?;
        self.flags = flags;
        if !self.accept(')') {
            return Err(format!("missing ), unterminated subpattern at position {here}"));
        }
        self.out.push(')');
        Ok(Some(Last::Item))
    }

    fn capture(&mut self, name: Option<String>, here: usize) -> Result<Option<Last>, String> {
        self.groups += 1;
        let number = self.groups;
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
        let result = self.closed("(", here);
        self.open.pop();
        result
    }

    fn named(&mut self, here: usize) -> Result<Option<Last>, String> {
        match self.next() {
            Some('<') => {
                let name = self.name('>')?;
                self.capture(Some(name), here)
            }
            Some('=') => {
                let name = self.name(')')?;
                let number = self.number_of(&name)?;
                self.reference(number)?;
                Ok(Some(Last::Item))
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

    fn reference(&mut self, number: usize) -> Result<(), String> {
        if number > self.groups {
            let at = self.at - number.to_string().len();
            return Err(format!("invalid group reference {number} at position {at}"));
        }
        if self.open.contains(&number) {
            return Err("cannot refer to an open group".to_owned());
        }
        // The group keeps a digit that follows from being read as part of the number.
        let _ = write!(self.out, r"(?:\{number})");
        Ok(())
    }

    fn conditional(&mut self, here: usize) -> Result<Option<Last>, String> {
        let start = self.at;
        let digits = self.digits();
        let number = if !digits.is_empty() && self.accept(')') {
            digits.parse::<usize>().unwrap_or(usize::MAX)
        } else {
            self.at = start;
            let name = self.name(')')?;
            self.number_of(&name)?
        };
        if number == 0 || number > self.groups {
            return Err(format!("invalid group reference {number} at position {start}"));
        }
        self.closed(&format!("(?({number})"), here)
    }

    fn inline_flags(&mut self, here: usize) -> Result<Option<Last>, String> {
        let mut flags = self.flags;
        let mut on = true;
        let mut ignore_case = None;
        loop {
            match self.next() {
                Some('-') if on => on = false,
                Some('i') => ignore_case = Some(on),
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_all = on,
                Some('x') => flags.verbose = on,
                Some('a') => flags.ascii = on,
                Some('u') => flags.ascii = !on,
                Some('L') => {
                    return Err("bad inline flags: cannot use 'L' flag with a str pattern".to_owned() + &at(self.at));
                }
                Some(')') if on => {
                    if here != 0 {
                        return Err(format!("global flags not at the start of the expression at position {here}"));
                    }
                    flags.ignore_case |= ignore_case == Some(true);
                    self.flags = flags;
                    return Ok(None);
                }
                Some(':') => break,
                Some(_) => return Err(format!("unknown flag at position {}", self.at - 1)),
                None => return Err(format!("missing -, : or ) at position {}", self.at)),
            }
        }
        let open = match ignore_case {
            Some(true) => "(?i:",
            Some(false) => "(?-i:",
            None => "(?:",
        };
        let outer = self.flags;
        self.flags = flags;
        self.out.push_str(open);
        self.alternatives()?;
        self.flags = outer;
        if !self.accept(')') {
            return Err(format!("missing ), unterminated subpattern at position {here}"));
        }
        self.out.push(')');
        Ok(Some(Last::Item))
    }

    fn escape(&mut self, here: usize) -> Result<(), String> {
        let Some(c) = self.next() else {
            return Err(format!("bad escape (end of pattern) at position {here}"));
        };
        match c {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' | 'B' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => self.out.push_str(category(c, self.flags.ascii)),
            '1'..='9' => return self.number(c),
            _ => {
                let c = self.character(c, here)?;
                literal(c, &mut self.out);
            }
        }
        Ok(())
    }

    /// `\1` is a reference, `\123` an octal code, `\12` a reference.
    fn number(&mut self, first: char) -> Result<(), String> {
        let mut digits = first.to_string();
        if let Some(c) = self.peek().filter(char::is_ascii_digit) {
            digits.push(c);
            self.at += 1;
            let third = self.peek().filter(|c| ('0'..='7').contains(c));
            if let Some(third) = third.filter(|_| digits.chars().all(|c| c <= '7')) {
                self.at += 1;
                digits.push(third);
                let code = u32::from_str_radix(&digits, 8).unwrap_or(u32::MAX);
                if code > 0o377 {
                    return Err(format!(
                        r"octal escape value \{digits} outside of range 0-0o377 at position {}",
                        self.at - 4
                    ));
                }
                literal(char::from_u32(code).unwrap_or('\0'), &mut self.out);
                return Ok(());
            }
        }
        self.reference(digits.parse().unwrap_or(usize::MAX))
    }

    /// An escape that stands for one character, in and outside of classes.
    fn character(&mut self, c: char, here: usize) -> Result<char, String> {
        Ok(match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'f' => '\x0c',
            'v' => '\x0b',
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(d) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + d;
                    self.at += 1;
                }
                char::from_u32(code).unwrap_or('\0')
            }
            'x' => self.hex(2, here)?,
            'u' => self.hex(4, here)?,
            'U' => self.hex(8, here)?,
            c if c.is_ascii_alphanumeric() => return Err(format!(r"bad escape \{c} at position {here}")),
            c => c,
        })
    }

    fn hex(&mut self, length: usize, here: usize) -> Result<char, String> {
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(|c| digits.len() < length && c.is_ascii_hexdigit()) {
            digits.push(c);
            self.at += 1;
        }
        let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        code.filter(|_| digits.len() == length).ok_or_else(|| {
            let text: String = self.chars[here..self.at].iter().collect();
            format!("incomplete escape {text} at position {here}")
        })
    }

    fn class(&mut self, here: usize) -> Result<(), String> {
        self.out.push('[');
        if self.accept('^') {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let at = self.at;
            let Some(c) = self.next() else {
                return Err(format!("unterminated character set at position {here}"));
            };
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = self.member(c, at, here)?;
            if self.peek() != Some('-') || self.chars.get(self.at + 1) == Some(&']') {
                self.push_member(low);
                continue;
            }
            self.at += 1;
            let high_at = self.at;
            let Some(c) = self.next() else {
                return Err(format!("unterminated character set at position {here}"));
            };
            let high = self.member(c, high_at, here)?;
            let (Member::One(low), Member::One(high)) = (low, high) else {
                let text: String = self.chars[at..self.at].iter().collect();
                return Err(format!("bad character range {text} at position {at}"));
            };
            if high < low {
                let text: String = self.chars[at..self.at].iter().collect();
                return Err(format!("bad character range {text} at position {at}"));
            }
            class_literal(low, &mut self.out);
            self.out.push('-');
            class_literal(high, &mut self.out);
        }
        self.out.push(']');
        Ok(())
    }

    fn member(&mut self, c: char, at: usize, here: usize) -> Result<Member, String> {
        if c != '\\' {
            return Ok(Member::One(c));
        }
        let Some(c) = self.next() else {
            return Err(format!("unterminated character set at position {here}"));
        };
        Ok(match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Member::Category(category(c, self.flags.ascii)),
            'b' => Member::One('\x08'),
            '1'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(d) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + d;
                    self.at += 1;
                }
                Member::One(char::from_u32(code).unwrap_or('\0'))
            }
            c => Member::One(self.character(c, at)?),
        })
    }

    fn push_member(&mut self, member: Member) {
        match member {
            Member::One(c) => class_literal(c, &mut self.out),
            Member::Category(text) => self.out.push_str(text),
        }
    }
}

#[derive(Clone, Copy)]
enum Member {
    One(char),
    Category(&'static str),
}

fn at(position: usize) -> String {
    format!(" at position {position}")
}

fn category(c: char, ascii: bool) -> &'static str {
    match (c, ascii) {
        ('d', false) => r"[\p{Nd}]",
        ('D', false) => r"[^\p{Nd}]",
        ('s', false) => SPACE,
        ('S', false) => NOT_SPACE,
        ('w', false) => WORD,
        ('W', false) => NOT_WORD,
        ('d', true) => "[0-9]",
        ('D', true) => "[^0-9]",
        ('s', true) => r"[ \t\n\r\f\v]",
        ('S', true) => r"[^ \t\n\r\f\v]",
        ('w', true) => "[a-zA-Z0-9_]",
        (_, _) => "[^a-zA-Z0-9_]",
    }
}

fn literal(c: char, out: &mut String) {
    if matches!(c, '.' | '^' | '$' | '*' | '+' | '?' | '{' | '}' | '[' | ']' | '|' | '(' | ')' | '\\') {
        out.push('\\');
    }
    out.push(c);
}

fn class_literal(c: char, out: &mut String) {
    if matches!(c, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        out.push('\\');
    }
    out.push(c);
}

//! Escapes and classes of characters in Python's patterns.

use super::node::{At, Category, Fold, Item, Node, One, Set};
use super::parse::Parser;

impl Parser {
    pub(super) fn escape(&mut self, here: usize) -> Result<Node, String> {
        let Some(c) = self.next() else {
            return Err(format!("bad escape (end of pattern) at position {here}"));
        };
        Ok(match c {
            'A' => Node::At(At::Start),
            'Z' => Node::At(At::End),
            'b' | 'B' => Node::At(At::Boundary { negated: c == 'B', ascii: self.flags.ascii }),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let items = vec![Item::Category(category(c, self.flags.ascii))];
                Node::One(One::Set(Box::new(Set::new(items, false, Fold::Exact))))
            }
            '1'..='9' => return self.number(c),
            _ => {
                let c = self.character(c, here)?;
                self.literal(c)
            }
        })
    }

    /// `\1` is a reference, `\123` an octal code, `\12` a reference.
    fn number(&mut self, first: char) -> Result<Node, String> {
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
                return Ok(self.literal(char::from_u32(code).unwrap_or('\0')));
            }
        }
        self.reference(digits.parse().unwrap_or(usize::MAX), digits.len())
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

    pub(super) fn class(&mut self, here: usize) -> Result<Node, String> {
        let negated = self.accept('^');
        let mut items: Vec<Item> = Vec::new();
        let mut first = true;
        let unterminated = || format!("unterminated character set at position {here}");
        loop {
            let at = self.at;
            let c = self.next().ok_or_else(unterminated)?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = self.member(c, at, here)?;
            if self.peek() != Some('-') || self.chars.get(self.at + 1) == Some(&']') {
                items.push(low);
                continue;
            }
            self.at += 1;
            let high_at = self.at;
            let c = self.next().ok_or_else(unterminated)?;
            let high = self.member(c, high_at, here)?;
            match (low, high) {
                (Item::Range(low, _), Item::Range(high, _)) if low <= high => items.push(Item::Range(low, high)),
                _ => {
                    let text: String = self.chars[at..self.at].iter().collect();
                    return Err(format!("bad character range {text} at position {at}"));
                }
            }
        }
        Ok(Node::One(One::Set(Box::new(Set::new(items, negated, self.fold())))))
    }

    fn member(&mut self, c: char, at: usize, here: usize) -> Result<Item, String> {
        if c != '\\' {
            return Ok(single(c));
        }
        let Some(c) = self.next() else {
            return Err(format!("unterminated character set at position {here}"));
        };
        Ok(match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Item::Category(category(c, self.flags.ascii)),
            'b' => single('\x08'),
            '1'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(d) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + d;
                    self.at += 1;
                }
                single(char::from_u32(code).unwrap_or('\0'))
            }
            c => single(self.character(c, at)?),
        })
    }
}

fn single(c: char) -> Item {
    Item::Range(c, c)
}

fn category(c: char, ascii: bool) -> Category {
    Category { kind: c.to_ascii_lowercase(), negated: c.is_ascii_uppercase(), ascii }
}

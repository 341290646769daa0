//! Jinja's `wordwrap`: Python's textwrap, with tabs and blanks left as they are.

use super::args::{count, flag, integer, like, text, unless_none};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value, pytext};

/// How to wrap.
struct Wrap {
    width: usize,
    break_long_words: bool,
    break_on_hyphens: bool,
}

pub fn wordwrap(env: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let names = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let [width, long, wrapstring, hyphens] = args.bind("do_wordwrap", names, 0)?;
    let text = text(&value, "splitlines")?;
    let width = integer(width, 79)?;
    if width <= 0 {
        return Err(TemplateError::other(format!("invalid width {width} (must be > 0)")));
    }
    let wrap = Wrap {
        width: count(width),
        break_long_words: long.map_or(Ok(true), |v| flag(Some(v)))?,
        break_on_hyphens: hyphens.map_or(Ok(true), |v| flag(Some(v)))?,
    };
    let separator = unless_none(wrapstring).map_or(Ok("\n".to_owned()), |w| w.text())?;
    let mut paragraphs = Vec::new();
    for line in pytext::lines(text.as_str()) {
        env.charge(line.len() as u64)?;
        paragraphs.push(wrap.paragraph(line).join(&separator));
    }
    env.check_size(text.as_str().len().saturating_mul(separator.len().max(1)))?;
    Ok(like(text, paragraphs.join(&separator)))
}

/// ASCII whitespace is what textwrap splits at.
fn blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ')
}

impl Wrap {
    fn paragraph(&self, line: &str) -> Vec<String> {
        let mut chunks: Vec<String> = self.chunks(line);
        chunks.reverse();
        let mut lines = Vec::new();
        while !chunks.is_empty() {
            let mut current: Vec<String> = Vec::new();
            let mut length = 0;
            // A line after the first does not start with blanks.
            if !lines.is_empty() && chunks.last().is_some_and(|c| c.chars().all(blank)) {
                chunks.pop();
            }
            while let Some(size) = chunks.last().map(|c| c.chars().count()).filter(|n| length + n <= self.width) {
                length += size;
                current.extend(chunks.pop());
            }
            if chunks.last().is_some_and(|c| c.chars().count() > self.width) {
                self.long_word(&mut chunks, &mut current, length);
            }
            if current.last().is_some_and(|c| c.chars().all(blank)) {
                current.pop();
            }
            if !current.is_empty() {
                lines.push(current.concat());
            }
        }
        lines
    }

    /// A word wider than a line is cut, at a hyphen if it can be.
    fn long_word(&self, chunks: &mut Vec<String>, current: &mut Vec<String>, length: usize) {
        let Some(word) = chunks.pop() else { return };
        if self.break_long_words {
            let chars: Vec<char> = word.chars().collect();
            let room = (self.width - length.min(self.width)).max(if self.width < 1 { 1 } else { 0 });
            let mut end = room;
            if self.break_on_hyphens && chars.len() > room {
                let hyphen = chars[..room].iter().rposition(|c| *c == '-').filter(|at| *at > 0);
                if let Some(at) = hyphen.filter(|at| chars[..*at].iter().any(|c| *c != '-')) {
                    end = at + 1;
                }
            }
            current.push(chars[..end].iter().collect());
            chunks.push(chars[end..].iter().collect());
        } else if current.is_empty() {
            current.push(word);
        } else {
            chunks.push(word);
        }
    }

    /// Words, blanks, and parts of words that end in a hyphen.
    fn chunks(&self, line: &str) -> Vec<String> {
        let mut chunks = Vec::new();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let end = rest.find(|c| blank(c) != blank(first)).unwrap_or(rest.len());
            let (chunk, tail) = rest.split_at(end);
            rest = tail;
            if blank(first) || !self.break_on_hyphens {
                chunks.push(chunk.to_owned());
            } else {
                split_hyphens(chunk, &mut chunks);
            }
        }
        chunks
    }
}

/// Splits a word behind hyphens that stand between letters, and around dashes between words.
fn split_hyphens(word: &str, chunks: &mut Vec<String>) {
    let chars: Vec<char> = word.chars().collect();
    let letter = |i: usize| chars.get(i).is_some_and(|c| c.is_alphabetic() || *c == '_');
    let punctuated = |i: usize| chars.get(i).is_some_and(|c| c.is_alphanumeric() || "_!\"'&.,?".contains(*c));
    let mut start = 0;
    let mut at = 0;
    while at < chars.len() {
        if chars[at] != '-' {
            at += 1;
            continue;
        }
        let run = chars[at..].iter().take_while(|c| **c == '-').count();
        let after = at + run;
        if run >= 2
            && at > 0
            && punctuated(at - 1)
            && chars.get(after).is_some_and(|c| c.is_alphanumeric() || *c == '_')
        {
            chunks.push(chars[start..at].iter().collect());
            chunks.push(chars[at..after].iter().collect());
            start = after;
        } else if run == 1 && at >= start + 2 && letter(at - 1) && letter(at - 2) && letter(after) && letter(after + 1)
            || run == 1 && at >= start + 3 && letter(at - 1) && chars[at - 2] == '-' && letter(at - 3) && letter(after)
            || run == 1
                && at >= start + 2
                && letter(at - 1)
                && letter(at - 2)
                && letter(after)
                && chars.get(after + 1) == Some(&'-')
                && letter(after + 2)
        {
            chunks.push(chars[start..after].iter().collect());
            start = after;
        }
        at = after;
    }
    if start < chars.len() {
        chunks.push(chars[start..].iter().collect());
    }
}

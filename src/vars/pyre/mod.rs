//! Python's `re`: the same patterns, the same matches, the same replacement templates.
//!
//! An engine of our own, for the libraries that come near Python's meaning are a tenth of the executor's budget in code
//! and tables, and still read another dialect. `parse` and `escape` read a pattern into a tree (`node`), `program`
//! compiles that, `engine` runs it. Bounded: a pattern that backtracks without end is an error.

mod engine;
mod escape;
mod node;
mod parse;
mod program;
mod template;
#[cfg(test)]
mod tests;
mod unicode;

use crate::plan::limits;
use engine::Search;
use program::Program;
pub use template::Template;

/// `str.isdecimal` of one character.
pub fn is_decimal(c: char) -> bool {
    unicode::digit(c)
}

/// Bytes of a pattern.
const PATTERN: usize = 64 << 10;
/// Groups of all matches of one text together: each takes memory, whether it matched or not.
const SPANS: usize = 2_000_000;

/// Flags of `re.compile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `re.I`
    pub ignore_case: bool,
    /// `re.M`
    pub multi_line: bool,
    /// `re.S`
    pub dot_all: bool,
    /// `re.X`
    pub verbose: bool,
    /// `re.A`
    pub ascii: bool,
}

/// A compiled pattern.
pub struct Regex {
    program: Program,
    names: Vec<(String, usize)>,
    groups: usize,
}

/// One match: the whole and its groups.
pub struct Captures<'t> {
    text: &'t str,
    spans: Vec<Option<(usize, usize)>>,
}

impl<'t> Captures<'t> {
    /// The text of group `number`; `None` where it took no part in the match.
    pub fn get(&self, number: usize) -> Option<&'t str> {
        let (start, end) = (*self.spans.get(number)?)?;
        self.text.get(start..end)
    }

    /// Where the whole match is, in bytes.
    pub fn span(&self) -> (usize, usize) {
        self.spans.first().copied().flatten().unwrap_or_default()
    }
}

impl Regex {
    /// Compiles `pattern`; the error is Python's text.
    pub fn new(pattern: &str, flags: Flags) -> Result<Regex, String> {
        if pattern.len() > PATTERN {
            return Err("pattern is too long".to_owned());
        }
        let parsed = parse::parse(pattern, flags)?;
        let program = program::compile(&parsed.node, parsed.groups);
        Ok(Regex { program, names: parsed.names, groups: parsed.groups })
    }

    /// How many groups the pattern has.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The named groups with their numbers.
    pub fn names(&self) -> impl Iterator<Item = (&str, usize)> {
        self.names.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// The number of a named group.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, number)| *number)
    }

    /// `re.search`.
    pub fn search<'t>(&self, text: &'t str) -> Result<Option<Captures<'t>>, String> {
        let mut search = Search::new(&self.program, text);
        Ok(search.find(0, false)?.then(|| self.captures(&search, text)))
    }

    /// `re.match`: at the start of the text.
    pub fn match_start<'t>(&self, text: &'t str) -> Result<Option<Captures<'t>>, String> {
        let mut search = Search::new(&self.program, text);
        Ok(search.matches_at(0)?.then(|| self.captures(&search, text)))
    }

    /// All matches in turn, as `re.finditer` gives them.
    pub fn find_all<'t>(&self, text: &'t str) -> Result<Vec<Captures<'t>>, String> {
        let mut found: Vec<Captures<'t>> = Vec::new();
        self.each(text, 0, |captures| {
            found.push(captures);
            if found.len() * (self.groups + 1) > SPANS {
                return Err("the pattern matches too often".to_owned());
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands on at most `count` matches in turn, all of them for 0.
    fn each<'t>(
        &self,
        text: &'t str,
        count: usize,
        mut take: impl FnMut(Captures<'t>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut search = Search::new(&self.program, text);
        let (mut at, mut after_empty, mut done) = (0, false, 0);
        while (count == 0 || done < count) && search.find(at, after_empty)? {
            let captures = self.captures(&search, text);
            let (start, end) = captures.span();
            (at, after_empty, done) = (end, start == end, done + 1);
            take(captures)?;
        }
        Ok(())
    }

    fn captures<'t>(&self, search: &Search, text: &'t str) -> Captures<'t> {
        Captures { text, spans: (0..=self.groups).map(|number| search.span(number)).collect() }
    }

    /// `re.sub`: at most `count` replacements, all of them for 0.
    pub fn replace(&self, text: &str, template: &Template, count: usize) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        self.each(text, count, |captures| {
            let (start, end) = captures.span();
            out.push_str(&text[copied..start]);
            template.expand(&captures, &mut out);
            copied = end;
            if out.len() > limits::RENDERED {
                return Err("the text with its replacements is too large".to_owned());
            }
            Ok(())
        })?;
        out.push_str(&text[copied..]);
        Ok(out)
    }

    /// `re.split` without a bound; groups are part of the result.
    pub fn split<'t>(&self, text: &'t str) -> Result<Vec<Option<&'t str>>, String> {
        let mut parts = Vec::new();
        let mut copied = 0;
        for captures in self.find_all(text)? {
            let (start, end) = captures.span();
            parts.push(Some(&text[copied..start]));
            parts.extend((1..=self.groups).map(|n| captures.get(n)));
            copied = end;
        }
        parts.push(Some(&text[copied..]));
        Ok(parts)
    }
}

/// `re.escape`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

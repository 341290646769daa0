//! Keeps texts away from the parser's panics: three places where it ends the process instead of refusing. Decides
//! nothing about values; what cannot be kept apart is refused.
//!
//! A block scalar that reaches the end without a line break and a backslash at the very end get a line break, which is
//! taken back from the scalar. A comma right behind a tag is hidden behind a character that the text does not have, so
//! that the parser refuses the tag; in other scalars the comma is put back. Where a quote stands between, it may be that
//! of `'!',`, whose comma must stay one: it gets tabs before it, more than any comma of the text has.

use std::borrow::Cow;

/// A text as the parser gets it.
pub struct Guarded<'a> {
    /// The text as it was given.
    pub source: &'a str,
    /// What stands for hidden commas.
    stand_in: Option<char>,
    /// Tabs and the comma that they keep from what is before it.
    apart: Option<String>,
    /// Where commas are, and how many bytes longer what stands there is.
    commas: Vec<(usize, usize)>,
}

impl<'a> Guarded<'a> {
    /// A text, and what to parse in its stead.
    pub fn new(source: &'a str) -> (Guarded<'a>, Cow<'a, str>) {
        let found = commas_behind_tags(source);
        let open = source.chars().next_back().is_some_and(|c| !matches!(c, '\n' | '\r'))
            && (source.contains(['|', '>']) || source.ends_with('\\'));
        if found.is_empty() && !open {
            return (Guarded { source, stand_in: None, apart: None, commas: Vec::new() }, Cow::Borrowed(source));
        }
        let quoted = found.iter().any(|(_, quoted)| *quoted);
        let apart = quoted.then(|| "\t".repeat(1 + tabs_before_commas(source)) + ",");
        // Of more private characters than a bounded text can name, one is free.
        let bare = found.iter().any(|(_, quoted)| !quoted);
        let stand_in = ('\u{e000}'..='\u{f8ff}').find(|c| bare && !source.contains(*c));
        let hidden = stand_in.unwrap_or('\u{e000}').to_string();
        let mut text = String::with_capacity(source.len() + 3 * found.len() + 1);
        let (mut from, mut commas) = (0, Vec::with_capacity(found.len()));
        for (comma, quoted) in found {
            text.push_str(&source[from..comma]);
            let instead = apart.as_ref().filter(|_| quoted).unwrap_or(&hidden);
            text.push_str(instead);
            commas.push((comma, instead.len() - 1));
            from = comma + 1;
        }
        text.push_str(&source[from..]);
        if open {
            text.push('\n');
        }
        (Guarded { source, stand_in, apart, commas }, Cow::Owned(text))
    }

    /// Where in the text as it was given an index of the parser's lies; `None` behind its end.
    pub fn place(&self, index: u64) -> Option<usize> {
        let mut place = usize::try_from(index).ok()?;
        for (comma, longer) in &self.commas {
            place -= if *comma < place { (*longer).min(place - comma) } else { 0 };
        }
        (place <= self.source.len()).then_some(place)
    }

    /// Whether a scalar holds a comma that may have ended it.
    pub fn is_torn(&self, value: &str) -> bool {
        self.stand_in.is_some_and(|c| value.contains(c))
    }

    /// Puts hidden commas back.
    pub fn restore(&self, value: &mut String) {
        if let Some(hidden) = self.stand_in.filter(|c| value.contains(*c)) {
            *value = value.replace(hidden, ",");
        }
        if let Some(apart) = self.apart.as_ref().filter(|apart| value.contains(*apart)) {
            *value = value.replace(apart, ",");
        }
    }

    /// Whether a block scalar that begins here and reaches the end owes its last line break to us.
    pub fn lent_a_break(&self, start: u64, value: &str) -> bool {
        let scalar = self.place(start).and_then(|at| self.source.get(at..)).unwrap_or_default();
        let mut lines = scalar.split(['\n', '\r']);
        let keeps = lines.next().is_some_and(|header| header.contains('+'));
        let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let lines: Vec<&str> = lines.collect();
        let last = lines.last().copied().unwrap_or_default();
        let written = lines.iter().filter(|l| indentation(l) < l.len()).map(|l| indentation(l)).min();
        // Blanks up to the indentation are no line of the scalar.
        let counts = written.map_or(value.contains(' '), |indent| indentation(last) > indent);
        keeps || indentation(last) < last.len() || counts
    }
}

/// The most tabs in a row right before a comma.
fn tabs_before_commas(text: &str) -> usize {
    let before = |part: &str| part.len() - part.trim_end_matches('\t').len();
    text.split(',').map(before).max().unwrap_or_default()
}

/// Where a comma follows what may be a tag, and whether there is a quote between.
fn commas_behind_tags(text: &str) -> Vec<(usize, bool)> {
    let mut found = Vec::new();
    let starts = |before: Option<char>| before.is_none_or(|c| c.is_whitespace() || "[]{},:?-'\"\u{feff}".contains(c));
    for (at, _) in text.match_indices('!') {
        if !starts(text[..at].chars().next_back()) {
            continue;
        }
        let rest = &text[at..];
        let length = match rest.strip_prefix("!<").and_then(|r| r.find(['>', '\n'])) {
            Some(end) => end + 3,
            None => rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len()),
        };
        if rest.as_bytes().get(length) == Some(&b',') {
            found.push((at + length, rest[..length].contains(['\'', '"'])));
        }
    }
    found.dedup_by_key(|(at, _)| *at);
    found
}

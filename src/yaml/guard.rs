//! Keeps texts away from the parser's panics: three places where it ends the process instead of refusing. Decides
//! nothing about values; what cannot be kept apart is refused.
//!
//! A block scalar that reaches the end without a line break and a backslash at the very end get a line break, which is
//! taken back from the scalar. A comma right behind a tag is hidden behind a character that the text does not have, so
//! that the parser refuses the tag; in other scalars the comma is put back.

use std::borrow::Cow;

/// A text as the parser gets it.
pub struct Guarded<'a> {
    /// The text as it was given.
    pub source: &'a str,
    /// What stands for hidden commas.
    stand_in: Option<char>,
    /// Where they are.
    commas: Vec<usize>,
}

impl<'a> Guarded<'a> {
    /// A text, and what to parse in its stead.
    pub fn new(source: &'a str) -> (Guarded<'a>, Cow<'a, str>) {
        let commas = commas_behind_tags(source);
        let open = source.chars().next_back().is_some_and(|c| !matches!(c, '\n' | '\r'))
            && (source.contains(['|', '>']) || source.ends_with('\\'));
        if commas.is_empty() && !open {
            return (Guarded { source, stand_in: None, commas }, Cow::Borrowed(source));
        }
        // Of more private characters than a bounded text can name, one is free.
        let free = ('\u{e000}'..='\u{f8ff}').find(|c| commas.is_empty() || !source.contains(*c));
        let mut text = String::with_capacity(source.len() + 2 * commas.len() + 1);
        let mut from = 0;
        for comma in &commas {
            text.push_str(&source[from..*comma]);
            text.push(free.unwrap_or('\u{e000}'));
            from = comma + 1;
        }
        text.push_str(&source[from..]);
        if open {
            text.push('\n');
        }
        (Guarded { source, stand_in: free.filter(|_| !commas.is_empty()), commas }, Cow::Owned(text))
    }

    /// Where in the text as it was given an index of the parser's lies; `None` behind its end.
    pub fn place(&self, index: u64) -> Option<usize> {
        let mut place = usize::try_from(index).ok()?;
        // A character that stands in takes three bytes, a comma one.
        for comma in &self.commas {
            place -= if *comma < place { 2 } else { 0 };
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

/// Where a comma follows what may be a tag.
fn commas_behind_tags(text: &str) -> Vec<usize> {
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
        if text.as_bytes().get(at + length) == Some(&b',') {
            found.push(at + length);
        }
    }
    found.dedup();
    found
}

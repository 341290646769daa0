//! Python's `re` on top of fancy-regex: the same patterns, the same matches, the same replacement templates.
//!
//! Bounded: a pattern that backtracks without end is an error after [`BACKTRACKS`] steps.

mod template;
#[cfg(test)]
mod tests;
mod translate;

use fancy_regex::CompileError;
use std::cell::OnceCell;
pub use template::Template;

/// Steps of backtracking after which a match is given up.
const BACKTRACKS: usize = 5_000_000;
/// Bytes of a pattern.
const PATTERN: usize = 64 << 10;
/// Bytes that one compiled piece of a pattern may take: `(?:a{1000}){1000}` ends here.
const COMPILED: usize = 4 << 20;

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
    inner: fancy_regex::Regex,
    source: String,
    names: Vec<(String, usize)>,
    groups: usize,
    may_prefer_empty: bool,
    advancing: OnceCell<fancy_regex::Regex>,
    anchored: OnceCell<fancy_regex::Regex>,
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
        let translated = translate::translate(pattern, flags)?;
        let inner = compile(&translated.pattern)?;
        Ok(Regex {
            inner,
            source: translated.pattern,
            names: translated.names,
            groups: translated.groups,
            may_prefer_empty: translated.may_prefer_empty,
            advancing: OnceCell::new(),
            anchored: OnceCell::new(),
        })
    }

    /// How many groups the pattern has.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The number of a named group.
    pub fn group_named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, number)| *number)
    }

    /// `re.search`.
    pub fn search<'t>(&self, text: &'t str) -> Result<Option<Captures<'t>>, String> {
        run(&self.inner, text, 0)
    }

    /// `re.match`: at the start of the text.
    pub fn match_start<'t>(&self, text: &'t str) -> Result<Option<Captures<'t>>, String> {
        let anchored = match self.anchored.get() {
            Some(regex) => regex,
            None => {
                // A leading `(?i)` would otherwise apply to the alternation alone.
                let compiled = compile(&format!(r"\A(?:{})", self.source))?;
                self.anchored.get_or_init(|| compiled)
            }
        };
        run(anchored, text, 0)
    }

    /// All matches in turn, as `re.finditer` gives them.
    pub fn find_all<'t>(&self, text: &'t str) -> Result<Vec<Captures<'t>>, String> {
        let mut found: Vec<Captures<'t>> = Vec::new();
        let mut at = 0;
        let mut after_empty = false;
        while at <= text.len() {
            let next = if after_empty { self.advance(text, at)? } else { run(&self.inner, text, at)? };
            let Some(captures) = next else { break };
            let (start, end) = captures.span();
            after_empty = start == end;
            at = end;
            found.push(captures);
        }
        Ok(found)
    }

    /// The next match that is not the empty one at `at`, which was found already.
    fn advance<'t>(&self, text: &'t str, at: usize) -> Result<Option<Captures<'t>>, String> {
        if self.may_prefer_empty {
            let advancing = match self.advancing.get() {
                Some(regex) => regex,
                None => {
                    let compiled = compile(&format!(r"(?:{})(?!\G)", self.source))?;
                    self.advancing.get_or_init(|| compiled)
                }
            };
            return run(advancing, text, at);
        }
        match text[at..].chars().next() {
            Some(c) => run(&self.inner, text, at + c.len_utf8()),
            None => Ok(None),
        }
    }

    /// `re.sub`: at most `count` replacements, all of them for 0.
    pub fn replace(&self, text: &str, template: &Template, count: usize) -> Result<String, String> {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for (done, captures) in self.find_all(text)?.into_iter().enumerate() {
            if count != 0 && done == count {
                break;
            }
            let (start, end) = captures.span();
            out.push_str(&text[copied..start]);
            template.expand(&captures, &mut out);
            copied = end;
        }
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

fn compile(pattern: &str) -> Result<fancy_regex::Regex, String> {
    fancy_regex::RegexBuilder::new(pattern).backtrack_limit(BACKTRACKS).delegate_size_limit(COMPILED).build().map_err(
        |e| match e {
            fancy_regex::Error::CompileError(e) if is_wide_look_behind(&e) => {
                "look-behind requires fixed-width pattern".to_owned()
            }
            e => e.to_string(),
        },
    )
}

fn is_wide_look_behind(error: &CompileError) -> bool {
    matches!(error, CompileError::LookBehindNotConst | CompileError::VariableLookBehindRequiresFeature)
}

fn run<'t>(regex: &fancy_regex::Regex, text: &'t str, at: usize) -> Result<Option<Captures<'t>>, String> {
    let found = regex.captures_from_pos(text, at).map_err(|e| e.to_string())?;
    Ok(found.map(|captures| {
        let spans = (0..captures.len()).map(|n| captures.get(n).map(|m| (m.start(), m.end()))).collect();
        Captures { text, spans }
    }))
}

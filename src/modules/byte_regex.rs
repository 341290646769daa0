//! Python's regular expressions on bytes: a file need not be UTF-8 to have lines replaced in it. Every byte stands as
//! the character of the same number, in the pattern and in the text alike.

use super::Failure;
use crate::vars::pyre::{Captures, Flags, Regex, Template};

/// A pattern over bytes.
pub struct ByteRegex {
    inner: Regex,
    /// It carries `(?m)`, which makes callers look at the whole file at once.
    pub multi_line: bool,
}

impl ByteRegex {
    /// Compiles a task's pattern.
    pub fn new(pattern: &str) -> Result<ByteRegex, Failure> {
        let flags = Flags { ascii: true, ..Flags::default() };
        let inner = Regex::new(&wide(pattern.as_bytes()), flags)
            .map_err(|e| Failure::new(format!("{pattern:?} is no regular expression: {e}")))?;
        let leading = pattern.strip_prefix("(?").and_then(|p| p.split_once(')')).map_or("", |(flags, _)| flags);
        let multi_line = leading.chars().all(|c| c.is_ascii_lowercase()) && leading.contains('m');
        Ok(ByteRegex { inner, multi_line })
    }

    /// Whether the pattern is found anywhere in `text`.
    pub fn is_in(&self, text: &[u8]) -> Result<bool, Failure> {
        Ok(self.inner.search(&wide(text)).map_err(gave_up)?.is_some())
    }

    /// Where the pattern is found first.
    pub fn find(&self, text: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
        let text = wide(text);
        let found = self.inner.search(&text).map_err(gave_up)?;
        // In the widened text a byte may take two; offsets are counted in characters, which are bytes again.
        let at = |end: usize| text.get(..end).map_or(0, |head| head.chars().count());
        Ok(found.map(|c: Captures| c.span()).map(|(start, end)| (at(start), at(end))))
    }

    /// `template` with its back references filled from the first match in `text`; `None` where there is none.
    pub fn expand(&self, text: &[u8], template: &str) -> Result<Option<Vec<u8>>, Failure> {
        let text = wide(text);
        let Some(captures) = self.inner.search(&text).map_err(gave_up)? else { return Ok(None) };
        let template = Template::new(&wide(template.as_bytes()), &self.inner)
            .map_err(|e| Failure::new(format!("{template:?} is no replacement: {e}")))?;
        let mut out = String::new();
        template.expand(&captures, &mut out);
        Ok(Some(narrow(&out)))
    }
}

fn gave_up(why: String) -> Failure {
    Failure::new(format!("the regular expression could not be matched: {why}"))
}

/// Every byte as the character of its number.
pub fn wide(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

/// [`wide`] undone.
pub fn narrow(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_match_as_python_matches_bytes() {
        let regex = ByteRegex::new(r"(\w+)=(.)").unwrap();
        assert_eq!(regex.expand(b"\xff key=\xc3\xa9", r"\2:\g<1>").unwrap(), Some(b"\xc3:key".to_vec()));
        assert_eq!(regex.find(b"\xff key=\xc3").unwrap(), Some((2, 7)));
        assert!(!ByteRegex::new(r"^\w$").unwrap().is_in(b"\xe9").unwrap());
        assert!(ByteRegex::new("é").unwrap().is_in("né".as_bytes()).unwrap());
        assert!(ByteRegex::new("(?im)^x").unwrap().multi_line);
        assert!(!ByteRegex::new("(?:m)").unwrap().multi_line);
    }

    #[test]
    fn broken_patterns_and_templates_are_failures() {
        assert!(ByteRegex::new("(").is_err());
        assert!(ByteRegex::new("(a)").unwrap().expand(b"a", r"\2").is_err());
        assert_eq!(ByteRegex::new("(a)").unwrap().expand(b"b", r"\1").unwrap(), None);
    }
}

//! Finds its way through JSON text of any length without holding all of it: names and values of objects, as text.

use std::io::{self, Read};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 20;

/// What is wrong with the text.
#[derive(Debug)]
pub enum Fault {
    /// It could not be read.
    Io(io::Error),
    /// It is not JSON.
    Json(&'static str),
    /// A value is longer than the bound.
    TooLong(usize),
}

/// A reader at a place in the text.
pub struct Scanner<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    /// Lines before the place, from 1.
    line: u32,
    /// How far lines are counted.
    counted: usize,
    longest: usize,
}

impl<R: Read> Scanner<R> {
    /// At the beginning; no single value may be longer than `longest`.
    pub fn new(source: R, longest: usize) -> Scanner<R> {
        Scanner { source, buffer: Vec::new(), at: 0, ended: false, line: 1, counted: 0, longest }
    }

    /// The line of the place.
    pub fn line(&mut self) -> u32 {
        let passed = self.buffer[self.counted..self.at].iter().filter(|b| **b == b'\n').count();
        self.line += super::pool::number(passed);
        self.counted = self.at;
        self.line
    }

    /// Reads more behind what is there; what was passed is forgotten. Says whether there was more.
    fn more(&mut self) -> Result<bool, Fault> {
        if self.ended {
            return Ok(false);
        }
        self.line();
        self.buffer.drain(..self.at);
        (self.at, self.counted) = (0, 0);
        if self.buffer.len() > self.longest {
            return Err(Fault::TooLong(self.longest));
        }
        let before = self.buffer.len();
        let want = CHUNK.max(before) as u64;
        let read = (&mut self.source).take(want).read_to_end(&mut self.buffer).map_err(Fault::Io)?;
        self.ended = read == 0;
        Ok(read > 0)
    }

    /// The next byte that is no blank.
    pub fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            while let Some(byte) = self.buffer.get(self.at) {
                if !byte.is_ascii_whitespace() {
                    return Ok(Some(*byte));
                }
                self.at += 1;
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// Passes that byte.
    pub fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Fault> {
        if self.peek()? != Some(byte) {
            return Err(Fault::Json(what));
        }
        self.at += 1;
        Ok(())
    }

    /// The next name of an object, behind its colon; `None` at the object's end. `first` is for the object's begin.
    pub fn name(&mut self, first: &mut bool) -> Result<Option<String>, Fault> {
        match self.peek()? {
            Some(b'}') => {
                self.at += 1;
                return Ok(None);
            }
            Some(b',') if !*first => self.at += 1,
            _ if *first => {}
            _ => return Err(Fault::Json("a comma or a closing brace is missing")),
        }
        *first = false;
        if self.peek()? != Some(b'"') {
            return Err(Fault::Json("a name in quotes is missing"));
        }
        let text = self.value()?;
        let name = serde_json::from_slice(text).map_err(|_| Fault::Json("a name is not text"))?;
        self.expect(b':', "a colon is missing behind a name")?;
        Ok(Some(name))
    }

    /// The text of the value at the place, which is passed.
    pub fn value(&mut self) -> Result<&[u8], Fault> {
        self.value_like(&[])
    }

    /// The same, where the value is probably `guess`: comparing is faster than finding its end.
    pub fn value_like(&mut self, guess: &[u8]) -> Result<&[u8], Fault> {
        if self.peek()?.is_none() {
            return Err(Fault::Json("a value is missing"));
        }
        loop {
            let rest = &self.buffer[self.at..];
            let known = !guess.is_empty() && rest.starts_with(guess) && ends(guess, rest.get(guess.len()).copied());
            let length = if known { Some(guess.len()) } else { value_end(rest, self.ended)? };
            if let Some(length) = length {
                let start = self.at;
                self.at += length;
                return Ok(&self.buffer[start..start + length]);
            }
            if !self.more()? && self.ended && value_end(&self.buffer[self.at..], true)?.is_none() {
                return Err(Fault::Json("the text ends within a value"));
            }
        }
    }
}

/// Whether a text ends where `next` follows: texts, lists and objects end themselves, numbers and words do not.
fn ends(value: &[u8], next: Option<u8>) -> bool {
    matches!(value.last(), Some(b'"' | b'}' | b']'))
        || next.is_some_and(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace())
}

/// The length of the value that begins the text; `None` where more is needed to tell.
fn value_end(text: &[u8], all: bool) -> Result<Option<usize>, Fault> {
    match text.first() {
        Some(b'"') => Ok(string_end(text, 0)),
        Some(b'{' | b'[') => Ok(nested_end(text)),
        Some(_) => {
            let length = text.iter().position(|b| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace());
            match length {
                Some(0) => Err(Fault::Json("a value is missing")),
                None if all => Ok(Some(text.len())),
                length => Ok(length),
            }
        }
        None => Ok(None),
    }
}

/// The place behind the string that opens at `start`.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += text.get(at..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn nested_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Scanner};
    use std::io::Read;

    /// Gives one byte at a time.
    struct Slow<'t>(&'t [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(into.len()).min(1);
            into[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn members(text: &str) -> Result<Vec<(String, String)>, Fault> {
        let mut scanner = Scanner::new(Slow(text.as_bytes()), 1 << 20);
        scanner.expect(b'{', "no object")?;
        let mut found = Vec::new();
        let mut first = true;
        while let Some(name) = scanner.name(&mut first)? {
            found.push((name, String::from_utf8(scanner.value_like(b"12")?.to_vec()).expect("text")));
        }
        Ok(found)
    }

    #[test]
    fn names_and_values_are_found_at_any_cut() {
        let text = "{\"a\": 12, \"b\\\"\" : [1, \"]}\\\\\"] ,\n\"c\":{\"x\": {}}, \"d\": 123, \"e\":null}";
        let found = members(text).expect("reads");
        let shown: Vec<String> = found.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(shown, ["a=12", "b\"=[1, \"]}\\\\\"]", "c={\"x\": {}}", "d=123", "e=null"]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bad in [
            "",
            "[",
            "{\"a\" 1}",
            "{\"a\": ",
            "{\"a\": \"x",
            "{\"a\": 1 \"b\": 2}",
            "{a: 1}",
            "{\"a\": }",
            "{\"a\": [1, 2}",
        ] {
            assert!(members(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_without_end_is_not_read_for_ever() {
        let mut scanner = Scanner::new(std::io::repeat(b'['), 1 << 22);
        assert!(matches!(scanner.value(), Err(Fault::TooLong(_))));
    }
}

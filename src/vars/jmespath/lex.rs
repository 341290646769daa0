//! Tokens of JMESPath.

use crate::vars::Value;
use crate::vars::filters::json_read::loads;

/// One token.
#[derive(Clone, Debug)]
pub enum Token {
    /// A name, bare or in double quotes; only a bare one can be a function's.
    Name(String, Quoted),
    /// A number in brackets.
    Number(i64),
    /// A literal: JSON between backticks, or text between single quotes.
    Literal(Value),
    /// `.`, `[`, `[]`, `[?`, `&&`, `==`, ...
    Sign(&'static str),
    /// The end.
    End,
}

/// Whether a name stood in quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// `name`
    No,
    /// `"name"`
    Yes,
}

const SIGNS: [&str; 25] = [
    "[?", "[]", "&&", "||", "==", "!=", "<=", ">=", "[", "]", "{", "}", "(", ")", ".", ",", ":", "*", "@", "&", "|",
    "!", "<", ">", "=",
];

/// The tokens with their places.
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            ' ' | '\t' | '\n' | '\r' => {
                at += 1;
                continue;
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (Token::Name(rest[..end].to_owned(), Quoted::No), end)
            }
            '0'..='9' | '-' => number(rest, at)?,
            '"' => {
                let end = closing(rest, '"').ok_or_else(|| bad("Unclosed \" delimiter", at))?;
                let name = loads(&rest[..=end]).map_err(|e| bad(&e, at))?;
                (Token::Name(name.as_str().unwrap_or_default().to_owned(), Quoted::Yes), end + 1)
            }
            '\'' => {
                let end = closing(rest, '\'').ok_or_else(|| bad("Unclosed ' delimiter", at))?;
                (Token::Literal(Value::from(rest[1..end].replace("\\'", "'"))), end + 1)
            }
            '`' => {
                let end = closing(rest, '`').ok_or_else(|| bad("Unclosed ` delimiter", at))?;
                (Token::Literal(json(&rest[1..end], at)?), end + 1)
            }
            _ => match SIGNS.iter().find(|s| rest.starts_with(**s)).filter(|s| **s != "=") {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None if c == '=' => return Err(bad("Unknown token '='", at)),
                None => return Err(bad(&format!("Unknown token {c}"), at)),
            },
        };
        out.push((at, token));
        at += length;
    }
    out.push((at, Token::End));
    Ok(out)
}

fn bad(problem: &str, at: usize) -> String {
    format!("Bad jmespath expression: {problem} at column {at}")
}

fn number(rest: &str, at: usize) -> Result<(Token, usize), String> {
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    let end = rest.len() - digits.len() + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let number = rest[..end].parse().map_err(|_| bad(&format!("Unknown token '{}'", &rest[..end]), at))?;
    Ok((Token::Number(number), end))
}

/// Where the delimiter that opens `rest` closes; a backslash hides one.
fn closing(rest: &str, delimiter: char) -> Option<usize> {
    let mut hidden = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            c if c == delimiter => return Some(at),
            _ => {}
        }
    }
    None
}

fn json(text: &str, at: usize) -> Result<Value, String> {
    let text = text.replace("\\`", "`");
    let text = text.trim_start();
    // Once upon a time text needed no quotes here.
    loads(text).or_else(|_| loads(&format!("\"{text}\"")).map_err(|_| bad(&format!("Bad token {text}"), at)))
}

//! `key=value` texts, taken apart as Ansible does it: quotes, Jinja brackets and line ends held together.

use crate::plan::{Data, Map};

/// Cuts at blanks that are outside of quotes and Jinja brackets. The error says what is unbalanced.
pub fn split_args(text: &str) -> Result<Vec<String>, String> {
    let mut state = State::default();
    let lines: Vec<&str> = text.split('\n').collect();
    for (n, line) in lines.iter().enumerate() {
        let mut continued = false;
        for (i, token) in line.split(' ').enumerate() {
            if token.is_empty() && i != 0 {
                state.extend_last(" ");
            } else if token == "\\" && state.quote.is_none() {
                continued = true;
            } else {
                state.token(token, i);
            }
        }
        if lines.len() > 1 && n != lines.len() - 1 && !continued {
            state.extend_last("\n");
        }
    }
    if state.depths != [0; 3] || state.quote.is_some() {
        return Err("unbalanced Jinja brackets or quotes".to_owned());
    }
    Ok(state.params)
}

#[derive(Default)]
struct State {
    params: Vec<String>,
    quote: Option<char>,
    /// Open `{{`, `{%`, `{#`.
    depths: [usize; 3],
}

const BRACKETS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

impl State {
    fn extend_last(&mut self, text: &str) {
        match self.params.last_mut() {
            Some(last) => last.push_str(text),
            None => self.params.push(text.to_owned()),
        }
    }

    fn token(&mut self, token: &str, index: usize) {
        let was_quoted = self.quote.is_some();
        self.quote = quote_after(token, self.quote);
        let quoted = self.quote.is_some();
        let mut appended = false;
        let open = self.depths.iter().any(|d| *d > 0);
        if quoted && !was_quoted && !open {
            self.params.push(token.to_owned());
            appended = true;
        } else if open || quoted || was_quoted {
            let glue = if index == 0 { "" } else { " " };
            self.extend_last(&format!("{glue}{token}"));
            appended = true;
        }
        for (depth, (left, right)) in self.depths.iter_mut().zip(BRACKETS) {
            let before = *depth;
            *depth = (before + token.matches(left).count()).saturating_sub(token.matches(right).count());
            if *depth != before && !appended {
                self.params.push(token.to_owned());
                appended = true;
            }
        }
        if self.depths == [0; 3] && !quoted && !appended && !token.is_empty() {
            self.params.push(token.to_owned());
        }
    }
}

/// The quote that is open after a token.
fn quote_after(token: &str, mut quote: Option<char>) -> Option<char> {
    let mut before = None;
    for c in token.chars() {
        if matches!(c, '"' | '\'') && before != Some('\\') {
            quote = match quote {
                Some(open) if open == c => None,
                Some(open) => Some(open),
                None => Some(c),
            };
        }
        before = Some(c);
    }
    quote
}

/// Options that a free-form module takes from its text.
const RAW_OPTIONS: &[&str] =
    &["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// Whether all of a text is free-form except a few options, or pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `command`, `shell`, `script`, `raw`.
    Free,
    /// Everything else.
    Pairs,
}

/// Pairs to a dictionary; what is not a pair is put together again under `_raw_params`.
pub fn parse_pairs(text: &str, form: Form) -> Result<Map, String> {
    let mut options = Map::default();
    let mut raw: Vec<String> = Vec::new();
    for original in split_args(text)? {
        let token = decode_escapes(&original);
        let cut = token.char_indices().skip(1).find(|(at, c)| *c == '=' && !token[..*at].ends_with('\\'));
        match cut {
            None if token.get(1..).is_some_and(|t| t.contains('=')) => raw.push(token.replace("\\=", "=")),
            None => raw.push(original),
            Some((at, _)) => {
                let (key, value) = (&token[..at], &token[at + 1..]);
                if form == Form::Free && !RAW_OPTIONS.contains(&key) {
                    raw.push(original);
                } else {
                    options.insert(Data::str(key.trim()), Data::str(unquote(value.trim())));
                }
            }
        }
    }
    if !raw.is_empty() {
        options.insert(Data::str("_raw_params"), Data::Str(join(&raw)));
    }
    Ok(options)
}

fn join(parts: &[String]) -> String {
    let mut joined = String::new();
    for part in parts {
        if !joined.is_empty() && !joined.ends_with('\n') {
            joined.push(' ');
        }
        joined.push_str(part);
    }
    joined
}

/// Text without the quotes around all of it.
fn unquote(text: &str) -> &str {
    let quoted =
        |q: char| text.len() > 1 && text.starts_with(q) && text.ends_with(q) && !text.ends_with(&format!("\\{q}"));
    if quoted('"') || quoted('\'') { &text[1..text.len() - 1] } else { text }
}

/// Python's escapes, as `parse_kv` decodes them.
fn decode_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let simple = match c {
            '\\' | '\'' | '"' => Some(c),
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            _ => None,
        };
        let width = match c {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let hex = rest.get(1..1 + width).filter(|h| width > 0 && h.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = hex.and_then(|h| u32::from_str_radix(h, 16).ok()).and_then(char::from_u32);
        match (simple, code) {
            (Some(simple), _) => {
                out.push(simple);
                rest = &rest[1..];
            }
            (None, Some(code)) => {
                out.push(code);
                rest = &rest[1 + width..];
            }
            (None, None) => out.push('\\'),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{Form, parse_pairs};

    fn parsed(text: &str, form: Form) -> String {
        match parse_pairs(text, form) {
            Ok(map) => serde_json::to_string(&crate::plan::Data::Map(map)).expect("serialises"),
            Err(e) => e,
        }
    }

    /// The expectations are what ansible-core 2.16's parse_kv returns.
    #[test]
    fn pairs_are_ansibles() {
        for (text, want) in [
            ("src=a dest=b", r#"{"src":"a","dest":"b"}"#),
            ("src='a b' dest=\"c d\"", r#"{"src":"a b","dest":"c d"}"#),
            ("msg={{ a b }} x=1", r#"{"msg":"{{ a b }}","x":"1"}"#),
            ("msg=hello world", r#"{"msg":"hello","_raw_params":"world"}"#),
            ("{{ whole }}", r#"{"_raw_params":"{{ whole }}"}"#),
            ("a=b=c", r#"{"a":"b=c"}"#),
            (r"a=x\ty", r#"{"a":"x\ty"}"#),
            ("a=\"x", "unbalanced Jinja brackets or quotes"),
            ("a={{ x", "unbalanced Jinja brackets or quotes"),
            ("", "{}"),
        ] {
            assert_eq!(parsed(text, Form::Pairs), want, "{text}");
        }
        for (text, want) in [
            ("echo a=b creates=/x", r#"{"creates":"/x","_raw_params":"echo a=b"}"#),
            ("echo  'a  b'\nls -l", r#"{"_raw_params":"echo  'a  b'\nls -l"}"#),
            ("chdir=/tmp ls | grep \"x y\"", r#"{"chdir":"/tmp","_raw_params":"ls | grep \"x y\""}"#),
            ("echo \\\n  more", r#"{"_raw_params":"echo  more"}"#),
        ] {
            assert_eq!(parsed(text, Form::Free), want, "{text}");
        }
    }
}

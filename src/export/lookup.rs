//! Lookups that only the deploy host can answer, in text of an inventory: found, so that their results can stand in
//! their place.

use crate::vars::registry::short_name;

/// Lookups whose answer is the deploy host's: its environment, its files, its commands.
const DEPLOY_HOST: [&str; 13] = [
    "env",
    "file",
    "fileglob",
    "pipe",
    "lines",
    "password",
    "template",
    "url",
    "unvault",
    "ini",
    "csvfile",
    "first_found",
    "filetree",
];

/// A call in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Where it begins and ends, in bytes.
    pub range: std::ops::Range<usize>,
    /// The lookup's short name.
    pub plugin: String,
}

/// The calls in a text whose answers are the deploy host's.
pub fn calls(text: &str) -> Vec<Call> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = next(bytes, at) {
        let close: &[u8] = match &bytes[open..open + 2] {
            b"{{" => b"}}",
            b"{%" => b"%}",
            _ => {
                at = bytes[open..].windows(2).position(|w| w == b"#}").map_or(bytes.len(), |n| open + n + 2);
                continue;
            }
        };
        at = open + 2;
        let raw = text[at..].trim_start_matches(['-', '+', ' ', '\n', '\t']).starts_with("raw");
        while at < bytes.len() && !bytes[at..].starts_with(close) {
            match bytes[at] {
                b'"' | b'\'' => at = after_quote(bytes, at),
                byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let end = at + bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                    let called = matches!(&text[at..end], "lookup" | "query" | "q");
                    let own = at.checked_sub(1).is_none_or(|before| !matches!(bytes[before], b'.' | b'|'));
                    match call(text, end).filter(|_| called && own) {
                        Some((plugin, after)) if DEPLOY_HOST.contains(&short_name(&plugin)) => {
                            found.push(Call { range: at..after, plugin: short_name(&plugin).to_owned() });
                            at = after;
                        }
                        _ => at = end,
                    }
                }
                _ => at += 1,
            }
        }
        if close == b"%}" && raw {
            at = text[at..].find("endraw").map_or(bytes.len(), |n| at + n);
        }
    }
    found
}

/// The next tag's opening.
fn next(bytes: &[u8], at: usize) -> Option<usize> {
    let found = bytes.get(at..)?.windows(2).position(|w| matches!(w, b"{{" | b"{%" | b"{#"))?;
    Some(at + found)
}

fn after_quote(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut at = at + 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The plugin's name and the end of the call whose arguments begin after `at`.
fn call(text: &str, at: usize) -> Option<(String, usize)> {
    let bytes = text.as_bytes();
    let blank = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_whitespace()).count();
    let open = blank(at);
    if bytes.get(open) != Some(&b'(') {
        return None;
    }
    let first = blank(open + 1);
    let quote = *bytes.get(first).filter(|b| matches!(b, b'"' | b'\''))?;
    let end = first + 1 + bytes[first + 1..].iter().position(|b| *b == quote)?;
    let plugin = text.get(first + 1..end)?.to_owned();
    let (mut at, mut closers) = (open, Vec::new());
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                at = after_quote(bytes, at);
                continue;
            }
            b'(' => closers.push(b')'),
            b'[' => closers.push(b']'),
            b'{' => closers.push(b'}'),
            byte @ (b')' | b']' | b'}') => {
                if closers.pop() != Some(byte) {
                    return None;
                }
                if closers.is_empty() {
                    return Some((plugin, at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn calls_are_found_with_their_ends() {
        let table: [(&str, &[&str]); 10] = [
            ("{{ lookup('env', 'X') | default(y) }}", &["lookup('env', 'X')"]),
            (
                "a {{ q( \"ansible.builtin.file\", ')' ~ f(1)[0] ) }}{{ lookup('pipe','b') }}",
                &["q( \"ansible.builtin.file\", ')' ~ f(1)[0] )", "lookup('pipe','b')"],
            ),
            ("{{ lookup('vars', 'x') }}{{ query('dict', d) }}", &[]),
            ("lookup('env', 'X')", &[]),
            ("{# {{ lookup('env', 'X') }} #}", &[]),
            ("{% raw %}{{ lookup('env', 'X') }}{% endraw %}{{ lookup('env', 'Y') }}", &["lookup('env', 'Y')"]),
            ("{{ 'lookup(\\'env\\')' }}", &[]),
            ("{{ x.lookup('env') }}{{ mylookup('env') }}", &[]),
            ("{% if lookup('env', 'A') %}{% endif %}", &["lookup('env', 'A')"]),
            ("{{ lookup('env', 'A' }}", &[]),
        ];
        for (text, want) in table {
            let found: Vec<&str> = calls(text).into_iter().map(|c| &text[c.range]).collect();
            assert_eq!(found, want, "{text}");
        }
    }
}

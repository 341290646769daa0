//! The old `name=value` form of a lookup's term, with quotes as task arguments have them.

use crate::vars::pytext::is_space;

/// A term split into what stands alone and its options, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeyValues {
    /// What is no option, joined by blanks; `None` where there is nothing.
    pub raw: Option<String>,
    /// The options.
    pub options: Vec<(String, String)>,
}

/// Reads a term.
pub fn parse(term: &str) -> Result<KeyValues, String> {
    let mut parsed = KeyValues::default();
    for word in words(term)? {
        let decoded = unescape(&word);
        let at = decoded.char_indices().skip(1).find(|(i, c)| *c == '=' && !decoded[..*i].ends_with('\\'));
        if let Some((at, _)) = at {
            let value = unquote(decoded[at + 1..].trim());
            parsed.options.retain(|(name, _)| name != decoded[..at].trim());
            parsed.options.push((decoded[..at].trim().to_owned(), value.to_owned()));
        } else {
            let word = if decoded.contains('=') { decoded.replace("\\=", "=") } else { word };
            match &mut parsed.raw {
                Some(raw) => {
                    raw.push(' ');
                    raw.push_str(&word);
                }
                None => parsed.raw = Some(word),
            }
        }
    }
    Ok(parsed)
}

/// Words between blanks that no quote holds together.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut previous = None;
    for c in text.chars() {
        if quote.is_none() && is_space(c) {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            previous = None;
            continue;
        }
        if matches!(c, '"' | '\'') && previous != Some('\\') {
            quote = match quote {
                Some(open) if open == c => None,
                None => Some(c),
                open => open,
            };
        }
        word.push(c);
        previous = Some(c);
    }
    if quote.is_some() {
        return Err(format!("failed at splitting arguments, either an unbalanced jinja2 block or quotes: {text}"));
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

/// Quotes around the whole are dropped.
fn unquote(text: &str) -> &str {
    let mut chars = text.chars();
    match (chars.next(), chars.next_back()) {
        (Some(a), Some(b)) if a == b && matches!(a, '"' | '\'') && !text[..text.len() - 1].ends_with('\\') => {
            &text[1..text.len() - 1]
        }
        _ => text,
    }
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = |from: usize, length: usize| {
            let digits = rest.get(from..from + length)?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(|c| (c, from + length))
        };
        let found = match rest[1..].chars().next() {
            Some(c @ ('\\' | '\'' | '"')) => Some((c, 2)),
            Some('a') => Some(('\x07', 2)),
            Some('b') => Some(('\x08', 2)),
            Some('f') => Some(('\x0c', 2)),
            Some('n') => Some(('\n', 2)),
            Some('r') => Some(('\r', 2)),
            Some('t') => Some(('\t', 2)),
            Some('v') => Some(('\x0b', 2)),
            Some('x') => code(2, 2),
            Some('u') => code(2, 4),
            Some('U') => code(2, 8),
            _ => None,
        };
        let (c, end) = found.unwrap_or(('\\', 1));
        out.push(c);
        rest = &rest[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn options_are_told_from_words() {
        // ansible.parsing.splitter.parse_kv of the same terms
        let parsed = parse(r#"some key file="my file.csv" delimiter=, a\=b x=1 x=2"#).expect("the quotes match");
        assert_eq!(parsed.raw.as_deref(), Some("some key a=b"));
        let options: Vec<(&str, &str)> = parsed.options.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(options, [("file", "my file.csv"), ("delimiter", ","), ("x", "2")]);
        assert_eq!(parse(r"d=\t").expect("no quotes").options, [("d".to_owned(), String::new())]);
        assert!(parse("a='b").is_err());
    }
}

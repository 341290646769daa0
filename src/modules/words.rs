//! Python's `shlex.split`: a command line into words, as a POSIX shell quotes them. Nothing is expanded.

/// The words of `line`, or why it has none.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut bytes = line.iter().copied();
    while let Some(b) = bytes.next() {
        match b {
            b' ' | b'\t' | b'\r' | b'\n' => words.extend(word.take()),
            b'\'' => single(&mut bytes, word.get_or_insert_with(Vec::new))?,
            b'"' => double(&mut bytes, word.get_or_insert_with(Vec::new))?,
            b'\\' => word.get_or_insert_with(Vec::new).push(bytes.next().ok_or("No escaped character")?),
            _ => word.get_or_insert_with(Vec::new).push(b),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single(bytes: &mut impl Iterator<Item = u8>, word: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match bytes.next().ok_or("No closing quotation")? {
            b'\'' => return Ok(()),
            b => word.push(b),
        }
    }
}

/// Inside double quotes a backslash is itself, except before a quote or a backslash.
fn double(bytes: &mut impl Iterator<Item = u8>, word: &mut Vec<u8>) -> Result<(), &'static str> {
    loop {
        match bytes.next().ok_or("No closing quotation")? {
            b'"' => return Ok(()),
            b'\\' => match bytes.next().ok_or("No escaped character")? {
                b @ (b'"' | b'\\') => word.push(b),
                b => word.extend([b'\\', b]),
            },
            b => word.push(b),
        }
    }
}

/// `word` as a POSIX shell reads it back unchanged (Python's `shlex.quote`).
pub fn quote(word: &[u8]) -> Vec<u8> {
    let safe = |b: &u8| b.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(b);
    if !word.is_empty() && word.iter().all(safe) {
        return word.to_vec();
    }
    let mut out = vec![b'\''];
    for b in word {
        match b {
            b'\'' => out.extend_from_slice(b"'\"'\"'"),
            _ => out.push(*b),
        }
    }
    out.push(b'\'');
    out
}

#[cfg(test)]
mod tests {
    use super::{quote, split};

    fn words(line: &str) -> Result<Vec<String>, &'static str> {
        Ok(split(line.as_bytes())?.into_iter().map(|w| String::from_utf8_lossy(&w).into_owned()).collect())
    }

    #[test]
    fn splits_as_python_does() {
        // Each right side is what shlex.split of Python 3.11 gives.
        for (line, want) in [
            ("echo hi", vec!["echo", "hi"]),
            ("a 'b c' d", vec!["a", "b c", "d"]),
            (r#"a "b\"c" 'd\'"#, vec!["a", "b\"c", "d\\"]),
            (r#""\$HOME" \$HOME"#, vec!["\\$HOME", "$HOME"]),
            ("a'' ''", vec!["a", ""]),
            ("x #not a comment", vec!["x", "#not", "a", "comment"]),
            ("", vec![]),
        ] {
            assert_eq!(words(line).expect("a line that splits"), want, "{line}");
        }
    }

    #[test]
    fn refuses_what_python_refuses() {
        assert_eq!(words("a 'b"), Err("No closing quotation"));
        assert_eq!(words("a \"b"), Err("No closing quotation"));
        assert_eq!(words("a \\"), Err("No escaped character"));
        assert_eq!(words("a \"b\\"), Err("No escaped character"));
    }

    #[test]
    fn quotes_what_a_shell_would_read() {
        assert_eq!(quote(b"a/b-c"), b"a/b-c");
        assert_eq!(quote(b""), b"''");
        assert_eq!(quote(b"it's"), b"'it'\"'\"'s'");
    }
}

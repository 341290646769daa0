//! Permission bits as chmod and Ansible write them: octal text, numbers, and symbolic modes such as
//! `u=rwX,g=rX,o=`. Nothing here touches a file.

/// The bits a mode may have.
pub const BITS: u32 = 0o7777;

/// What a symbolic mode is relative to.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// The file's bits now.
    pub mode: u32,
    /// It is a directory: `X` applies.
    pub directory: bool,
    /// Bits that clauses without a `u`, `g`, `o` or `a` leave alone.
    pub umask: u32,
}

/// Why text is no mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeError {
    /// Neither octal nor symbolic: the clause that is wrong.
    Symbolic(String),
    /// It has bits that are no permissions.
    Range(u32),
}

/// The bits that `text` gives a file which now is `base`.
pub fn parse(text: &str, base: Base) -> Result<u32, ModeError> {
    match octal(text) {
        Some(mode) if mode & !BITS == 0 => Ok(mode),
        Some(mode) => Err(ModeError::Range(mode)),
        None => symbolic(text, base),
    }
}

/// Python's `int(text, 8)`: blanks around it, `0o`, a sign and single underscores are allowed.
fn octal(text: &str) -> Option<u32> {
    let text = text.trim();
    let digits = text.strip_prefix("+").unwrap_or(text);
    let (digits, prefixed) = match digits.strip_prefix("0o").or_else(|| digits.strip_prefix("0O")) {
        Some(rest) => (rest.strip_prefix('_').unwrap_or(rest), true),
        None => (digits, false),
    };
    let broken = digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if broken || (prefixed && digits.starts_with(['+', '-'])) {
        return None;
    }
    u32::from_str_radix(&digits.replace('_', ""), 8).ok()
}

fn symbolic(text: &str, base: Base) -> Result<u32, ModeError> {
    let mut mode = base.mode & BITS;
    for clause in text.split(',') {
        let wrong = || ModeError::Symbolic(clause.to_owned());
        let first = clause.find(['+', '-', '=']);
        let (users, mut rest) = clause.split_at(first.unwrap_or(clause.len()));
        if !users.chars().all(|c| "ugoa".contains(c)) {
            return Err(wrong());
        }
        // `a` stands for all only when it stands alone, as in Ansible.
        let masked = users.is_empty();
        let users = if masked || users == "a" { "ugo" } else { users };
        if users.contains('a') && first.is_some() {
            return Err(wrong());
        }
        while let Some(operator) = rest.chars().next() {
            let end = rest[1..].find(['+', '-', '=']).map_or(rest.len(), |i| i + 1);
            let perms = &rest[1..end];
            if !perms.chars().all(|c| "rwxXstugo".contains(c)) {
                return Err(wrong());
            }
            for user in users.chars() {
                let bits = bits(user, perms, Base { mode, umask: if masked { base.umask } else { 0 }, ..base });
                mode = match operator {
                    '=' => (mode & !scope(user)) | bits,
                    '+' => mode | bits,
                    _ => mode & !bits,
                };
            }
            rest = &rest[end..];
        }
    }
    Ok(mode)
}

fn scope(user: char) -> u32 {
    match user {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

/// The bits that letters give one of user, group and others.
fn bits(user: char, perms: &str, base: Base) -> u32 {
    let shift = match user {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    let plain = |bit: u32| (bit << shift) & !base.umask;
    perms.chars().fold(0, |mode, perm| {
        mode | match perm {
            'r' => plain(4),
            'w' => plain(2),
            'x' => plain(1),
            'X' if base.directory || base.mode & 0o111 != 0 => 1 << shift,
            's' if user == 'u' => 0o4000,
            's' if user == 'g' => 0o2000,
            't' if user == 'o' => 0o1000,
            'u' => (base.mode >> 6 & 7) << shift,
            'g' => (base.mode >> 3 & 7) << shift,
            'o' => (base.mode & 7) << shift,
            _ => 0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases from tests/modules/modes.tsv, which tests/tools/make-modes.py made with Ansible's own code.
    #[test]
    fn modes_are_ansibles() {
        let cases = include_str!("../../tests/modules/modes.tsv");
        let mut failed = Vec::new();
        for line in cases.lines().filter(|l| !l.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            let bits = |i: usize| u32::from_str_radix(cells[i], 8).unwrap();
            let base = Base { mode: bits(0), directory: cells[1] == "d", umask: bits(2) };
            let seen = match parse(cells[3], base) {
                Ok(mode) => format!("{mode:o}"),
                Err(ModeError::Symbolic(_)) => "symbolic".to_owned(),
                Err(ModeError::Range(_)) => "range".to_owned(),
            };
            if seen != cells[4] {
                failed.push(format!("{line}: got {seen}"));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        assert!(cases.lines().count() > 300);
    }
}

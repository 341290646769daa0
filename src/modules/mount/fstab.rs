//! fstab as the `mount` module edits it: one line is replaced, added or removed; every other byte stays.

/// A line that the task wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// What is mounted; absent for `unmounted` and `absent`.
    pub src: Option<String>,
    /// Where.
    pub name: String,
    /// Type of file system.
    pub fstype: Option<String>,
    /// Options.
    pub opts: String,
    /// Fifth field.
    pub dump: String,
    /// Sixth field.
    pub passno: String,
}

/// Spaces, ampersands and backslashes as fstab writes them.
fn escape(field: &str) -> String {
    field.replace('\\', "\\134").replace(' ', "\\040").replace('&', "\\046")
}

/// The lines of a file with their ends.
fn lines(old: &[u8]) -> impl Iterator<Item = &[u8]> {
    old.split_inclusive(|b| *b == b'\n')
}

/// The fields of a line that is neither blank nor a comment.
fn fields(line: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(line);
    let fields: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    (!fields.is_empty() && !fields[0].starts_with('#')).then_some(fields)
}

/// Swap has no mount point of its own: there the source tells lines apart.
fn matches(fields: &[String], entry: &Entry) -> bool {
    fields[1] == escape(&entry.name)
        && !(fields[1] == "none" && fields[2] == "swap" && entry.src.as_ref().is_some_and(|src| fields[0] != *src))
}

/// fstab with the entry in it, and whether that is a change.
pub fn set(old: &[u8], entry: &Entry) -> (Vec<u8>, bool) {
    let wanted = [
        escape(entry.src.as_deref().unwrap_or_default()),
        escape(&entry.name),
        escape(entry.fstype.as_deref().unwrap_or_default()),
        escape(&entry.opts),
        escape(&entry.dump),
        escape(&entry.passno),
    ];
    let new_line = format!("{}\n", wanted.join(" "));
    let mut out = Vec::with_capacity(old.len() + new_line.len());
    let (mut exists, mut changed) = (false, false);
    for line in lines(old) {
        match fields(line).filter(|f| (4..=6).contains(&f.len()) && matches(f, entry)) {
            Some(mut found) => {
                exists = true;
                // The last two fields may be missing; then they differ from any text, even from "0".
                let short = found.len() < 6;
                found.resize(6, String::new());
                if short || found != wanted {
                    changed = true;
                    out.extend_from_slice(new_line.as_bytes());
                } else {
                    out.extend_from_slice(line);
                }
            }
            None => out.extend_from_slice(line),
        }
        if !out.ends_with(b"\n") {
            out.push(b'\n');
        }
    }
    if !exists {
        changed = true;
        out.extend_from_slice(new_line.as_bytes());
    }
    (out, changed)
}

/// fstab without the entry's line, and whether that is a change. Lines of fewer than six fields are left, as
/// Ansible leaves them.
pub fn unset(old: &[u8], entry: &Entry) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(old.len());
    for line in lines(old) {
        if fields(line).is_none_or(|f| f.len() != 6 || !matches(&f, entry)) {
            out.extend_from_slice(line);
        }
    }
    let changed = out.len() != old.len();
    (out, changed)
}

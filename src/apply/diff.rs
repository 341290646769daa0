//! Differences as ansible-playbook's `--diff` prints them: unified, three lines of context.

use super::matching::{Stretch, stretches};
use crate::modules::Diff;
use std::fmt::Write;
use std::ops::Range;

/// Equal lines that are shown around what differs.
const CONTEXT: usize = 3;

/// The text of a difference; empty when both sides are the same.
pub fn unified(diff: &Diff) -> String {
    if let Some(prepared) = &diff.prepared {
        return prepared.clone();
    }
    let (Ok(before), Ok(after)) = (text(&diff.before), text(&diff.after)) else {
        return "diff skipped: file appears to be binary\n".to_owned();
    };
    let (old, new) = (lines(before), lines(after));
    let mut shown = String::new();
    for group in groups(&stretches(&old, &new)) {
        if shown.is_empty() {
            header(&mut shown, "--- before", &diff.before_header);
            header(&mut shown, "+++ after", &diff.after_header);
        }
        hunk(&mut shown, &group, &old, &new);
    }
    if shown.is_empty() { shown } else { shown + "\n" }
}

/// Text that a terminal can show.
fn text(bytes: &[u8]) -> Result<&str, ()> {
    let text = std::str::from_utf8(bytes).map_err(|_| ())?;
    if text.contains('\0') { Err(()) } else { Ok(text) }
}

/// The lines with their ends, where Python's `splitlines` sees them.
fn lines(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c == '\r' && rest.peek().is_some_and(|(_, next)| *next == '\n') {
            continue;
        }
        if matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}') {
            found.push(&text[start..at + c.len_utf8()]);
            start = at + c.len_utf8();
        }
    }
    if start < text.len() {
        found.push(&text[start..]);
    }
    found
}

fn header(shown: &mut String, side: &str, header: &str) {
    shown.push_str(side);
    if !header.is_empty() {
        shown.push_str(": ");
        shown.push_str(header);
    }
    shown.push('\n');
}

/// What differs, with the lines around it; what lies close together is shown together.
fn groups(all: &[Stretch]) -> Vec<Vec<Stretch>> {
    let mut found = vec![Vec::new()];
    for (n, stretch) in all.iter().enumerate() {
        let mut stretch = stretch.clone();
        let length = stretch.old.len();
        if stretch.equal && n == 0 {
            stretch = tail(&stretch);
        } else if stretch.equal && n + 1 == all.len() {
            stretch = head(&stretch);
        } else if stretch.equal && length > 2 * CONTEXT {
            if let Some(group) = found.last_mut() {
                group.push(head(&stretch));
            }
            found.push(Vec::new());
            stretch = tail(&stretch);
        }
        if let Some(group) = found.last_mut() {
            group.push(stretch);
        }
    }
    found.retain(|group| group.iter().any(|stretch| !stretch.equal));
    found
}

fn head(s: &Stretch) -> Stretch {
    let length = s.old.len().min(CONTEXT);
    Stretch { equal: true, old: s.old.start..s.old.start + length, new: s.new.start..s.new.start + length }
}

fn tail(s: &Stretch) -> Stretch {
    let length = s.old.len().min(CONTEXT);
    Stretch { equal: true, old: s.old.end - length..s.old.end, new: s.new.end - length..s.new.end }
}

fn hunk(shown: &mut String, group: &[Stretch], old: &[&str], new: &[&str]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let (a, b) = (place(&(first.old.start..last.old.end)), place(&(first.new.start..last.new.end)));
    let _ = writeln!(shown, "@@ -{a} +{b} @@");
    for stretch in group {
        if stretch.equal {
            show(shown, ' ', &old[stretch.old.clone()], stretch.old.end == old.len());
            continue;
        }
        show(shown, '-', &old[stretch.old.clone()], stretch.old.end == old.len());
        show(shown, '+', &new[stretch.new.clone()], stretch.new.end == new.len());
    }
}

/// A range of lines as the head of a hunk names it: counted from 1, an empty one by the line before it.
fn place(range: &Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        length => format!("{},{length}", range.start + 1),
    }
}

fn show(shown: &mut String, sign: char, lines: &[&str], to_the_end: bool) {
    for line in lines {
        shown.push(sign);
        shown.push_str(line);
    }
    if to_the_end && lines.last().is_some_and(|line| !line.ends_with('\n')) {
        shown.push_str("\n\\ No newline at end of file\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sides_show_nothing_and_binary_ones_only_that() {
        let same = Diff { before: b"a\n".to_vec(), after: b"a\n".to_vec(), ..Diff::default() };
        assert_eq!(unified(&same), "");
        let binary = Diff { after: vec![0xff, 0], ..Diff::default() };
        assert_eq!(unified(&binary), "diff skipped: file appears to be binary\n");
    }

    #[test]
    fn a_changed_line_is_shown_with_its_neighbours() {
        let diff = Diff {
            before_header: "/etc/x".into(),
            after_header: "/etc/x".into(),
            before: b"a\nb\nc\n".to_vec(),
            after: b"a\nB\nc\n".to_vec(),
            prepared: None,
        };
        assert_eq!(unified(&diff), "--- before: /etc/x\n+++ after: /etc/x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n\n");
    }

    /// What ansible-playbook shows (tests/tools/make-diffs.py).
    #[test]
    fn differences_are_those_that_ansible_shows() {
        let cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("diff-cases.json")).unwrap();
        assert!(cases.len() > 70);
        for case in cases {
            let side = |name: &str| case[name].as_str().unwrap().as_bytes().to_vec();
            let diff = Diff { before: side("before"), after: side("after"), ..Diff::default() };
            assert_eq!(unified(&diff), case["diff"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn texts_too_large_to_compare_are_compared_at_their_ends() {
        let lines = |middle: &str| -> Vec<u8> {
            let side = |n: usize| format!("line {n}\n");
            (0..5000)
                .map(side)
                .chain([middle.to_owned()])
                .chain((5000..9000).map(side))
                .collect::<String>()
                .into_bytes()
        };
        let shown = unified(&Diff { before: lines("old\n"), after: lines("new\n"), ..Diff::default() });
        assert_eq!(shown.lines().nth(2), Some("@@ -4998,7 +4998,7 @@"));
        assert_eq!(shown.lines().filter(|l| l.starts_with(['-', '+'])).count(), 4);
    }
}

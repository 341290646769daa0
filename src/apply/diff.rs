//! Differences as ansible-playbook's `--diff` prints them: unified, three lines of context.

use crate::modules::Diff;
use similar::TextDiff;

/// The text of a difference; empty when both sides are the same.
pub fn unified(diff: &Diff) -> String {
    if let Some(prepared) = &diff.prepared {
        return prepared.clone();
    }
    let (Ok(before), Ok(after)) = (text(&diff.before), text(&diff.after)) else {
        return "diff skipped: file appears to be binary\n".to_owned();
    };
    let header = |header: &str, side: &str| {
        if header.is_empty() { side.to_owned() } else { format!("{side}: {header}") }
    };
    let (old, new) = (header(&diff.before_header, "before"), header(&diff.after_header, "after"));
    let changes = TextDiff::from_lines(before, after);
    let text = changes.unified_diff().context_radius(3).header(&old, &new).to_string();
    if text.is_empty() { text } else { text + "\n" }
}

/// Text that a terminal can show.
fn text(bytes: &[u8]) -> Result<&str, ()> {
    let text = std::str::from_utf8(bytes).map_err(|_| ())?;
    if text.contains('\0') { Err(()) } else { Ok(text) }
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
}

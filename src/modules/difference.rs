//! Before and after, as `--diff` shows them.

use super::params::{map, output_text, text};
use super::{Diff, json};
use crate::plan::{Data, Key, Map};
use std::path::Path;

/// Bytes of a file that is still shown in a diff, as Ansible's MAX_FILE_SIZE_FOR_DIFF.
pub const LARGEST: usize = 104_448;

/// A diff of attributes: both sides as JSON with sorted keys.
pub fn of_attributes(diff: &Map) -> Diff {
    let side = |name: &str| match diff.get(&Key(name)) {
        Some(value @ Data::Map(_)) => {
            let mut text = json::dumps(value, json::Style::Sorted);
            text.push('\n');
            text.into_bytes()
        }
        Some(other) => other.text_bytes().unwrap_or_default().to_vec(),
        None => Vec::new(),
    };
    let header = |name: &str| diff.get(&Key(name)).and_then(Data::as_str).unwrap_or_default().to_owned();
    Diff {
        before_header: header("before_header"),
        after_header: header("after_header"),
        before: side("before"),
        after: side("after"),
        prepared: None,
    }
}

/// The difference that new content of a file makes, for the report and as copy returns it.
pub fn of_content(path: &Path, new: &[u8], new_header: &str) -> Diff {
    let mut diff = Diff::default();
    let mut note = |skipped: &str| {
        let text = diff.prepared.get_or_insert_with(String::new);
        text.push_str(&format!("diff skipped: {skipped}\n"));
    };
    let old = match std::fs::metadata(path) {
        Ok(meta) if meta.len() > LARGEST as u64 => {
            note(&format!("destination file size is greater than {LARGEST}"));
            None
        }
        Ok(_) => Some(crate::sys::file::read_bounded(path, LARGEST as u64).unwrap_or_default()),
        Err(_) => Some(Vec::new()),
    };
    let old = old.filter(|o| {
        let binary = o.iter().take(8192).any(|b| *b == 0);
        if binary {
            note("destination file appears to be binary");
        }
        !binary
    });
    let too_large = new.len() > LARGEST;
    if too_large {
        note(&format!("source file size is greater than {LARGEST}"));
    } else if new.contains(&0) {
        note("source file appears to be binary");
    }
    if let (Some(old), false) = (old, too_large || new.contains(&0)) {
        diff.before_header = if path.exists() { path.display().to_string() } else { String::new() };
        diff.after_header = new_header.to_owned();
        diff.before = old;
        diff.after = new.to_vec();
    }
    diff
}

/// A diff as modules return it.
pub fn returned(diff: &Diff) -> Data {
    let mut pairs = Vec::new();
    if let Some(prepared) = &diff.prepared {
        pairs.push(("prepared", text(prepared.as_str())));
    } else {
        pairs.push(("before", output_text(diff.before.clone())));
        pairs.push(("after", output_text(diff.after.clone())));
        for (name, header) in [("before_header", &diff.before_header), ("after_header", &diff.after_header)] {
            if !header.is_empty() {
                pairs.push((name, text(header.as_str())));
            }
        }
    }
    Data::Map(map(pairs))
}

#[cfg(test)]
mod tests {
    use super::super::params::{int, map, text};
    use super::*;

    #[test]
    fn attributes_are_json_with_sorted_keys() {
        let before =
            map([("path", text("/a\"b")), ("mode", text("0644")), ("owner", int(0)), ("l", Data::List(vec![]))]);
        let diff = of_attributes(&map([("before", Data::Map(before))]));
        let expected = "{\n    \"l\": [],\n    \"mode\": \"0644\",\n    \"owner\": 0,\n    \"path\": \"/a\\\"b\"\n}\n";
        assert_eq!(String::from_utf8(diff.before).unwrap(), expected);
        assert!(diff.after.is_empty());
    }
}

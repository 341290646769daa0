//! Values as Python's `json.dumps` writes them, for modules that put JSON into files and diffs.

use super::params::plain;
use crate::plan::Data;
use crate::sys::order;

/// How to write it.
#[derive(Clone, Copy, Debug)]
pub enum Style {
    /// On one line, in the dictionary's own order; Python's default.
    Line,
    /// Indented by four, keys sorted.
    Sorted,
}

/// The value as JSON; text beyond ASCII is escaped.
pub fn dumps(value: &Data, style: Style) -> String {
    let mut out = String::new();
    write(value, style, 0, &mut out);
    out
}

fn write(value: &Data, style: Style, depth: usize, out: &mut String) {
    match value {
        Data::Null => out.push_str("null"),
        Data::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Data::Int(_) | Data::Float(_) => out.push_str(&plain(value)),
        Data::Map(map) => {
            let mut pairs: Vec<(String, &Data)> = map.iter().map(|(k, v)| (plain(k), v)).collect();
            if matches!(style, Style::Sorted) {
                order::by(&mut pairs, |a, b| a.0.cmp(&b.0));
            }
            enclose(out, ('{', '}'), (style, depth), pairs.into_iter(), &|out, (key, value)| {
                quote(&key, out);
                out.push_str(": ");
                write(value, style, depth + 1, out);
            });
        }
        Data::List(list) | Data::Tuple(list) | Data::Set(list) => {
            let item = |out: &mut String, value: &Data| write(value, style, depth + 1, out);
            enclose(out, ('[', ']'), (style, depth), list.iter(), &item);
        }
        Data::Str(_)
        | Data::Unsafe(_)
        | Data::Made(..)
        | Data::Raw(_)
        | Data::Bytes(_)
        | Data::Vault(_)
        | Data::Time(_) => {
            quote(&plain(value), out);
        }
    }
}

fn enclose<T>(
    out: &mut String,
    brackets: (char, char),
    (style, depth): (Style, usize),
    items: impl ExactSizeIterator<Item = T>,
    write_item: &dyn Fn(&mut String, T),
) {
    out.push(brackets.0);
    let any = items.len() > 0;
    let line = |out: &mut String, depth: usize| {
        if matches!(style, Style::Sorted) {
            out.push('\n');
            out.extend(std::iter::repeat_n("    ", depth));
        }
    };
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(if matches!(style, Style::Sorted) { "," } else { ", " });
        }
        line(out, depth + 1);
        write_item(out, item);
    }
    if any {
        line(out, depth);
    }
    out.push(brackets.1);
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::params::{int, map, text};
    use super::*;

    #[test]
    fn json_is_pythons() {
        let value = Data::Map(map([
            ("b", Data::List(vec![int(1), Data::Null, Data::Bool(true), text("é\u{1f600}\n\"\\")])),
            ("a", Data::Map(map([]))),
        ]));
        assert_eq!(dumps(&value, Style::Line), r#"{"b": [1, null, true, "\u00e9\ud83d\ude00\n\"\\"], "a": {}}"#);
        let sorted = "{\n    \"a\": {},\n    \"b\": [\n        1,\n        null,\n        true,\n        \"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\"\n    ]\n}";
        assert_eq!(dumps(&value, Style::Sorted), sorted);
    }
}

//! `ansible.builtin.blockinfile`: a block of lines between two markers.

use super::byte_regex::ByteRegex;
use super::edit::Edit;
use super::params::{Params, map, text};
use super::{Context, Failure, Outcome, paths};
use crate::plan::Data;
use crate::spec::Args;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let edit = Edit::open(ctx, args)?;
    let present = args.text("state").as_deref() != Some("absent");
    if edit.before.is_none() {
        if !args.flag("create") {
            return Err(edit.missing("Path"));
        }
        edit.make_parent()?;
        if !present {
            let msg = format!("File {} not present", edit.path.display());
            return Ok(Outcome { result: map([("msg", text(msg))]), ..Outcome::default() });
        }
    }
    let block = Block::new(args, present)?;
    let after = block.put(edit.before.as_deref())?;
    let msg = match &edit.before {
        Some(before) if *before == after => "",
        None => "File created",
        Some(_) if block.lines.is_empty() => "Block removed",
        Some(_) => "Block inserted",
    };
    let done = edit.finish(&after, !msg.is_empty(), msg)?;
    let (diff, shown) = edit.diffs(&after, done.attributes);
    let mut result = map([("msg", text(done.msg)), ("diff", diff)]);
    if let Some(backup) = &done.backup {
        result.insert(Data::str("backup_file"), paths::shown(backup));
    }
    let diff = if ctx.diff { shown } else { Vec::new() };
    Ok(Outcome { changed: done.changed, result, changes: done.changes, diff, ..Outcome::default() })
}

struct Block {
    markers: [Vec<u8>; 2],
    /// The block with its markers; empty where it is to go.
    lines: Vec<Vec<u8>>,
    place: Place,
    prepend: bool,
    append: bool,
}

/// Where a new block goes.
enum Place {
    Start,
    End,
    After(ByteRegex),
    Before(ByteRegex),
}

impl Block {
    fn new(args: &Args, present: bool) -> Result<Block, Failure> {
        let marker = args.text("marker").unwrap_or_default();
        let marked = |name: &str, default: &str| {
            let mark = args.text(name).unwrap_or_else(|| default.to_owned());
            format!("{}\n", marker.replace("{mark}", &mark)).into_bytes()
        };
        let markers = [marked("marker_begin", "BEGIN"), marked("marker_end", "END")];
        let mut block = args.os("block").map(std::os::unix::ffi::OsStringExt::into_vec).unwrap_or_default();
        let mut lines = Vec::new();
        if present && !block.is_empty() {
            if !block.ends_with(b"\n") {
                block.push(b'\n');
            }
            lines.push(markers[0].clone());
            lines.extend(split(&block));
            lines.push(markers[1].clone());
        }
        let place = match (args.text("insertafter").as_deref(), args.text("insertbefore").as_deref()) {
            (Some("EOF"), _) | (None, None) => Place::End,
            (Some(pattern), _) => Place::After(ByteRegex::new(pattern)?),
            (None, Some("BOF")) => Place::Start,
            (None, Some(pattern)) => Place::Before(ByteRegex::new(pattern)?),
        };
        let flag = |name: &str| present && args.flag(name);
        Ok(Block { markers, lines, place, prepend: flag("prepend_newline"), append: flag("append_newline") })
    }

    /// The file's content with the block where it belongs.
    fn put(&self, before: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
        let content = before.unwrap_or_default();
        let mut lines = split(content);
        let last = |marker: &Vec<u8>| lines.iter().rposition(|l| l == marker);
        let mut at = match (last(&self.markers[0]), last(&self.markers[1])) {
            (Some(a), Some(b)) => {
                let (first, end) = (a.min(b), a.max(b));
                lines.drain(first..=end);
                first
            }
            _ => self.new_place(content, &lines)?,
        };
        if let Some(previous) = at.checked_sub(1).map(|i| &mut lines[i])
            && !previous.ends_with(b"\n")
        {
            previous.push(b'\n');
        }
        let blank = b"\n".to_vec();
        if self.prepend && at != 0 && lines[at - 1] != blank {
            lines.insert(at, blank.clone());
            at += 1;
        }
        lines.splice(at..at, self.lines.iter().cloned());
        let behind = at + self.lines.len();
        if self.append && behind < lines.len() && lines[behind] != blank {
            lines.insert(behind, blank);
        }
        Ok(lines.concat())
    }

    fn new_place(&self, content: &[u8], lines: &[Vec<u8>]) -> Result<usize, Failure> {
        let (pattern, behind) = match &self.place {
            Place::Start => return Ok(0),
            Place::End => return Ok(lines.len()),
            Place::After(pattern) => (pattern, true),
            Place::Before(pattern) => (pattern, false),
        };
        let mut found = None;
        if pattern.multi_line {
            let at = pattern.find(content)?.map(|(start, end)| if behind { end } else { start });
            found = at.map(|at| content[..at].iter().filter(|b| **b == b'\n').count());
        } else {
            for (number, line) in lines.iter().enumerate() {
                if pattern.is_in(line)? {
                    found = Some(number);
                }
            }
        }
        Ok(match found {
            None => lines.len(),
            Some(line) if behind => (line + 1).min(lines.len()),
            Some(line) => line,
        })
    }
}

/// Lines with their ends as Python's `bytes.splitlines(True)` has them: `\n`, `\r` and `\r\n` end one.
fn split(content: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for i in 0..content.len() {
        let ends = match content[i] {
            b'\n' => true,
            b'\r' => content.get(i + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends {
            lines.push(content[start..=i].to_vec());
            start = i + 1;
        }
    }
    if start < content.len() {
        lines.push(content[start..].to_vec());
    }
    lines
}

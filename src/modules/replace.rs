//! `ansible.builtin.replace`: every match of a pattern in a file, or in a part of it.

use super::byte_regex::{narrow, wide};
use super::edit::Edit;
use super::params::{Params, int, map, output_text, text};
use super::{Context, Diff, Failure, Outcome, difference, paths};
use crate::plan::Data;
use crate::spec::Args;
use crate::vars::pyre::{Flags, Regex, Template};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let edit = Edit::open(ctx, args)?;
    let Some(before) = &edit.before else { return Err(edit.missing("Path")) };
    let coding = Coding::of(args, before)?;
    let content = coding.read(before);
    let section = match part(args, &coding, &content)? {
        Part::All => 0..content.len(),
        Part::Some(range) => range,
        Part::None(pattern) => {
            let msg = format!("Pattern for before/after params did not match the given file: {pattern}");
            return Ok(Outcome { result: map([("msg", text(msg)), ("rc", int(0))]), ..Outcome::default() });
        }
    };
    let (count, replaced) = replace(args, &coding, &content[section.clone()])?;
    let mut result = map([("rc", int(0))]);
    let mut shown = Vec::new();
    let changed = count > 0 && replaced != content[section.clone()];
    let mut after = before.clone();
    let mut msg = String::new();
    if changed {
        msg = format!("{count} replacements made");
        let whole = [&content[..section.start], &replaced, &content[section.end..]].concat();
        after = coding.write(&whole);
        if ctx.diff {
            let header = edit.path.display().to_string();
            let diff = Diff {
                before_header: header.clone(),
                after_header: header,
                before: before.clone(),
                after: after.clone(),
                prepared: None,
            };
            result.insert(Data::str("diff"), difference::returned(&diff));
            shown.push(diff);
        }
    }
    let done = edit.finish(&after, changed, &msg)?;
    if let Some(backup) = &done.backup {
        result.insert(Data::str("backup_file"), paths::shown(backup));
    }
    result.insert(Data::str("msg"), output_text(done.msg.into_bytes()));
    Ok(Outcome { changed: done.changed, result, changes: done.changes, diff: shown, ..Outcome::default() })
}

/// How the file's bytes are characters.
enum Coding {
    Utf8,
    /// One byte, one character: Latin-1, and files that are not UTF-8 at all.
    Bytes,
}

impl Coding {
    fn of(args: &Args, content: &[u8]) -> Result<Coding, Failure> {
        let name = args.text("encoding").unwrap_or_default().to_ascii_lowercase().replace('_', "-");
        match name.as_str() {
            "utf-8" | "utf8" | "" if std::str::from_utf8(content).is_ok() => Ok(Coding::Utf8),
            "utf-8" | "utf8" | "" | "latin-1" | "latin1" | "iso-8859-1" | "ascii" | "us-ascii" => Ok(Coding::Bytes),
            other => Err(Failure::new(format!("the encoding {other} is not supported; utf-8 and latin-1 are"))),
        }
    }

    fn read(&self, bytes: &[u8]) -> String {
        match self {
            Coding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Coding::Bytes => wide(bytes),
        }
    }

    /// Text of the task as the file has it.
    fn given(&self, text: &str) -> String {
        self.read(text.as_bytes())
    }

    fn write(&self, text: &str) -> Vec<u8> {
        match self {
            Coding::Utf8 => text.as_bytes().to_vec(),
            Coding::Bytes => narrow(text),
        }
    }
}

enum Part {
    All,
    Some(std::ops::Range<usize>),
    None(String),
}

/// The part of the file that `after` and `before` leave.
fn part(args: &Args, coding: &Coding, content: &str) -> Result<Part, Failure> {
    let given = |name: &str| args.text(name).filter(|t| !t.is_empty()).map(|t| coding.given(&t));
    let pattern = match (given("after"), given("before")) {
        (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
        (Some(after), None) => format!("{after}(?P<subsection>.*)"),
        (None, Some(before)) => format!("(?P<subsection>.*){before}"),
        (None, None) => return Ok(Part::All),
    };
    let regex = compile(&pattern, Flags { dot_all: true, ..Flags::default() })?;
    let found = regex.search(content).map_err(Failure::new)?;
    let group = regex.group_named("subsection").and_then(|g| found.as_ref()?.get(g));
    let Some(group) = group else { return Ok(Part::None(pattern)) };
    // The group is a slice of the content, so its place is the distance of their addresses.
    let start = group.as_ptr() as usize - content.as_ptr() as usize;
    Ok(Part::Some(start..start + group.len()))
}

fn replace(args: &Args, coding: &Coding, section: &str) -> Result<(usize, String), Failure> {
    let pattern = coding.given(&args.text("regexp").unwrap_or_default());
    let regex = compile(&pattern, Flags { multi_line: true, ..Flags::default() })?;
    let new = coding.given(&args.text("replace").unwrap_or_default());
    let unable = |e: String| Failure::new(format!("Unable to process replace due to error: {e}"));
    let template = Template::new(&new, &regex).map_err(unable)?;
    let count = regex.find_all(section).map_err(unable)?.len();
    Ok((count, regex.replace(section, &template, 0).map_err(unable)?))
}

fn compile(pattern: &str, flags: Flags) -> Result<Regex, Failure> {
    Regex::new(pattern, flags).map_err(|e| Failure::new(format!("{pattern:?} is no regular expression: {e}")))
}

//! `community.general.ini_file`: one option, or one section, of an INI file.

mod text;

use super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::install::{Install, refused_in_words, unsafe_writes};
use super::params::{Params, failure, int, map, text as shown};
use super::{Context, Diff, Failure, Outcome, difference, paths};
use crate::plan::limits::RENDERED;
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::file::read_bounded;
use std::path::{Path, PathBuf};
use text::{Condition, Wish};

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let path = PathBuf::from(args.os("path").unwrap_or_default());
    let target = if args.flag("follow") && path.is_symlink() { paths::realpath(&path) } else { path.clone() };
    let wish = wish(args)?;
    let existed = target.exists();
    if !existed && !args.flag("create") {
        let msg = format!("Destination {} does not exist!", target.display());
        return Err(failure(msg, [("rc", int(257))]));
    }
    let before = if existed { read(&target)? } else { String::new() };
    let edited = wish.fulfil(&before);
    let header = format!("{} (content)", path.display());
    let mut diff = Diff { before_header: header.clone(), after_header: header, ..Diff::default() };
    if ctx.diff {
        diff.before = before.into_bytes();
        diff.after = edited.text.clone().into_bytes();
    }
    let mut result =
        map([("msg", shown(edited.msg)), ("path", paths::shown(&path)), ("diff", difference::returned(&diff))]);
    let mut outcome = Outcome { changed: edited.changed, ..Outcome::default() };
    if edited.changed {
        outcome.changes.push(described(ctx, if existed { "content" } else { "created" }, &path));
    }
    if !ctx.check {
        if edited.changed {
            let backup = put(ctx, args, &target, edited.text.as_bytes())?;
            result.extend(backup.map(|b| (Data::str("backup_file"), paths::shown(&b))));
        }
        if path.exists() {
            let mut attributes = AttrDiff::default();
            outcome.changed |= Wanted::from_args(ctx, args, &path).apply(ctx, &mut attributes)?;
            outcome.changes.extend(attributes.changes(ctx, &path));
        }
    }
    add_path_info(ctx, &mut result);
    outcome.result = result;
    outcome.diff.extend((ctx.diff && diff.before != diff.after).then_some(diff));
    Ok(outcome)
}

/// What the arguments ask for.
fn wish(args: &Args) -> Result<Wish, Failure> {
    let present = args.text("state").as_deref() != Some("absent");
    let allow_no_value = args.flag("allow_no_value");
    let value = args.text("value");
    let values = args.texts("values").unwrap_or_default();
    if present && !allow_no_value && value.is_none() && values.is_empty() {
        let msg = "Parameter 'value(s)' must be defined if state=present and allow_no_value=False.";
        return Err(Failure::new(msg));
    }
    Ok(Wish {
        section: args.text("section").filter(|s| !s.is_empty()),
        conditions: conditions(args)?,
        option: args.text("option").filter(|o| !o.is_empty()),
        values: once_each(value.map_or(values, |v| vec![v])),
        present,
        exclusive: args.choice("exclusive").unwrap_or(true),
        assignment: if args.flag("no_extra_spaces") { "=" } else { " = " },
        ignore_spaces: args.flag("ignore_spaces"),
        allow_no_value,
        modify_inactive: args.choice("modify_inactive_option").unwrap_or(true),
    })
}

/// `section_has_values`.
fn conditions(args: &Args) -> Result<Vec<Condition>, Failure> {
    let given = args.value("section_has_values").and_then(Data::as_list).unwrap_or_default();
    given.iter().filter_map(Data::as_map).map(condition).collect()
}

fn condition(given: &Map) -> Result<Condition, Failure> {
    let (value, values) = (given.text("value"), given.texts("values"));
    if value.is_some() && values.is_some() {
        let msg = "parameters are mutually exclusive: value|values found in section_has_values";
        return Err(Failure::new(msg));
    }
    let values = value.map_or(values.unwrap_or_default(), |v| vec![v]);
    Ok(Condition { option: given.text("option").unwrap_or_default(), values })
}

fn once_each(values: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for value in values {
        if !kept.contains(&value) {
            kept.push(value);
        }
    }
    kept
}

/// The file as Python's text mode reads it: without a byte order mark, with plain line ends.
fn read(path: &Path) -> Result<String, Failure> {
    let reading = |why: String| Failure::new(format!("reading {}: {why}", path.display()));
    let bytes = read_bounded(path, RENDERED as u64).map_err(|e| reading(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|e| reading(e.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// Writes the new content; the backup that was made, where one is asked for.
fn put(ctx: &Context, args: &Args, target: &Path, content: &[u8]) -> Result<Option<PathBuf>, Failure> {
    let parent = paths::dirname(target);
    if !parent.as_os_str().is_empty() && !parent.exists() {
        let making = |e: std::io::Error| Failure::new(format!("creating {}: {e}", parent.display()));
        std::fs::create_dir_all(&parent).map_err(making)?;
    }
    let wanted = Wanted { path: target.to_owned(), ..Wanted::from_args(ctx, args, target) };
    let install = Install {
        wanted: &wanted,
        validate: None,
        backup: args.flag("backup"),
        unsafe_writes: unsafe_writes(ctx, args),
        refused: refused_in_words,
    };
    Ok(install.run(ctx, &mut &content[..])?.backup)
}

//! `ansible.builtin.lineinfile`: one line of a file is there, or not.

use super::byte_regex::ByteRegex;
use super::edit::{Edit, bare, lines};
use super::file::add_warnings;
use super::params::{Params, int, map, text};
use super::{Context, Failure, Outcome, paths};
use crate::plan::Data;
use crate::spec::Args;

/// What lines are looked for.
struct Search<'a> {
    regexp: Option<ByteRegex>,
    text: Option<&'a [u8]>,
}

impl Search<'_> {
    /// Whether the line is one of them; `None` where nothing is looked for.
    fn is_in(&self, line: &[u8]) -> Result<Option<bool>, Failure> {
        match (&self.regexp, self.text) {
            (Some(regexp), _) => regexp.is_in(line).map(Some),
            (None, Some(text)) => Ok(Some(text.is_empty() || line.windows(text.len()).any(|w| w == text))),
            (None, None) => Ok(None),
        }
    }

    fn given(&self) -> bool {
        self.regexp.is_some() || self.text.is_some()
    }
}

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let mut warnings = Vec::new();
    let (regexp, search) = (args.text("regexp"), args.text("search_string"));
    for (given, name) in [(&regexp, "regular expression"), (&search, "search string")] {
        if given.as_deref() == Some("") {
            let mut warning = format!(
                "The {name} is an empty string, which will match every line in the file. This may have unintended \
                 consequences, such as replacing the last line in the file rather than appending."
            );
            if given == &regexp {
                warning
                    .push_str(" If this is desired, use '^' to match every line in the file and avoid this warning.");
            }
            warnings.push(warning);
        }
    }
    let edit = Edit::open(ctx, args)?;
    let compiled = regexp.as_deref().map(ByteRegex::new).transpose()?;
    let search = Search { regexp: compiled, text: search.as_deref().map(str::as_bytes) };
    let line = args.text("line");
    let mut outcome = if args.text("state").as_deref() == Some("absent") {
        if !search.given() && line.is_none() {
            return Err(Failure::new("one of line, search_string, or regexp is required with state=absent"));
        }
        absent(&edit, &search, line.as_deref())?
    } else {
        if args.flag("backrefs") && search.regexp.is_none() {
            return Err(Failure::new("regexp is required with backrefs=true"));
        }
        let Some(line) = line else { return Err(Failure::new("line is required with state=present")) };
        present(&edit, &search, &line)?
    };
    add_warnings(&mut outcome.result, warnings);
    Ok(outcome)
}

fn absent(edit: &Edit, search: &Search, line: Option<&str>) -> Result<Outcome, Failure> {
    let Some(before) = &edit.before else {
        return Ok(Outcome { result: map([("msg", text("file not present"))]), ..Outcome::default() });
    };
    let mut kept = Vec::with_capacity(before.len());
    let mut found: i64 = 0;
    for current in lines(before) {
        let exact = || line.is_some_and(|l| l.as_bytes() == bare(&current));
        if search.is_in(&current)?.unwrap_or_else(exact) {
            found += 1;
        } else {
            kept.extend_from_slice(&current);
        }
    }
    let msg = if found > 0 { format!("{found} line(s) removed") } else { String::new() };
    let mut outcome = finish(edit, &kept, found > 0, &msg)?;
    outcome.result.insert(Data::str("found"), int(found));
    Ok(outcome)
}

fn present(edit: &Edit, search: &Search, line: &str) -> Result<Outcome, Failure> {
    if edit.before.is_none() {
        if !edit.args.flag("create") {
            return Err(edit.missing("Destination"));
        }
        edit.make_parent()?;
    }
    let mut text = Text::new(edit, search, line)?;
    let msg = text.put()?;
    let after = text.lines.concat();
    finish(edit, &after, !msg.is_empty(), msg)
}

fn finish(edit: &Edit, after: &[u8], changed: bool, msg: &str) -> Result<Outcome, Failure> {
    let done = edit.finish(after, changed, msg)?;
    let (diff, shown) = edit.diffs(after, done.attributes);
    let backup = done.backup.as_deref().map_or(text(""), paths::shown);
    let result = map([("msg", text(done.msg)), ("backup", backup), ("diff", diff)]);
    let diff = if edit.ctx.diff { shown } else { Vec::new() };
    Ok(Outcome { changed: done.changed, result, changes: done.changes, diff, ..Outcome::default() })
}

/// The lines of the file, and where the line belongs among them.
struct Text<'a> {
    lines: Vec<Vec<u8>>,
    line: &'a str,
    search: &'a Search<'a>,
    backrefs: bool,
    after: Option<String>,
    before: Option<String>,
    /// The line that was looked for, and whether it is the line itself.
    found: Option<usize>,
    matched: bool,
    exact: bool,
    /// Where `insertafter` or `insertbefore` puts it.
    place: Option<usize>,
}

impl<'a> Text<'a> {
    fn new(edit: &'a Edit, search: &'a Search, line: &'a str) -> Result<Text<'a>, Failure> {
        let (mut after, before) = (edit.args.text("insertafter"), edit.args.text("insertbefore"));
        if after.is_none() && before.is_none() {
            after = Some("EOF".to_owned());
        }
        let mut text = Text {
            lines: edit.before.as_deref().map(lines).unwrap_or_default(),
            line,
            search,
            backrefs: edit.args.flag("backrefs"),
            after,
            before,
            found: None,
            matched: false,
            exact: false,
            place: None,
        };
        text.look(edit.args.flag("firstmatch"))?;
        Ok(text)
    }

    fn look(&mut self, first: bool) -> Result<(), Failure> {
        for (number, current) in self.lines.iter().enumerate() {
            if self.search.is_in(current)? == Some(true) {
                self.found = Some(number);
                self.matched = true;
                if first {
                    break;
                }
            }
        }
        if self.matched {
            return Ok(());
        }
        let special = |s: &&str| !matches!(*s, "BOF" | "EOF");
        let pattern = self.after.as_deref().filter(special).or(self.before.as_deref().filter(|s| *s != "BOF"));
        let pattern = pattern.map(ByteRegex::new).transpose()?;
        let after = self.after.as_deref().is_some_and(|a| !a.is_empty());
        let before = self.before.as_deref().is_some_and(|b| !b.is_empty());
        for (number, current) in self.lines.iter().enumerate() {
            if bare(current) == self.line.as_bytes() {
                self.found = Some(number);
                self.exact = true;
            } else if let Some(pattern) = &pattern
                && pattern.is_in(current)?
                && (after || before)
            {
                self.place = Some(if after { number + 1 } else { number });
                if first {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The line with its end.
    fn ended(&self) -> Vec<u8> {
        [self.line.as_bytes(), b"\n"].concat()
    }

    /// Puts the line where it belongs. What was done, empty where nothing was.
    fn put(&mut self) -> Result<&'static str, Failure> {
        if let Some(found) = self.found {
            return self.replace(found);
        }
        if self.backrefs {
            return Ok("");
        }
        let at_start = [&self.after, &self.before].into_iter().any(|s| s.as_deref() == Some("BOF"));
        if at_start {
            self.lines.insert(0, self.ended());
            return Ok("line added");
        }
        let Some(place) = self.place.filter(|_| self.after.as_deref() != Some("EOF")) else {
            if self.lines.last().is_some_and(|l| !matches!(l.last(), Some(b'\n' | b'\r'))) {
                self.lines.push(b"\n".to_vec());
            }
            self.lines.push(self.ended());
            return Ok("line added");
        };
        if self.after.as_deref().is_some_and(|a| !a.is_empty()) {
            // The line may stand there already, which is what was asked for.
            let there = if place == self.lines.len() { place - 1 } else { place };
            if bare(&self.lines[there]) == self.line.as_bytes() {
                return Ok("");
            }
            if place == self.lines.len()
                && let Some(last) = self.lines.last_mut()
                && !last.ends_with(b"\n")
            {
                // Ansible appends without looking here, and runs two lines together.
                last.push(b'\n');
            }
        }
        self.lines.insert(place, self.ended());
        Ok("line added")
    }

    fn replace(&mut self, found: usize) -> Result<&'static str, Failure> {
        let mut new = self.line.as_bytes().to_vec();
        if let Some(regexp) = self.search.regexp.as_ref().filter(|_| self.backrefs && self.matched) {
            new = regexp.expand(&self.lines[found], self.line)?.unwrap_or(new);
        }
        if !new.ends_with(b"\n") {
            new.push(b'\n');
        }
        if self.lines[found] == new {
            return Ok("");
        }
        self.lines[found] = new;
        Ok("line replaced")
    }
}

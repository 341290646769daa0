//! Sections, options and values of an INI text, and the one change that a task asks for. Text in, text out.

/// What a task wants of a section.
pub struct Wish {
    /// The section; `None` is what stands before the first one.
    pub section: Option<String>,
    /// What a section of this name must hold to be the one that is meant.
    pub conditions: Vec<Condition>,
    /// The option; `None` is the section itself.
    pub option: Option<String>,
    /// Its values, each once.
    pub values: Vec<String>,
    /// Whether it shall be there.
    pub present: bool,
    /// Other values of the option go.
    pub exclusive: bool,
    /// Between option and value.
    pub assignment: &'static str,
    /// Blanks around an assignment make no difference.
    pub ignore_spaces: bool,
    /// An option may stand without a value.
    pub allow_no_value: bool,
    /// An option that is commented out may be brought back.
    pub modify_inactive: bool,
}

/// An option that a section must have.
pub struct Condition {
    /// Its name.
    pub option: String,
    /// One of these values, or any if there are none.
    pub values: Vec<String>,
}

/// What came of it.
pub struct Edited {
    /// The new text.
    pub text: String,
    /// Whether it is another one.
    pub changed: bool,
    /// What was done, in the module's words.
    pub msg: &'static str,
}

/// A line that sets an option.
struct Setting<'l> {
    commented: bool,
    value: &'l str,
}

const BLANKS: [char; 2] = [' ', '\t'];

/// How a line sets `option`, if it does.
fn setting<'l>(line: &'l str, option: &str) -> Option<Setting<'l>> {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let assigned = |text: &'l str| {
        let rest = text.trim_start_matches(BLANKS).strip_prefix(option)?.trim_start_matches(BLANKS);
        let value = if rest.is_empty() { rest } else { rest.strip_prefix('=')? };
        Some(value.trim_start_matches(BLANKS))
    };
    let commented = line.strip_prefix(['#', ';']).and_then(assigned);
    match commented {
        Some(value) => Some(Setting { commented: true, value }),
        None => assigned(line).map(|value| Setting { commented: false, value }),
    }
}

/// A line that says nothing: blank or a comment.
fn is_silent(line: &str) -> bool {
    let line = line.strip_suffix('\n').unwrap_or(line).trim_start_matches(BLANKS);
    line.is_empty() || line.starts_with(['#', ';'])
}

/// Whether a line opens the section `name`.
fn opens(line: &str, name: &str) -> bool {
    let inside = line.strip_prefix('[').map(str::trim_start);
    inside.and_then(|t| t.strip_prefix(name.trim())).is_some_and(|t| t.trim_start().starts_with(']'))
}

/// A section that is being changed.
struct Body<'w> {
    wish: &'w Wish,
    option: &'w str,
    lines: Vec<String>,
    /// Lines that are as they shall be.
    settled: Vec<bool>,
    /// Values that no line has yet.
    missing: Vec<String>,
    /// The option stands without a value.
    bare_there: bool,
    changed: bool,
    msg: &'static str,
}

impl Body<'_> {
    fn find(&self, line: &str) -> Option<(bool, String)> {
        let found = setting(line, self.option)?;
        (self.wish.modify_inactive || !found.commented).then(|| (found.commented, found.value.to_owned()))
    }

    fn line(&self, value: &str) -> String {
        format!("{}{}{value}\n", self.option, self.wish.assignment)
    }

    fn bare(&self) -> String {
        format!("{}\n", self.option)
    }

    /// Makes line `at` say `new`, if it does not say so already.
    fn settle(&mut self, at: usize, new: String) {
        self.settled[at] = true;
        let old = setting(&self.lines[at], self.option);
        let same = match old {
            Some(old) if self.wish.ignore_spaces && !old.commented => {
                setting(&new, self.option).is_some_and(|n| n.value == old.value)
            }
            _ => self.lines[at] == new,
        };
        if !same {
            self.lines[at] = new;
            self.changed = true;
            self.msg = "option changed";
        }
    }

    /// Lines that have a wanted value already.
    fn keep(&mut self) {
        for at in 0..self.lines.len() {
            let Some((_, value)) = self.find(&self.lines[at]) else { continue };
            if let Some(known) = self.missing.iter().position(|v| *v == value) {
                let bare = value.is_empty() && self.wish.allow_no_value;
                self.bare_there |= bare;
                let new = if bare { self.bare() } else { self.line(&value) };
                self.settle(at, new);
                self.missing.remove(known);
            } else if self.missing.is_empty() && self.wish.allow_no_value {
                self.bare_there = true;
                let new = self.bare();
                self.settle(at, new);
                return;
            }
        }
    }

    /// Other lines of the option take the values that are missing; what is left of them goes.
    fn overwrite(&mut self) {
        for at in 0..self.lines.len() {
            if !self.missing.is_empty() && !self.settled[at] && self.find(&self.lines[at]).is_some() {
                let value = self.missing.remove(0);
                let new = self.line(&value);
                self.settle(at, new);
            }
        }
        for at in (0..self.lines.len()).rev() {
            if !self.settled[at] && self.find(&self.lines[at]).is_some() {
                self.lines.remove(at);
                self.settled.remove(at);
                self.changed = true;
                self.msg = "option changed";
            }
        }
    }

    /// What no line has yet comes after the last line that says something.
    fn append(&mut self) {
        let at = self.lines.iter().rposition(|l| !is_silent(l)).map_or(0, |last| last + 1);
        let mut new: Vec<String> = self.missing.iter().map(|v| self.line(v)).collect();
        if new.is_empty() && self.wish.allow_no_value && !self.bare_there {
            new.push(self.bare());
        }
        if !new.is_empty() {
            self.lines.splice(at..at, new);
            self.changed = true;
            self.msg = "option added";
        }
    }

    fn remove(&mut self) {
        let (option, values, exclusive) = (self.option, &self.wish.values, self.wish.exclusive);
        let before = self.lines.len();
        self.lines.retain(|line| match setting(line, option) {
            Some(found) if !found.commented => !(exclusive || values.iter().any(|v| v == found.value)),
            _ => true,
        });
        if self.lines.len() != before {
            self.changed = true;
            self.msg = "option changed";
        }
    }
}

impl Wish {
    /// Whether a section's lines are those that are meant.
    fn is_meant(&self, lines: &[String]) -> bool {
        self.conditions.iter().all(|c| {
            let fits = |line: &String| {
                setting(line, &c.option).is_some_and(|s| c.values.is_empty() || c.values.iter().any(|v| v == s.value))
            };
            lines.iter().any(fits)
        })
    }

    /// The first and last line of the section; the first is its header, unless it is what stands before all headers.
    fn find(&self, lines: &[String]) -> Option<std::ops::Range<usize>> {
        let headers = lines.iter().enumerate().filter(|(_, l)| l.starts_with('[')).map(|(at, _)| at);
        let starts: Vec<usize> = headers.collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        match &self.section {
            None => {
                let top = 0..starts.first().copied().unwrap_or(lines.len());
                self.is_meant(&lines[top.clone()]).then_some(top)
            }
            Some(name) => starts
                .iter()
                .zip(ends)
                .map(|(start, end)| *start..end)
                .find(|part| opens(&lines[part.start], name) && self.is_meant(&lines[part.clone()])),
        }
    }

    /// A section that is not there yet.
    fn new_section(&self, name: &str) -> (Vec<String>, &'static str) {
        let mut lines = vec![format!("[{name}]\n")];
        let set = |option: &str, value: &str| format!("{option}{}{value}\n", self.assignment);
        let mut values = self.values.clone();
        for condition in &self.conditions {
            if self.option.as_ref() != Some(&condition.option) {
                match condition.values.is_empty() {
                    false => lines.extend(condition.values.iter().map(|v| set(&condition.option, v))),
                    true if self.allow_no_value => lines.push(format!("{}\n", condition.option)),
                    true => {}
                }
            } else if !self.exclusive {
                let more: Vec<String> = condition.values.iter().filter(|v| !values.contains(v)).cloned().collect();
                values.extend(more);
            }
        }
        match &self.option {
            Some(option) if !values.is_empty() => lines.extend(values.iter().map(|v| set(option, v))),
            Some(option) if self.allow_no_value => lines.push(format!("{option}\n")),
            _ => return (lines, "only section added"),
        }
        (lines, "section and option added")
    }

    /// The text as it shall be.
    pub fn fulfil(&self, text: &str) -> Edited {
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        if lines.is_empty() {
            lines.push("\n".to_owned());
        }
        let mut edited = Edited { text: String::new(), changed: false, msg: "OK" };
        if let Some(last) = lines.last_mut().filter(|l| !l.ends_with('\n')) {
            last.push('\n');
            edited.changed = true;
        }
        match (self.find(&lines), &self.section) {
            (Some(part), _) => self.change(&mut lines, part, &mut edited),
            (None, Some(name)) if self.present => {
                let (new, msg) = self.new_section(name);
                lines.extend(new);
                edited.changed = true;
                edited.msg = msg;
            }
            (None, _) => {}
        }
        edited.text = lines.concat();
        edited
    }

    fn change(&self, lines: &mut Vec<String>, part: std::ops::Range<usize>, edited: &mut Edited) {
        let Some(option) = &self.option else {
            if !self.present && !part.is_empty() {
                lines.drain(part);
                edited.changed = true;
                edited.msg = "section removed";
            }
            return;
        };
        let first = part.start + usize::from(self.section.is_some());
        let own: Vec<String> = lines[first..part.end].to_vec();
        let mut body = Body {
            wish: self,
            option,
            settled: vec![false; own.len()],
            lines: own,
            missing: self.values.clone(),
            bare_there: false,
            changed: false,
            msg: edited.msg,
        };
        if self.present {
            body.keep();
            if self.exclusive && !self.allow_no_value {
                body.overwrite();
            }
            body.append();
        } else if self.exclusive || !self.values.is_empty() {
            body.remove();
        }
        edited.changed |= body.changed;
        edited.msg = body.msg;
        lines.splice(first..part.end, body.lines);
    }
}

//! Ansible's templating: text with templates in it to values, variables when they are used, hosts in their own scope.

use super::compare::{NESTING, too_deep};
use super::env::{Env, Remembered, Source};
use super::error::{ErrorKind, Outcome, TemplateError};
use super::eval::{self, Conversion};
use super::hostvars;
use super::jinja::{Mark, Style, Template, double_backslashes, looks_like_template, normalise, parse};
use super::literal;
use super::value::{Dict, Text, Value};
use super::{OMIT, Var};
use crate::plan::Hashing;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Parsed templates that are kept; more than any role set has.
const PARSED: usize = 4096;
/// Starts a first line that changes how the template is written.
const HEADER: &str = "#jinja2:";

/// How text is rendered.
#[derive(Clone, Debug)]
pub struct Rendering<'a> {
    /// Its name in messages: a path, or nothing.
    pub name: &'a str,
    /// How it is written.
    pub style: Style,
    /// What becomes of the text.
    pub conversion: Conversion,
    /// Whether backslashes in strings inside `{{ }}` are doubled first, as in playbooks.
    pub playbook: bool,
}

impl Default for Rendering<'_> {
    /// As strings of a playbook are.
    fn default() -> Self {
        Rendering { name: "", style: Style::default(), conversion: Conversion::Literal, playbook: true }
    }
}

type Parsed = Vec<(Style, bool, Rc<Template>)>;

thread_local! {
    static CACHE: RefCell<HashMap<String, Parsed, Hashing>> = RefCell::default();
    static DEFAULT_STYLE: Style = Style::default();
}

/// The template of `source`, parsed once.
fn parsed(source: &str, how: &Rendering) -> Outcome<Rc<Template>> {
    let hit = CACHE.with(|cache| {
        let cache = cache.borrow();
        let found = cache.get(source)?;
        found
            .iter()
            .find(|(s, p, t)| *s == how.style && *p == how.playbook && *t.name == *how.name)
            .map(|f| Rc::clone(&f.2))
    });
    if let Some(template) = hit {
        return Ok(template);
    }
    let text = normalise(source);
    let text = if how.playbook { double_backslashes(&text, &how.style)? } else { text };
    let template = Rc::new(parse(&text, how.name, &how.style)?);
    CACHE.with(|cache| {
        let mut cache = cache.borrow_mut();
        if cache.len() >= PARSED {
            cache.clear();
        }
        let entry = (how.style.clone(), how.playbook, Rc::clone(&template));
        cache.entry(source.to_owned()).or_default().push(entry);
    });
    Ok(template)
}

fn possibly_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The name in text that is one bare variable and nothing else.
fn single_variable(text: &str) -> Option<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?.trim_matches(|c: char| c.is_whitespace());
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

impl<'t> Env<'t> {
    /// The variable `name`, templated; `None` where there is none. Undefined within is an error.
    pub fn variable(&self, name: &str) -> Outcome<Option<Value>> {
        match self.resolve(name)? {
            Some(Value::Undefined(u)) => Err(u.error()),
            other => Ok(other),
        }
    }

    /// The variable `name` as templates see it: undefined where something in it is.
    pub(super) fn resolve(&self, name: &str) -> Outcome<Option<Value>> {
        let remembered = self.memo.borrow().get(name).cloned();
        if let Some(found) = remembered {
            self.tainted.set(self.tainted.get() | found.tainted);
            return Ok(Some(found.value));
        }
        let Some(var) = self.source.get(name) else { return Ok(self.magic(name)) };
        let before = self.shared.impure.get();
        let value = match self.on_path(name, || self.template_raw(&var)) {
            Ok(value) => value,
            Err(e) if e.kind == ErrorKind::Undefined => Value::undefined_within(e, name),
            Err(e) if e.kind == ErrorKind::Recursion => return Err(e),
            Err(e) => return Err(e.within(format!("in variable '{name}'"))),
        };
        let tainted = value.is_tainted_within();
        self.tainted.set(self.tainted.get() | tainted);
        if self.shared.impure.get() == before {
            self.memo.borrow_mut().insert(name.to_owned(), Remembered { value: value.clone(), tainted });
        }
        Ok(Some(value))
    }

    fn template_raw(&self, var: &Var) -> Outcome<Value> {
        if var.templated { self.template(&self.read(&var.data)?) } else { Ok(Value::from_foreign(&var.data)) }
    }

    /// The value of stored data, what Ansible Vault encrypted opened; nothing is templated.
    pub(super) fn read(&self, data: &crate::plan::Data) -> Outcome<Value> {
        Ok(match super::vault::unsealed(self.files, data) {
            Ok(Some(open)) => Value::from_data(&open),
            Err(_) if self.shared.shut.get() > 0 && matches!(data, crate::plan::Data::Vault(_)) => {
                // For this one use.
                self.note_impure();
                Value::from_foreign(data)
            }
            Err(why) => return Err(why),
            Ok(None) => Value::from_data(data),
        })
    }

    /// Evaluates what a filter takes. An envelope that nobody here can open stays shut for `unvault`, which is given
    /// the password.
    pub(super) fn operand<T>(&self, filter: &str, inner: impl FnOnce() -> T) -> T {
        if !cfg!(feature = "builder") || super::registry::short_name(filter) != "unvault" {
            return inner();
        }
        let shut = &self.shared.shut;
        shut.set(shut.get() + 1);
        let value = inner();
        shut.set(shut.get() - 1);
        value
    }

    /// Runs `inner` as the evaluation of a variable; a variable that leads back to itself is an error with the path.
    fn on_path<T>(&self, name: &str, inner: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let path = &self.shared.path;
        let start = path.borrow().iter().position(|(n, v)| *n == self.number && v == name);
        if let Some(start) = start {
            let mut names: Vec<String> = path.borrow()[start..].iter().map(|(_, v)| v.clone()).collect();
            names.push(name.to_owned());
            let message = format!("recursive loop detected in variables: {}", names.join(" -> "));
            return Err(TemplateError::new(ErrorKind::Recursion, message));
        }
        if path.borrow().len() >= crate::plan::limits::TEMPLATE_DEPTH {
            let message = format!("variables refer to each other too deep, at '{name}'");
            return Err(TemplateError::new(ErrorKind::Recursion, message));
        }
        path.borrow_mut().push((self.number, name.to_owned()));
        let out = self.deeper(inner);
        path.borrow_mut().pop();
        out
    }

    /// Variables that are there without being set.
    fn magic(&self, name: &str) -> Option<Value> {
        match name {
            "omit" => Some(Value::str(OMIT)),
            "hostvars" if !self.source.hosts().is_empty() => Some(hostvars::all()),
            "vars" => Some(hostvars::own()),
            "ansible_facts" => self.source.facts().map(|facts| match facts.names().is_empty() {
                true => Value::dict(super::value::Dict::default()),
                false => hostvars::facts(facts),
            }),
            _ => None,
        }
    }

    /// The raw value of a variable, as `vars` shows it.
    pub(super) fn raw(&self, name: &str) -> Option<Value> {
        let var = self.source.get(name)?;
        Some(if var.templated { Value::from_data(&var.data) } else { Value::from_foreign(&var.data) })
    }

    /// A variable of another host, templated in that host's scope; `None` where there is no such host or variable.
    /// Text that uses something undefined stays as it is, as Ansible's `hostvars` leave it.
    pub fn host_variable(&self, host: &str, name: &str) -> Outcome<Option<Value>> {
        let Some(env) = self.host(host) else { return Ok(None) };
        let Some(raw) = env.raw(name) else { return Ok(None) };
        let value = match env.resolve(name)? {
            Some(Value::Undefined(_)) | None => env.template_leniently(&raw, 0)?,
            Some(value) => value,
        };
        self.tainted.set(self.tainted.get() | value.is_tainted_within());
        Ok(Some(value))
    }

    /// The value templated as far as nothing undefined is used; the text that does stays as it is.
    pub(super) fn template_leniently(&self, value: &Value, depth: usize) -> Outcome<Value> {
        match self.template(value) {
            Err(e) if e.kind == ErrorKind::Undefined && depth < NESTING => match value {
                Value::List(l) => {
                    let items = l.borrow().clone();
                    let items = items.iter().map(|v| self.template_leniently(v, depth + 1));
                    Ok(Value::list(items.collect::<Outcome<_>>()?))
                }
                Value::Dict(d) => {
                    let members = d.borrow().clone();
                    let pairs = members.iter().map(|(k, v)| Ok((k.clone(), self.template_leniently(v, depth + 1)?)));
                    Ok(Value::dict(pairs.collect::<Outcome<Dict>>()?))
                }
                other => Ok(other.clone()),
            },
            other => other,
        }
    }

    /// `Templar.template`: templates in the text, list or dictionary evaluated; tainted text stays as it is.
    pub fn template(&self, value: &Value) -> Outcome<Value> {
        self.template_at(value, 0)
    }

    fn template_at(&self, value: &Value, depth: usize) -> Outcome<Value> {
        if depth > NESTING {
            return Err(too_deep());
        }
        let all = |items: &[Value]| items.iter().map(|v| self.template_at(v, depth + 1)).collect::<Outcome<Vec<_>>>();
        match value {
            Value::Str(t) => self.template_text(t),
            Value::List(l) => {
                let items = l.borrow().clone();
                Ok(Value::list(all(&items)?))
            }
            Value::Tuple(t) => Ok(Value::list(all(t)?)),
            Value::Dict(d) => {
                let members = d.borrow().clone();
                let pairs = members.iter().map(|(k, v)| Ok((k.clone(), self.template_at(v, depth + 1)?)));
                Ok(Value::dict(pairs.collect::<Outcome<Dict>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    fn template_text(&self, text: &Text) -> Outcome<Value> {
        if text.is_tainted() || !possibly_template(text.as_str()) {
            return Ok(Value::Str(text.clone()));
        }
        if let Some(name) = single_variable(text.as_str()) {
            match self.source.get(name).map(|var| Rc::clone(&var.data)).as_deref() {
                Some(crate::plan::Data::Null) => return Ok(Value::None),
                Some(data @ (crate::plan::Data::Bool(_) | crate::plan::Data::Int(_) | crate::plan::Data::Float(_))) => {
                    return Ok(Value::from_data(data));
                }
                _ => {}
            }
        }
        self.render(text.as_str(), &Rendering::default())
    }

    /// Renders text, whether or not it looks like a template.
    pub fn render(&self, source: &str, how: &Rendering) -> Outcome<Value> {
        let newlines = |text: &str| text.len() - text.trim_end_matches('\n').len();
        let wanted = newlines(source);
        let (source, mut how) = header(source, how)?;
        if self.native && how.conversion == Conversion::Literal {
            how.conversion = Conversion::Native;
        }
        let described = |e: TemplateError| {
            if how.name.is_empty() { e.within(format!("in \"{}\"", shorten(source))) } else { e }
        };
        let outer = self.tainted.replace(false);
        let result = self.deeper(|| eval::render(self, parsed(source, &how)?, how.conversion));
        let tainted = self.tainted.replace(outer);
        let result = result.map_err(described)?;
        let result = match result {
            Value::Str(t) if newlines(t.as_str()) < wanted => {
                let missing = how.style.newline_sequence.repeat(wanted - newlines(t.as_str()));
                Value::Str(Text::new(format!("{}{missing}", t.as_str())).tainted_like(&t))
            }
            other => other,
        };
        Ok(if tainted { result.taint() } else { result })
    }

    /// Text in which templates may stand, as a condition: `{% if text %}`.
    pub(super) fn condition(&self, expression: &Value) -> Outcome<bool> {
        let text = match expression {
            Value::None => return Ok(true),
            Value::Bool(b) => return Ok(*b),
            Value::Str(t) if t.as_str().is_empty() => return Ok(true),
            other => self.condition_text(other)?,
        };
        match text {
            Value::Bool(b) => Ok(b),
            Value::Str(t) if t.as_str().is_empty() => Ok(false),
            Value::Str(t) if t.is_tainted() => {
                Err(TemplateError::other("Conditional is marked as unsafe, and cannot be evaluated."))
            }
            other => {
                let source = format!("{{% if {} %}} True {{% else %}} False {{% endif %}}", other.text()?);
                let result = self.render(&source, &Rendering::default())?;
                Ok(result.as_str().is_some_and(|t| t.trim() == "True") || matches!(result, Value::Bool(true)))
            }
        }
    }

    fn condition_text(&self, expression: &Value) -> Outcome<Value> {
        match expression {
            Value::Str(t) if DEFAULT_STYLE.with(|s| looks_like_template(t.as_str(), s)) => self.template(expression),
            other => Ok(other.clone()),
        }
    }

    /// A file of templates rendered as `lookup('template')` does, with more variables over those of the scope.
    pub fn render_file(&self, source: &[u8], how: &Rendering, extra: Vec<(String, Value)>) -> Outcome<Value> {
        let text = Text::from_bytes(source);
        let style = header(text.as_str(), how)?.1.style;
        if ![&style.variable.0, &style.block.0, &style.comment.0].iter().any(|s| text.as_str().contains(s.as_ref())) {
            // Not a template: Ansible leaves it as it is, with line ends of its own and a header that says nothing.
            return Ok(Value::Str(text));
        }
        let mut over = HashMap::default();
        for (name, value) in extra {
            over.insert(name, Var { data: Rc::new(value.to_data()?), templated: true });
        }
        let mut env = self.with_source(Source::Over(over, Rc::clone(&self.source)));
        // In files nothing is native, and neither is what they use, but where a lookup asks for it.
        env.native = how.conversion == Conversion::Native;
        if let Some((directory, _)) = how.name.rsplit_once('/') {
            env.search.borrow_mut().push(directory.to_owned());
        }
        env.style = Rc::new(style);
        let value = env.render(text.as_str(), how)?;
        self.tainted.set(self.tainted.get() | value.is_tainted_within());
        Ok(value)
    }

    /// The template that `include`, `import` and `extends` name; `None` where there is none.
    pub(super) fn load_template(&self, name: &str) -> Outcome<Option<Rc<Template>>> {
        if name.split('/').any(|part| part == "..") {
            return Ok(None);
        }
        self.note_impure();
        let found = self.files.find("templates", name).ok();
        let directories = self.search.borrow().clone();
        let beside = directories.iter().map(|d| format!("{d}/{name}"));
        for path in found.into_iter().chain(beside) {
            if let Ok(bytes) = self.files.read(&path) {
                let style = (*self.style).clone();
                let how = Rendering { name: &path, playbook: false, style, ..Rendering::default() };
                return parsed(Text::from_bytes(&bytes).as_str(), &how).map(Some);
            }
        }
        Ok(None)
    }
}

fn shorten(text: &str) -> String {
    const SHOWN: usize = 120;
    let line = text.trim().replace('\n', "\\n");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Takes the `#jinja2:` line off, and does what it says.
pub(super) fn header<'a, 'n>(source: &'a str, how: &Rendering<'n>) -> Outcome<(&'a str, Rendering<'n>)> {
    let mut how = how.clone();
    let Some(rest) = source.strip_prefix(HEADER) else { return Ok((source, how)) };
    // Without a newline Python's slice cuts the last character off and starts again from the first.
    let (line, body) = rest.split_once('\n').unwrap_or((rest, source));
    for pair in line.trim_end_matches('\r').split(',') {
        let Some((key, value)) = pair.split_once(':') else {
            return Err(TemplateError::other(format!(
                "failed to parse jinja2 override '{}'. Did you use something different from colon as key-value separator?",
                pair.trim()
            )));
        };
        let read = literal::evaluate_strictly(value.trim()).ok_or_else(|| {
            TemplateError::other(format!("malformed value of jinja2 override '{}': {}", key.trim(), value.trim()))
        })?;
        override_style(&mut how.style, key.trim(), &read)?;
    }
    Ok((body, how))
}

fn override_style(style: &mut Style, key: &str, value: &Value) -> Outcome<()> {
    let text = || value.text().map(Mark::Owned);
    match key {
        "block_start_string" => style.block.0 = text()?,
        "block_end_string" => style.block.1 = text()?,
        "variable_start_string" => style.variable.0 = text()?,
        "variable_end_string" => style.variable.1 = text()?,
        "comment_start_string" => style.comment.0 = text()?,
        "comment_end_string" => style.comment.1 = text()?,
        "line_statement_prefix" => style.line_statement_prefix = (!value.is_none()).then(text).transpose()?,
        "line_comment_prefix" => style.line_comment_prefix = (!value.is_none()).then(text).transpose()?,
        "trim_blocks" => style.trim_blocks = value.truthy()?,
        "lstrip_blocks" => style.lstrip_blocks = value.truthy()?,
        "keep_trailing_newline" => style.keep_trailing_newline = value.truthy()?,
        "newline_sequence" => style.newline_sequence = text()?,
        // Ansible warns about others and goes on.
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "templar_tests.rs"]
mod tests;

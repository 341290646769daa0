//! The ini lookup: files as Python's `configparser` reads them, and Java's properties.

use super::options::{Options, term};
use crate::vars::filters::encode::{self, Encoding};
use crate::vars::filters::regex::compile;
use crate::vars::pytext::words;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Value};

/// Nested `%(name)s` beyond this are configparser's error too.
const INTERPOLATIONS: usize = 10;

#[derive(Clone)]
struct Query {
    kind: String,
    file: String,
    section: String,
    regex: bool,
    default: Value,
    case_sensitive: bool,
    no_value: bool,
    encoding: Encoding,
}

pub fn ini(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "ini");
    let mut query = Query {
        kind: options.text("type", "ini")?,
        file: options.text("file", "ansible.ini")?,
        section: options.text("section", "global")?,
        regex: options.flag("re", false)?,
        default: options.take("default").unwrap_or_else(|| Value::from("")),
        case_sensitive: options.flag("case_sensitive", false)?,
        no_value: options.flag("allow_no_value", false)? || options.flag("allow_none", false)?,
        encoding: encode::named(&options.text("encoding", "utf-8")?)?,
    };
    if query.kind != "ini" && query.kind != "properties" {
        return Err(TemplateError::other(format!("Invalid value \"{}\" for option type: ini, properties", query.kind)));
    }
    let mut out = Vec::new();
    for value in &terms {
        let text = term(value)?;
        let key = query.inline(&text)?;
        out.extend(query.answer(env, &key)?);
    }
    Ok(out)
}

impl Query {
    /// The key of a term, which may carry options of the old form.
    fn inline(&mut self, text: &str) -> Outcome<String> {
        if !text.contains('=') && !text.trim().contains(' ') {
            return Ok(text.to_owned());
        }
        let mut key: Option<String> = None;
        let mut last: Option<(String, String)> = None;
        let settle = |last: Option<(String, String)>, query: &mut Query| match last {
            Some((name, value)) => query.set(&name, value),
            None => Ok(()),
        };
        for word in words(text) {
            match (word.split_once('='), &mut last) {
                (Some((name, value)), _) => {
                    settle(last.take(), self)?;
                    last = Some((name.to_owned(), value.to_owned()));
                }
                (None, Some((_, value))) => *value = format!("{value} {word}"),
                (None, None) => key = Some(key.map_or(word.to_owned(), |k| format!("{k} {word}"))),
            }
        }
        settle(last, self)?;
        key.ok_or_else(|| {
            let why = "No key to lookup was provided as first term with in string inline options";
            TemplateError::other(format!("{why}: {text}"))
        })
    }

    fn set(&mut self, name: &str, value: String) -> Outcome<()> {
        let yes = || matches!(&*value.to_lowercase(), "true" | "yes" | "1" | "on" | "y" | "t");
        match name {
            "type" => self.kind = value,
            "file" => self.file = value,
            "section" => self.section = value,
            "re" => self.regex = yes(),
            "default" => self.default = Value::from(value),
            "case_sensitive" => self.case_sensitive = yes(),
            "allow_no_value" | "allow_none" => self.no_value = yes(),
            "encoding" => self.encoding = encode::named(&value)?,
            _ => return Err(TemplateError::other(format!("{name} is not a valid option."))),
        }
        Ok(())
    }

    fn answer(&self, env: &Env, key: &str) -> Outcome<Vec<Value>> {
        let found = env.files().find("files", &self.file);
        let missing = || TemplateError::other(format!("Unable to find '{}' in expected paths", self.file));
        let path = found.map_err(|_| missing())?;
        let text = encode::decode(&super::file::read(env, &path)?, self.encoding)?;
        let properties = self.kind == "properties";
        let source = match properties {
            true => format!("[java_properties]\n{}", text.as_str()),
            false => text.as_str().to_owned(),
        };
        let section = if properties { "java_properties" } else { &self.section };
        let config = Config::parse(&source, self)?;
        let Some(members) = config.members(section) else {
            return Err(TemplateError::other(format!("No section '{section}' in {}", self.file)));
        };
        let name = |text: &str| if self.case_sensitive { text.to_owned() } else { text.to_lowercase() };
        let shown = |value: &Option<String>| match value {
            Some(text) => interpolate(text, &members, 0).map(Value::from),
            None => Ok(Value::None),
        };
        if self.regex {
            let regex = compile(&Value::from(key), None, None)?;
            let mut out = Vec::new();
            for (name, value) in &members {
                if regex.match_start(name).map_err(TemplateError::other)?.is_some() {
                    out.push(shown(value)?);
                }
            }
            return Ok(out);
        }
        let value = match members.iter().find(|(n, _)| *n == name(key)) {
            Some((_, value)) => shown(value)?,
            None => self.default.clone(),
        };
        Ok(match value {
            Value::None => Vec::new(),
            Value::List(list) => list.borrow().clone(),
            value => vec![value],
        })
    }
}

type Members = Vec<(String, Option<String>)>;

/// Sections with their members, in order.
#[derive(Default)]
struct Config {
    sections: Vec<(String, Members)>,
}

impl Config {
    fn parse(text: &str, query: &Query) -> Outcome<Config> {
        let mut config = Config::default();
        // How deep the current member's key stood: deeper lines go on with its value.
        let mut depth: Option<usize> = None;
        for (number, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.starts_with(['#', ';']) || content.is_empty() {
                if let (true, Some((_, Some(value)))) = (content.is_empty() && depth.is_some(), config.last()) {
                    value.push('\n');
                }
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if let (Some(key_depth), Some((_, Some(value)))) = (depth, config.last())
                && indent > key_depth
            {
                value.push('\n');
                value.push_str(content);
                continue;
            }
            depth = None;
            if let Some(name) = content.strip_prefix('[').and_then(|c| c.rfind(']').map(|end| &c[..end])) {
                config.open(name, number)?;
                continue;
            }
            config.member(content, number, query)?;
            depth = Some(indent);
        }
        for (_, members) in &mut config.sections {
            for value in members.iter_mut().filter_map(|(_, v)| v.as_mut()) {
                value.truncate(value.trim_end().len());
            }
        }
        Ok(config)
    }

    fn last(&mut self) -> Option<&mut (String, Option<String>)> {
        self.sections.last_mut()?.1.last_mut()
    }

    fn open(&mut self, name: &str, number: usize) -> Outcome<()> {
        if name != "DEFAULT" && self.sections.iter().any(|(n, _)| n == name) {
            let message =
                format!("While reading from '<???>' [line {:2}]: section '{name}' already exists", number + 1);
            return Err(TemplateError::other(message));
        }
        self.sections.push((name.to_owned(), Vec::new()));
        Ok(())
    }

    fn member(&mut self, line: &str, number: usize, query: &Query) -> Outcome<()> {
        let line_number = number + 1;
        let Some((section, members)) = self.sections.last_mut() else {
            let message = format!("File contains no section headers.\nfile: '<???>', line: {line_number}\n'{line}\\n'");
            return Err(TemplateError::other(message));
        };
        let (name, value) = match line.split_once(['=', ':']) {
            Some((name, value)) => (name.trim_end(), Some(value.trim().to_owned())),
            None if query.no_value => (line, None),
            None => {
                let message = format!("Source contains parsing errors: '<???>'\n\t[line {line_number:2}]: '{line}\\n'");
                return Err(TemplateError::other(message));
            }
        };
        let name = if query.case_sensitive { name.to_owned() } else { name.to_lowercase() };
        if members.iter().any(|(n, _)| *n == name) {
            return Err(TemplateError::other(format!(
                "Duplicate option in '{}': While reading from '<???>' [line {line_number:2}]: option '{name}' in \
                 section '{section}' already exists",
                query.file
            )));
        }
        members.push((name, value));
        Ok(())
    }

    /// A section's members over those of DEFAULT; `None` where there is no such section.
    fn members(&self, section: &str) -> Option<Members> {
        let own = self.sections.iter().filter(|(n, _)| n == section).flat_map(|(_, m)| m.clone()).collect::<Members>();
        if section != "DEFAULT" && !self.sections.iter().any(|(n, _)| n == section) {
            return None;
        }
        let mut all = own;
        for (name, value) in self.sections.iter().filter(|(n, _)| n == "DEFAULT").flat_map(|(_, m)| m) {
            if !all.iter().any(|(n, _)| n == name) {
                all.push((name.clone(), value.clone()));
            }
        }
        Some(all)
    }
}

/// `%(name)s` and `%%`.
fn interpolate(text: &str, members: &Members, depth: usize) -> Outcome<String> {
    if depth > INTERPOLATIONS {
        return Err(TemplateError::other("Recursion limit exceeded in value substitution"));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(")s")) else {
            let message = format!("'%' must be followed by '%' or '(', found: '%{rest}'");
            return Err(TemplateError::other(message));
        };
        let member = members.iter().find(|(n, _)| *n == name.to_lowercase() || *n == name);
        let Some((_, value)) = member else {
            let message = format!("Bad value substitution: key '{name}' is not a member of the section");
            return Err(TemplateError::other(message));
        };
        out += &interpolate(value.as_deref().unwrap_or_default(), members, depth + 1)?;
        rest = after;
    }
    Ok(out + rest)
}

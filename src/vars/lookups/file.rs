//! Lookups of files: their contents, their names, and what they render to.

use super::options::{Options, term};
use crate::plan::{Data, limits};
use crate::vars::jinja::Style;
use crate::vars::pytext::{is_space, strip_end};
use crate::vars::{CallArgs, Conversion, Env, Outcome, Rendering, TemplateError, Text, Value, glob, vault};

/// The bytes of a file that was found.
pub fn read(env: &Env, path: &str) -> Outcome<Vec<u8>> {
    let bytes = env.files().read(path).map_err(|e| TemplateError::other(format!("reading '{path}': {e}")))?;
    if bytes.len() > limits::RENDERED {
        return Err(TemplateError::other(format!("'{path}' is too large for a lookup")));
    }
    Ok(bytes)
}

/// The same, decrypted if Ansible Vault encrypted it.
fn read_plain(env: &Env, path: &str) -> Outcome<Vec<u8>> {
    let bytes = read(env, path)?;
    if !vault::is_sealed(&bytes) {
        return Ok(bytes);
    }
    vault::opened(env.files().vault(), &bytes).map_err(|why| TemplateError::other(format!("'{path}': {why}")))
}

pub fn file(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "file");
    let (rstrip, lstrip) = (options.flag("rstrip", true)?, options.flag("lstrip", false)?);
    let mut out = Vec::new();
    for value in &terms {
        let name = term(value)?;
        let trouble = |why: String| {
            TemplateError::other(format!("The 'file' lookup had an issue accessing the file '{name}'. {why}"))
        };
        let path = env
            .files()
            .find("files", &name)
            .map_err(|tried| trouble(format!("file not found, looked for in {}", tried.join(", "))))?;
        let contents = Text::from_bytes(&read_plain(env, &path).map_err(|e| trouble(e.message))?);
        let mut text = contents.as_str();
        if lstrip {
            text = text.trim_start_matches(is_space);
        }
        if rstrip {
            text = strip_end(text);
        }
        out.push(Value::from(text));
    }
    Ok(out)
}

pub fn unvault(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for value in &args.positional {
        let name = term(value)?;
        let found = env.files().find("files", &name);
        let path = found.map_err(|_| TemplateError::other(format!("Unable to find file matching \"{name}\" ")))?;
        let bytes = read_plain(env, &path)?;
        out.push(Value::Str(Text::from_bytes(&bytes)));
    }
    Ok(out)
}

pub fn template(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "template");
    let convert = options.flag("convert_data", true)?;
    let mut extra = Vec::new();
    if let Some(vars) = options.take("template_vars") {
        for (name, value) in crate::vars::filters::dict::members(env, &vars)? {
            extra.push((name.text()?, value));
        }
    }
    let mut style = Style::default();
    let (variable, comment) = (&mut style.variable, &mut style.comment);
    for (name, marker) in [
        ("variable_start_string", &mut variable.0),
        ("variable_end_string", &mut variable.1),
        ("comment_start_string", &mut comment.0),
        ("comment_end_string", &mut comment.1),
    ] {
        if let Some(text) = options.take(name) {
            *marker = text.text()?.into();
        }
    }
    let native = options.flag("jinja2_native", false)? && env.native;
    let conversion = match convert {
        _ if native => Conversion::Native,
        true => Conversion::Literal,
        false => Conversion::Text,
    };
    let stays_text = !convert || (env.native && !native);
    let mut out = Vec::new();
    for value in &terms {
        let name = term(value)?;
        let found = env.files().find("templates", &name);
        let missing = || TemplateError::other(format!("the template file {name} could not be found for the lookup"));
        let path = found.map_err(|_| missing())?;
        let source = read_plain(env, &path)?;
        let how = Rendering { name: &path, style: style.clone(), conversion, playbook: false };
        let mut vars = about(env, (&name, &path))?;
        vars.extend(extra.iter().cloned());
        let rendered = env.render_file(&source, &how, vars)?;
        out.push(if stays_text { rendered.into_literal()? } else { rendered });
    }
    Ok(out)
}

/// What a template that is looked up knows of itself.
fn about(env: &Env, (name, path): (&str, &str)) -> Outcome<Vec<(String, Value)>> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let text = |text: &str| Value::from(text).taint();
    // As in the template module: where a bundle's file came from is no business of the node.
    let modified = env.files().modified(path).unwrap_or(0);
    let modified = modified + i64::from(crate::sys::clock::local(modified).offset);
    let modified = crate::vars::time::from_local_micros(modified * 1_000_000, None);
    let time = |time| Value::from_data(&Data::Time(time));
    let mut vars = vec![
        ("ansible_managed", Value::from("Ansible managed")),
        ("template_host", text(host.trim())),
        ("template_path", text(name)),
        ("template_fullpath", text(path)),
        ("template_uid", text("root")),
        ("template_run_date", time(env.now(false)?)),
        ("template_destpath", Value::None),
    ];
    vars.extend(modified.map(|modified| ("template_mtime", time(modified))));
    Ok(vars.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

pub fn fileglob(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for value in &args.positional {
        let pattern = term(value)?;
        let (directory, name) = pattern.rsplit_once('/').unwrap_or(("", &pattern));
        let places = match (directory, pattern.starts_with('/')) {
            ("", true) => vec!["/".to_owned()],
            // A bare pattern is looked for in each place in turn; a directory is found first.
            ("", false) => env.files().places("files"),
            (directory, _) => env.files().find("files", directory).into_iter().collect(),
        };
        for place in places {
            let place = place.trim_end_matches("/.").trim_end_matches('/');
            let found = glob::files(env, &format!("{place}/{name}"))?;
            if !found.is_empty() {
                out.extend(found.into_iter().map(Value::from));
                break;
            }
        }
    }
    Ok(out)
}

/// What `first_found` looks for.
#[derive(Default)]
struct Search {
    names: Vec<String>,
    skip: bool,
}

fn parts(texts: &[String], separators: &[char]) -> Vec<String> {
    texts.iter().flat_map(|t| t.split(separators)).map(str::to_owned).collect()
}

impl Search {
    fn add(&mut self, env: &Env, terms: &[Value], paths: &[String]) -> Outcome<()> {
        for value in terms {
            let (files, paths) = match value.defined()? {
                Value::Str(name) => (vec![name.as_str().to_owned()], paths.to_vec()),
                Value::Dict(_) => {
                    let mut given = CallArgs::none();
                    for (name, member) in crate::vars::filters::dict::members(env, value)? {
                        given = given.with(&name.text()?, member);
                    }
                    let (_, mut options) = Options::split(given, "first_found");
                    let files = options.list("files")?;
                    let paths = options.list("paths")?;
                    self.skip = options.flag("skip", false)?;
                    (files, paths)
                }
                Value::List(_) | Value::Tuple(_) => {
                    self.add(env, &value.iterate(env)?, paths)?;
                    continue;
                }
                other => {
                    return Err(TemplateError::other(format!(
                        "Invalid term supplied, can handle string, mapping or list of strings but got: <class '{}'> \
                         for {}",
                        other.type_name(),
                        other.text()?
                    )));
                }
            };
            let files = parts(&files, &[',', ';']);
            let paths = parts(&paths, &[',', ':', ';']);
            if paths.is_empty() {
                self.names.extend(files);
            } else {
                let joined = |p: &String, f: &String| match f.starts_with('/') || p.is_empty() {
                    true => f.clone(),
                    false => format!("{}/{f}", p.trim_end_matches('/')),
                };
                self.names.extend(paths.iter().flat_map(|p| files.iter().map(move |f| joined(p, f))));
            }
        }
        Ok(())
    }
}

pub fn first_found(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (mut terms, mut options) = Options::split(args, "first_found");
    let mut search = Search::default();
    let mut paths = Vec::new();
    // Options count only where there are no terms, as they do in Ansible.
    if terms.is_empty() {
        terms = options.list("files")?.into_iter().map(Value::from).collect();
        paths = options.list("paths")?;
        search.skip = options.flag("skip", false)?;
    }
    search.add(env, &terms, &paths)?;
    for name in &search.names {
        let name = match env.template(&Value::from(name.as_str())) {
            Ok(name) => name.text()?,
            // What is undefined is not there.
            Err(e) if e.kind == crate::vars::ErrorKind::Undefined => continue,
            Err(e) => return Err(e),
        };
        if let Ok(path) = env.files().find("files", &name) {
            return Ok(vec![Value::from(path)]);
        }
    }
    if search.skip {
        return Ok(Vec::new());
    }
    Err(TemplateError::other("No file was found when using first_found."))
}

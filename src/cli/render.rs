//! `render`: what a template or an expression gives, and where each variable that it names came from.

use super::inventory;
use super::{Exit, Ui, vault};
use crate::plan::{Data, Map};
use crate::vars::Vault;
use crate::vars::vault::{Keyring, is_sealed};
use crate::vars::{Conversion, Files, JsonStyle, Rendering, Templar, Value, Var, Variables, analysis, json_text};
use crate::yaml::{self, Content, Flavour};
use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Show what a template or an expression gives
///
/// Evaluates as a node would, with the variables given, and says on standard error where each variable came from. Later
/// files come over earlier ones, and -e over all.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A template file, rendered as the template module does
    #[arg(required_unless_present = "expression", conflicts_with = "expression")]
    file: Option<PathBuf>,
    /// Text with templates, evaluated as a task's argument; a bare expression gets its braces
    #[arg(short = 'x', long, value_name = "TEXT")]
    expression: Option<String>,
    /// Variables: a YAML or JSON file, for example an export's hostvars.yml; may be repeated
    #[arg(long, value_name = "FILE")]
    vars: Vec<PathBuf>,
    /// Further variables: `name=value ...`, YAML or JSON, or @FILE
    #[arg(short, long, value_name = "VARS")]
    extra_vars: Vec<String>,
    #[command(flatten)]
    vault: vault::Passwords,
}

/// Where a variable was set.
#[derive(Clone, Debug, Serialize)]
struct Origin {
    name: String,
    /// `FILE:LINE:COLUMN`, `-e`, or nothing where nobody set it.
    place: Option<String>,
}

pub(super) fn run(args: &Args, ui: &Ui) -> anyhow::Result<Exit> {
    let mut scope = Scope { keyring: vault::keyring(&args.vault)?, ..Scope::default() };
    for file in &args.vars {
        scope.add_file(file)?;
    }
    for text in &args.extra_vars {
        scope.add(inventory::extra_vars(text, &scope.keyring)?, |_| "-e".to_owned());
    }
    let templar = Templar::new(&scope, &scope);
    let (shown, result) = match (&args.file, &args.expression) {
        (Some(file), _) => {
            let name = file.to_string_lossy();
            let bytes = scope.read_plain(&name).with_context(|| format!("reading {name}"))?;
            let how = Rendering { name: &name, conversion: Conversion::Text, playbook: false, ..Rendering::default() };
            (String::from_utf8_lossy(&bytes).into_owned(), templar.file(&bytes, &how, &Map::default()).map(final_text))
        }
        (None, Some(text)) => {
            let text =
                if text.contains("{{") || text.contains("{%") { text.clone() } else { format!("{{{{ {text} }}}}") };
            let result = templar.value(&Data::Str(text.clone()));
            (text, result)
        }
        (None, None) => bail!("give a template file, or an expression with -x"),
    };
    let origins = scope.origins(&shown);
    let data = match result {
        Ok(data) => data,
        Err(e) => {
            report(&origins, ui);
            bail!("{e}");
        }
    };
    report(&origins, ui);
    let value = Value::from_data(&data);
    let text = match data.text_bytes() {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => value.text().map_err(anyhow::Error::msg)?,
    };
    let json = json_text(&value, &JsonStyle::default()).map_err(anyhow::Error::msg)?;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap_or(serde_json::Value::String(text.clone()));
    ui.result(&json!({ "value": json, "type": data.type_name(), "variables": origins }), &text)?;
    Ok(Exit::Done)
}

/// Rendered bytes as text.
fn final_text(bytes: Vec<u8>) -> Data {
    String::from_utf8(bytes).map_or_else(|e| Data::Raw(e.into_bytes()), Data::Unsafe)
}

fn report(origins: &[Origin], ui: &Ui) {
    for origin in origins {
        ui.progress(&format!("{} {}", origin.name, origin.place.as_deref().unwrap_or("is set nowhere")));
    }
}

/// The variables that were given, each with its place.
#[derive(Default)]
struct Scope {
    vars: BTreeMap<String, Var>,
    places: BTreeMap<String, String>,
    keyring: Rc<Keyring>,
}

impl Scope {
    fn add(&mut self, map: Map, place: impl Fn(&str) -> String) {
        for (name, value) in map {
            let Some(name) = name.as_str() else { continue };
            self.places.insert(name.to_owned(), place(name));
            self.vars.insert(name.to_owned(), Var { data: Rc::new(value), templated: true });
        }
    }

    fn add_file(&mut self, file: &Path) -> anyhow::Result<()> {
        let shown = file.display();
        let bytes = std::fs::read(file).with_context(|| format!("reading {shown}"))?;
        let data = self.keyring.read_vars(&shown.to_string(), &bytes).map_err(anyhow::Error::msg)?;
        let bytes = if is_sealed(&bytes) { self.keyring.open(&bytes).map_err(anyhow::Error::msg)? } else { bytes };
        let document = yaml::document(&bytes, Flavour::Ansible).with_context(|| format!("reading {shown}"))?;
        let Content::Map(pairs) = &document.root.content else {
            bail!("{shown} must hold a dictionary, not {}", document.root.data().type_name());
        };
        let place = |name: &str| {
            let found = pairs.iter().find(|(k, _)| k.as_str() == Some(name));
            let mark = found.map(|(k, _)| k.start).unwrap_or_default();
            format!("{shown}:{}:{}", mark.line, mark.column)
        };
        // JSON first, as on a node.
        match data {
            Data::Map(map) => self.add(map, place),
            other => bail!("{shown} must hold a dictionary, not {}", other.type_name()),
        }
        Ok(())
    }

    /// Where the variables of a template came from, and those that these refer to, in the order in which they are met.
    fn origins(&self, template: &str) -> Vec<Origin> {
        let mut met: Vec<Origin> = Vec::new();
        let mut texts = vec![template.to_owned()];
        while let Some(text) = texts.pop() {
            let Ok(usage) = analysis::text(&text) else { continue };
            for named in usage.variables {
                if met.iter().any(|o| o.name == named.name) {
                    continue;
                }
                if let Some(var) = self.vars.get(&named.name) {
                    collect_texts(&var.data, &mut texts);
                }
                let place = self.places.get(&named.name).cloned();
                met.push(Origin { name: named.name, place });
            }
        }
        met
    }
}

/// The texts in a value that may be templates.
fn collect_texts(data: &Data, into: &mut Vec<String>) {
    match data {
        Data::Str(text) if text.contains("{{") || text.contains("{%") => into.push(text.clone()),
        Data::List(items) => items.iter().for_each(|i| collect_texts(i, into)),
        Data::Map(map) => map.values().for_each(|v| collect_texts(v, into)),
        _ => {}
    }
}

impl Variables for Scope {
    fn get(&self, name: &str) -> Option<Var> {
        self.vars.get(name).cloned()
    }
    fn names(&self) -> Vec<String> {
        self.vars.keys().cloned().collect()
    }
}

impl Files for Scope {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        let tried = [format!("{kind}/{name}"), name.to_owned()];
        tried.iter().find(|p| Path::new(p).exists()).cloned().ok_or_else(|| tried.to_vec())
    }
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
    fn vault(&self) -> Option<&dyn Vault> {
        Some(self.keyring.as_ref())
    }
    fn list(&self, path: &str) -> io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.path().is_dir()));
        }
        names.sort();
        Ok(names)
    }
}

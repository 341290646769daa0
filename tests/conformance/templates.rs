//! Template cases: `{id, mode, template, vars, files?, overrides?, expected | error}` (see README of the data).

use compute_init::plan::{Data, Made, Map};
use compute_init::sys::command::{Command, CommandError, Output, Runner};
use compute_init::vars::jinja::{Mark, Style};
use compute_init::vars::{Conversion, ErrorKind, Files, Rendering, Templar, TemplateError, Value, Var, Variables};
use compute_init::vars::{float_repr, text_to_bytes};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use super::Tally;

/// Runs every case of `{"cases": [...]}`.
pub fn run(file: &Json) -> Tally {
    let mut tally = Tally::default();
    let cases = file["cases"].as_array().or_else(|| file.as_array()).cloned().unwrap_or_default();
    for case in &cases {
        let id = case["id"].as_str().unwrap_or("?");
        tally.count(id, check(case));
    }
    tally
}

fn check(case: &Json) -> Result<(), String> {
    let got = evaluate(case);
    match (case.get("error").and_then(Json::as_str), got) {
        (Some(class), Ok(value)) => Err(format!("wanted an error ({class}), got {}", encode(&value))),
        (Some(class), Err(e)) => {
            let is = class_of(&e);
            if is == class { Ok(()) } else { Err(format!("wanted an error of class {class}, got {is}: {e}")) }
        }
        (None, Err(e)) => Err(format!("wanted {}, got the error: {e}", case["expected"])),
        (None, Ok(value)) => {
            let encoded = encode(&value);
            if encoded != canonical(&case["expected"]) {
                return Err(format!("wanted {}, got {encoded}", case["expected"]));
            }
            match case.get("expected_str").and_then(Json::as_str) {
                Some(text) => {
                    let shown = Value::from_data(&value).text().map_err(|e| e.to_string())?;
                    if shown == text { Ok(()) } else { Err(format!("wanted the text {text}, got {shown}")) }
                }
                None => Ok(()),
            }
        }
    }
}

fn class_of(e: &TemplateError) -> &'static str {
    match e.kind {
        ErrorKind::Undefined => "undefined",
        ErrorKind::Syntax => "syntax",
        ErrorKind::Recursion => "recursion",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Other => "error",
    }
}

fn evaluate(case: &Json) -> Result<Data, TemplateError> {
    let vars = Vars(
        case["vars"]
            .as_object()
            .map_or_else(Map::default, |m| m.iter().map(|(k, v)| (Data::str(k.as_str()), decode(v))).collect()),
    );
    let files = CaseFiles(case.get("files").and_then(Json::as_object).map_or_else(BTreeMap::new, |m| {
        m.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned())).collect()
    }));
    let templar = Templar::new(&vars, &files).with_runner(&Shell);
    let template = decode(&case["template"]);
    match case["mode"].as_str() {
        Some("when") => templar.condition(&template).map(Data::Bool),
        Some("file") => {
            let style = style(case.get("overrides"));
            let how = Rendering { name: "template.j2", style, conversion: Conversion::Text, playbook: false };
            let source = template.as_str().unwrap_or_default();
            let bytes = templar.file(source.as_bytes(), &how, &Map::default())?;
            Ok(String::from_utf8(bytes).map_or_else(|e| Data::Raw(e.into_bytes()), Data::Str))
        }
        _ => templar.value(&template),
    }
}

fn style(overrides: Option<&Json>) -> Style {
    let mut style = Style::default();
    let flag = |name: &str, old: bool| overrides.and_then(|o| o[name].as_bool()).unwrap_or(old);
    let text = |name: &str, old: &mut Mark| {
        if let Some(t) = overrides.and_then(|o| o[name].as_str()) {
            *old = t.to_owned().into();
        }
    };
    style.trim_blocks = flag("trim_blocks", style.trim_blocks);
    style.lstrip_blocks = flag("lstrip_blocks", style.lstrip_blocks);
    style.keep_trailing_newline = flag("keep_trailing_newline", style.keep_trailing_newline);
    text("variable_start_string", &mut style.variable.0);
    text("variable_end_string", &mut style.variable.1);
    text("block_start_string", &mut style.block.0);
    text("block_end_string", &mut style.block.1);
    text("comment_start_string", &mut style.comment.0);
    text("comment_end_string", &mut style.comment.1);
    text("newline_sequence", &mut style.newline_sequence);
    style
}

struct Vars(Map);

impl Variables for Vars {
    fn get(&self, name: &str) -> Option<Var> {
        let data = self.0.get(&compute_init::plan::Key(name))?;
        Some(Var { data: Rc::new(data.clone()), templated: true })
    }
    fn names(&self) -> Vec<String> {
        self.0.keys().filter_map(|k| k.as_str().map(str::to_owned)).collect()
    }
}

/// The case's files, beneath `/files/`.
struct CaseFiles(BTreeMap<String, String>);

impl Files for CaseFiles {
    fn find(&self, kind: &str, name: &str) -> Result<String, Vec<String>> {
        if name.starts_with('/') && std::path::Path::new(name).exists() {
            return Ok(name.to_owned());
        }
        let tries = [format!("{kind}/{name}"), name.to_owned(), format!("templates/{name}"), format!("files/{name}")];
        match tries.iter().find(|t| self.0.contains_key(*t)) {
            Some(found) => Ok(format!("/files/{found}")),
            None => Err(tries.to_vec()),
        }
    }
    fn read(&self, path: &str) -> std::io::Result<Vec<u8>> {
        match path.strip_prefix("/files/").and_then(|p| self.0.get(p)) {
            Some(text) => Ok(text.clone().into_bytes()),
            None => std::fs::read(path),
        }
    }
    fn list(&self, path: &str) -> std::io::Result<Vec<(String, bool)>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            names.push((entry.file_name().to_string_lossy().into_owned(), entry.file_type()?.is_dir()));
        }
        names.sort();
        Ok(names)
    }
}

/// Runs commands for `pipe` and `lines`.
struct Shell;

impl Runner for Shell {
    fn run(&self, command: &Command) -> Result<Output, CommandError> {
        let (program, args) = command.argv.split_first().ok_or_else(|| CommandError::NotFound(String::new()))?;
        let done = std::process::Command::new(program).args(args).output();
        let done = done.map_err(|e| CommandError::Spawn(program.to_string_lossy().into_owned(), e.to_string()))?;
        Ok(Output { rc: done.status.code().unwrap_or(-1), stdout: done.stdout, stderr: done.stderr })
    }
    fn which(&self, _: &str) -> Option<PathBuf> {
        None
    }
}

/// `{"!unsafe": ..}` and `{"$py": type, "v": ..}` as data.
fn decode(json: &Json) -> Data {
    match json {
        Json::Null => Data::Null,
        Json::Bool(b) => Data::Bool(*b),
        Json::Number(n) => match n.as_i128() {
            Some(i) => Data::Int(i),
            None => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        // Python text, not YAML of an author.
        Json::String(s) => Data::Made(Made::Text, s.clone()),
        Json::Array(items) => Data::List(items.iter().map(decode).collect()),
        Json::Object(members) => {
            if let Some(text) = members.get("!unsafe").and_then(Json::as_str) {
                return Data::Unsafe(text.to_owned());
            }
            if let Some(kind) = members.get("$py").and_then(Json::as_str) {
                return decode_typed(kind, &members["v"]);
            }
            Data::Map(members.iter().map(|(k, v)| (Data::str(k.as_str()), decode(v))).collect())
        }
    }
}

fn decode_typed(kind: &str, value: &Json) -> Data {
    let items = || value.as_array().map_or_else(Vec::new, |l| l.iter().map(decode).collect());
    let text = || value.as_str().unwrap_or_default();
    let bytes =
        || value.as_array().map_or_else(Vec::new, |l| l.iter().filter_map(|b| b.as_u64()).map(|b| b as u8).collect());
    match kind {
        "tuple" => Data::Tuple(items()),
        "set" => Data::Set(items()),
        "int" => Data::Int(text().parse().unwrap_or_default()),
        "float" => Data::Float(text().parse().unwrap_or(f64::NAN)),
        "bytes" => Data::Bytes(bytes()),
        "str-surrogate" => Data::Raw(bytes()),
        "dict" => {
            let pair = |p: &Json| (decode(&p[0]), decode(&p[1]));
            Data::Map(value.as_array().map_or_else(Map::default, |l| l.iter().map(pair).collect()))
        }
        _ => Data::Null,
    }
}

/// Data in the cases' form, so that `1`, `1.0` and `true` differ.
fn encode(data: &Data) -> Json {
    let all = |items: &[Data]| Json::Array(items.iter().map(encode).collect());
    let typed = |kind: &str, v: Json| json!({"$py": kind, "v": v});
    match data {
        Data::Null => Json::Null,
        Data::Bool(b) => json!(b),
        Data::Int(i) if i.unsigned_abs() < 1 << 53 => json!(*i as i64),
        Data::Int(i) => typed("int", json!(i.to_string())),
        Data::Float(f) => typed("float", json!(float_repr(*f))),
        Data::Str(s) | Data::Unsafe(s) | Data::Vault(s) | Data::Made(_, s) => {
            json!(String::from_utf8_lossy(&text_to_bytes(s)))
        }
        Data::Raw(b) => typed("str-surrogate", json!(b)),
        Data::Bytes(b) => typed("bytes", json!(b)),
        Data::List(l) => all(l),
        Data::Tuple(l) => typed("tuple", all(l)),
        Data::Set(l) => typed("set", sorted(all(l))),
        Data::Map(m) if m.keys().all(|k| k.as_str().is_some()) => {
            Json::Object(m.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), encode(v))).collect())
        }
        Data::Map(m) => typed("dict", Json::Array(m.iter().map(|(k, v)| json!([encode(k), encode(v)])).collect())),
        Data::Time(t) => typed("datetime", json!(t.to_string())),
    }
}

/// Sets have no order.
fn sorted(list: Json) -> Json {
    match list {
        Json::Array(mut items) => {
            items.sort_by_key(Json::to_string);
            Json::Array(items)
        }
        other => other,
    }
}

fn canonical(expected: &Json) -> Json {
    match expected {
        Json::Object(m) if m.get("$py").and_then(Json::as_str) == Some("set") => {
            json!({"$py": "set", "v": sorted(m["v"].clone())})
        }
        Json::Object(m) => Json::Object(m.iter().map(|(k, v)| (k.clone(), canonical(v))).collect()),
        Json::Array(items) => Json::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

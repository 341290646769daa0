//! `validate_argument_spec`: a role's variables against the specification that it ships.

use super::params::{Params, plain, text, truth};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::{self, Args, Kind, ModuleSpec, Param};
use crate::vars::ErrorKind;

/// Deeper options than this are a mistake.
const DEPTH: u32 = 16;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let Some(Data::Map(specification)) = args.get("argument_spec") else {
        return Err(Failure::new("Incorrect type for argument_spec, expected a dictionary"));
    };
    let context = args.value("validate_args_context").cloned().unwrap_or_else(|| Data::Map(Map::default()));
    let mut given = Map::default();
    for name in specification.keys().filter_map(Data::as_str) {
        match ctx.templar.value(&Data::Str(format!("{{{{ {name} }}}}"))) {
            Ok(value) => drop(given.insert(Data::str(name), value)),
            Err(e) if e.kind == ErrorKind::Undefined => {}
            Err(e) => return Err(Failure::new(e.to_string())),
        }
    }
    if let Some(Data::Map(provided)) = args.get("provided_arguments") {
        given.extend(provided.clone());
    }
    let module = module(specification)?;
    let errors: Vec<String> = match spec::check(module, &given) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|p| p.message).collect(),
    };
    let outcome = Outcome::default().with("validate_args_context", context);
    if errors.is_empty() {
        return Ok(outcome.with("msg", text("The arg spec validation passed")));
    }
    let msg = format!("Validation of arguments failed:\n{}", errors.join("\n"));
    let mut outcome = outcome.with("msg", text(msg)).with("argument_spec_data", Data::Map(specification.clone()));
    outcome.failed = true;
    Ok(outcome.with("argument_errors", super::params::list(errors)))
}

/// The specification in the form of those that are built in. Those live as long as the program, so these do too: a
/// few hundred bytes for each role that ships one.
fn module(specification: &Map) -> Result<&'static ModuleSpec, Failure> {
    Ok(Box::leak(Box::new(ModuleSpec { name: "role", params: params(specification, 0)?, ..ModuleSpec::DEFAULT })))
}

fn params(specification: &Map, depth: u32) -> Result<&'static [Param], Failure> {
    if depth > DEPTH {
        return Err(Failure::new("the options of argument_spec are nested too deeply"));
    }
    let mut params = Vec::new();
    for (name, attributes) in specification {
        let empty = Map::default();
        let attributes = attributes.as_map().unwrap_or(&empty);
        let kind = attributes.text("type");
        let elements = attributes.text("elements");
        let default = attributes.value("default").and_then(|d| serde_json::to_string(d).ok());
        let options = match attributes.value("options") {
            Some(Data::Map(options)) => self::params(options, depth + 1)?,
            _ => &[],
        };
        params.push(Param {
            name: keep(plain(name)),
            aliases: keep_all(attributes.texts("aliases").unwrap_or_default()),
            kind: kind_of(kind.as_deref().unwrap_or("str"), elements.as_deref())?,
            required: attributes.value("required").is_some_and(truth),
            choices: keep_all(attributes.texts("choices").unwrap_or_default()),
            default: default.map(keep),
            options,
            ..Param::DEFAULT
        });
    }
    Ok(Vec::leak(params))
}

fn keep(text: String) -> &'static str {
    String::leak(text)
}

fn keep_all(texts: Vec<String>) -> &'static [&'static str] {
    Vec::leak(texts.into_iter().map(keep).collect())
}

fn kind_of(name: &str, elements: Option<&str>) -> Result<Kind, Failure> {
    Ok(match name {
        "str" => Kind::Str,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "float" => Kind::Float,
        "path" => Kind::Path,
        "raw" => Kind::Raw,
        "dict" => Kind::Dict,
        "bytes" | "bits" => Kind::Bytes,
        "json" | "jsonarg" => Kind::Json,
        "list" => Kind::List(Box::leak(Box::new(kind_of(elements.unwrap_or("raw"), None)?))),
        other => return Err(Failure::new(format!("argument_spec names the unknown type {other}"))),
    })
}

//! YAML in and out, by PyYAML's rules.

use super::args::{none, unless_none};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};
use crate::yaml::{self, DumpOptions, Flavour};

pub fn to_yaml(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    dump(&value, args.keyword, DumpOptions::default(), "to_yaml")
}

pub fn to_nice_yaml(_: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let mut options = DumpOptions::nice();
    if !args.positional.is_empty() {
        let indent = args.positional.remove(0);
        args = args.with("indent", indent);
    }
    if args.keyword.iter().any(|(name, _)| &**name == "default_flow_style") {
        return Err(TemplateError::other(
            "to_nice_yaml - yaml.dump() got multiple values for keyword argument 'default_flow_style'",
        ));
    }
    options.default_flow_style = Some(false);
    dump(&value, args.keyword, options, "to_nice_yaml")
}

fn dump(
    value: &Value,
    keyword: Vec<(std::rc::Rc<str>, Value)>,
    mut options: DumpOptions,
    name: &str,
) -> Outcome<Value> {
    let failed = |message: String| TemplateError::other(format!("{name} - {message}"));
    for (key, value) in keyword {
        let number = || match value.as_int() {
            Some(n) => Ok(Some(i32::try_from(n).unwrap_or(if n < 0 { -1 } else { i32::MAX }))),
            None if value.is_none() => Ok(None),
            None => match value.as_float() {
                // `width=inf` is how roles ask for long lines.
                Some(f) if f.is_infinite() => Ok(Some(i32::MAX)),
                _ => Err(failed(format!("an integer is required for '{key}'"))),
            },
        };
        match &*key {
            "indent" => options.indent = number()?,
            "width" => options.width = number()?,
            "default_flow_style" => {
                options.default_flow_style = unless_none(Some(value)).map(|v| v.truthy()).transpose()?;
            }
            "default_style" => options.default_style = value.as_str().and_then(|s| s.chars().next()),
            "sort_keys" => options.sort_keys = value.truthy()?,
            "explicit_start" => options.explicit_start = value.truthy()?,
            "explicit_end" => options.explicit_end = value.truthy()?,
            "canonical" => options.canonical = value.truthy()?,
            other => {
                let message = format!("dump_all() got an unexpected keyword argument '{other}'");
                return Err(failed(message));
            }
        }
    }
    let data = value.to_data()?;
    yaml::dump(&data, &options).map(Value::from).map_err(|e| failed(e.to_string()))
}

/// The text of a document; other values are not read at all.
fn document(value: &Value) -> Outcome<Option<&Text>> {
    Ok(match value.defined()? {
        Value::Str(text) => Some(text),
        _ => None,
    })
}

pub fn from_yaml(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("from_yaml", args)?;
    let Some(text) = document(&value)? else { return Ok(value) };
    let data = yaml::read(&text.to_bytes(), Flavour::Safe).map_err(|e| TemplateError::other(e.to_string()))?;
    Ok(if text.is_tainted() { Value::from_foreign(&data) } else { Value::from_data(&data) })
}

pub fn from_yaml_all(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    none("from_yaml_all", args)?;
    let Some(text) = document(&value)? else { return Ok(value) };
    let all = yaml::read_all(&text.to_bytes(), Flavour::Safe).map_err(|e| TemplateError::other(e.to_string()))?;
    let convert = if text.is_tainted() { Value::from_foreign } else { Value::from_data };
    Ok(Value::view("generator", all.iter().map(convert).collect()))
}

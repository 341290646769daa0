//! JSON as Python's `json` writes and reads it.

use super::args::{given, unless_none};
use crate::plan::limits;
use crate::vars::{CallArgs, Dict, Env, Outcome, TemplateError, Value, float_repr, too_deep};
use std::fmt::Write;

/// The keyword arguments of `json.dumps`.
#[derive(Clone, Debug)]
pub struct Style {
    /// One level's indentation; `None` writes one line.
    pub indent: Option<String>,
    /// Between items.
    pub item: String,
    /// Between key and value.
    pub key: String,
    /// Whether keys are sorted.
    pub sort_keys: bool,
    /// Whether all but ASCII is escaped.
    pub ensure_ascii: bool,
    /// Whether keys that JSON cannot hold are left out.
    pub skip_keys: bool,
    /// Whether NaN and infinity may be written.
    pub allow_nan: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            indent: None,
            item: ", ".to_owned(),
            key: ": ".to_owned(),
            sort_keys: false,
            ensure_ascii: true,
            skip_keys: false,
            allow_nan: true,
        }
    }
}

impl Style {
    /// `indent=`; with it, items end their lines without a blank.
    pub fn set_indent(&mut self, indent: &Value) -> Outcome<()> {
        self.indent = Some(match indent.defined()? {
            Value::Str(text) => text.as_str().to_owned(),
            other => {
                let width = other.as_int().ok_or_else(|| {
                    TemplateError::other(format!("can't multiply sequence by non-int of type '{}'", other.type_name()))
                })?;
                if width > 1000 {
                    return Err(TemplateError::other("an indent of that width is refused"));
                }
                " ".repeat(usize::try_from(width).unwrap_or(0))
            }
        });
        ",".clone_into(&mut self.item);
        Ok(())
    }
}

/// `json.dumps`, with Ansible's encoder for what JSON lacks.
pub fn dumps(value: &Value, style: &Style) -> Outcome<String> {
    let mut writer = Writer { out: String::new(), style, level: 0 };
    writer.value(value)?;
    Ok(writer.out)
}

struct Writer<'s> {
    out: String,
    style: &'s Style,
    level: usize,
}

impl Writer<'_> {
    fn value(&mut self, value: &Value) -> Outcome<()> {
        match value.defined()? {
            Value::None => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => {
                let _ = write!(self.out, "{i}");
            }
            Value::Float(f) => self.float(*f)?,
            Value::Str(text) => quote(text.as_str(), self.style.ensure_ascii, &mut self.out),
            Value::List(list) => self.array(&list.borrow())?,
            Value::Tuple(items) => self.array(items)?,
            Value::View(view) => match view.kind {
                "generator" | "zip" | "map" => return Err(unserializable(value)),
                _ => self.array(&view.items)?,
            },
            Value::Dict(dict) => self.object(&dict.borrow())?,
            Value::Time(_) => quote(&iso(value)?, self.style.ensure_ascii, &mut self.out),
            Value::Undefined(_) => self.out.push_str("\"\""),
            Value::Object(object) => {
                let items = object.as_tuple().ok_or_else(|| unserializable(value))?;
                self.array(&items)?;
            }
            _ => return Err(unserializable(value)),
        }
        if self.out.len() > limits::RENDERED {
            return Err(TemplateError::other("the result of the template is too large"));
        }
        Ok(())
    }

    fn float(&mut self, f: f64) -> Outcome<()> {
        if f.is_finite() {
            self.out.push_str(&float_repr(f));
            return Ok(());
        }
        if !self.style.allow_nan {
            return Err(TemplateError::other("Out of range float values are not JSON compliant"));
        }
        self.out.push_str(if f.is_nan() {
            "NaN"
        } else if f > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
        Ok(())
    }

    fn enter(&mut self) -> Outcome<()> {
        self.level += 1;
        if self.level > limits::DEPTH { Err(too_deep()) } else { Ok(()) }
    }

    fn line(&mut self) {
        if let Some(indent) = &self.style.indent {
            self.out.push('\n');
            for _ in 0..self.level {
                self.out.push_str(indent);
            }
        }
    }

    fn array(&mut self, items: &[Value]) -> Outcome<()> {
        if items.is_empty() {
            self.out.push_str("[]");
            return Ok(());
        }
        self.enter()?;
        self.out.push('[');
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                self.out.push_str(&self.style.item);
            }
            self.line();
            self.value(item)?;
        }
        self.level -= 1;
        self.line();
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, dict: &Dict) -> Outcome<()> {
        if dict.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }
        self.enter()?;
        let mut members: Vec<(&Value, &Value)> = dict.iter().collect();
        if self.style.sort_keys {
            members = super::order::sorted(members, |m| Ok(m.0.clone()))?;
        }
        self.out.push('{');
        let mut first = true;
        for (key, value) in members {
            let Some(name) = self.key_text(key)? else { continue };
            if !first {
                self.out.push_str(&self.style.item);
            }
            first = false;
            self.line();
            quote(&name, self.style.ensure_ascii, &mut self.out);
            self.out.push_str(&self.style.key);
            self.value(value)?;
        }
        self.level -= 1;
        if !first {
            self.line();
        }
        self.out.push('}');
        Ok(())
    }

    fn key_text(&self, key: &Value) -> Outcome<Option<String>> {
        Ok(Some(match key {
            Value::Str(text) => text.as_str().to_owned(),
            Value::None => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Int(i) => i.to_string(),
            Value::Float(f) => float_repr(*f),
            _ if self.style.skip_keys => return Ok(None),
            other => {
                return Err(TemplateError::other(format!(
                    "keys must be str, int, float, bool or None, not {}",
                    other.type_name()
                )));
            }
        }))
    }
}

fn unserializable(value: &Value) -> TemplateError {
    TemplateError::other(format!("Object of type {} is not JSON serializable", value.type_name()))
}

/// `datetime.isoformat`.
fn iso(value: &Value) -> Outcome<String> {
    Ok(value.text()?.replacen(' ', "T", 1))
}

fn quote(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => match crate::vars::escaped_byte(c) {
                // A byte that is not UTF-8 is a lone surrogate to Python.
                Some(byte) => {
                    let _ = write!(out, "\\udc{byte:02x}");
                }
                None if ascii && (c as u32) > 0x7e => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                None => out.push(c),
            },
        }
    }
    out.push('"');
}

/// Takes what `json.dumps` knows out of the arguments.
fn style_of(mut args: CallArgs, mut style: Style) -> Outcome<Style> {
    if !args.positional.is_empty() {
        let given = args.positional.len() + 1;
        return Err(TemplateError::other(format!("dumps() takes 1 positional argument but {given} were given")));
    }
    if let Some(indent) = unless_none(args.take("indent")) {
        style.set_indent(&indent)?;
    }
    for (name, value) in args.keyword {
        match &*name {
            "sort_keys" => style.sort_keys = value.truthy()?,
            "ensure_ascii" => style.ensure_ascii = value.truthy()?,
            "skipkeys" => style.skip_keys = value.truthy()?,
            "allow_nan" => style.allow_nan = value.truthy()?,
            "separators" => {
                if let Some(parts) = unless_none(Some(value)) {
                    (style.item, style.key) = separators(&parts)?;
                }
            }
            // Ansible's encoder takes these; there is nothing left to decrypt or to mark here.
            "vault_to_text" | "preprocess_unsafe" | "check_circular" => {}
            other => {
                let message = format!("JSONEncoder.__init__() got an unexpected keyword argument '{other}'");
                return Err(TemplateError::other(message));
            }
        }
    }
    Ok(style)
}

fn separators(value: &Value) -> Outcome<(String, String)> {
    let parts: Vec<Value> = match value {
        Value::List(l) => l.borrow().clone(),
        Value::Tuple(t) => t.to_vec(),
        _ => Vec::new(),
    };
    match parts.as_slice() {
        [item, key] => Ok((item.text()?, key.text()?)),
        few if few.len() < 2 => {
            let message = format!("not enough values to unpack (expected 2, got {})", few.len());
            Err(TemplateError::other(message))
        }
        _ => Err(TemplateError::other("too many values to unpack (expected 2)")),
    }
}

pub fn to_json(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let style = style_of(args, Style::default())?;
    dumps(&value, &style).map(Value::from)
}

pub fn to_nice_json(_: &Env, value: Value, mut args: CallArgs) -> Outcome<Value> {
    let mut positional = std::mem::take(&mut args.positional).into_iter();
    let indent = positional.next().or_else(|| args.take("indent")).unwrap_or(Value::Int(4));
    let sort_keys = positional.next().or_else(|| args.take("sort_keys")).unwrap_or(Value::Bool(true));
    if args.keyword.iter().any(|(n, _)| &**n == "separators") {
        let message = "ansible.plugins.filter.core.to_json() got multiple values for keyword argument 'separators'";
        return Err(TemplateError::other(message));
    }
    let mut style = Style { sort_keys: sort_keys.truthy()?, ..Style::default() };
    if !indent.is_none() {
        style.set_indent(&indent)?;
    }
    ",".clone_into(&mut style.item);
    let style = style_of(args, style)?;
    dumps(&value, &style).map(Value::from)
}

pub fn from_json(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [] = args.bind("loads", [], 0)?;
    let bytes = match value.defined()? {
        Value::Str(text) => text.to_bytes(),
        Value::Bytes(bytes) => bytes.to_vec(),
        other => {
            let name = other.type_name();
            return Err(TemplateError::other(format!("the JSON object must be str, bytes or bytearray, not {name}")));
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| TemplateError::other("the JSON text is not UTF-8"))?;
    let tainted = matches!(&given(Some(value)), Value::Str(t) if t.is_tainted());
    let value = super::json_read::loads(&text).map_err(TemplateError::other)?;
    Ok(if tainted { value.taint() } else { value })
}

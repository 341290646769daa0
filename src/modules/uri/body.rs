//! What a request of `uri` carries: JSON, forms, files.

use crate::modules::params::{Params, os_text, plain};
use crate::modules::{Context, Failure, copy, json};
use crate::plan::{Data, Map};
use crate::sys::order;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 in a line of a multipart body.
const WIDTH: usize = 76;

/// A body, and the type that says what it is.
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// `Content-Type`, where the format decides about it.
    pub kind: Option<String>,
}

/// The body in the format that the task names.
pub fn encoded(ctx: &Context, body: &Data, format: &str) -> Result<Option<Body>, Failure> {
    let text = body.text_bytes().map(<[u8]>::to_vec);
    Ok(Some(match format {
        "json" => {
            let bytes = text.unwrap_or_else(|| json::dumps(body, json::Style::Line).into_bytes());
            Body { bytes, kind: Some("application/json".to_owned()) }
        }
        "form-urlencoded" => {
            let bytes = match text {
                Some(text) => text,
                None => form(body)?.into_bytes(),
            };
            Body { bytes, kind: Some("application/x-www-form-urlencoded".to_owned()) }
        }
        "form-multipart" => multipart(ctx, body)?,
        _ if body.is_null() => return Ok(None),
        _ => Body { bytes: text.unwrap_or_else(|| plain(body).into_bytes()), kind: None },
    }))
}

/// `key=value&...` of a dictionary or a list of pairs; a value may be a list.
fn form(body: &Data) -> Result<String, Failure> {
    let pairs: Vec<(&Data, &Data)> = match body {
        Data::Map(map) => map.iter().collect(),
        Data::List(list) | Data::Tuple(list) => {
            let pair = |item: &'_ Data| item.as_list().is_some_and(|p| p.len() == 2);
            if !list.iter().all(pair) {
                return Err(Failure::new("failed to parse body as form_urlencoded: it takes pairs of key and value"));
            }
            list.iter().filter_map(Data::as_list).map(|p| (&p[0], &p[1])).collect()
        }
        other => return Ok(plain(other)),
    };
    let mut parts = Vec::new();
    for (key, value) in pairs {
        let one = std::slice::from_ref(value);
        let values = match value {
            Data::Map(map) => map.keys().cloned().collect(),
            other => other.as_list().unwrap_or(one).to_vec(),
        };
        let shown = values.iter().filter(|v| !v.is_null());
        parts.extend(shown.map(|value| format!("{}={}", quoted(key), quoted(value))));
    }
    Ok(parts.join("&"))
}

/// Text as a form carries it.
fn quoted(value: &Data) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut out = String::new();
    for byte in os_text(value).as_bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"_.-~".contains(b) => out.push(char::from(*b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// A form with files, each field a part of its own.
fn multipart(ctx: &Context, body: &Data) -> Result<Body, Failure> {
    let Data::Map(fields) = body else {
        return Err(Failure::new(format!("body must be mapping, cannot be type {}", body.type_name())));
    };
    let mut fields: Vec<(String, &Data)> = fields.iter().map(|(k, v)| (plain(k), v)).collect();
    order::by(&mut fields, |a, b| a.0.cmp(&b.0));
    let mut parts = Vec::new();
    for (name, value) in fields {
        parts.push(part(ctx, &name, value)?);
    }
    let boundary = boundary(&parts)?;
    let mut bytes = Vec::new();
    for part in &parts {
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok(Body { bytes, kind: Some(format!("multipart/form-data; boundary=\"{boundary}\"")) })
}

/// A line that no part holds.
fn boundary(parts: &[Vec<u8>]) -> Result<String, Failure> {
    let random = std::fs::read_to_string("/proc/sys/kernel/random/uuid");
    let random = random.map_err(|e| Failure::new(format!("making a boundary: {e}")))?;
    let mut boundary = format!("==============={}==", random.trim().replace('-', ""));
    while parts.iter().any(|p| p.windows(boundary.len()).any(|w| w == boundary.as_bytes())) {
        boundary.push('=');
    }
    Ok(boundary)
}

fn part(ctx: &Context, name: &str, value: &Data) -> Result<Vec<u8>, Failure> {
    let disposition = format!("Content-Disposition: form-data; name=\"{}\"", escaped(name));
    if let Some(text) = value.text_bytes() {
        let head = format!("Content-Type: text/plain\r\n{disposition}\r\n\r\n");
        return Ok([head.as_bytes(), text].concat());
    }
    let Data::Map(field) = value else {
        let msg = "failed to parse body as form-multipart: value must be a string, or mapping, cannot be type";
        return Err(Failure::new(format!("{msg} {}", value.type_name())));
    };
    file_part(ctx, &disposition, field)
}

fn file_part(ctx: &Context, disposition: &str, field: &Map) -> Result<Vec<u8>, Failure> {
    let (filename, content) = (field.text("filename"), field.value("content").filter(|c| c.truthy()));
    let kind = field.text("mime_type").unwrap_or_else(|| guessed(filename.as_deref().unwrap_or_default()).to_owned());
    let named = |name: &str| {
        let base = name.rsplit('/').next().unwrap_or_default();
        format!("{disposition}; filename=\"{}\"", escaped(base))
    };
    match (filename, content) {
        (None, None) => {
            let msg = "failed to parse body as form-multipart: at least one of filename or content must be provided";
            Err(Failure::new(msg))
        }
        (Some(name), None) => {
            let path = ctx.files.find("files", &name).map_err(|tried| copy::not_found(&name, &tried))?;
            let bytes = ctx.files.read(&path).map_err(|e| Failure::new(format!("reading {path}: {e}")))?;
            let encoded = STANDARD.encode(bytes);
            let lines: Vec<&str> =
                encoded.as_bytes().chunks(WIDTH).map(|c| std::str::from_utf8(c).unwrap_or_default()).collect();
            let head = format!("Content-Transfer-Encoding: base64\r\nContent-Type: {kind}\r\n{}\r\n\r\n", named(&name));
            Ok(format!("{head}{}\r\n", lines.join("\r\n")).into_bytes())
        }
        (name, Some(content)) => {
            let disposition = name.map_or_else(|| disposition.to_owned(), |name| named(&name));
            let head = format!("Content-Type: {kind}\r\n{disposition}\r\n\r\n");
            let content = content.text_bytes().map_or_else(|| plain(content).into_bytes(), <[u8]>::to_vec);
            Ok([head.as_bytes(), &content].concat())
        }
    }
}

/// A header's parameter cannot hold quotes or line ends of its own.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
}

/// The type of a file by its name, as far as forms carry such files.
fn guessed(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "txt" | "conf" | "log" => "text/plain",
        "json" => "application/json",
        "html" | "htm" => "text/html",
        "xml" => "text/xml",
        "csv" => "text/csv",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "tar" => "application/x-tar",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "sh" => "application/x-sh",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::params::{int, map, text};

    #[test]
    fn forms_are_quoted_as_python_quotes_them() {
        let list = Data::List(vec![int(1), Data::Null, text("x y")]);
        let body = map([("a", text("ü&=~")), ("b", list), ("c", Data::Bool(true)), ("d", Data::Null)]);
        assert_eq!(form(&Data::Map(body)).unwrap(), "a=%C3%BC%26%3D~&b=1&b=x+y&c=True");
        assert!(form(&Data::List(vec![text("a")])).is_err());
    }
}

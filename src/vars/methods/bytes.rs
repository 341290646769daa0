//! Methods of `bytes`: those that text has too are run as text.

use super::text::{self, text_of, wrong};
use crate::vars::env::Env;
use crate::vars::error::Outcome;
use crate::vars::object::CallArgs;
use crate::vars::value::{Text, Value};

/// Methods of bytes.
pub const NAMES: &[&str] = &[
    "count",
    "decode",
    "endswith",
    "find",
    "hex",
    "index",
    "isdigit",
    "join",
    "lower",
    "lstrip",
    "partition",
    "replace",
    "rfind",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "startswith",
    "strip",
    "upper",
];

/// Calls a method of bytes.
pub fn call(env: &Env, bytes: &[u8], name: &str, args: CallArgs) -> Outcome<Value> {
    let of = |v: Option<Value>| match v {
        Some(Value::Bytes(b)) => Ok(b.to_vec()),
        Some(v) => Err(wrong(format!("a bytes-like object is required, not '{}'", v.type_name()))),
        None => Ok(Vec::new()),
    };
    match name {
        "decode" => {
            let [encoding, errors] = args.bind(name, ["encoding", "errors"], 0)?;
            let encoding = encoding.map_or(Ok("utf-8".to_owned()), |e| text_of(&e))?.to_lowercase().replace('_', "-");
            let errors = errors.map_or(Ok("strict".to_owned()), |e| text_of(&e))?;
            match encoding.as_str() {
                "latin-1" | "latin1" | "iso-8859-1" => {
                    Ok(Value::str(bytes.iter().map(|b| char::from(*b)).collect::<String>()))
                }
                "ascii" if !bytes.is_ascii() && errors == "ignore" => {
                    Ok(Value::str(bytes.iter().filter(|b| b.is_ascii()).map(|b| char::from(*b)).collect::<String>()))
                }
                "ascii" if !bytes.is_ascii() && errors == "strict" => {
                    Err(wrong("'ascii' codec can't decode byte: ordinal not in range(128)"))
                }
                "utf-8" | "utf8" | "ascii" => match (std::str::from_utf8(bytes), errors.as_str()) {
                    (Ok(text), _) => Ok(Value::str(text)),
                    (Err(_), "surrogateescape") => Ok(Value::Str(Text::from_bytes(bytes))),
                    (Err(_), "replace") => Ok(Value::str(String::from_utf8_lossy(bytes).into_owned())),
                    (Err(_), "ignore") => Ok(Value::str(bytes.utf8_chunks().map(|c| c.valid()).collect::<String>())),
                    (Err(e), _) => Err(wrong(format!(
                        "'utf-8' codec can't decode byte 0x{:02x} in position {}: invalid start byte",
                        bytes[e.valid_up_to()],
                        e.valid_up_to()
                    ))),
                },
                other => Err(wrong(format!("unknown encoding: {other}"))),
            }
        }
        "hex" => Ok(Value::str(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())),
        "upper" => Ok(Value::bytes(bytes.to_ascii_uppercase())),
        "lower" => Ok(Value::bytes(bytes.to_ascii_lowercase())),
        "join" => {
            let [items] = args.bind(name, ["iterable"], 1)?;
            let items = items.unwrap_or_default().iterate(env)?;
            let parts = items.into_iter().map(|v| of(Some(v))).collect::<Outcome<Vec<Vec<u8>>>>()?;
            Ok(Value::bytes(parts.join(bytes)))
        }
        "isdigit" => Ok(Value::Bool(!bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit))),
        _ => as_text(env, bytes, name, args),
    }
}

/// A method that bytes and text have alike: on text of one character a byte, of which none but ASCII's is a blank.
fn as_text(env: &Env, bytes: &[u8], name: &str, mut args: CallArgs) -> Outcome<Value> {
    let letter = |b: &u8| match b {
        0x1c..=0x1f | 0x80.. => char::from_u32(0x100 + u32::from(*b)).unwrap_or_default(),
        b => char::from(*b),
    };
    let wide = |bytes: &[u8]| Value::str(bytes.iter().map(letter).collect::<String>());
    let widened = |value: &Value| match value {
        Value::Bytes(b) => Ok(wide(b)),
        Value::Tuple(t) => {
            let parts = t.iter().map(|v| if let Value::Bytes(b) = v { Ok(wide(b)) } else { Err(v) });
            parts.collect::<Result<_, _>>().map(Value::tuple).map_err(Value::type_name)
        }
        Value::Str(_) => Err("str"),
        other => Ok(other.clone()),
    };
    for value in args.positional.iter_mut().chain(args.keyword.iter_mut().map(|(_, v)| v)) {
        *value = widened(value).map_err(|of| wrong(format!("a bytes-like object is required, not '{of}'")))?;
    }
    let text: String = bytes.iter().map(letter).collect();
    Ok(narrowed(text::call(env, &Text::new(text), name, args)?))
}

/// Every text of a result as bytes again.
fn narrowed(value: Value) -> Value {
    match value {
        Value::Str(t) => Value::bytes(t.as_str().chars().map(|c| c as u8).collect::<Vec<u8>>()),
        Value::Tuple(t) => Value::tuple(t.iter().cloned().map(narrowed).collect()),
        Value::List(l) => Value::list(l.borrow().iter().cloned().map(narrowed).collect()),
        other => other,
    }
}

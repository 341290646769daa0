//! The form in which the data files write Python's values: plain JSON, or `{"$": type, "v": ...}`.

use compute_init::plan::{Data, Map};
use serde_json::Value;

/// Whether `got` is the value that `want` describes, types included.
pub fn matches(want: &Value, got: &Data) -> bool {
    match (want, got) {
        (Value::Null, Data::Null) => true,
        (Value::Bool(a), Data::Bool(b)) => a == b,
        (Value::Number(n), Data::Int(i)) => n.to_string() == i.to_string(),
        (Value::Number(n), Data::Float(f)) => n.is_f64() && n.as_f64() == Some(*f),
        (Value::String(s), Data::Str(t)) => s == t,
        (Value::Array(a), Data::List(b)) => all(a, b),
        (Value::Object(o), got) => match (o.get("$").and_then(Value::as_str), o.get("v")) {
            (Some(kind), Some(v)) => typed(kind, v, got),
            _ => false,
        },
        _ => false,
    }
}

fn all(want: &[Value], got: &[Data]) -> bool {
    want.len() == got.len() && want.iter().zip(got).all(|(w, g)| matches(w, g))
}

fn typed(kind: &str, v: &Value, got: &Data) -> bool {
    let text = v.as_str().unwrap_or_default();
    match (kind, got) {
        ("map", Data::Map(m)) => v.as_array().is_some_and(|pairs| map(pairs, m)),
        ("int", Data::Int(i)) => i.to_string() == text,
        ("float", Data::Float(f)) => text.parse::<f64>().is_ok_and(|t| t == *f || (t.is_nan() && f.is_nan())),
        ("date" | "datetime", Data::Time(t)) => t.to_string() == text && (kind == "date") == t.clock.is_none(),
        ("vault", Data::Vault(s)) => s == text,
        ("unsafe", Data::Unsafe(s)) => s == text,
        ("bytes", Data::Bytes(b)) => match v {
            Value::Array(bytes) => bytes.iter().map(Value::as_u64).eq(b.iter().map(|b| Some(u64::from(*b)))),
            _ => b == text.as_bytes(),
        },
        ("set", Data::Set(items)) => {
            let want = v.as_array().map(Vec::as_slice).unwrap_or_default();
            want.len() == items.len() && want.iter().all(|w| items.iter().any(|g| matches(w, g)))
        }
        ("tuple", Data::Tuple(items)) => v.as_array().is_some_and(|want| all(want, items)),
        _ => false,
    }
}

fn map(want: &[Value], got: &Map) -> bool {
    want.len() == got.len()
        && want.iter().zip(got).all(|(pair, (key, value))| match pair.as_array().map(Vec::as_slice) {
            Some([k, v]) => matches(k, key) && matches(v, value),
            _ => false,
        })
}

//! JSON as Ansible's loader reads it before it tries YAML. Says only "not JSON" where YAML is to be tried.

use crate::plan::{Data, Map, limits};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The value of a JSON text; `None` where it is not JSON, or holds a number that JSON's reader would round.
pub fn read(bytes: &[u8]) -> Option<Data> {
    if bytes.len() > limits::YAML {
        return None;
    }
    let Json(data) = serde_json::from_slice(bytes).ok()?;
    Some(data)
}

/// Beyond this a float may be an integer that was too long: YAML's reader keeps it whole.
const EXACT: f64 = 9.0e15;

struct Json(Data);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Json, D::Error> {
        d.deserialize_any(JsonVisitor).map(Json)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Data, E> {
        Ok(Data::Bool(b))
    }
    fn visit_i64<E>(self, i: i64) -> Result<Data, E> {
        Ok(Data::Int(i.into()))
    }
    fn visit_u64<E>(self, i: u64) -> Result<Data, E> {
        Ok(Data::Int(i.into()))
    }
    fn visit_f64<E: de::Error>(self, f: f64) -> Result<Data, E> {
        match f.abs() < EXACT {
            true => Ok(Data::Float(f)),
            false => Err(E::custom("too large to be exact")),
        }
    }
    fn visit_str<E>(self, s: &str) -> Result<Data, E> {
        Ok(Data::Str(s.to_owned()))
    }
    fn visit_string<E>(self, s: String) -> Result<Data, E> {
        Ok(Data::Str(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(item)) = seq.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut map = Map::default();
        while let Some(key) = access.next_key::<String>()? {
            let Json(value) = access.next_value()?;
            map.insert(Data::Str(key), value);
        }
        Ok(marked(map))
    }
}

/// Ansible's own JSON marks text that must not be templated, and vault envelopes, with a one-member object.
fn marked(map: Map) -> Data {
    let data = Data::Map(map);
    if let Some(text) = data.get("__ansible_unsafe").and_then(Data::as_str) {
        return Data::Unsafe(text.to_owned());
    }
    if let Some(text) = data.get("__ansible_vault").and_then(Data::as_str) {
        return Data::Vault(text.to_owned());
    }
    data
}

//! `Data` as JSON, and back.
//!
//! Plain values are plain JSON. What JSON has no form for is an object with one member whose name starts with
//! `!`: `{"!unsafe": "text"}`, `{"!raw": "<base64>"}`, `{"!bytes": "<base64>"}`, `{"!vault": "text"}`,
//! `{"!int": "<decimal>"}`, `{"!float": "nan"}`, `{"!tuple": [..]}`, `{"!set": [..]}`, `{"!time": "<iso>"}`,
//! `{"!map": [[key, value], ..]}` (keys that are not text, or one key that starts with `!`).

use super::data::{Clock, Data, Map, Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Data::Null => s.serialize_unit(),
            Data::Bool(b) => s.serialize_bool(*b),
            Data::Int(i) => match i64::try_from(*i) {
                Ok(i) => s.serialize_i64(i),
                Err(_) => tagged(s, "!int", &i.to_string()),
            },
            Data::Float(f) if f.is_finite() => s.serialize_f64(*f),
            Data::Float(f) => tagged(s, "!float", &f.to_string()),
            Data::Str(t) | Data::Made(_, t) => s.serialize_str(t),
            Data::Unsafe(t) => tagged(s, "!unsafe", t),
            Data::Raw(b) => tagged(s, "!raw", &STANDARD.encode(b)),
            Data::Bytes(b) => tagged(s, "!bytes", &STANDARD.encode(b)),
            Data::Vault(t) => tagged(s, "!vault", t),
            Data::List(l) => l.serialize(s),
            Data::Tuple(l) => tagged(s, "!tuple", l),
            Data::Set(l) => tagged(s, "!set", l),
            Data::Time(t) => tagged(s, "!time", &t.to_string()),
            Data::Map(m) => serialize_map(m, s),
        }
    }
}

fn tagged<S: Serializer, T: Serialize + ?Sized>(s: S, tag: &'static str, value: &T) -> Result<S::Ok, S::Error> {
    let mut out = s.serialize_map(Some(1))?;
    out.serialize_entry(tag, value)?;
    out.end()
}

fn serialize_map<S: Serializer>(m: &Map, s: S) -> Result<S::Ok, S::Error> {
    let plain = m.keys().all(|k| matches!(k, Data::Str(_)))
        && !(m.len() == 1 && m.keys().all(|k| k.as_str().is_some_and(|k| k.starts_with('!'))));
    if !plain {
        let pairs: Vec<(&Data, &Data)> = m.iter().collect();
        return tagged(s, "!map", &pairs);
    }
    let mut out = s.serialize_map(Some(m.len()))?;
    for (k, v) in m {
        out.serialize_entry(k.as_str().unwrap_or_default(), v)?;
    }
    out.end()
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Data, D::Error> {
        d.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
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
    fn visit_f64<E>(self, f: f64) -> Result<Data, E> {
        Ok(Data::Float(f))
    }
    fn visit_str<E>(self, s: &str) -> Result<Data, E> {
        Ok(Data::Str(s.to_owned()))
    }
    fn visit_string<E>(self, s: String) -> Result<Data, E> {
        Ok(Data::Str(s))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Data::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Data, A::Error> {
        let mut map = Map::default();
        while let Some(key) = access.next_key::<String>()? {
            map.insert(Data::Str(key), access.next_value()?);
        }
        untag(map).map_err(de::Error::custom)
    }
}

/// Turns a one-member object whose name starts with `!` into the value it stands for.
fn untag(mut map: Map) -> Result<Data, String> {
    if map.len() != 1 {
        return Ok(Data::Map(map));
    }
    let Some((Data::Str(tag), value)) = map.pop() else { return Ok(Data::Map(map)) };
    let text = || value.as_str().ok_or_else(|| format!("{tag} takes text"));
    let bytes = || STANDARD.decode(text()?).map_err(|e| format!("{tag}: {e}"));
    Ok(match tag.as_str() {
        "!unsafe" => Data::Unsafe(text()?.to_owned()),
        "!vault" => Data::Vault(text()?.to_owned()),
        "!raw" => Data::Raw(bytes()?),
        "!bytes" => Data::Bytes(bytes()?),
        "!int" => Data::Int(text()?.parse().map_err(|e| format!("!int: {e}"))?),
        "!float" => Data::Float(text()?.parse().map_err(|e| format!("!float: {e}"))?),
        "!time" => Data::Time(text()?.parse()?),
        "!tuple" => Data::Tuple(list(value)?),
        "!set" => Data::Set(list(value)?),
        "!map" => Data::Map(pairs(value)?),
        _ => {
            map.insert(Data::Str(tag), value);
            Data::Map(map)
        }
    })
}

fn list(value: Data) -> Result<Vec<Data>, String> {
    match value {
        Data::List(l) => Ok(l),
        other => Err(format!("a list was expected, not {}", other.type_name())),
    }
}

fn pairs(value: Data) -> Result<Map, String> {
    list(value)?
        .into_iter()
        .map(|pair| match <[Data; 2]>::try_from(list(pair)?) {
            Ok([k, v]) => Ok((k, v)),
            Err(_) => Err("!map takes pairs".to_owned()),
        })
        .collect()
}

impl fmt::Display for Timestamp {
    /// Python's `str()` of the date or datetime.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)?;
        let Some(c) = self.clock else { return Ok(()) };
        write!(f, " {:02}:{:02}:{:02}", c.hour, c.minute, c.second)?;
        if c.micro != 0 {
            write!(f, ".{:06}", c.micro)?;
        }
        let Some(o) = c.offset else { return Ok(()) };
        let a = o.abs();
        write!(f, "{}{:02}:{:02}", if o < 0 { '-' } else { '+' }, a / 3600, a / 60 % 60)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = String;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(s: &str) -> Result<Timestamp, String> {
        let bad = || format!("not a timestamp: {s:?}");
        let field = |t: Option<&str>| t.and_then(|t| t.parse::<u32>().ok()).ok_or_else(bad);
        let small = |t: Option<&str>| field(t).and_then(|n| u8::try_from(n).map_err(|_| bad()));
        let (date, rest) = s.split_once(' ').map_or((s, None), |(d, r)| (d, Some(r)));
        let mut parts = date.split('-');
        let year = i32::try_from(field(parts.next())?).map_err(|_| bad())?;
        let (month, day) = (small(parts.next())?, small(parts.next())?);
        let Some(rest) = rest else { return Ok(Timestamp { year, month, day, clock: None }) };
        let (time, offset) = match rest.find(['+', '-']) {
            Some(at) => (&rest[..at], Some(&rest[at..])),
            None => (rest, None),
        };
        let (hms, micro) = time.split_once('.').map_or((time, None), |(t, m)| (t, Some(m)));
        let mut hms = hms.split(':');
        let (hour, minute, second) = (small(hms.next())?, small(hms.next())?, small(hms.next())?);
        let micro = micro.map_or(Ok(0), |m| field(Some(m)))?;
        let offset = match offset {
            None => None,
            Some(o) => {
                let (h, m) = o[1..].split_once(':').ok_or_else(bad)?;
                let seconds = i32::from(small(Some(h))?) * 3600 + i32::from(small(Some(m))?) * 60;
                Some(if o.starts_with('-') { -seconds } else { seconds })
            }
        };
        Ok(Timestamp { year, month, day, clock: Some(Clock { hour, minute, second, micro, offset }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_json() {
        let time = |s: &str| Data::Time(s.parse().expect("a timestamp"));
        let mut odd = Map::default();
        odd.insert(Data::Int(1), Data::Null);
        let mut bang = Map::default();
        bang.insert(Data::str("!unsafe"), Data::str("x"));
        let all = Data::List(vec![
            Data::Null,
            Data::Bool(true),
            Data::Int(-5),
            Data::Int(1 << 100),
            Data::Float(1.5),
            Data::Float(f64::INFINITY),
            Data::str("{{ x }}"),
            Data::Unsafe("{{ x }}".into()),
            Data::Raw(vec![0xff, b'a']),
            Data::Bytes(vec![0, 1]),
            Data::Vault("$ANSIBLE_VAULT".into()),
            Data::Tuple(vec![Data::Int(1)]),
            Data::Set(vec![Data::Int(1)]),
            Data::Map(odd),
            Data::Map(bang),
            time("2024-01-02"),
            time("2024-01-02 03:04:05.000006-01:30"),
        ]);
        let json = serde_json::to_string(&all).expect("serialises");
        let back: Data = serde_json::from_str(&json).expect("reads back");
        assert_eq!(format!("{all:?}"), format!("{back:?}"));
    }
}

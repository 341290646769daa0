//! Instance metadata: from the config drive, the metadata service or a file; bounded in time and size.

use super::config::MetadataSource;
use super::drive::Drive;
use super::session::{Backoff, Session};
use super::stop::Stop;
use crate::plan::{Data, Key, Map, limits};
use crate::sys::file::read_bounded;
use crate::sys::http::{HttpError, Request};
use crate::sys::resolve;
use crate::yaml::{self, Flavour};
use std::path::Path;
use std::time::{Duration, Instant};

/// Time for one answer of the metadata service, so that several are tried within the deadline.
const ANSWER: Duration = Duration::from_secs(10);

/// Metadata given on the command line.
pub enum Given {
    /// A file's name and bytes, or why it can't be read.
    File(String, Result<Vec<u8>, String>),
    /// A URL.
    Url(String),
}

/// The metadata that was found.
pub struct Found {
    /// `meta`, values final.
    pub meta: Map,
    /// Where it was.
    pub from: String,
}

/// Asks each source in turn; the first that has metadata is the one.
pub fn read(session: &Session, given: Option<Given>) -> Result<Found, Stop> {
    let sources = match given {
        Some(Given::File(name, bytes)) => {
            let bytes = bytes.map_err(|e| Stop::refused(format!("reading metadata: {e}")))?;
            return parse_file(&bytes, &name).map_err(Stop::refused);
        }
        Some(Given::Url(url)) => vec![MetadataSource::Url(url)],
        None => session.config.metadata.clone(),
    };
    let until = Instant::now() + session.config.deadlines.metadata;
    let mut misses = Vec::new();
    for source in &sources {
        let outcome = match source {
            MetadataSource::ConfigDrive => drive(),
            MetadataSource::File(path) => file(path),
            MetadataSource::Url(url) => return service(session, url, until, &misses),
        };
        match outcome? {
            Ok(found) => return Ok(found),
            Err(miss) => misses.push(miss),
        }
    }
    Err(Stop::unreachable(format!("no metadata: {}", misses.join("; "))).hint("see metadata.sources in config.yaml"))
}

type Outcome = Result<Result<Found, String>, Stop>;

fn file(path: &Path) -> Outcome {
    match read_bounded(path, limits::METADATA) {
        Ok(bytes) => parse_file(&bytes, &path.display().to_string()).map(Ok).map_err(Stop::refused),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Err(format!("{} is not there", path.display()))),
        Err(e) => Err(Stop::refused(format!("reading {}: {e}", path.display()))),
    }
}

fn drive() -> Outcome {
    let Some(drive) = attached() else { return Ok(Err("no config drive".to_owned())) };
    let name = format!("config drive {}", drive.device.display());
    match drive.read(drive.file, limits::METADATA) {
        Ok(Some(bytes)) => parse_file(&bytes, &name).map(Ok).map_err(Stop::refused),
        Ok(None) => Ok(Err(format!("{name} has no {}", drive.file))),
        Err(e) => Ok(Err(format!("reading {name}: {e}"))),
    }
}

/// A file of the config drive; `None` where there is no drive, or no such file in it.
pub fn drive_file(path: &str, limit: u64) -> Option<Vec<u8>> {
    attached()?.read(path, limit).ok()?
}

/// The drive of this machine.
fn attached() -> Option<Drive> {
    Drive::find(Path::new("/dev/disk/by-label"), Path::new("/sys/class/block"), Path::new("/dev"))
}

/// Asks the metadata service until it answers with metadata or the deadline is over.
fn service(session: &Session, url: &str, until: Instant, misses: &[String]) -> Result<Found, Stop> {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5), until);
    let resolve = |name: &str| resolve::addresses(name, session.runner, Duration::from_secs(5));
    loop {
        let deadline = backoff.until().min(Instant::now() + ANSWER);
        let stop = match Request::get(url, deadline, limits::METADATA).send(&resolve) {
            Ok(response) if response.status == 200 => match parse(&response.body, url) {
                Ok(found) => return Ok(found),
                // A proxy that is starting may answer with a page of its own: asked again, then refused.
                Err(e) => Stop::refused(e),
            },
            Ok(response) if response.status == 404 => {
                Stop::unreachable(format!("{url} answers 404: it has no metadata for this instance"))
            }
            Ok(response) => Stop::unreachable(format!("{url} answers {} {}", response.status, response.reason)),
            Err(e @ HttpError::TooLarge(..)) => return Err(Stop::refused(e.to_string())),
            Err(e @ HttpError::Url(..)) => return Err(Stop::refused(e.to_string())),
            Err(e) => Stop::unreachable(e.to_string()),
        };
        if !backoff.wait() {
            let before = misses.iter().map(|miss| format!("{miss}; ")).collect::<String>();
            let message = format!("no metadata within the deadline: {before}{}", stop.message);
            return Err(Stop { message, ..stop }
                .hint("give metadata in a file (metadata.sources in config.yaml) where there is no metadata service"));
        }
    }
}

/// Metadata of a file: JSON, or YAML as NoCloud's `meta-data` is, with `meta` in it.
pub fn parse_file(bytes: &[u8], from: &str) -> Result<Found, String> {
    let json = match parse(bytes, from) {
        Ok(found) => return Ok(found),
        Err(why) => why,
    };
    // What begins as JSON was meant to be JSON: its mistake is the one to tell.
    if matches!(bytes.trim_ascii_start().first(), None | Some(b'{' | b'[')) {
        return Err(json);
    }
    let document = yaml::document(bytes, Flavour::Safe).map_err(|e| format!("metadata from {from}: {e}"))?;
    let Data::Map(document) = document.root.into_data() else {
        return Err(format!("metadata from {from} is not a dictionary"));
    };
    let meta = match document.get(&Key("meta")) {
        None | Some(Data::Null) => Map::default(),
        Some(Data::Map(meta)) => meta.iter().map(|(key, value)| (key.clone(), last(value))).collect(),
        Some(_) => return Err(format!("metadata from {from}: meta is not a dictionary")),
    };
    Ok(Found { meta, from: from.to_owned() })
}

/// The same value with all of its text final.
fn last(value: &Data) -> Data {
    match value {
        Data::Str(text) => Data::Unsafe(text.clone()),
        Data::List(list) => Data::List(list.iter().map(last).collect()),
        Data::Map(map) => Data::Map(map.iter().map(|(key, value)| (key.clone(), last(value))).collect()),
        other => other.clone(),
    }
}

/// `meta` of a `meta_data.json`. Values are final: what looks like a template in them is text.
fn parse(bytes: &[u8], from: &str) -> Result<Found, String> {
    let json: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| format!("metadata from {from} is not JSON: {e}"))?;
    let serde_json::Value::Object(document) = json else {
        return Err(format!("metadata from {from} is not a JSON object"));
    };
    let meta = match document.get("meta") {
        None | Some(serde_json::Value::Null) => Map::default(),
        Some(serde_json::Value::Object(meta)) => meta.iter().map(|(k, v)| (Data::Unsafe(k.clone()), data(v))).collect(),
        Some(_) => return Err(format!("metadata from {from}: meta is not an object")),
    };
    Ok(Found { meta, from: from.to_owned() })
}

fn data(json: &serde_json::Value) -> Data {
    match json {
        serde_json::Value::Null => Data::Null,
        serde_json::Value::Bool(b) => Data::Bool(*b),
        serde_json::Value::Number(n) => match n.as_i64() {
            Some(i) => Data::Int(i128::from(i)),
            None => Data::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(s) => Data::Unsafe(s.clone()),
        serde_json::Value::Array(list) => Data::List(list.iter().map(data).collect()),
        serde_json::Value::Object(map) => {
            Data::Map(map.iter().map(|(k, v)| (Data::Unsafe(k.clone()), data(v))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_file};
    use crate::plan::Data;

    #[test]
    fn meta_is_final_text() {
        let found = parse(br#"{"meta": {"a": "{{ b }}", "n": 1, "l": ["x"]}}"#, "f").unwrap();
        assert!(matches!(found.meta.get(&crate::plan::Key("a")), Some(Data::Unsafe(t)) if t == "{{ b }}"));
        assert!(parse(br#"{"uuid": "x"}"#, "f").unwrap().meta.is_empty());
    }

    #[test]
    fn what_is_no_metadata_says_where_it_came_from() {
        for bytes in [&b"<html>"[..], b"[1]", b"", b"{\"meta\": 3}", b"{\"meta\": {}", b"\xff\xfe"] {
            let e = parse(bytes, "http://x/y").err().unwrap();
            assert!(e.contains("http://x/y"), "{e}");
        }
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes(), "f").is_err());
    }

    #[test]
    fn a_file_may_be_yaml() {
        let text = b"instance-id: i-1\nlocal-hostname: n0\nmeta:\n  compute: yes\n  control_address: '{{ x }}'\n";
        let found = parse_file(text, "f").unwrap();
        assert!(matches!(found.meta.get(&crate::plan::Key("compute")), Some(Data::Bool(true))));
        assert!(
            matches!(found.meta.get(&crate::plan::Key("control_address")), Some(Data::Unsafe(t)) if t == "{{ x }}")
        );
        assert!(parse_file(b"instance-id: i-1\n", "f").unwrap().meta.is_empty());
        for bytes in [&b"meta: 3\n"[..], b"- a\n", b"text", b"meta: [\n", b"", b"{\"meta\": {}"] {
            assert!(parse_file(bytes, "the file").err().unwrap().contains("the file"), "{bytes:?}");
        }
    }
}

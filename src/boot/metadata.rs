//! Instance metadata: from the config drive, the metadata service or a file; bounded in time and size.

use super::config::MetadataSource;
use super::session::{Backoff, Session};
use super::stop::Stop;
use crate::plan::{Data, Map, limits};
use crate::sys::file::read_bounded;
use crate::sys::http::{HttpError, Request};
use crate::sys::order;
use crate::sys::remote::{Remote, Tree};
use crate::sys::resolve;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where a config drive keeps it.
const DRIVE_FILE: &str = "openstack/latest/meta_data.json";
/// Labels of a config drive; vfat has capitals only.
const LABELS: [&str; 2] = ["config-2", "CONFIG-2"];
/// File systems of a config drive.
const DRIVE_TYPES: [&str; 3] = ["iso9660", "vfat", "ext4"];
/// Time for reading a config drive: it is local.
const DRIVE: Duration = Duration::from_secs(20);
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
            return parse(&bytes, &name).map_err(Stop::refused);
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
        Ok(bytes) => parse(&bytes, &path.display().to_string()).map(Ok).map_err(Stop::refused),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Err(format!("{} is not there", path.display()))),
        Err(e) => Err(Stop::refused(format!("reading {}: {e}", path.display()))),
    }
}

fn drive() -> Outcome {
    let Some(device) = find_drive(Path::new("/dev/disk/by-label"), Path::new("/sys/class/block"), Path::new("/dev"))
    else {
        return Ok(Err("no config drive".to_owned()));
    };
    let name = format!("config drive {}", device.display());
    let tree = Tree::Device(device, DRIVE_TYPES.map(str::to_owned).to_vec());
    let read = || Remote::open(tree, (0, 0), Instant::now() + DRIVE)?.read(DRIVE_FILE, limits::METADATA);
    match read() {
        Ok(Some(bytes)) => parse(&bytes, &name).map(Ok).map_err(Stop::refused),
        Ok(None) => Ok(Err(format!("{name} has no {DRIVE_FILE}"))),
        Err(e) => Ok(Err(format!("reading {name}: {e}"))),
    }
}

/// A file of the config drive; `None` where there is no drive, or no such file in it.
pub fn drive_file(path: &str, limit: u64) -> Option<Vec<u8>> {
    let device = find_drive(Path::new("/dev/disk/by-label"), Path::new("/sys/class/block"), Path::new("/dev"))?;
    let tree = Tree::Device(device, DRIVE_TYPES.map(str::to_owned).to_vec());
    Remote::open(tree, (0, 0), Instant::now() + DRIVE).ok()?.read(path, limit).ok()?
}

/// The block device that is labelled as a config drive: udev's link, else by looking at the devices themselves.
fn find_drive(labels: &Path, devices: &Path, dev: &Path) -> Option<PathBuf> {
    let linked = LABELS.iter().map(|label| labels.join(label)).find(|link| link.exists());
    if linked.is_some() {
        return linked;
    }
    let mut names: Vec<_> = std::fs::read_dir(devices).ok()?.filter_map(|e| Some(e.ok()?.file_name())).collect();
    order::ascending(&mut names);
    names.into_iter().map(|name| dev.join(name)).find(|device| labelled(device).unwrap_or(false))
}

/// Whether a device holds an ISO 9660 or FAT file system with a config drive's label.
fn labelled(device: &Path) -> std::io::Result<bool> {
    let mut file = File::open(device)?;
    let mut at = |offset: u64, length: usize| -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let is = |label: &[u8]| LABELS.iter().any(|l| label.trim_ascii_end() == l.as_bytes());
    // FAT32 and FAT12/16 keep the label at different places of the boot sector.
    let boot = at(0, 512)?;
    if boot[510..] == [0x55, 0xaa] && (is(&boot[71..82]) || is(&boot[43..54])) {
        return Ok(true);
    }
    let volume = at(32_768, 72)?;
    Ok(&volume[1..6] == b"CD001" && is(&volume[40..72]))
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

/// `meta` of a `meta_data.json`. Values are final: what looks like a template in them is text.
fn parse(bytes: &[u8], from: &str) -> Result<Found, String> {
    let json: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| format!("metadata from {from} is not JSON: {e}"))?;
    let serde_json::Value::Object(document) = json else {
        return Err(format!("metadata from {from} is not a JSON object"));
    };
    let meta = match document.get("meta") {
        None | Some(serde_json::Value::Null) => Map::new(),
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
    use super::{find_drive, parse};
    use crate::plan::Data;
    use std::fs;

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
    fn a_drive_is_found_by_link_or_by_its_superblock() {
        let dir = tempfile::tempdir().unwrap();
        let (labels, sys, dev) = (dir.path().join("l"), dir.path().join("s"), dir.path().join("d"));
        for d in [&labels, &sys, &dev] {
            fs::create_dir(d).unwrap();
        }
        let mut iso = vec![0u8; 40_000];
        iso[32_769..32_774].copy_from_slice(b"CD001");
        iso[32_808..32_840].copy_from_slice(format!("{:<32}", "config-2").as_bytes());
        let mut other = iso.clone();
        other[32_808] = b'C';
        for (name, bytes) in [("vda", &other), ("vdb", &iso), ("vdc", &vec![0; 10])] {
            fs::write(dev.join(name), bytes).unwrap();
            fs::write(sys.join(name), "").unwrap();
        }
        assert_eq!(find_drive(&labels, &sys, &dev), Some(dev.join("vdb")));
        fs::remove_file(sys.join("vdb")).unwrap();
        assert_eq!(find_drive(&labels, &sys, &dev), None);
        std::os::unix::fs::symlink("../d/vda", labels.join("config-2")).unwrap();
        assert_eq!(find_drive(&labels, &sys, &dev), Some(labels.join("config-2")));
    }
}

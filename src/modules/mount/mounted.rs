//! What is mounted where, as the kernel tells it. The `mountpoint` program is never asked.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// One mount.
#[derive(Clone, Debug)]
struct Record {
    id: u64,
    parent: u64,
    root: String,
    target: String,
    source: String,
}

/// Mount point to what is mounted there; for bind mounts the directory, not its device.
pub struct Mounts(HashMap<String, String>);

impl Mounts {
    /// Reads the text of `/proc/self/mountinfo`; lines that are none are left out.
    pub fn parse(text: &str) -> Mounts {
        let records: Vec<Record> = text.lines().filter_map(parse_line).collect();
        let by_id: HashMap<u64, &Record> = records.iter().map(|r| (r.id, r)).collect();
        let sources = records.iter().map(|r| (r.target.clone(), source_of(r, &by_id)));
        Mounts(sources.collect())
    }

    /// Whether `target` is a mount point here, with this source where one is given.
    pub fn has(&self, target: &str, source: Option<&str>) -> bool {
        self.0.get(target).is_some_and(|found| source.is_none_or(|s| s == found))
    }
}

/// A mount below the first one is named by the path of its root within what its parent shows.
fn source_of(record: &Record, by_id: &HashMap<u64, &Record>) -> String {
    let Some(parent) = by_id.get(&record.parent).filter(|_| record.parent != 1) else {
        return record.source.clone();
    };
    let mut root = record.root.as_str();
    if parent.root.len() > 1 && root.strip_prefix(parent.root.as_str()).is_some_and(|rest| rest.starts_with('/')) {
        root = &root[parent.root.len()..];
    }
    if parent.target == "/" { root.to_owned() } else { format!("{}{root}", parent.target) }
}

fn parse_line(line: &str) -> Option<Record> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() < 9 {
        return None;
    }
    Some(Record {
        id: fields[0].parse().ok()?,
        parent: fields[1].parse().ok()?,
        root: fields[3].to_owned(),
        target: fields[4].replace("\\040", " "),
        source: fields[fields.len() - 2].to_owned(),
    })
}

/// Whether a path is a mount point: another device than its parent, or its own parent. Never for links.
pub fn is_mount_point(path: &Path) -> bool {
    let Ok(own) = path.symlink_metadata() else { return false };
    if own.file_type().is_symlink() {
        return false;
    }
    let Ok(parent) = path.join("..").canonicalize().and_then(|p| p.symlink_metadata()) else { return false };
    own.dev() != parent.dev() || own.ino() == parent.ino()
}

#[cfg(test)]
mod tests {
    use super::Mounts;

    const TEXT: &str = "\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:26 / /tmp rw shared:2 - tmpfs tmpfs rw
31 30 0:26 /aaa /tmp/bbb rw shared:2 - tmpfs tmpfs rw
32 21 8:1 /srv/data /mnt/data rw shared:1 - ext4 /dev/sda1 rw
33 21 0:40 / /home\\040dir rw shared:9 - nfs4 server:/home rw
34 99 0:41 / /nfs rw - nfs4 server:/nfs rw
not a line";

    #[test]
    fn names_a_bind_mount_by_its_directory() {
        let mounts = Mounts::parse(TEXT);
        assert!(mounts.has("/tmp/bbb", Some("/tmp/aaa")));
        assert!(mounts.has("/mnt/data", Some("/srv/data")));
        assert!(mounts.has("/home dir", None));
        assert!(mounts.has("/nfs", Some("server:/nfs")), "a parent that is not listed tells nothing");
    }

    #[test]
    fn does_not_find_what_is_not_there() {
        let mounts = Mounts::parse(TEXT);
        assert!(!mounts.has("/mnt/data", Some("/dev/sda1")));
        assert!(!mounts.has("/mnt", None));
        assert!(!Mounts::parse("garbage - x\n1 2").has("/", None));
    }
}

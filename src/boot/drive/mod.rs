//! A drive with instance metadata: a block device with an ISO 9660 or FAT file system of a known label, read without
//! mounting it. The kernel needs no file system for it, and nothing is seen of it by anybody else.
//!
//! What is on the drive is parsed by a child that has given up its rights, within a deadline.

mod fat;
mod iso;

use crate::sys::child::{Child, become_user};
use crate::sys::order;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Labels and the file that matters, OpenStack's first, then NoCloud's. FAT has capitals only.
const LABELS: [(&str, &str); 4] = [
    ("config-2", "openstack/latest/meta_data.json"),
    ("CONFIG-2", "openstack/latest/meta_data.json"),
    ("cidata", "meta-data"),
    ("CIDATA", "meta-data"),
];
/// Time for reading a drive: it is local.
const TIME: Duration = Duration::from_secs(20);
/// Time for reading the label of one device.
const PROBE: Duration = Duration::from_secs(5);
/// What stands for no label of ours.
const NONE: u8 = u8::MAX;
/// Bytes of one directory.
const DIRECTORY: u64 = 1 << 20;
/// Bytes that an error may take.
const WORDS: u64 = 4096;
/// Whoever parses what a drive holds.
const NOBODY: (u32, u32) = (65_534, 65_534);

/// A drive that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drive {
    /// The device.
    pub device: PathBuf,
    /// The file with the metadata.
    pub file: &'static str,
}

impl Drive {
    /// Looks for one: udev's links first, else the devices themselves.
    pub(super) fn find(labels: &Path, devices: &Path, dev: &Path) -> Option<Drive> {
        let linked = LABELS.iter().find_map(|(label, file)| {
            let device = labels.join(label);
            device.exists().then_some(Drive { device, file })
        });
        if linked.is_some() {
            return linked;
        }
        let mut names: Vec<_> = std::fs::read_dir(devices).ok()?.filter_map(|e| Some(e.ok()?.file_name())).collect();
        order::ascending(&mut names);
        let devices: Vec<PathBuf> = names.iter().map(|name| dev.join(name)).collect();
        let (at, device) = labelled(&devices)?;
        Some(Drive { device: device.clone(), file: LABELS[at].1 })
    }

    /// A file's bytes, at most `limit`; none where the drive does not have it.
    pub(super) fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut child = Child::spawn(None, |mut socket| {
            let answer = File::open(&self.device).and_then(|file| {
                become_user(NOBODY.0, NOBODY.1)?;
                read(&file, path, limit)
            });
            // The parent sees either an answer or a closed socket.
            let _ = reply(&mut socket, answer);
        })?;
        child.set_deadline(Instant::now() + TIME);
        let mut answer = Vec::new();
        child.take(limit + WORDS).read_to_end(&mut answer)?;
        match answer.split_first() {
            Some((b'f', bytes)) => Ok(Some(bytes.to_vec())),
            Some((b'n', _)) => Ok(None),
            Some((_, text)) => Err(io::Error::other(String::from_utf8_lossy(text).into_owned())),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The device whose label comes first in [`LABELS`], by its place there. Devices are read by a child: a disk that has lost
/// its paths answers nobody, and costs its time and no more.
fn labelled(devices: &[PathBuf]) -> Option<(usize, &PathBuf)> {
    let until = Instant::now() + TIME;
    let mut found: Option<(usize, &PathBuf)> = None;
    let mut rest = devices;
    while !rest.is_empty() && Instant::now() < until {
        let spawned = Child::spawn(None, |mut socket| {
            for device in rest {
                let label = File::open(device).and_then(|file| label(&file)).ok().flatten();
                let at = label.and_then(|label| LABELS.iter().position(|(known, _)| *known == label));
                if socket.write_all(&[at.map_or(NONE, |at| at as u8)]).is_err() {
                    return;
                }
            }
        });
        // Without another process what was found so far is all there is to know.
        let Ok(mut child) = spawned else { break };
        while let Some((device, others)) = rest.split_first() {
            rest = others;
            child.set_deadline(until.min(Instant::now() + PROBE));
            let mut at = [NONE];
            if child.read_exact(&mut at).is_err() {
                // It hangs or has died of this one: another goes on with the next.
                break;
            }
            let at = usize::from(at[0]);
            if at < found.map_or(LABELS.len(), |(before, _)| before) {
                found = Some((at, device));
            }
        }
    }
    found
}

/// `f` and the bytes, `n` for nothing, or `e` and why.
fn reply(socket: &mut impl Write, answer: io::Result<Option<Vec<u8>>>) -> io::Result<()> {
    let (kind, bytes) = match answer {
        Ok(Some(bytes)) => (b'f', bytes),
        Ok(None) => (b'n', Vec::new()),
        Err(e) => (b'e', e.to_string().into_bytes()),
    };
    socket.write_all(&[kind])?;
    socket.write_all(&bytes)
}

/// The file system's label.
fn label(file: &File) -> io::Result<Option<String>> {
    match iso::label(file) {
        Ok(Some(label)) => Ok(Some(label)),
        _ => fat::label(file),
    }
}

/// Reads a file of the drive, whichever file system it has.
fn read(drive: &File, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match iso::label(drive) {
        Ok(Some(_)) => iso::read(drive, path, limit),
        _ => fat::read(drive, path, limit),
    }
}

/// Bytes of the drive.
fn bytes_at(drive: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    drive.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// A size that is within its bound, for reading.
fn bounded(size: u64, limit: u64) -> io::Result<usize> {
    if size > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{size} bytes, more than {limit}")));
    }
    usize::try_from(size).map_err(io::Error::other)
}

fn short(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).map_or(0, |b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;

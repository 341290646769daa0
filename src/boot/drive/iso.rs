//! ISO 9660 (ECMA-119), as far as one file on a config drive needs it: Joliet's names, else Rock Ridge's, else the plain.

use super::{DIRECTORY, bounded, broken, bytes_at, long};
use std::fs::File;
use std::io;

/// Logical sectors.
const SECTOR: u64 = 2048;
/// The first volume descriptor.
const FIRST: u64 = 16;
/// Volume descriptors that are looked at.
const DESCRIPTORS: u64 = 16;

/// Names are written in one of two ways.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Capitals with a version, or Rock Ridge's beside them.
    Plain,
    /// UCS-2.
    Joliet,
}

/// A directory or a file: where it starts, its bytes, whether it is a directory.
#[derive(Clone, Copy)]
struct Extent {
    sector: u64,
    size: u64,
    directory: bool,
}

/// The volume's label; none where this is no such file system.
pub(super) fn label(drive: &File) -> io::Result<Option<String>> {
    let volume = bytes_at(drive, FIRST * SECTOR, 72)?;
    if &volume[1..6] != b"CD001" {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(volume[40..72].trim_ascii_end()).into_owned()))
}

/// Reads a file; none where there is none.
pub(super) fn read(drive: &File, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let (mut at, names) = root(drive)?;
    for name in path.split('/') {
        if !at.directory {
            return Ok(None);
        }
        match find(drive, at, name, names)? {
            Some(found) => at = found,
            None => return Ok(None),
        }
    }
    if at.directory {
        return Err(broken("a directory where the metadata should be"));
    }
    bytes_at(drive, at.sector * SECTOR, bounded(at.size, limit)?).map(Some)
}

/// The root directory: Joliet's where there is one.
fn root(drive: &File) -> io::Result<(Extent, Names)> {
    let mut found = None;
    for n in FIRST..FIRST + DESCRIPTORS {
        let volume = bytes_at(drive, n * SECTOR, SECTOR as usize)?;
        if &volume[1..6] != b"CD001" {
            break;
        }
        let joliet = matches!(&volume[88..91], b"%/@" | b"%/C" | b"%/E");
        match volume[0] {
            1 => found = found.or(Some((extent(&volume[156..190])?, Names::Plain))),
            2 if joliet => return Ok((extent(&volume[156..190])?, Names::Joliet)),
            255 => break,
            _ => (),
        }
    }
    found.ok_or_else(|| broken("an ISO 9660 file system without a volume"))
}

fn extent(record: &[u8]) -> io::Result<Extent> {
    if record.len() < 34 {
        return Err(broken("a directory record cut short"));
    }
    Ok(Extent { sector: long(record, 2), size: long(record, 10), directory: record[25] & 2 != 0 })
}

fn find(drive: &File, directory: Extent, name: &str, names: Names) -> io::Result<Option<Extent>> {
    let bytes = bytes_at(drive, directory.sector * SECTOR, bounded(directory.size, DIRECTORY)?)?;
    let mut at = 0;
    while at < bytes.len() {
        let length = usize::from(bytes[at]);
        if length == 0 {
            // Records do not cross sectors.
            at = (at + 1).next_multiple_of(SECTOR as usize);
            continue;
        }
        let record = bytes.get(at..at + length).ok_or_else(|| broken("a directory record beyond its directory"))?;
        let found = extent(record)?;
        let own = record.get(33..33 + usize::from(record[32])).ok_or_else(|| broken("a name beyond its record"))?;
        if is(own, &record[33 + own.len()..], name, names) {
            return Ok(Some(found));
        }
        at += length;
    }
    Ok(None)
}

/// Whether a record has this name; `rest` is what follows its own.
fn is(own: &[u8], rest: &[u8], name: &str, names: Names) -> bool {
    let decoded = match names {
        Names::Joliet => {
            let units: Vec<u16> = own.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        Names::Plain => match rock_ridge(rest, own.len()) {
            Some(name) => name,
            None => String::from_utf8_lossy(own).into_owned(),
        },
    };
    let plain = decoded.split(';').next().unwrap_or("").trim_end_matches('.');
    if names == Names::Plain { plain.eq_ignore_ascii_case(name) } else { plain == name }
}

/// The name in a record's system use area: entries of a signature of two bytes, a length, a version, then data.
fn rock_ridge(rest: &[u8], length: usize) -> Option<String> {
    // A pad byte follows a name of even length.
    let mut rest = rest.get(usize::from(length.is_multiple_of(2))..)?;
    while rest.len() > 5 {
        let length = usize::from(rest[2]);
        let entry = rest.get(..length).filter(|entry| entry.len() >= 4)?;
        if entry.starts_with(b"NM") && entry.len() > 5 {
            return Some(String::from_utf8_lossy(&entry[5..]).into_owned());
        }
        rest = &rest[length..];
    }
    None
}

//! FAT12, FAT16 and FAT32, as far as one file on a config drive needs them: long names, else the short.

use super::{DIRECTORY, bounded, broken, bytes_at, long, short};
use std::fs::File;
use std::io;

/// Bytes of a directory entry.
const ENTRY: usize = 32;
/// An entry that holds a piece of a long name.
const LONG_NAME: u8 = 0x0f;
/// Where a piece's letters are.
const LETTERS: [(usize, usize); 3] = [(1, 5), (14, 6), (28, 2)];

/// Which width the allocation table has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Width {
    Twelve,
    Sixteen,
    ThirtyTwo,
}

struct Fat<'a> {
    drive: &'a File,
    width: Width,
    /// Bytes of a cluster.
    cluster: u64,
    /// Where the table starts.
    table: u64,
    /// Where the fixed root directory starts, and its bytes.
    root: (u64, u64),
    /// The root's first cluster, where it is one like others.
    root_cluster: u64,
    /// Where cluster 2 starts.
    data: u64,
    clusters: u64,
}

/// The label of the boot sector; none where this is no such file system.
pub(super) fn label(drive: &File) -> io::Result<Option<String>> {
    let boot = bytes_at(drive, 0, 512)?;
    if boot[510..] != [0x55, 0xaa] {
        return Ok(None);
    }
    // FAT32 keeps it elsewhere than FAT12 and FAT16.
    let at = if &boot[82..87] == b"FAT32" { 71 } else { 43 };
    Ok(Some(String::from_utf8_lossy(boot[at..at + 11].trim_ascii_end()).into_owned()))
}

/// Reads a file; none where there is none.
pub(super) fn read(drive: &File, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let fat = Fat::open(drive)?;
    let mut directory = fat.root()?;
    let mut parts = path.split('/').peekable();
    while let Some(name) = parts.next() {
        let Some(entry) = find(&directory, name) else { return Ok(None) };
        let (start, size) = ((short(entry, 20) as u64) << 16 | short(entry, 26) as u64, long(entry, 28));
        let is_directory = entry[11] & 0x10 != 0;
        match (parts.peek(), is_directory) {
            (Some(_), true) => directory = fat.chain(start, DIRECTORY)?,
            (Some(_), false) => return Ok(None),
            (None, true) => return Err(broken("a directory where the metadata should be")),
            (None, false) => {
                let size = bounded(size, limit)?;
                let mut bytes = if size == 0 { Vec::new() } else { fat.chain(start, size as u64 + fat.cluster)? };
                if bytes.len() < size {
                    return Err(broken("a file that ends before its size"));
                }
                bytes.truncate(size);
                return Ok(Some(bytes));
            }
        }
    }
    Ok(None)
}

impl<'a> Fat<'a> {
    fn open(drive: &'a File) -> io::Result<Fat<'a>> {
        let boot = bytes_at(drive, 0, 512)?;
        let sector = short(&boot, 11) as u64;
        let cluster = sector * u64::from(boot[13]);
        if boot[510..] != [0x55, 0xaa] || !sector.is_power_of_two() || !(512..=4096).contains(&sector) || cluster == 0 {
            return Err(broken("neither an ISO 9660 nor a FAT file system"));
        }
        let or = |short: usize, long: u64| if short == 0 { long } else { short as u64 };
        let (entries, size) = (short(&boot, 17) as u64, or(short(&boot, 22), long(&boot, 36)));
        let table = short(&boot, 14) as u64 * sector;
        let root = table + u64::from(boot[16]) * size * sector;
        let root_size = (entries * ENTRY as u64).next_multiple_of(sector);
        let data = root + root_size;
        let total = or(short(&boot, 19), long(&boot, 32)) * sector;
        let clusters = total.saturating_sub(data) / cluster;
        let width = match clusters {
            0..4085 => Width::Twelve,
            4085..65_525 => Width::Sixteen,
            _ => Width::ThirtyTwo,
        };
        let root_cluster = if width == Width::ThirtyTwo { long(&boot, 44) } else { 0 };
        Ok(Fat { drive, width, cluster, table, root: (root, root_size), root_cluster, data, clusters })
    }

    fn root(&self) -> io::Result<Vec<u8>> {
        match self.width {
            Width::ThirtyTwo => self.chain(self.root_cluster, DIRECTORY),
            _ => bytes_at(self.drive, self.root.0, bounded(self.root.1, DIRECTORY)?),
        }
    }

    /// The bytes of a chain of clusters; one longer than `limit` is an error, so that a circle ends.
    fn chain(&self, first: u64, limit: u64) -> io::Result<Vec<u8>> {
        let (mut at, mut bytes) = (first, Vec::new());
        while at >= 2 && at < self.clusters + 2 {
            bounded(bytes.len() as u64 + self.cluster, limit.max(self.cluster))?;
            let offset = self.data + (at - 2) * self.cluster;
            bytes.extend(bytes_at(self.drive, offset, bounded(self.cluster, DIRECTORY)?)?);
            at = self.next(at)?;
        }
        Ok(bytes)
    }

    fn next(&self, at: u64) -> io::Result<u64> {
        let entry = |offset: u64, length: usize| bytes_at(self.drive, self.table + offset, length);
        Ok(match self.width {
            Width::Twelve => {
                let both = short(&entry(at + at / 2, 2)?, 0) as u64;
                if at.is_multiple_of(2) { both & 0xfff } else { both >> 4 }
            }
            Width::Sixteen => short(&entry(at * 2, 2)?, 0) as u64,
            Width::ThirtyTwo => long(&entry(at * 4, 4)?, 0) & 0x0fff_ffff,
        })
    }
}

/// The entry with this name, by its long or its short one; FAT knows no difference between small and capital letters.
fn find<'d>(directory: &'d [u8], name: &str) -> Option<&'d [u8]> {
    let mut letters: Vec<u16> = Vec::new();
    for entry in directory.chunks_exact(ENTRY) {
        match (entry[0], entry[11]) {
            (0, _) => return None,
            (0xe5, _) => letters.clear(),
            (_, LONG_NAME) => {
                // The last piece comes first.
                let letter = |at: usize| short(entry, at) as u16;
                let piece = LETTERS.iter().flat_map(|(at, count)| (0..*count).map(move |n| letter(at + 2 * n)));
                letters.splice(0..0, piece);
            }
            // A volume's label.
            (_, kind) if kind & 0x08 != 0 => letters.clear(),
            _ => {
                let end = letters.iter().position(|unit| *unit == 0).unwrap_or(letters.len());
                let long = String::from_utf16_lossy(&letters[..end]);
                if long.eq_ignore_ascii_case(name) || short_name(entry).eq_ignore_ascii_case(name) {
                    return Some(entry);
                }
                letters.clear();
            }
        }
    }
    None
}

fn short_name(entry: &[u8]) -> String {
    let part = |range: std::ops::Range<usize>| String::from_utf8_lossy(entry[range].trim_ascii_end()).into_owned();
    let (stem, ending) = (part(0..8), part(8..11));
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
}

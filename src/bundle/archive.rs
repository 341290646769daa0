//! The transport form: one gzip stream that holds one ustar archive, in exactly one spelling.
//!
//! Reading compares every header with the one that writing would have made, so there is nothing to interpret: no
//! long names, no links, no owners, no padding that could hide something. The `tar` crate's `unpack` is not used.

use super::fault::Fault;
use crate::plan::limits;
use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use tar::{EntryType, Header};

/// Length of a header, and what contents are padded to.
const BLOCK: usize = 512;
/// gzip's header: deflate, no flags, no time, any effort, operating system unknown.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Position of the byte in [`GZIP`] that tells how hard the compressor tried.
const GZIP_EFFORT: usize = 8;

/// The members of an archive by name.
pub(super) type Members = BTreeMap<String, Vec<u8>>;

/// The archive's bytes. `mtime` is the time of every member.
pub(super) fn write(members: &Members, mtime: u64) -> io::Result<Vec<u8>> {
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    for (name, bytes) in members {
        gzip.write_all(header(name, bytes.len() as u64, mtime)?.as_bytes())?;
        gzip.write_all(bytes)?;
        gzip.write_all(&vec![0; padding(bytes.len() as u64)])?;
    }
    gzip.write_all(&[0; 2 * BLOCK])?;
    gzip.finish()
}

/// The one header that a member may have.
fn header(name: &str, size: u64, mtime: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// Reads the archive at `path` within bounds.
pub(super) fn read(path: &Path) -> Result<Members, Fault> {
    let file = File::open(path).map_err(|e| Fault::read("opening", path, e))?;
    let length = file.metadata().map_err(|e| Fault::read("looking at", path, e))?;
    if !length.is_file() {
        return Err(Fault::Archive("not a regular file".to_owned()));
    }
    if length.len() > limits::BUNDLE_ARCHIVE {
        return Err(Fault::bytes("the archive", limits::BUNDLE_ARCHIVE));
    }
    // The file may grow while it is read; the bound holds all the same.
    read_gzip(BufReader::new(file.take(limits::BUNDLE_ARCHIVE)))
}

/// Reads an archive that is in memory, within the same bounds.
pub(super) fn read_bytes(bytes: &[u8]) -> Result<Members, Fault> {
    if bytes.len() as u64 > limits::BUNDLE_ARCHIVE {
        return Err(Fault::bytes("the archive", limits::BUNDLE_ARCHIVE));
    }
    read_gzip(bytes)
}

fn read_gzip(mut input: impl BufRead) -> Result<Members, Fault> {
    let mut start = [0; GZIP.len()];
    input.read_exact(&mut start).map_err(|_| Fault::Archive("too short for a gzip header".to_owned()))?;
    let mut masked = start;
    masked[GZIP_EFFORT] = 0;
    if masked != GZIP {
        return Err(Fault::Archive("its gzip header is not the one that `build` writes".to_owned()));
    }
    let mut gzip = GzDecoder::new(BufReader::new(start.chain(input)));
    let members = read_members(&mut Bounded { inner: &mut gzip, left: limits::BUNDLE_UNPACKED })?;
    let mut rest = gzip.into_inner();
    match rest.fill_buf() {
        Ok([]) => Ok(members),
        Ok(_) => Err(Fault::Archive("bytes follow the end of the gzip stream".to_owned())),
        Err(e) => Err(Fault::Archive(e.to_string())),
    }
}

/// A reader that ends in an error once it has given what may be unpacked: a gzip bomb stops here.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Bounded<R> {
    /// Fills `buffer` from the archive.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
        self.left = self
            .left
            .checked_sub(buffer.len() as u64)
            .ok_or_else(|| Fault::bytes("the unpacked archive", limits::BUNDLE_UNPACKED))?;
        self.inner.read_exact(buffer).map_err(damaged)
    }

    /// The contents of a member. Memory grows with what is really there, not with what the header claims.
    fn contents(&mut self, size: u64) -> Result<Vec<u8>, Fault> {
        self.left =
            self.left.checked_sub(size).ok_or_else(|| Fault::bytes("the unpacked archive", limits::BUNDLE_UNPACKED))?;
        let mut bytes = Vec::new();
        (&mut self.inner).take(size).read_to_end(&mut bytes).map_err(damaged)?;
        if bytes.len() as u64 != size {
            return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }
}

fn damaged(error: io::Error) -> Fault {
    Fault::Archive(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short".to_owned(),
        _ => format!("damaged: {error}"),
    })
}

fn read_members(input: &mut Bounded<impl Read>) -> Result<Members, Fault> {
    let mut members = Members::new();
    let mut time = None;
    loop {
        let mut block = [0; BLOCK];
        input.fill(&mut block)?;
        if block == [0; BLOCK] {
            break;
        }
        let (name, size, mtime) = read_header(&block)?;
        if *time.get_or_insert(mtime) != mtime {
            return Err(Fault::member(name, "has another time than the members before it"));
        }
        if let Some((last, _)) = members.last_key_value() {
            if members.contains_key(&name) {
                return Err(Fault::member(name, "is there twice"));
            }
            if *last > name {
                return Err(Fault::member(name, "is out of order"));
            }
        }
        if members.len() == limits::BUNDLE_MEMBERS {
            let limit = format!("{} members", limits::BUNDLE_MEMBERS);
            return Err(Fault::TooLarge { what: "the archive".to_owned(), limit });
        }
        let bytes = input.contents(size)?;
        let mut pad = [0; BLOCK];
        let pad = &mut pad[..padding(size)];
        input.fill(pad)?;
        if pad.iter().any(|b| *b != 0) {
            return Err(Fault::member(name, "is padded with something else than zeros"));
        }
        members.insert(name, bytes);
    }
    read_end(input)?;
    Ok(members)
}

/// The archive ends in a second empty block, and then the gzip stream ends too.
fn read_end(input: &mut Bounded<impl Read>) -> Result<(), Fault> {
    let mut block = [0; BLOCK];
    input.fill(&mut block)?;
    if block != [0; BLOCK] {
        return Err(Fault::Archive("the end mark is broken".to_owned()));
    }
    // Reading on to the end also makes the decoder check the stream's checksum.
    match input.inner.read(&mut [0]).map_err(damaged)? {
        0 => Ok(()),
        _ => Err(Fault::Archive("something follows the end mark".to_owned())),
    }
}

/// Name, size and time of a member whose header is the one that `write` makes.
fn read_header(block: &[u8; BLOCK]) -> Result<(String, u64, u64), Fault> {
    let header = Header::from_byte_slice(block);
    let raw = header.path_bytes();
    let shown = String::from_utf8_lossy(&raw).into_owned();
    match header.entry_type() {
        EntryType::Regular => (),
        EntryType::Link | EntryType::Symlink => return Err(Fault::member(shown, "is a link")),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            return Err(Fault::member(shown, "is a device or pipe"));
        }
        EntryType::Directory => return Err(Fault::member(shown, "is a directory")),
        other => return Err(Fault::member(shown, format!("has the type {:?}", char::from(other.as_byte())))),
    }
    let name = member_name(&raw).map_err(|why| Fault::member(shown.clone(), why))?;
    let number = |n: io::Result<u64>| n.map_err(|_| Fault::member(shown.clone(), "has a header that is damaged"));
    let (size, mtime) = (number(header.entry_size())?, number(header.mtime())?);
    let expected = self::header(&name, size, mtime);
    if !expected.is_ok_and(|h| h.as_bytes() == block) {
        return Err(Fault::member(shown, "has a header that is not the one that `build` writes"));
    }
    Ok((name, size, mtime))
}

/// The name of a member, if it is one that a bundle may have.
fn member_name(raw: &[u8]) -> Result<String, &'static str> {
    let name = std::str::from_utf8(raw).map_err(|_| "has a name that is not UTF-8")?;
    if name.starts_with('/') {
        return Err("has an absolute path");
    }
    if name.split('/').any(|part| part == "..") {
        return Err("has a path that climbs out");
    }
    let blob = name.strip_prefix("blobs/sha256/").is_some_and(|hex| super::Digest::from_hex(hex).is_some());
    if !blob && name != super::layout::LAYOUT_NAME && name != super::layout::INDEX_NAME {
        return Err("does not belong into a bundle");
    }
    Ok(name.to_owned())
}

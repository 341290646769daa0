//! Bytes as they are stored: deflated, or told as records of lines, where that saves something; named by their digest.
//! Nothing here touches the disk, so it can be done on any processor.

use super::error::WriteError;
use crate::bundle::{Digest, lines};
use crate::plan::export::Blob;
use crate::plan::limits;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::io::Write;

/// Smaller files are not worth deflating.
const SMALL: usize = 4096;

/// A blob, not yet in a store.
pub struct Packed {
    /// How it is written in documents.
    pub blob: Blob,
    /// Its bytes as they are stored.
    pub bytes: Vec<u8>,
}

impl Packed {
    /// Bytes that are stored as they are.
    pub fn as_is(bytes: Vec<u8>) -> Packed {
        let blob = Blob { digest: Digest::of(&bytes).hex(), size: bytes.len() as u64, inflated: None, told: None };
        Packed { blob, bytes }
    }

    /// Bytes in the form that saves most.
    pub fn of(bytes: Vec<u8>) -> Result<Packed, WriteError> {
        if bytes.len() as u64 > limits::EXPORT_FILE {
            return Err(WriteError::Content(format!(
                "a file of {} bytes is larger than nodes take ({})",
                bytes.len(),
                limits::EXPORT_FILE
            )));
        }
        if bytes.len() < SMALL {
            return Ok(Packed::as_is(bytes));
        }
        let deflated = deflate(&bytes);
        let records = lines::contract(&bytes);
        let lines = deflate(&records);
        let shrunk = |packed: Packed, inflated: usize, told: Option<usize>| {
            let told = told.map(|n| n as u64);
            Ok(Packed { blob: Blob { inflated: Some(inflated as u64), told, ..packed.blob }, ..packed })
        };
        // Undoing it costs the node something: it must be worth it.
        if lines.len() < deflated.len() / 4 * 3 && records.len() < bytes.len() {
            return shrunk(Packed::as_is(lines), records.len(), Some(bytes.len()));
        }
        if deflated.len() < bytes.len() - bytes.len() / 8 {
            return shrunk(Packed::as_is(deflated), bytes.len(), None);
        }
        Ok(Packed::as_is(bytes))
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let deflated = encoder.write_all(bytes).and_then(|()| encoder.finish());
    deflated.expect("memory takes what is written to it")
}

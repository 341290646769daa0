//! Checksums as modules return and check them.

use sha2::Digest;
use std::io::{self, Read};
use std::path::Path;

/// SHA-1 in hex.
pub fn sha1(bytes: &[u8]) -> String {
    hex(&sha1::Sha1::digest(bytes))
}

/// MD5 in hex.
pub fn md5(bytes: &[u8]) -> String {
    hex(&md5::Md5::digest(bytes))
}

/// The digest of a file by the name of its algorithm; `None` for a name that is none.
pub fn of_file(path: &Path, algorithm: &str) -> Option<io::Result<String>> {
    Some(match algorithm {
        "md5" => stream::<md5::Md5>(path),
        "sha1" => stream::<sha1::Sha1>(path),
        "sha224" => stream::<sha2::Sha224>(path),
        "sha256" => stream::<sha2::Sha256>(path),
        "sha384" => stream::<sha2::Sha384>(path),
        "sha512" => stream::<sha2::Sha512>(path),
        _ => return None,
    })
}

fn stream<D: Digest>(path: &Path) -> io::Result<String> {
    let mut file = crate::sys::file::open_quietly(path)?;
    let (mut digest, mut buffer) = (D::new(), vec![0; 65536]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&digest.finalize())),
            Ok(n) => digest.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

//! Archives in the newc format, as the kernel unpacks them into an initramfs: deterministic, and padded so that one may
//! follow another.

/// What the archive as a whole is padded to. Four bytes is what the kernel needs of what comes before an archive.
const BLOCK: usize = 512;
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive that grows.
#[derive(Default)]
pub struct Cpio {
    bytes: Vec<u8>,
    entries: u32,
}

impl Cpio {
    /// Adds a directory. Those above it come first: the kernel makes none by itself.
    pub fn directory(&mut self, path: &str) {
        self.entry(path, DIRECTORY | 0o755, &[]);
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.entry(path, FILE | mode & 0o7777, content);
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.entry(path, LINK | 0o777, target.as_bytes());
    }

    /// The archive with its end.
    pub fn finish(mut self) -> Vec<u8> {
        self.entries = 0;
        self.entry("TRAILER!!!", 0, &[]);
        self.pad(BLOCK);
        self.bytes
    }

    /// Owner 0:0 and time 0, whoever packs and whenever.
    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        let inode = self.entries;
        self.entries += 1;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let length = |length: usize| u32::try_from(length).expect("what is packed was bounded when it was read");
        let (name, size) = (length(path.len() + 1), length(content.len()));
        self.bytes.extend_from_slice(b"070701");
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name, 0] {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad(4);
        self.bytes.extend_from_slice(content);
        self.pad(4);
    }

    fn pad(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Cpio;

    #[test]
    fn entries_are_as_the_format_has_them() {
        let mut cpio = Cpio::default();
        cpio.directory("usr");
        cpio.file("usr/x", 0o755, b"hello");
        cpio.link("usr/l", "x");
        let bytes = cpio.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("07070100000000000041ED0000000000000000000000020000000000000000"));
        assert_eq!(&bytes[110..116], b"usr\0\0\0");
        assert_eq!(bytes.len() % 512, 0);
        let at = text.find("usr/x").unwrap();
        assert_eq!((at - 110) % 4, 0);
        // The header is 110 bytes, so content starts where name and header together are padded to.
        assert_eq!(&bytes[(at + 6).next_multiple_of(4)..][..5], b"hello");
        assert!(text.contains("TRAILER!!!"));
    }
}

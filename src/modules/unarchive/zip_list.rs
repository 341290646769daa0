//! The list of a zip archive: names and checksums from its central directory. Nothing is unpacked here.

/// Ends an archive; a comment may follow.
const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
/// A member in the central directory.
const MEMBER: &[u8] = b"PK\x01\x02";
const MEMBER_SIZE: usize = 46;
/// The longest comment behind the end record.
const COMMENT: usize = 65_535;
/// Stands in the end record where a 64-bit record holds the truth.
const ELSEWHERE: u32 = u32::MAX;

/// A member of the archive.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// Its path.
    pub name: String,
    /// CRC-32 of its content.
    pub crc: u32,
}

/// The members of an archive, in its order; else why it cannot be listed.
pub fn members(bytes: &[u8]) -> Result<Vec<Member>, &'static str> {
    let from = bytes.len().saturating_sub(END_SIZE + COMMENT);
    let tail = &bytes[from..];
    let at = tail.windows(END.len()).rposition(|w| w == END).ok_or("it has no end record")?;
    let end = tail[at..].get(..END_SIZE).ok_or("its end record is cut short")?;
    let (count, offset) = (half(end, 10)?, word(end, 16)?);
    if offset == ELSEWHERE {
        return Err("it is a zip64 archive");
    }
    let mut rest = bytes.get(offset as usize..).ok_or("its directory lies outside of it")?;
    let mut found = Vec::new();
    for _ in 0..count {
        if !rest.starts_with(MEMBER) {
            return Err("its directory is damaged");
        }
        let crc = word(rest, 16)?;
        let (name, extra, comment) = (half(rest, 28)?, half(rest, 30)?, half(rest, 32)?);
        let name_end = MEMBER_SIZE + usize::from(name);
        let name = rest.get(MEMBER_SIZE..name_end).ok_or("its directory is cut short")?;
        found.push(Member { name: String::from_utf8_lossy(name).into_owned(), crc });
        let next = name_end + usize::from(extra) + usize::from(comment);
        rest = rest.get(next..).ok_or("its directory is cut short")?;
    }
    Ok(found)
}

fn half(bytes: &[u8], at: usize) -> Result<u16, &'static str> {
    let two = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    two.map(u16::from_le_bytes).ok_or("a record is cut short")
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    four.map(u32::from_le_bytes).ok_or("a record is cut short")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut bytes = b"content".to_vec();
        let offset = bytes.len() as u32;
        for (at, name) in names.iter().enumerate() {
            let mut record = vec![0; MEMBER_SIZE];
            record[..4].copy_from_slice(MEMBER);
            record[16..20].copy_from_slice(&(at as u32 + 7).to_le_bytes());
            record[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend(record);
            bytes.extend(name.as_bytes());
        }
        let mut end = vec![0; END_SIZE];
        end[..4].copy_from_slice(END);
        end[10..12].copy_from_slice(&(names.len() as u16).to_le_bytes());
        end[16..20].copy_from_slice(&offset.to_le_bytes());
        bytes.extend(end);
        bytes
    }

    #[test]
    fn members_are_listed_and_damage_is_refused() {
        let bytes = archive(&["a", "dir/b"]);
        let member = |name: &str, crc| Member { name: name.to_owned(), crc };
        assert_eq!(members(&bytes), Ok(vec![member("a", 7), member("dir/b", 8)]));
        for length in 0..bytes.len() {
            assert!(members(&bytes[..length]).is_err(), "{length} bytes");
        }
        let mut outside = bytes.clone();
        let at = outside.len() - 6;
        outside[at] = 0xff;
        assert!(members(&outside).is_err());
    }
}

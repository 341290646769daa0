//! Whether a program can run on the node: which machine it is for, and whether it needs a loader and libraries.

/// What a program's ELF header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// `e_machine`.
    pub machine: u16,
    /// Whether it asks for a dynamic loader.
    pub dynamic: bool,
}

const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;
/// A program header that names the loader.
const PT_INTERP: u32 = 3;

/// Reads a 64-bit little-endian ELF program, which is all that we are built for.
pub(super) fn parse(bytes: &[u8]) -> Result<Program, &'static str> {
    let half = |at: usize| bytes.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    if bytes.get(..4) != Some(b"\x7fELF") {
        return Err("not an ELF program");
    }
    if bytes.get(4..6) != Some(&[2, 1]) {
        return Err("not a 64-bit little-endian program");
    }
    let cut = "cut short";
    if !matches!(half(16).ok_or(cut)?, 2 | 3) {
        return Err("an ELF file, but not a program");
    }
    let machine = half(18).ok_or(cut)?;
    let start = bytes.get(32..40).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or(cut)?;
    let start = usize::try_from(start).map_err(|_| cut)?;
    let (size, count) = (usize::from(half(54).ok_or(cut)?), usize::from(half(56).ok_or(cut)?));
    let mut dynamic = false;
    for n in 0..count {
        let at = start.checked_add(n * size).ok_or(cut)?;
        let end = at.checked_add(4).ok_or(cut)?;
        let kind = bytes.get(at..end).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or(cut)?;
        dynamic |= kind == PT_INTERP;
    }
    Ok(Program { machine, dynamic })
}

/// The machine that this program runs on.
pub(super) fn here() -> u16 {
    if cfg!(target_arch = "aarch64") { EM_AARCH64 } else { EM_X86_64 }
}

/// A machine's name, as `uname -m` has it.
pub(super) fn name(machine: u16) -> String {
    match machine {
        EM_X86_64 => "x86_64".to_owned(),
        EM_AARCH64 => "aarch64".to_owned(),
        other => format!("machine {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Program, here, parse};

    /// A program with the given program headers.
    pub fn program(machine: u16, kinds: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56 * kinds.len()];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[16] = 3;
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).unwrap();
        for (n, kind) in kinds.iter().enumerate() {
            bytes[64 + 56 * n..][..4].copy_from_slice(&kind.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_loader_makes_it_dynamic() {
        assert_eq!(parse(&program(62, &[1, 1, 2])), Ok(Program { machine: 62, dynamic: false }));
        assert_eq!(parse(&program(183, &[6, 3, 1])), Ok(Program { machine: 183, dynamic: true }));
        let ourselves = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(parse(&ourselves).unwrap().machine, here());
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let good = program(62, &[1, 3]);
        for length in 0..64 + 56 + 4 {
            assert!(parse(&good[..length]).is_err(), "{length}");
        }
        assert_eq!(parse(b"#!/bin/sh\n"), Err("not an ELF program"));
        let mut object = good.clone();
        object[16] = 1;
        assert_eq!(parse(&object), Err("an ELF file, but not a program"));
        let mut small = good.clone();
        small[4] = 1;
        assert_eq!(parse(&small), Err("not a 64-bit little-endian program"));
        let mut far = good;
        far[32..40].copy_from_slice(&[0xff; 8]);
        assert_eq!(parse(&far), Err("cut short"));
    }
}

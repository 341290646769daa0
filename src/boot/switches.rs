//! Switches from outside the image: the kernel's command line, and the OEM strings that a machine's firmware or its
//! hypervisor hands over (SMBIOS type 11). Words `compute-init.NAME=VALUE`; the command line's count for more.
//!
//! Whoever writes these can boot any image they like, so they are trusted as the configuration is.

use super::config::{self, Config, MetadataSource};
use crate::plan::limits;
use crate::sys::file::read_bounded;
use std::path::Path;

/// What every word of ours starts with.
const PREFIX: &str = "compute-init.";
/// systemd's own word for the host name; its last one counts.
const MACHINE: &str = "systemd.hostname=";
/// The names, for whoever mistypes one.
const NAMES: [&str; 5] = ["disable", "metadata", "export", "host", "initramfs"];
/// OEM strings, in SMBIOS.
const OEM_STRINGS: u8 = 11;
/// The end of the tables.
const END: u8 = 127;

/// What was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `disable`: nothing is to be done; who says so.
    pub disabled: Option<&'static str>,
    /// `host`: the node's short name.
    pub host: Option<String>,
    /// `systemd.hostname`: what systemd will name this machine, once it runs.
    pub machine: Option<String>,
    metadata: Option<String>,
    export: Option<String>,
    /// Words that mean nothing.
    mistakes: Vec<String>,
}

impl Switches {
    /// Reads both; what is not there says nothing.
    pub fn read(cmdline: &Path, tables: &Path) -> Switches {
        let mut found = Switches::default();
        let line = read_bounded(cmdline, limits::CMDLINE).unwrap_or_default();
        for word in String::from_utf8_lossy(&line).split_whitespace() {
            if let Some(name) = word.strip_prefix(MACHINE) {
                found.machine = Some(name.to_owned());
            }
            found.word(word, "the kernel's command line");
        }
        // The kernel's own files have no length: read what there is, within the bound.
        let tables = std::fs::read(tables).unwrap_or_default();
        for text in oem_strings(&tables[..tables.len().min(limits::SMBIOS)]) {
            found.word(&text, "SMBIOS");
        }
        found
    }

    fn word(&mut self, word: &str, from: &'static str) {
        let Some(rest) = word.strip_prefix(PREFIX) else { return };
        let (name, value) = rest.split_once('=').unwrap_or((rest, "1"));
        let place = match name {
            "disable" => {
                if self.disabled.is_none() && !matches!(value, "0" | "no" | "off" | "false") {
                    self.disabled = Some(from);
                }
                return;
            }
            "metadata" => &mut self.metadata,
            "export" => &mut self.export,
            "host" => &mut self.host,
            // For the scripts of an initramfs.
            "initramfs" => return,
            _ => {
                let near = crate::vars::nearest(name, NAMES);
                let hint = near.map(|near| format!("; did you mean {PREFIX}{near}?")).unwrap_or_default();
                return self.mistakes.push(format!("{from} has {PREFIX}{name}, which is no switch{hint}"));
            }
        };
        place.get_or_insert_with(|| value.to_owned());
    }

    /// Puts what was said over the configuration. What cannot be understood is a mistake like one in the file.
    pub fn apply(self, config: &mut Config) -> Result<(), Vec<String>> {
        let mut mistakes = self.mistakes;
        if let Some(text) = self.metadata {
            match MetadataSource::read(&text) {
                Some(source) => config.metadata = vec![source],
                None => mistakes.push(format!("{PREFIX}metadata={text}: {}", config::SOURCES)),
            }
        }
        if let Some(export) = self.export {
            config.export.source = Some(export);
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

/// The strings of all structures of type 11 (DSP0134): a header of type, length and handle, then as many strings as there
/// are, each ended by a zero, the last by two.
fn oem_strings(tables: &[u8]) -> Vec<String> {
    let (mut rest, mut found) = (tables, Vec::new());
    while rest.len() >= 4 && rest[0] != END {
        let (kind, length) = (rest[0], usize::from(rest[1]));
        let Some(strings) = rest.get(length..).filter(|_| length >= 4) else { break };
        let Some(end) = strings.windows(2).position(|pair| pair == [0, 0]) else { break };
        if kind == OEM_STRINGS {
            let texts = strings[..end].split(|byte| *byte == 0);
            found.extend(texts.map(|text| String::from_utf8_lossy(text).into_owned()));
        }
        rest = &strings[end + 2..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Switches, oem_strings};
    use crate::boot::config::{Config, MetadataSource};
    use std::fs;

    /// A structure of SMBIOS.
    fn structure(kind: u8, strings: &[&str]) -> Vec<u8> {
        let mut bytes = vec![kind, 5, 1, 0, strings.len() as u8];
        strings.iter().for_each(|text| bytes.extend([text.as_bytes(), &[0]].concat()));
        bytes.extend(if strings.is_empty() { &[0, 0][..] } else { &[0] });
        bytes
    }

    fn read(line: &str, tables: &[u8]) -> Switches {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("cmdline"), line).unwrap();
        fs::write(scratch.path().join("DMI"), tables).unwrap();
        Switches::read(&scratch.path().join("cmdline"), &scratch.path().join("DMI"))
    }

    #[test]
    fn the_command_line_counts_for_more_than_the_firmware() {
        let tables = [
            structure(1, &["QEMU", "compute-init.host=wrong"]),
            structure(4, &[]),
            structure(11, &["vendor", "compute-init.metadata=/from/smbios", "compute-init.export=/srv"]),
            structure(127, &[]),
            structure(11, &["compute-init.host=after"]),
        ]
        .concat();
        let line = "root=/dev/vda ro compute-init.metadata=http://10.0.0.1/m compute-init.initramfs=0\n";
        let switches = read(line, &tables);
        assert_eq!((switches.disabled, &switches.host), (None, &None));
        let mut config = Config::default();
        switches.apply(&mut config).unwrap();
        assert_eq!(config.metadata, [MetadataSource::Url("http://10.0.0.1/m".into())]);
        assert_eq!(config.export.source.as_deref(), Some("/srv"));
        assert_eq!(read("", &[]), Switches::default());
    }

    #[test]
    fn it_can_be_switched_off() {
        for line in ["compute-init.disable", "x compute-init.disable=1 y", "compute-init.disable=yes"] {
            assert_eq!(read(line, &[]).disabled, Some("the kernel's command line"), "{line}");
        }
        for line in ["compute-init.disable=0", "compute-init.disable=no", "xcompute-init.disable", "disable"] {
            assert_eq!(read(line, &[]).disabled, None, "{line}");
        }
        assert_eq!(read("", &structure(11, &["compute-init.disable"])).disabled, Some("SMBIOS"));
    }

    #[test]
    fn what_means_nothing_is_told() {
        let apply = |line: &str| read(line, &[]).apply(&mut Config::default()).unwrap_err().join("\n");
        assert!(apply("compute-init.metdata=/x").contains("did you mean compute-init.metadata?"));
        assert!(apply("compute-init.metadata=ftp://x").contains("neither config-drive"));
    }

    #[test]
    fn tables_that_are_broken_end_where_they_break() {
        let good = structure(11, &["one"]);
        assert_eq!(oem_strings(&good), ["one"]);
        for length in 0..good.len() {
            oem_strings(&good[..length]);
        }
        assert!(oem_strings(&[11, 0, 0, 0, b'x', 0, 0]).is_empty());
        assert!(oem_strings(&[11, 255, 0, 0, b'x', 0, 0]).is_empty());
        assert_eq!(oem_strings(&[good, vec![11, 200, 0, 0]].concat()), ["one"]);
    }
}

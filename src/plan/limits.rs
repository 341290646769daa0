//! Bounds on everything that comes from outside, each with its reason.

use std::time::Duration;

/// Bytes of a bundle's archive. The shipped role set is under 100 kB; a site with binaries in `files/` may need more.
pub const BUNDLE_ARCHIVE: u64 = 64 << 20;
/// Bytes that an archive may unpack to: a gzip bomb ends here.
pub const BUNDLE_UNPACKED: u64 = 256 << 20;
/// Members of an archive: every role's files, with room.
pub const BUNDLE_MEMBERS: usize = 4096;
/// Bytes of a manifest, an index or a signature document.
pub const MANIFEST: u64 = 4 << 20;
/// Signatures on one bundle: a key, its successor, and room.
pub const SIGNATURES: usize = 16;
/// Bytes of a key in PEM form; an Ed25519 public key takes 113.
pub const KEY: u64 = 16 << 10;
/// Keys in a trust directory.
pub const TRUST_KEYS: usize = 64;
/// Bytes of a plan.
pub const PLAN: u64 = 32 << 20;
/// Bytes of a node's configuration.
pub const CONFIG: u64 = 1 << 20;
/// Bytes of the kernel's command line; the kernel itself has 2048 or 4096.
pub const CMDLINE: u64 = 64 << 10;
/// Bytes of a machine's SMBIOS tables; servers have some ten kilobytes.
pub const SMBIOS: usize = 1 << 20;
/// Bytes of instance metadata. OpenStack allows 128 properties of 255 characters; keys and devices come on top.
pub const METADATA: u64 = 1 << 20;
/// Bytes of one file read from the control export. Hostvars of a 4,000-node cluster are about 6 MB.
pub const EXPORT_FILE: u64 = 64 << 20;
/// Bytes staged from the export in all.
pub const EXPORT_TOTAL: u64 = 256 << 20;
/// Bytes of other hosts' variables that are read to find what is asked of them; little of it is kept.
pub const EXPORT_OTHERS: u64 = 1 << 30;
/// Files staged from the export.
pub const EXPORT_FILES: usize = 4096;
/// Bytes of an export's signed index; that of 100,000 hosts takes 40 kB.
pub const EXPORT_INDEX: u64 = 256 << 10;
/// Bytes of a shard of an export, or of a host's own index in it.
pub const EXPORT_PART: u64 = 4 << 20;
/// Bytes of a node's report; one of ours takes about 80.
#[cfg(feature = "builder")]
pub const REPORT: usize = 256;
/// Bytes of an age identity's file; one by age-keygen takes 189.
pub const IDENTITY: u64 = 16 << 10;
/// Bytes of one YAML document.
pub const YAML: usize = 64 << 20;
/// Bytes of a decrypted text that is looked for in output, to mask it; a longer one is a file, not a password.
pub const SECRET: usize = 64 << 10;
/// Depth of nesting in YAML and JSON; deeper input is an attack or a mistake.
pub const DEPTH: usize = 128;
/// Nodes that YAML aliases may expand to: the billion laughs end here.
pub const YAML_NODES: usize = 4_000_000;
/// Depth of variables that refer to variables.
pub const TEMPLATE_DEPTH: usize = 100;
/// Bytes of one rendered template.
pub const RENDERED: usize = 64 << 20;
/// Bytes that a task may download or send.
pub const DOWNLOAD: u64 = 256 << 20;
/// Steps of one template's evaluation: an endless loop ends here.
pub const TEMPLATE_STEPS: u64 = 20_000_000;
/// Bytes kept of a command's standard output or error.
pub const COMMAND_OUTPUT: usize = 16 << 20;
/// Time a command may take unless its caller says otherwise.
pub const COMMAND: Duration = Duration::from_secs(600);
/// Tasks run in one boot, loops counted: an include that includes itself ends here.
pub const TASKS: usize = 100_000;
/// Parts of roles, each with the roles around it, that a build looks at one by one; beyond, each part once.
pub const CIRCUMSTANCES: usize = 5_000;
/// Depth of includes.
pub const INCLUDE_DEPTH: usize = 64;
/// Hosts of an inventory: several times the largest clusters.
pub const INVENTORY_HOSTS: usize = 100_000;

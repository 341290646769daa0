//! The executor as a binary: static, without the builder's dependencies, and at home in a root that has nothing.

#![allow(clippy::unwrap_used, reason = "a panic is how tests fail")]

use std::process::Command;

const EXECUTOR: &str = env!("CARGO_BIN_EXE_compute-init-boot");

/// Crates that only the builder may be made of, as Cargo.toml lists them under `builder`.
const BUILDER_ONLY: &[&str] = &["anyhow", "clap", "clap_complete", "annotate-snippets", "tempfile"];

#[test]
fn the_executor_is_built_without_the_builders_crates() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let tree = |features: &[&str]| {
        let out = Command::new(&cargo)
            .args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
            .args(features)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo tree runs");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        text.lines().filter_map(|l| l.split(' ').next().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (executor, builder) = (tree(&["--no-default-features"]), tree(&[]));
    for name in BUILDER_ONLY {
        assert!(builder.iter().any(|c| c == name), "{name} is not a dependency of the builder: the list here is stale");
        assert!(!executor.iter().any(|c| c == name), "{name} is a dependency of the executor");
    }
}

#[test]
fn the_executor_is_static() {
    // ELF64, little endian (System V ABI): e_phoff at 32, e_phentsize at 54, e_phnum at 56; PT_INTERP is 3.
    let elf = std::fs::read(EXECUTOR).expect("the executor was built");
    let word = |at: usize| usize::from(u16::from_le_bytes([elf[at], elf[at + 1]]));
    assert_eq!(&elf[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let start = usize::try_from(u64::from_le_bytes(elf[32..40].try_into().expect("eight bytes"))).expect("an offset");
    let types: Vec<u8> = (0..word(56)).map(|i| elf[start + i * word(54)]).collect();
    assert!(types.contains(&1), "it has something to load: {types:?}");
    assert!(!types.contains(&3), "it asks for an interpreter");
}

#[test]
fn the_executor_runs_in_a_root_that_holds_nothing_else() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("chroot needs root: not run");
        return;
    }
    let root = tempfile::tempdir().expect("a scratch directory");
    std::fs::copy(EXECUTOR, root.path().join("boot")).expect("copies");
    let out = Command::new("chroot").arg(root.path()).args(["/boot", "--version"]).output().expect("chroot runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_flag_is_a_usage_error_that_names_it() {
    let out = Command::new(EXECUTOR).arg("--no-such-flag").output().expect("runs");
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("--no-such-flag"));
}

/// The resolver of glibc loads the node's modules into a static binary, of another libc, and dies of it.
#[test]
fn the_executor_does_not_hold_the_resolver_of_libc() {
    let elf = std::fs::read(EXECUTOR).expect("the executor was built");
    let names = |name: &str| elf.windows(name.len()).any(|w| w == name.as_bytes());
    assert!(names("\0getrandom\0"), "the executor has been stripped of its symbols: nothing can be told of it");
    assert!(!names("\0getaddrinfo\0"), "getaddrinfo is linked");
}

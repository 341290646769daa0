//! How the release binaries are linked, where `.cargo/config.toml` cannot tell them from tests.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/bin/release.ld");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        // Nothing unwinds with `panic = "abort"`; the tables for it would be an eighth of the executor. The builder keeps
        // them: its errors capture where they come from, and without tables that ends the program.
        let script = format!("{}/src/bin/release.ld", std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
        println!("cargo::rustc-link-arg-bin=compute-init-boot=-Wl,--no-eh-frame-hdr,-T,{script}");
    }
}

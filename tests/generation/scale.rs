//! Figures of large clusters: run by `benches/export`, with its output shown.

use crate::cluster::Cluster;
use std::time::Instant;

/// Bytes that a node may read of this cluster, in which every host has all others in its groups, /etc/hosts included.
const BYTES: u64 = 64 << 10;

#[test]
#[ignore = "takes its time: benches/export runs it"]
fn ten_thousand_hosts() {
    let mut cluster = Cluster::new(10_000);
    let start = Instant::now();
    let written = cluster.write();
    println!(
        "full export         {:>9.2} s, {} blobs, {} bytes",
        start.elapsed().as_secs_f64(),
        written.blobs.0,
        written.blobs.1
    );
    let start = Instant::now();
    assert!(!cluster.write().new);
    println!("unchanged export    {:>9.2} s", start.elapsed().as_secs_f64());
    cluster.now += 1;
    cluster.change(4321, "password", "SECRET-changed");
    let start = Instant::now();
    let changed = cluster.write();
    println!("one host changed    {:>9.2} s, {} blobs", start.elapsed().as_secs_f64(), changed.blobs.0);
    assert_eq!(changed.blobs.0, 3);
    let start = Instant::now();
    let view = cluster.read(4321).unwrap();
    println!("verify and unseal   {:>9.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let hosts = view.part.files["hosts"].size;
    println!("read by a node      {:>9} bytes in {} requests, of which /etc/hosts {hosts}", view.bytes, view.requests);
    assert!(view.bytes <= BYTES, "{} bytes are read by a node", view.bytes);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let peak = status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or_default();
        println!("memory              {peak}");
    }
}

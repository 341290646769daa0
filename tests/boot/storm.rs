//! Many nodes at once: real executors that stage from one server. What a node asks of it must not grow with their
//! number, and the server computes nothing: it hands out files.

use crate::signed::Signed;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Executors at the same time.
const AT_ONCE: usize = 50;

#[derive(Default)]
struct Load {
    requests: AtomicU64,
    bytes: AtomicU64,
    refused: AtomicU64,
}

/// A file server with a thread for each connection, which turns every so many-th away as an overloaded one would.
fn server(base: PathBuf, busy: u64) -> (String, Arc<Load>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let load = Arc::new(Load::default());
    let counted = load.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (base, load) = (base.clone(), counted.clone());
            std::thread::spawn(move || {
                let mut head = [0; 2048];
                let length = stream.read(&mut head).unwrap_or(0);
                let text = String::from_utf8_lossy(&head[..length]).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
                let number = load.requests.fetch_add(1, Ordering::SeqCst);
                if busy > 0 && number % busy == busy - 1 {
                    load.refused.fetch_add(1, Ordering::SeqCst);
                    let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
                    return;
                }
                let body = fs::read(base.join(path)).unwrap_or_default();
                load.bytes.fetch_add(body.len() as u64, Ordering::SeqCst);
                let _ =
                    stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
                let _ = stream.write_all(&body);
            });
        }
    });
    (url, load)
}

/// Boots `count` nodes, `AT_ONCE` at a time; requests, bytes and seconds.
fn storm(signed: &Signed, count: usize, busy: u64) -> (u64, u64, f64) {
    let (url, load) = server(signed.bench.path("export"), busy);
    let metadata = signed.bench.path("metadata.json").display().to_string();
    let start = Instant::now();
    let mut running = Vec::new();
    let mut number = 0;
    while number < count || !running.is_empty() {
        while running.len() < AT_ONCE.min(count) && number < count {
            let config = format!("node-{number}.yaml");
            let base = signed.bench.dir.path().display().to_string();
            let text = format!(
                "state_dir: {base}/nodes/{number}/state\nrun_dir: {base}/nodes/{number}/run\nsentinel:\nidentity: {base}/identity\n"
            );
            signed.bench.write(&config, text);
            let mut command = signed.bench.command(&["--export", &url, "--metadata", &metadata, "--no-resume"]);
            command.arg("--config").arg(signed.bench.path(&config)).stdout(Stdio::null()).stderr(Stdio::piped());
            running.push((number, command.spawn().unwrap()));
            number += 1;
        }
        let (number, child) = running.remove(0);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "node {number}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(signed.bench.path(&format!("nodes/{number}/state/staged/current")).exists(), "node {number}");
    }
    let seconds = start.elapsed().as_secs_f64();
    let (requests, refused) = (load.requests.load(Ordering::SeqCst), load.refused.load(Ordering::SeqCst));
    assert_eq!(refused > 0, busy > 0);
    fs::remove_dir_all(signed.bench.path("nodes")).unwrap();
    (requests - refused, load.bytes.load(Ordering::SeqCst), seconds)
}

#[test]
fn what_a_node_asks_of_the_server_is_the_same_in_a_storm() {
    let signed = Signed::new();
    let (requests, bytes, _) = storm(&signed, 1, 0);
    let (all_requests, all_bytes, seconds) = storm(&signed, 200, 0);
    assert_eq!((all_requests, all_bytes), (200 * requests, 200 * bytes));
    assert!(requests <= 12 && bytes <= 64 << 10, "{requests} requests, {bytes} bytes");
    println!(
        "200 nodes: {seconds:.1} s, {requests} requests and {bytes} bytes each; 10,000 nodes: {} requests, {} MB",
        10_000 * requests,
        bytes / 100
    );
    // A server that turns every fifth request away gets the same work done, with tries that grow apart.
    let (busy_requests, busy_bytes, _) = storm(&signed, 60, 5);
    assert_eq!((busy_requests, busy_bytes), (60 * requests, 60 * bytes));
}

//! The gate: metadata services that are slow, wrong, large, elsewhere or unsteady.

use crate::harness::{Bench, Service, http};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const COMPUTE: &str = r#"{"meta": {"compute": "true"}}"#;

fn impatient() -> Bench {
    let bench = Bench::new();
    bench.config("deadlines: {metadata: 1}\n");
    bench
}

/// A place where nobody listens, at an address of its own: no other test gets the port in the meantime.
fn nobody_yet(last: u8) -> std::net::SocketAddr {
    std::net::TcpListener::bind((std::net::Ipv4Addr::new(127, 77, 0, last), 0)).unwrap().local_addr().unwrap()
}

fn refused_by(service: &Service, state: &str, code: i32, says: &str) {
    impatient().refused(&["--metadata", &service.url], state, code, says);
}

#[test]
fn a_good_answer_is_asked_for_once() {
    let bench = impatient();
    let service = Service::saying(&http("200 OK", COMPUTE));
    bench.boot(&["--metadata", &service.url]).ready();
    assert_eq!(service.asked(), 1);
    assert!(bench.path("made").exists());
}

#[test]
fn a_node_that_is_not_compute_is_left_alone() {
    for meta in [r#"{"meta": {"compute": "false"}}"#, r#"{"meta": {}}"#, "{}", r#"{"meta": {"compute": "maybe"}}"#] {
        let service = Service::saying(&http("200 OK", meta));
        refused_by(&service, "not-compute", 0, "does not set compute");
        assert_eq!(service.asked(), 1);
    }
}

#[test]
fn metadata_can_switch_it_off() {
    let meta = r#"{"meta": {"compute": "true", "ansible_init_disable": "True"}}"#;
    refused_by(&Service::saying(&http("200 OK", meta)), "disabled", 0, "ansible_init_disable");
}

#[test]
fn a_service_without_metadata_is_told_from_one_that_is_broken() {
    refused_by(&Service::saying(&http("404 Not Found", "no")), "unreachable", 4, "answers 404");
    refused_by(&Service::saying(&http("500 Oops", "no")), "unreachable", 4, "answers 500 Oops");
    refused_by(&Service::saying(&http("200 OK", "<html>")), "refused", 5, "is not JSON");
    refused_by(&Service::saying(&http("200 OK", "[]")), "refused", 5, "not a JSON object");
    refused_by(&Service::saying(&http("200 OK", r#"{"meta": []}"#)), "refused", 5, "meta is not an object");
    refused_by(&Service::saying("SSH-2.0-OpenSSH\r\n"), "unreachable", 4, "not HTTP");
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{COMPUTE}");
    refused_by(&Service::saying(&cut), "unreachable", 4, "ends in the middle");
}

#[test]
fn a_service_that_never_answers_costs_the_deadline_and_no_more() {
    let start = Instant::now();
    let service = Service::new(Box::new(|_, stream| {
        // One byte now and then keeps the connection alive.
        for _ in 0..100 {
            if stream.write_all(b"H").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }));
    refused_by(&service, "unreachable", 4, "within the deadline");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn nobody_there_is_unreachable() {
    impatient().refused(&["--metadata", "http://127.0.0.1:9/x"], "unreachable", 4, "connecting to 127.0.0.1:9");
    impatient().refused(&["--metadata", "https://127.0.0.1/x"], "refused", 5, "no TLS");
}

#[test]
fn an_answer_without_end_is_refused() {
    let service = Service::new(Box::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let block = [b' '; 65_536];
        while stream.write_all(&block).is_ok() {}
    }));
    refused_by(&service, "refused", 5, "larger than 1048576 bytes");
    let huge = Service::saying("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n");
    refused_by(&huge, "refused", 5, "larger than 1048576 bytes");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let there = Service::saying(&http("200 OK", COMPUTE));
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", there.url);
    impatient().boot(&["--metadata", &Service::saying(&moved).url]).ready();
    let round = Service::saying("HTTP/1.1 301 Moved\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
    refused_by(&round, "unreachable", 4, "too many redirects");
}

#[test]
fn chunks_are_put_together() {
    let (a, b) = COMPUTE.split_at(9);
    let body = format!("{:x}\r\n{a}\r\n{:x};x=y\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
    let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    impatient().boot(&["--metadata", &Service::saying(&text).url]).ready();
}

#[test]
fn a_service_that_comes_up_slowly_is_waited_for() {
    let bench = Bench::new();
    bench.config("deadlines: {metadata: 20}\n");
    let service = Service::new(Box::new(|n, stream| {
        let text = match n {
            0 => return,
            1 => http("503 Service Unavailable", ""),
            2 => http("200 OK", "<html>starting</html>"),
            _ => http("200 OK", COMPUTE),
        };
        let _ = stream.write_all(text.as_bytes());
    }));
    bench.boot(&["--metadata", &service.url]).ready();
    assert_eq!(service.asked(), 4);
}

#[test]
fn sources_of_the_configuration_are_asked_in_order() {
    let bench = Bench::new();
    let service = Service::saying(&http("200 OK", COMPUTE));
    let none = bench.path("none.json").display().to_string();
    bench.config(&format!("metadata: {{sources: [{none}, '{}']}}\ndeadlines: {{metadata: 2}}\n", service.url));
    let export = bench.path("export").display().to_string();
    let boot = crate::harness::Boot::of(bench.command(&["--export", &export]).output().unwrap());
    boot.ready();
    assert_eq!(service.asked(), 1);
}

#[test]
fn metadata_in_a_file_must_be_metadata() {
    let bench = Bench::new();
    bench.metadata("{");
    bench.refused(&[], "refused", 5, "is not JSON");
    bench.refused(&["--metadata", "/none/there"], "refused", 5, "/none/there");
    bench.metadata(&" ".repeat(2 << 20));
    bench.refused(&[], "refused", 5, "metadata");
}

/// The service is not there when the node boots, comes, goes, and talks nonsense in between.
#[test]
fn a_service_that_comes_late_and_flaps_is_waited_for() {
    let bench = Bench::new();
    bench.config("deadlines: {metadata: 30}\n");
    let place = nobody_yet(2);
    let late = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_secs(2));
        let answers = ["", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", &http("200 OK", "{\"meta\": {"), "HTTP/1.1"];
        for answer in answers {
            // Each answer from a service of its own: in between there is none.
            let listener = std::net::TcpListener::bind(place).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
        let listener = std::net::TcpListener::bind(place).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(http("200 OK", COMPUTE).as_bytes());
    });
    bench.boot(&["--metadata", &format!("http://{place}/meta_data.json")]).ready();
    late.join().unwrap();
}

/// With the deadlines that nodes have: nothing was there for half a minute, and then all is well.
#[test]
fn a_service_that_comes_half_a_minute_late_is_waited_for() {
    let bench = Bench::new();
    let place = nobody_yet(30);
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(30));
        let listener = std::net::TcpListener::bind(place).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(http("200 OK", COMPUTE).as_bytes());
    });
    let started = Instant::now();
    bench.boot(&["--metadata", &format!("http://{place}/meta_data.json")]).ready();
    assert!(started.elapsed() >= Duration::from_secs(30), "it booted before there was anybody to ask");
    late.join().unwrap();
}

/// What a service says of itself is believed only as far as it is metadata.
#[test]
fn answers_without_metadata_from_a_service() {
    let answer = |body: &str| Service::saying(&http("200 OK", body));
    for body in ["", "{", "[]", "null", r#"{"meta": []}"#, r#"{"meta": "compute"}"#] {
        refused_by(&answer(body), "refused", 5, "metadata from http://127.0.0.1");
    }
    for body in ["{}", r#"{"meta": null}"#, r#"{"meta": {"compute": "no"}}"#] {
        let boot = Bench::new().boot(&["--metadata", &answer(body).url]);
        assert!(boot.code == 0 && boot.out.contains("not-compute"), "{body}: {}", boot.out);
    }
    let off = answer(r#"{"meta": {"compute": "true", "ansible_init_disable": "true"}}"#);
    let boot = Bench::new().boot(&["--metadata", &off.url]);
    assert!(boot.code == 0 && boot.out.contains("disabled"), "{}", boot.out);
}

#[test]
fn metadata_without_meta_or_without_its_keys_is_no_compute_node() {
    for text in ["{}", r#"{"meta": null}"#, r#"{"meta": {}}"#, r#"{"meta": {"computer": "true"}}"#, "instance-id: i\n"]
    {
        let bench = Bench::new();
        bench.metadata(text);
        let boot = bench.boot(&[]);
        assert!(boot.code == 0 && boot.out.contains("not-compute"), "{text}: {}", boot.out);
    }
    let bench = Bench::new();
    bench.metadata("meta: {compute: true, etc_hosts: true}\n");
    bench.boot(&[]).ready();
}

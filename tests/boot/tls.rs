//! An export on a real HTTPS server, as an object store serves it: GETs of files by name, and nothing listed.

use crate::signed::Signed;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Serves a directory over TLS; says its port, then each request.
const SERVER: &str = r#"
import functools, http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, form, *args):
        with open(sys.argv[4], "a") as log:
            log.write(self.command + " " + self.path + "\n")
    def list_directory(self, path):
        self.send_error(403)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// Ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_https_server_is_asked_by_the_nodes_curl_which_checks_its_certificate() {
    let signed = Signed::new();
    let at = |name: &str| signed.bench.path(name).display().to_string();
    let (certificate, key, log) = (at("server.pem"), at("server.key"), at("requests"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=control", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut server = Command::new("python3");
    server.args(["-c", SERVER, &at("export"), &certificate, &key, &log]).stdout(Stdio::piped());
    let mut server = Server(server.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://127.0.0.1:{}", port.trim());
    // The node's trust in the site's authority is its curl's own affair.
    let trusting = |certificate: &str| format!("exec /usr/bin/curl \"$@\" --cacert '{certificate}'\n");
    signed.bench.program("curl", &trusting(&certificate));
    let boot = signed.bench.boot(&["--export", &url]);
    boot.ready();
    assert!(signed.staged().contains("10.0.0.1 ctl"), "{}", boot.out);
    let asked = fs::read_to_string(&log).unwrap();
    assert!(asked.lines().count() <= 8, "{asked}");
    assert!(asked.lines().all(|l| l.starts_with("GET /compute-init/") && !l.ends_with('/')), "{asked}");
    // A server that somebody else vouches for is not listened to.
    fs::remove_file(signed.bench.path("made")).unwrap();
    fs::remove_file(signed.bench.path("done")).unwrap();
    signed.config("deadlines: {mount: 1}\n");
    signed.bench.program("curl", "exec /usr/bin/curl \"$@\"\n");
    signed.bench.refused(&["--export", &url], "unreachable", 4, "certificate");
}

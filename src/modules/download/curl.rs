//! Requests by the node's own curl. Its configuration goes to its standard input: no secret is ever in an argument.

use super::{Fault, Fetch};
use crate::modules::params::Params;
use crate::modules::private::Private;
use crate::modules::{Context, exec};
use crate::plan::limits;
use crate::sys::command::Command;
use crate::sys::file::read_bounded;
use crate::sys::http::Response;
use std::fmt::Write;
use std::time::Instant;

/// Sends one request; redirects are the caller's.
pub(super) fn send(fetch: &Fetch, ctx: &Context, deadline: Instant) -> Result<Response, Fault> {
    let Some(program) = ctx.runner.which("curl") else {
        let why = "it needs curl, which this node does not have; put curl into the image, or use http";
        return Err(Fault::Refused(format!("{}: {why}", fetch.url)));
    };
    let refused = |f: crate::modules::Failure| Fault::Refused(f.msg);
    let sent = fetch.body.as_ref().map(|body| Private::new(ctx, body, "request")).transpose().map_err(refused)?;
    let received = Private::new(ctx, b"", "response").map_err(refused)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let mut config = Config(String::new());
    config.set("url", &fetch.url);
    config.set("output", &received.path.to_string_lossy());
    config.set("max-time", &format!("{:.3}", left.as_secs_f64().max(0.001)));
    config.set("max-filesize", &limits::DOWNLOAD.to_string());
    config.set("proto", "=http,https");
    match fetch.method.as_str() {
        "HEAD" => config.flag("head"),
        method => config.set("request", method),
    }
    for (name, value) in &fetch.headers {
        config.set("header", &format!("{name}: {value}"));
    }
    if let Some(body) = &sent {
        config.set("data-binary", &format!("@{}", body.path.display()));
    }
    trust(fetch, &mut config);
    let argv = [program.as_os_str(), "-q".as_ref(), "--config".as_ref(), "-".as_ref()];
    // A little longer than curl gives itself.
    let timeout = Some(left + std::time::Duration::from_secs(5));
    let command = Command { stdin: config.0.into_bytes(), timeout, secret: true, ..Command::new(argv) };
    let ran = exec::run(ctx, command).map_err(refused)?;
    if ran.rc != 0 {
        let why = ran.err();
        let why = why.trim().strip_prefix("curl: ").unwrap_or(&why).trim();
        return Err(Fault::Silent(format!("Request failed: <urlopen error {why}>")));
    }
    let body = read_bounded(&received.path, limits::DOWNLOAD).map_err(|e| Fault::Silent(e.to_string()))?;
    head(&ran.out(), fetch, body).ok_or_else(|| Fault::Silent(format!("{}: the answer is not HTTP", fetch.url)))
}

/// Certificates, ciphers, proxies and sockets.
fn trust(fetch: &Fetch, config: &mut Config) {
    for name in ["silent", "show-error", "http1.1", "suppress-connect-headers"] {
        config.flag(name);
    }
    config.set("dump-header", "-");
    let args = fetch.args;
    if !args.choice("validate_certs").unwrap_or(true) {
        config.flag("insecure");
    }
    if !args.choice("use_proxy").unwrap_or(true) {
        config.set("noproxy", "*");
    }
    for (argument, option) in
        [("ca_path", "cacert"), ("client_cert", "cert"), ("client_key", "key"), ("unix_socket", "unix-socket")]
    {
        if let Some(value) = args.text(argument).filter(|v| !v.is_empty()) {
            config.set(option, &value);
        }
    }
    if let Some(ciphers) = args.texts("ciphers") {
        config.set("ciphers", &ciphers.join(":"));
    }
}

/// A configuration as curl reads it.
struct Config(String);

impl Config {
    fn flag(&mut self, name: &str) {
        self.0.push_str(name);
        self.0.push('\n');
    }

    /// Text in quotes cannot end the line that it stands in.
    fn set(&mut self, name: &str, value: &str) {
        let mut quoted = String::with_capacity(value.len());
        for c in value.chars() {
            match c {
                '\\' => quoted.push_str("\\\\"),
                '"' => quoted.push_str("\\\""),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                '\0' => {}
                other => quoted.push(other),
            }
        }
        // Writing to text cannot fail.
        let _ = writeln!(self.0, "{name} = \"{quoted}\"");
    }
}

/// The last head that curl saw; those before it are announcements.
fn head(text: &str, fetch: &Fetch, body: Vec<u8>) -> Option<Response> {
    let text = text.replace("\r\n", "\n");
    let last = text.split("\n\n").filter(|h| h.starts_with("HTTP/")).last()?;
    let mut lines = last.lines();
    let mut words = lines.next()?.splitn(3, ' ').skip(1);
    let status = words.next()?.parse().ok()?;
    let reason = words.next().unwrap_or_default().to_owned();
    let pair = |line: &str| line.split_once(':').map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()));
    Some(Response { status, reason, headers: lines.filter_map(pair).collect(), body, url: fetch.url.clone() })
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let mut config = Config(String::new());
        config.set("header", "a: \"b\\\"\noutput = \"/etc/passwd");
        assert_eq!(config.0, "header = \"a: \\\"b\\\\\\\"\\noutput = \\\"/etc/passwd\"\n");
    }
}

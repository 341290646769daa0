//! A small HTTP/1.1 client over TCP: bounded in time, size and redirects. No TLS, no cookies, no connection reuse.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a response's status line and headers.
const HEAD: usize = 64 << 10;
/// Time for one address to accept the connection; the deadline may be nearer.
const CONNECT: Duration = Duration::from_secs(5);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `HEAD`, `POST`, ...
    pub method: String,
    /// `http://host[:port]/path`.
    pub url: String,
    /// Headers besides `Host`, `Connection` and `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it must be over.
    pub deadline: Instant,
    /// Bytes of body that are accepted.
    pub limit: u64,
    /// Redirects that are followed.
    pub redirects: u32,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// The status line's words after the code.
    pub reason: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// Where it came from in the end.
    pub url: String,
}

/// Why there is no response.
#[derive(Debug)]
pub enum HttpError {
    /// The URL can't be used.
    Url(String, &'static str),
    /// The host has no address.
    Resolve(String),
    /// No connection.
    Connect(SocketAddr, io::Error),
    /// The connection broke.
    Io(String, io::Error),
    /// The deadline passed.
    Timeout(String),
    /// The answer is larger than the bound.
    TooLarge(String, u64),
    /// The answer is not HTTP.
    Protocol(String, &'static str),
    /// More redirects than allowed.
    Redirects(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            HttpError::Url(url, why) => write!(f, "{url}: {why}"),
            HttpError::Resolve(host) => write!(f, "{host}: no address known for this name"),
            HttpError::Connect(to, e) => write!(f, "connecting to {to}: {e}"),
            HttpError::Io(url, e) => write!(f, "{url}: {e}"),
            HttpError::Timeout(url) => write!(f, "{url}: no complete answer within the deadline"),
            HttpError::TooLarge(url, limit) => write!(f, "{url}: the answer is larger than {limit} bytes"),
            HttpError::Protocol(url, why) => write!(f, "{url}: the answer is not HTTP: {why}"),
            HttpError::Redirects(url) => write!(f, "{url}: too many redirects"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Where a URL leads.
struct Target {
    host: String,
    port: u16,
    path: String,
}

impl Request {
    /// A GET that must be over at `deadline`.
    pub fn get(url: &str, deadline: Instant, limit: u64) -> Request {
        Request {
            method: "GET".to_owned(),
            url: url.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            deadline,
            limit,
            redirects: 3,
        }
    }

    /// Sends it; `resolve` gives the addresses of a host name.
    pub fn send(&self, resolve: &dyn Fn(&str) -> Vec<IpAddr>) -> Result<Response, HttpError> {
        let mut url = self.url.clone();
        let mut method = self.method.clone();
        for _ in 0..=self.redirects {
            let response = self.exchange(&method, &url, resolve)?;
            let Some(next) = redirect(&response, &url) else { return Ok(response) };
            if response.status == 303 && method != "HEAD" {
                method = "GET".to_owned();
            }
            url = next;
        }
        Err(HttpError::Redirects(self.url.clone()))
    }

    /// Sends it once: an answer that leads elsewhere is an answer.
    pub fn send_once(&self, resolve: &dyn Fn(&str) -> Vec<IpAddr>) -> Result<Response, HttpError> {
        self.exchange(&self.method, &self.url, resolve)
    }

    fn exchange(&self, method: &str, url: &str, resolve: &dyn Fn(&str) -> Vec<IpAddr>) -> Result<Response, HttpError> {
        let target = parse(url)?;
        let mut stream = self.connect(url, &target, resolve)?;
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: {}", target.path, target.host);
        if target.port != 80 {
            head.push_str(&format!(":{}", target.port));
        }
        head.push_str("\r\nConnection: close\r\nAccept: */*\r\n");
        for (name, value) in &self.headers {
            if !plain(name) || !plain(value) {
                return Err(HttpError::Url(url.to_owned(), "a header holds a control character"));
            }
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() && method != "GET" && method != "HEAD" {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        let io = |e: io::Error| broken(url, e);
        stream.set_write_timeout(Some(self.remaining(url)?)).map_err(io)?;
        stream.write_all(head.as_bytes()).map_err(io)?;
        if method != "GET" && method != "HEAD" {
            stream.write_all(&self.body).map_err(io)?;
        }
        self.receive(method, url, stream)
    }

    fn connect(
        &self,
        url: &str,
        target: &Target,
        resolve: &dyn Fn(&str) -> Vec<IpAddr>,
    ) -> Result<TcpStream, HttpError> {
        let mut last = HttpError::Resolve(target.host.clone());
        for ip in resolve(&target.host) {
            let address = SocketAddr::new(ip, target.port);
            let patience = self.remaining(url)?.min(CONNECT);
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => return Ok(stream),
                Err(e) => last = HttpError::Connect(address, e),
            }
        }
        Err(last)
    }

    fn receive(&self, method: &str, url: &str, stream: TcpStream) -> Result<Response, HttpError> {
        let mut wire = Wire { request: self, url, stream, buffer: Vec::new(), at: 0, ended: false };
        let (status, reason, headers) = loop {
            let head = wire.head()?;
            // 1xx are announcements; the answer follows.
            if head.0 >= 200 {
                break head;
            }
        };
        let body = if method == "HEAD" || status == 204 || status == 304 { Vec::new() } else { wire.body(&headers)? };
        Ok(Response { status, reason, headers, body, url: url.to_owned() })
    }

    fn remaining(&self, url: &str) -> Result<Duration, HttpError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(HttpError::Timeout(url.to_owned())) } else { Ok(left) }
    }
}

impl Response {
    /// Where it leads, if it is a redirect.
    pub fn redirection(&self) -> Option<String> {
        redirect(self, &self.url)
    }

    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// The answer as it arrives.
struct Wire<'a> {
    request: &'a Request,
    url: &'a str,
    stream: TcpStream,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

type Head = (u16, String, Vec<(String, String)>);

impl Wire<'_> {
    /// Reads some more; false at the end.
    fn fill(&mut self) -> Result<bool, HttpError> {
        if self.ended {
            return Ok(false);
        }
        let left = self.request.remaining(self.url)?;
        self.stream.set_read_timeout(Some(left)).map_err(|e| broken(self.url, e))?;
        if self.at > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        let mut chunk = [0; 16 << 10];
        let count = self.stream.read(&mut chunk).map_err(|e| broken(self.url, e))?;
        self.buffer.extend_from_slice(&chunk[..count]);
        self.ended = count == 0;
        Ok(count > 0)
    }

    fn line(&mut self) -> Result<String, HttpError> {
        loop {
            if let Some(end) = self.buffer[self.at..].iter().position(|b| *b == b'\n') {
                let line = &self.buffer[self.at..self.at + end];
                let text = String::from_utf8_lossy(line).trim_end_matches('\r').to_owned();
                self.at += end + 1;
                return Ok(text);
            }
            if self.buffer.len() - self.at > HEAD {
                return Err(self.protocol("a line without an end"));
            }
            if !self.fill()? {
                return Err(self.protocol("it ends in the middle"));
            }
        }
    }

    fn head(&mut self) -> Result<Head, HttpError> {
        let first = self.line()?;
        let mut words = first.splitn(3, ' ');
        let version = words.next().unwrap_or("");
        let status = words.next().and_then(|code| code.parse::<u16>().ok());
        let (true, Some(status)) = (version.starts_with("HTTP/1."), status) else {
            return Err(self.protocol("no status line"));
        };
        let reason = words.next().unwrap_or("").to_owned();
        let mut headers = Vec::new();
        let mut size = 0;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, reason, headers));
            }
            size += line.len();
            if size > HEAD {
                return Err(self.protocol("its headers are too long"));
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }

    fn body(&mut self, headers: &[(String, String)]) -> Result<Vec<u8>, HttpError> {
        let mut body = Vec::new();
        if find(headers, "transfer-encoding").is_some_and(|v| v.to_ascii_lowercase().contains("chunked")) {
            loop {
                let line = self.line()?;
                let size = line.split(';').next().unwrap_or("").trim();
                let size = u64::from_str_radix(size, 16).map_err(|_| self.protocol("a chunk without a size"))?;
                if size == 0 {
                    return Ok(body);
                }
                self.take(size, &mut body)?;
                self.line()?;
            }
        }
        if let Some(length) = find(headers, "content-length") {
            let length = length.parse().map_err(|_| self.protocol("a length that is no number"))?;
            self.take(length, &mut body)?;
            return Ok(body);
        }
        loop {
            body.extend_from_slice(&self.buffer[self.at..]);
            self.at = self.buffer.len();
            self.bound(body.len() as u64)?;
            if !self.fill()? {
                return Ok(body);
            }
        }
    }

    fn take(&mut self, size: u64, body: &mut Vec<u8>) -> Result<(), HttpError> {
        self.bound((body.len() as u64).saturating_add(size))?;
        let mut wanted = size as usize;
        while wanted > 0 {
            let have = (self.buffer.len() - self.at).min(wanted);
            body.extend_from_slice(&self.buffer[self.at..self.at + have]);
            self.at += have;
            wanted -= have;
            if wanted > 0 && !self.fill()? {
                return Err(self.protocol("it ends in the middle"));
            }
        }
        Ok(())
    }

    fn bound(&self, size: u64) -> Result<(), HttpError> {
        if size > self.request.limit {
            return Err(HttpError::TooLarge(self.url.to_owned(), self.request.limit));
        }
        Ok(())
    }

    fn protocol(&self, why: &'static str) -> HttpError {
        HttpError::Protocol(self.url.to_owned(), why)
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn plain(text: &str) -> bool {
    !text.bytes().any(|b| b < b' ' || b == 0x7f)
}

fn broken(url: &str, e: io::Error) -> HttpError {
    match e.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HttpError::Timeout(url.to_owned()),
        _ => HttpError::Io(url.to_owned(), e),
    }
}

fn parse(url: &str) -> Result<Target, HttpError> {
    let bad = |why| HttpError::Url(url.to_owned(), why);
    if url.starts_with("https:") {
        return Err(bad("only http is spoken here: the executor carries no TLS"));
    }
    let rest = url.strip_prefix("http://").ok_or_else(|| bad("not an http:// URL"))?;
    if !plain(url) || url.contains(' ') {
        return Err(bad("it holds a space or a control character"));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match colon {
        Some(at) => (&authority[..at], authority[at + 1..].parse().map_err(|_| bad("its port is no number"))?),
        None => (authority, 80),
    };
    if host.is_empty() {
        return Err(bad("it names no host"));
    }
    let path = path.split('#').next().unwrap_or("");
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(Target { host: host.to_owned(), port, path })
}

/// Where a redirect leads, if the response is one.
fn redirect(response: &Response, from: &str) -> Option<String> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = response.header("location")?;
    if to.contains("://") {
        return Some(to.to_owned());
    }
    let scheme = from.find("://")? + 3;
    let host = from[scheme..].find('/').map_or(from.len(), |at| scheme + at);
    if to.starts_with('/') {
        return Some(format!("{}{to}", &from[..host]));
    }
    let folder = from[host..].rfind('/').map_or(host, |at| host + at);
    Some(format!("{}/{to}", &from[..folder]))
}

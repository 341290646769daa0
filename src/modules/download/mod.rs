//! Requests that modules make: http by our own client, everything that needs TLS, a proxy or a socket by the node's own
//! curl, so that the node's trust store and crypto policy apply. Redirects are followed here, by Ansible's rules.

mod curl;

use super::params::{Params, failure, plain, text};
use super::private::Private;
use super::{Context, Failure};
use crate::plan::{Data, Map, limits};
use crate::spec::Args;
use crate::sys::http::{HttpError, Request, Response};
use crate::sys::{clock, resolve};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Read;
use std::time::{Duration, Instant};

/// Redirects that are followed; Python's urllib gives up after as many.
const REDIRECTS: usize = 10;

/// Which redirects are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// None.
    None,
    /// Those of GET and HEAD.
    Safe,
    /// All.
    All,
}

/// A request.
pub struct Fetch<'a> {
    /// The task: authentication, certificates and proxies are arguments that the modules share.
    pub args: &'a Args,
    /// Where to.
    pub url: String,
    /// How.
    pub method: String,
    /// Headers that the task asks for.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
    /// The redirects that are followed.
    pub follow: Follow,
    /// Only what is newer, in seconds since the epoch.
    pub newer_than: Option<i64>,
}

/// Why there is no answer at all.
pub enum Fault {
    /// The request cannot be made.
    Refused(String),
    /// Nobody answered.
    Silent(String),
}

impl<'a> Fetch<'a> {
    /// A request with the headers that every module sends.
    pub fn new(args: &'a Args, url: &str, method: &str) -> Fetch<'a> {
        let mut headers = vec![("User-Agent".to_owned(), args.text("http_agent").unwrap_or_default())];
        if let Some(given) = args.value("headers").and_then(Data::as_map) {
            headers.extend(given.iter().map(|(name, value)| (plain(name), plain(value))));
        }
        if args.flag("force") {
            headers.push(("Cache-Control".to_owned(), "no-cache".to_owned()));
        }
        Fetch {
            args,
            url: url.to_owned(),
            method: method.to_owned(),
            headers,
            body: None,
            follow: Follow::Safe,
            newer_than: None,
        }
    }

    /// Whether the task sets this header itself.
    pub fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.args.int("timeout").and_then(|t| u64::try_from(t).ok()).unwrap_or(10).max(1))
    }

    /// Sends it and follows redirects. The response's URL is where the answer came from.
    pub fn send(mut self, ctx: &Context) -> Result<Response, Fault> {
        if self.args.flag("use_gssapi") {
            return Err(Fault::Refused("use_gssapi is not supported: a node has no ticket while it boots".to_owned()));
        }
        if let Some(since) = self.newer_than.filter(|_| !self.args.flag("force")) {
            self.headers.push(("If-Modified-Since".to_owned(), http_date(since)));
        }
        if self.body.is_some() && !self.has_header("content-type") {
            let form = "application/x-www-form-urlencoded".to_owned();
            self.headers.push(("Content-Type".to_owned(), form));
        }
        let deadline = Instant::now() + self.timeout();
        let mut credentials = self.credentials();
        if self.args.flag("force_basic_auth")
            && let Some(header) = credentials.take()
        {
            self.headers.push(header);
        }
        for _ in 0..=REDIRECTS {
            let mut response = self.once(ctx, deadline)?;
            let asks =
                response.status == 401 && response.header("www-authenticate").is_some_and(|w| w.starts_with("Basic"));
            if let (true, Some(header)) = (asks, credentials.take()) {
                self.headers.push(header);
                response = self.once(ctx, deadline)?;
            }
            let follows = match self.follow {
                Follow::None => false,
                Follow::Safe => matches!(self.method.as_str(), "GET" | "HEAD"),
                Follow::All => true,
            };
            let Some(next) = response.redirection().filter(|_| follows) else {
                return decompressed(response, self.args.choice("decompress").unwrap_or(true));
            };
            self.redirect(response.status, next);
        }
        Err(Fault::Silent("HTTP Error 302: the redirects lead in a circle".to_owned()))
    }

    /// The next request: what a browser would send.
    fn redirect(&mut self, status: u16, next: String) {
        if !matches!(status, 307 | 308) {
            self.body = None;
            self.headers.retain(|(n, _)| !n.to_ascii_lowercase().starts_with("content-"));
            if self.method != "HEAD" && (status != 301 || self.method == "POST") {
                self.method = "GET".to_owned();
            }
        }
        let dropped = self.args.texts("unredirected_headers").unwrap_or_default();
        self.headers.retain(|(name, _)| !dropped.iter().any(|d| d.eq_ignore_ascii_case(name)));
        // Credentials are for the host that they were given for.
        if host(&next) != host(&self.url) {
            self.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        }
        self.url = next;
    }

    fn credentials(&self) -> Option<(String, String)> {
        let in_url = || {
            let rest = self.url.split_once("://")?.1;
            let authority = rest.split(['/', '?', '#']).next()?;
            let (user, _) = authority.rsplit_once('@')?;
            Some(user.split_once(':').map_or((user.to_owned(), String::new()), |(u, p)| (u.to_owned(), p.to_owned())))
        };
        let given = self.args.text("url_username").filter(|u| !u.is_empty());
        let given = given.map(|user| (user, self.args.text("url_password").unwrap_or_default()));
        let (user, password) = given.or_else(in_url)?;
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        Some(("Authorization".to_owned(), format!("Basic {encoded}")))
    }

    fn once(&self, ctx: &Context, deadline: Instant) -> Result<Response, Fault> {
        let scheme = self.url.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "http" if self.args.value("unix_socket").is_none() && !self.proxied(ctx) => self.plain(ctx, deadline),
            "http" | "https" => curl::send(self, ctx, deadline),
            "file" => from_file(&self.url),
            _ => Err(Fault::Refused(format!("unknown url type: {}", self.url))),
        }
    }

    fn proxied(&self, ctx: &Context) -> bool {
        let named = |name: &str| {
            let set = ctx.environment.iter().any(|(k, v)| k == name && !v.is_empty());
            set || std::env::var_os(name).is_some_and(|v| !v.is_empty())
        };
        self.args.choice("use_proxy").unwrap_or(true) && ["http_proxy", "all_proxy", "ALL_PROXY"].into_iter().any(named)
    }

    fn plain(&self, ctx: &Context, deadline: Instant) -> Result<Response, Fault> {
        let request = Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            body: self.body.clone().unwrap_or_default(),
            deadline,
            limit: limits::DOWNLOAD,
            redirects: 0,
        };
        let timeout = self.timeout();
        request.send_once(&|name: &str| resolve::addresses(name, ctx.runner, timeout)).map_err(|e| match e {
            HttpError::Url(url, why) => Fault::Refused(format!("{url}: {why}")),
            HttpError::Connect(_, e) => {
                let reason = reason(&e);
                Fault::Silent(format!("Request failed: <urlopen error {reason}>"))
            }
            other => Fault::Silent(format!("Request failed: <urlopen error {other}>")),
        })
    }
}

/// The system's error as Python shows it.
fn reason(e: &std::io::Error) -> String {
    match e.raw_os_error() {
        Some(number) => format!("[Errno {number}] {}", nix::errno::Errno::from_raw(number).desc()),
        None => e.to_string(),
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// `file://`: what urllib makes of it.
fn from_file(url: &str) -> Result<Response, Fault> {
    let path = url.trim_start_matches("file://");
    let read = crate::sys::file::read_bounded(std::path::Path::new(path), limits::DOWNLOAD);
    let body = read.map_err(|e| Fault::Silent(format!("Request failed: <urlopen error {}>", reason(&e))))?;
    let headers = vec![("content-length".to_owned(), body.len().to_string())];
    Ok(Response { status: 200, reason: "OK".to_owned(), headers, body, url: url.to_owned() })
}

/// The answer, unpacked if the server packed it.
fn decompressed(mut response: Response, wanted: bool) -> Result<Response, Fault> {
    if wanted && response.header("content-encoding") == Some("gzip") {
        let mut body = Vec::new();
        let unpacker = flate2::read::GzDecoder::new(response.body.as_slice());
        let read = unpacker.take(limits::DOWNLOAD + 1).read_to_end(&mut body);
        read.map_err(|e| Fault::Silent(format!("unpacking the answer: {e}")))?;
        if body.len() as u64 > limits::DOWNLOAD {
            return Err(Fault::Silent(format!("the answer is larger than {} bytes", limits::DOWNLOAD)));
        }
        response.body = body;
    }
    Ok(response)
}

/// A time as HTTP writes it.
fn http_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, of_month) = civil(day);
    let weekday = DAYS[usize::try_from(day.rem_euclid(7)).unwrap_or_default()];
    let month = MONTHS[usize::try_from(month - 1).unwrap_or_default()];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {of_month:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Year, month and day of a day since the epoch.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// What Ansible says of an answer.
pub fn message(response: &Response) -> String {
    if response.status < 300 {
        let length = response.header("content-length").unwrap_or("unknown");
        return format!("OK ({length} bytes)");
    }
    format!("HTTP Error {}: {}", response.status, response.reason)
}

/// Seconds since `start`, as results give them.
pub fn elapsed(start: Instant) -> Data {
    Data::Int(i128::from(start.elapsed().as_secs()))
}

/// Downloads to a private file: unarchive's `src` may be a URL.
pub fn to_private(ctx: &Context, args: &Args, url: &str) -> Result<Private, Failure> {
    let failed = |why: String| failure(format!("Failure downloading {url}, {why}"), [("url", text(url))]);
    let response = Fetch::new(args, url, "GET").send(ctx).map_err(|fault| match fault {
        Fault::Refused(why) | Fault::Silent(why) => failed(why),
    })?;
    if response.status != 200 {
        return Err(failed(message(&response)));
    }
    Private::new(ctx, &response.body, url.rsplit('/').next().unwrap_or_default())
}

/// Headers as a result shows them: lower case, those that come twice joined.
pub fn shown_headers(response: &Response) -> Map {
    let mut shown = Map::default();
    for (name, value) in &response.headers {
        let name = Data::Unsafe(name.replace('-', "_"));
        let joined = match shown.get(&name).and_then(Data::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        shown.insert(name, text(joined));
    }
    shown
}

/// The file's time of change in seconds, for `If-Modified-Since`.
pub fn changed_at(path: &std::path::Path) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|m| m.mtime()).filter(|t| *t <= clock::now().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (1_000_000_000, "Sun, 09 Sep 2001 01:46:40 GMT"),
        ];
        for (seconds, text) in cases {
            assert_eq!(http_date(seconds), text);
        }
    }
}

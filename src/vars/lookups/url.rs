//! The url lookup: HTTP and files, bounded in time and size.

use super::options::{Options, term};
use crate::plan::limits;
use crate::sys::file::read_bounded;
use crate::sys::http::Request;
use crate::sys::resolve;
use crate::vars::pytext::lines;
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};
use base64::Engine;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// Seconds that a request may take unless the role says otherwise; Ansible's own default.
const TIMEOUT: f64 = 10.0;
/// Seconds that a role may ask for.
const LONGEST: f64 = 120.0;

pub fn url(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let (terms, mut options) = Options::split(args, "url");
    let split_lines = options.flag("split_lines", true)?;
    let timeout = options.take("timeout").and_then(|t| t.as_float()).unwrap_or(TIMEOUT);
    let timeout = Duration::from_secs_f64(timeout.clamp(0.1, LONGEST));
    let mut headers = vec![("User-Agent".to_owned(), options.text("http_agent", "ansible-httpget")?)];
    if let Some(given) = options.take("headers") {
        for (name, value) in crate::vars::filters::dict::members(env, &given)? {
            headers.push((name.text()?, value.text()?));
        }
    }
    if let Some(user) = options.take("username") {
        let credentials = format!("{}:{}", user.text()?, options.text("password", "")?);
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        headers.push(("Authorization".to_owned(), format!("Basic {encoded}")));
    }
    let mut out = Vec::new();
    for value in &terms {
        let address = term(value)?;
        if let Some(path) = address.strip_prefix("file://") {
            let read = read_bounded(Path::new(path), limits::EXPORT_FILE);
            let body =
                read.map_err(|e| TemplateError::other(format!("Failed lookup url for {address} : {path}: {e}")))?;
            add(&mut out, &body, split_lines);
            continue;
        }
        let mut request = Request::get(&address, Instant::now() + timeout, limits::EXPORT_FILE);
        request.headers.clone_from(&headers);
        let response = request
            .send(&|name: &str| addresses(env, name, timeout))
            .map_err(|e| TemplateError::other(format!("Failed lookup url for {address} : {e}")))?;
        if response.status >= 300 {
            let problem = format!("HTTP Error {}: {}", response.status, response.reason);
            return Err(TemplateError::other(format!("Received HTTP error for {address} : {problem}")));
        }
        add(&mut out, &response.body, split_lines);
    }
    Ok(out)
}

fn add(out: &mut Vec<Value>, body: &[u8], split_lines: bool) {
    let text = Text::from_bytes(body);
    match split_lines {
        true => out.extend(lines(text.as_str()).into_iter().map(Value::from)),
        false => out.push(Value::Str(text)),
    }
}

fn addresses(env: &Env, name: &str, deadline: Duration) -> Vec<IpAddr> {
    match (resolve::literal(name), env.runner()) {
        (Ok(address), _) => vec![address],
        (Err(_), Some(runner)) => resolve::addresses(name, runner, deadline),
        (Err(_), None) => Vec::new(),
    }
}

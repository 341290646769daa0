//! `ansible.builtin.uri`: one request, its answer as return values, and as a file if the task wants one.

mod body;

use super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::download::{self, Fault, Fetch, Follow};
use super::install::{Install, refused_in_words, unsafe_writes};
use super::params::{Params, failure, int, output_text, text};
use super::{Context, Failure, Outcome, facts, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::file::holds;
use crate::sys::http::Response;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let url = args.text("url").ok_or_else(|| Failure::new("missing required arguments: url"))?;
    if ctx.check {
        let msg = "remote module (ansible.legacy.uri) does not support check mode";
        return Ok(Outcome { skipped: true, ..Outcome::default() }.with("msg", text(msg)));
    }
    let method = args.text("method").unwrap_or_default().to_uppercase();
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()) {
        let msg = "Parameter 'method' needs to be a single word in uppercase, like GET or POST.";
        return Err(Failure::new(msg));
    }
    let mut fetch = Fetch::new(args, &url, &method);
    carry(ctx, args, &mut fetch)?;
    for (name, wanted) in [("creates", true), ("removes", false)] {
        if let Some(path) = args.os(name).filter(|p| Path::new(p).exists() == wanted) {
            let reason = if wanted { "exists" } else { "does not exist" };
            let said = format!("skipped, since '{}' {reason}", path.to_string_lossy());
            return Ok(Outcome::default().with("stdout", text(said)));
        }
    }
    fetch.follow = match args.text("follow_redirects").as_deref() {
        Some("all" | "yes") => Follow::All,
        Some("no" | "none") => Follow::None,
        _ => Follow::Safe,
    };
    let dest = args.os("dest").map(PathBuf::from);
    fetch.newer_than = dest.as_deref().filter(|d| d.is_file()).and_then(download::changed_at);
    let start = Instant::now();
    let answer = fetch.send(ctx);
    let task = Task { ctx, args, url, elapsed: download::elapsed(start) };
    match answer {
        Ok(response) => task.answered(&response, dest),
        Err(Fault::Refused(why)) => {
            Err(failure(why, [("url", text(&task.url)), ("status", int(-1)), ("elapsed", task.elapsed)]))
        }
        Err(Fault::Silent(why)) => task.silent(&why),
    }
}

/// Gives the request what it carries.
fn carry(ctx: &Context, args: &Args, fetch: &mut Fetch) -> Result<(), Failure> {
    if let Some(src) = args.text("src").filter(|s| !s.is_empty()) {
        let path = match args.flag("remote_src") {
            true => src,
            false => ctx.files.find("files", &src).map_err(|tried| super::copy::not_found(&src, &tried))?,
        };
        let unable = |_| failure(format!("Unable to open source file {path}"), [("elapsed", int(0))]);
        fetch.body = Some(ctx.files.read(&path).map_err(unable)?);
        return Ok(());
    }
    let format = args.text("body_format").unwrap_or_default();
    let body = args.value("body").cloned().unwrap_or_default();
    if let Some(body) = body::encoded(ctx, &body, &format)? {
        if let Some(kind) = body.kind {
            if format == "form-multipart" {
                fetch.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            }
            if !fetch.has_header("content-type") {
                fetch.headers.push(("Content-Type".to_owned(), kind));
            }
        }
        fetch.body = Some(body.bytes);
    }
    Ok(())
}

struct Task<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    url: String,
    elapsed: Data,
}

impl Task<'_> {
    fn wanted_status(&self) -> Vec<i128> {
        let given = self.args.value("status_code").and_then(Data::as_list).unwrap_or_default();
        given.iter().filter_map(|s| if let Data::Int(i) = s { Some(*i) } else { None }).collect()
    }

    fn unexpected(&self, status: i128, msg: &str) -> Failure {
        let wanted: Vec<String> = self.wanted_status().iter().map(i128::to_string).collect();
        Failure::new(format!("Status code was {status} and not [{}]: {msg}", wanted.join(", ")))
    }

    /// Nobody answered: the status is -1, which a task may expect too.
    fn silent(&self, why: &str) -> Result<Outcome, Failure> {
        let mut failure = self.unexpected(-1, why);
        let pairs = [
            ("url", text(&self.url)),
            ("status", int(-1)),
            ("redirected", Data::Bool(false)),
            ("elapsed", self.elapsed.clone()),
        ];
        failure.result.extend(pairs.map(|(name, value)| (Data::str(name), value)));
        if self.wanted_status().contains(&-1) {
            return Ok(Outcome { result: failure.result, ..Outcome::default() }.with("msg", text(why)));
        }
        Err(failure)
    }

    fn answered(&self, response: &Response, dest: Option<PathBuf>) -> Result<Outcome, Failure> {
        let status = i128::from(response.status);
        let expected = self.wanted_status().contains(&status);
        let mut result = self.described(response);
        let mut outcome = Outcome::default();
        if let Some(dest) = dest {
            let dest = if dest.is_dir() { dest.join(file_name(response)) } else { dest };
            if expected && status != 304 {
                self.write(&dest, &response.body, &mut outcome)?;
            }
            result.insert(Data::str("path"), paths::shown(&dest));
            add_path_info(self.ctx, &mut result);
        }
        let wants = self.args.flag("return_content");
        let json = may_be_json(response);
        if response.status >= 300 && expected && !wants && !json {
            result.insert(Data::str("body"), output_text(response.body.clone()));
        }
        if json && let Ok(json) = serde_json::from_slice(&response.body) {
            result.insert(Data::str("json"), facts::from_json(json));
        }
        if wants {
            result.insert(Data::str("content"), output_text(response.body.clone()));
        }
        if expected {
            outcome.result = result;
            return Ok(outcome);
        }
        let failure = self.unexpected(status, &download::message(response));
        result.shift_remove(&Data::str("msg"));
        Err(Failure { result, ..failure })
    }

    /// What the answer says of itself.
    fn described(&self, response: &Response) -> Map {
        let followed = response.status < 300;
        let mut result = download::shown_headers(response);
        if let Some(location) = response.header("location") {
            let location = response.redirection().unwrap_or_else(|| location.to_owned());
            result.insert(Data::str("location"), text(location));
        }
        // Of an answer that is an error urllib keeps the first address only.
        let url = if followed { response.url.as_str() } else { self.url.as_str() };
        let mut set = |name: &str, value: Data| result.insert(Data::str(name), value);
        set("redirected", Data::Bool(url != self.url));
        set("url", text(url));
        set("status", int(response.status));
        set("elapsed", self.elapsed.clone());
        set("msg", text(download::message(response)));
        if followed {
            let cookies = cookies(response);
            let all: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let map = cookies.into_iter().map(|(name, value)| (text(name), text(value))).collect();
            set("cookies_string", text(all.join("; ")));
            set("cookies", Data::Map(map));
        }
        result
    }

    fn write(&self, dest: &Path, content: &[u8], outcome: &mut Outcome) -> Result<(), Failure> {
        let wanted = Wanted::from_args(self.ctx, self.args, dest);
        outcome.changed = true;
        let what = if dest.exists() { "content" } else { "created" };
        if !holds(dest, content) {
            let install = Install {
                wanted: &wanted,
                validate: None,
                backup: false,
                unsafe_writes: unsafe_writes(self.ctx, self.args),
                refused: refused_in_words,
            };
            install.run(self.ctx, &mut &content[..])?;
        }
        outcome.changes.push(described(self.ctx, what, dest));
        wanted.apply(self.ctx, &mut AttrDiff::default())?;
        Ok(())
    }
}

/// Cookies that the answer sets.
fn cookies(response: &Response) -> Vec<(String, String)> {
    let set = response.headers.iter().filter(|(name, _)| name == "set-cookie");
    let pair = |value: &str| {
        let (name, value) = value.split(';').next()?.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    };
    set.filter_map(|(_, value)| pair(value)).collect()
}

/// Whether the answer says that it is JSON.
fn may_be_json(response: &Response) -> bool {
    let kind = response.header("content-type").unwrap_or("application/octet-stream");
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let sub = kind.split_once('/').map_or("", |(_, sub)| sub);
    let sub = sub.split_once('+').map_or(sub, |(_, suffix)| suffix);
    matches!(sub, "json" | "javascript")
}

/// The last part of where the answer came from.
fn file_name(response: &Response) -> String {
    let rest = response.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().and_then(|p| p.split_once('/')).map_or("", |(_, path)| path);
    match path.rsplit('/').next() {
        None | Some("" | "." | "..") => "index.html".to_owned(),
        Some(name) => name.to_owned(),
    }
}

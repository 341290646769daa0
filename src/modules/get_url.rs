//! `ansible.builtin.get_url`: a file from a server, put in place when it is another one and its checksum is right.

use super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::download::{self, Fault, Fetch};
use super::install::{Install, refused_in_words, unsafe_writes};
use super::params::{Params, failure, int, map, text};
use super::private::Private;
use super::{Context, Failure, Outcome, digest, paths};
use crate::plan::{Data, Map};
use crate::spec::Args;
use crate::sys::http::Response;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let url = args.text("url").unwrap_or_default();
    let dest = PathBuf::from(args.os("dest").unwrap_or_default());
    let result = map([
        ("checksum_dest", Data::Null),
        ("checksum_src", Data::Null),
        ("dest", paths::shown(&dest)),
        ("elapsed", int(0)),
        ("url", text(&url)),
    ]);
    let mut task = Task { ctx, args, url, dest, result, checksum: None, start: Instant::now() };
    let outcome = task.run();
    outcome.map_err(|mut failure| {
        // A checksum's own file has no result yet.
        for (name, value) in &task.result {
            failure.result.entry(name.clone()).or_insert_with(|| value.clone());
        }
        add_path_info(ctx, &mut failure.result);
        failure
    })
}

struct Task<'a> {
    ctx: &'a Context<'a>,
    args: &'a Args,
    url: String,
    dest: PathBuf,
    result: Map,
    /// Algorithm and digest.
    checksum: Option<(String, String)>,
    start: Instant,
}

impl Task<'_> {
    fn run(&mut self) -> Result<Outcome, Failure> {
        self.checksum = self.wanted_checksum()?;
        let mut forced = self.args.flag("force");
        let mut newer_than = None;
        if !self.dest.is_dir() && self.dest.exists() {
            if let (false, Some((algorithm, wanted))) = (forced, &self.checksum) {
                if self.digest_of(&self.dest, algorithm)? == *wanted {
                    return self.already_there();
                }
                forced = true;
            }
            newer_than = download::changed_at(&self.dest).filter(|_| !forced);
        }
        let method = if self.ctx.check { "HEAD" } else { "GET" };
        let response = match self.get(&self.url.clone(), method, newer_than)? {
            Answer::Content(response) => response,
            Answer::NotModified(response) => return Ok(self.not_modified(&response)),
        };
        self.set("elapsed", download::elapsed(self.start));
        if self.dest.is_dir() {
            self.dest.push(file_name(&response));
            self.set("dest", paths::shown(&self.dest));
        }
        self.place(&response)
    }

    fn set(&mut self, name: &str, value: Data) {
        self.result.insert(Data::str(name), value);
    }

    /// A request; anything but content, or that there is nothing newer, is a failure.
    fn get(&self, url: &str, method: &str, newer_than: Option<i64>) -> Result<Answer, Failure> {
        let elapsed = || ("elapsed", download::elapsed(self.start));
        let fetch = Fetch { newer_than, ..Fetch::new(self.args, url, method) };
        let response = fetch.send(self.ctx).map_err(|fault| match fault {
            Fault::Refused(why) | Fault::Silent(why) => failure(why, [elapsed()]),
        })?;
        match response.status {
            200 => Ok(Answer::Content(response)),
            304 => Ok(Answer::NotModified(response)),
            status => {
                let said = text(download::message(&response));
                Err(failure("Request failed", [("status_code", int(status)), ("response", said), elapsed()]))
            }
        }
    }

    fn not_modified(&self, response: &Response) -> Outcome {
        let mut result = map([
            ("url", text(&self.url)),
            ("dest", paths::shown(&self.dest)),
            ("msg", text(download::message(response))),
            ("status_code", int(304)),
            ("elapsed", download::elapsed(self.start)),
        ]);
        add_path_info(self.ctx, &mut result);
        Outcome { result, ..Outcome::default() }
    }

    /// The checksum that the file must have: as given, or from a list of checksums at a URL.
    fn wanted_checksum(&self) -> Result<Option<(String, String)>, Failure> {
        let Some(given) = self.args.text("checksum").filter(|c| !c.is_empty()) else { return Ok(None) };
        let Some((algorithm, wanted)) = given.split_once(':') else {
            return Err(Failure::new("The checksum parameter has to be in format <algorithm>:<checksum>"));
        };
        let listed = ["http://", "https://", "ftp://", "file:"].iter().any(|scheme| wanted.starts_with(scheme));
        let wanted = if listed { self.listed_checksum(wanted)? } else { wanted.to_owned() };
        let digits: String = wanted.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        let digits = digits.to_lowercase();
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Failure::new("The checksum format is invalid"));
        }
        Ok(Some((algorithm.to_owned(), digits)))
    }

    fn listed_checksum(&self, url: &str) -> Result<String, Failure> {
        let Answer::Content(response) = self.get(url, "GET", None)? else {
            return Err(Failure::new("Request failed"));
        };
        let list = String::from_utf8_lossy(&response.body).into_owned();
        let lines: Vec<&str> = list.lines().collect();
        let name = url_name(&self.url);
        if let [only] = lines.as_slice()
            && only.split_whitespace().count() == 1
        {
            return Ok((*only).to_owned());
        }
        let entries = lines.iter().filter_map(|line| line.split_once(' '));
        let entry = |file: &str| file.strip_prefix([' ', '*']).unwrap_or(file).trim_start_matches(['.', '/']) == name;
        let found = entries.into_iter().find(|(_, file)| entry(file)).map(|(sum, _)| sum.to_owned());
        found.ok_or_else(|| Failure::new(format!("Unable to find a checksum for file '{name}' in '{url}'")))
    }

    fn digest_of(&self, path: &Path, algorithm: &str) -> Result<String, Failure> {
        let digest = digest::of_file(path, algorithm).ok_or_else(|| {
            let known = "md5, sha1, sha224, sha256, sha384, sha512";
            Failure::new(format!(
                "Could not hash file '{}' with algorithm '{algorithm}'. Available algorithms: {known}",
                path.display()
            ))
        })?;
        digest.map_err(|e| Failure::new(format!("reading {}: {e}", path.display())))
    }

    /// The file has the checksum already: only its looks are seen to.
    fn already_there(&mut self) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::default();
        self.attributes(&mut outcome)?;
        let msg =
            if outcome.changed { "file already exists but file attributes changed" } else { "file already exists" };
        self.set("msg", text(msg));
        self.finish(outcome)
    }

    fn attributes(&self, outcome: &mut Outcome) -> Result<(), Failure> {
        let mut diff = AttrDiff::default();
        outcome.changed |= Wanted::from_args(self.ctx, self.args, &self.dest).apply(self.ctx, &mut diff)?;
        outcome.changes.extend(diff.changes(self.ctx, &self.dest));
        Ok(())
    }

    fn finish(&mut self, outcome: Outcome) -> Result<Outcome, Failure> {
        let mut result = std::mem::take(&mut self.result);
        add_path_info(self.ctx, &mut result);
        Ok(Outcome { result, ..outcome })
    }

    fn place(&mut self, response: &Response) -> Result<Outcome, Failure> {
        let held = Private::new(self.ctx, &response.body, "download")?;
        self.set("src", paths::shown(&held.path));
        let fresh = digest::sha1(&response.body);
        self.set("checksum_src", text(&fresh));
        let existed = self.dest.exists();
        self.may_write(existed)?;
        let present = if existed { Some(self.digest_of(&self.dest, "sha1")?) } else { None };
        if let Some(present) = &present {
            self.set("checksum_dest", text(present));
        }
        self.set("msg", text(download::message(response)));
        let mut outcome = Outcome { changed: present.as_ref() != Some(&fresh), ..Outcome::default() };
        let what = described(self.ctx, if existed { "content" } else { "created" }, &self.dest);
        outcome.changes.extend(outcome.changed.then_some(what));
        if self.ctx.check {
            return self.finish(outcome);
        }
        self.verify(&held)?;
        if outcome.changed {
            self.install(&response.body)?;
        }
        self.attributes(&mut outcome)?;
        self.set("md5sum", text(digest::md5(&response.body)));
        self.set("status_code", int(response.status));
        self.finish(outcome)
    }

    fn may_write(&self, existed: bool) -> Result<(), Failure> {
        use nix::unistd::AccessFlags;
        let dest = self.dest.display();
        if existed && !paths::may(&self.dest, AccessFlags::W_OK) {
            return Err(Failure::new(format!("Destination {dest} is not writable")));
        }
        if existed && !paths::may(&self.dest, AccessFlags::R_OK) {
            return Err(Failure::new(format!("Destination {dest} is not readable")));
        }
        let parent = paths::dirname(&self.dest);
        if !existed && !parent.exists() {
            return Err(Failure::new(format!("Destination {} does not exist", parent.display())));
        }
        if !existed && !paths::may(&parent, AccessFlags::W_OK) {
            return Err(Failure::new(format!("Destination {} is not writable", parent.display())));
        }
        Ok(())
    }

    /// Looks at what was downloaded before it takes the place of anything.
    fn verify(&self, held: &Private) -> Result<(), Failure> {
        let Some((algorithm, wanted)) = &self.checksum else { return Ok(()) };
        let seen = self.digest_of(&held.path, algorithm)?;
        if seen == *wanted {
            return Ok(());
        }
        let dest = self.dest.display();
        Err(Failure::new(format!("The checksum for {dest} did not match {wanted}; it was {seen}.")))
    }

    fn install(&mut self, content: &[u8]) -> Result<(), Failure> {
        let wanted = Wanted::from_args(self.ctx, self.args, &self.dest);
        let install = Install {
            wanted: &wanted,
            validate: None,
            backup: self.args.flag("backup"),
            unsafe_writes: unsafe_writes(self.ctx, self.args),
            refused: refused_in_words,
        };
        if let Some(backup) = install.run(self.ctx, &mut &content[..])?.backup {
            self.set("backup_file", paths::shown(&backup));
        }
        Ok(())
    }
}

enum Answer {
    Content(Response),
    NotModified(Response),
}

/// The file's name in a directory: what the server says, else the last part of the URL.
fn file_name(response: &Response) -> String {
    let said = response.header("content-disposition").and_then(|d| {
        let rest = d.strip_prefix("attachment;")?;
        let rest = rest.strip_prefix(' ').unwrap_or(rest).strip_prefix("filename=")?;
        let rest = rest.strip_prefix('"').unwrap_or(rest);
        let name = rest.split('"').next()?.rsplit('/').next()?;
        (!name.is_empty() && name != "." && name != "..").then(|| name.to_owned())
    });
    said.unwrap_or_else(|| url_name(&response.url))
}

fn url_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once('/').map_or("", |(_, path)| path);
    match path.rsplit('/').next() {
        None | Some("" | "." | "..") => "index.html".to_owned(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_server_or_the_url_and_stay_in_the_directory() {
        let response = |url: &str, disposition: &str| Response {
            status: 200,
            reason: String::new(),
            headers: vec![("content-disposition".to_owned(), disposition.to_owned())],
            body: Vec::new(),
            url: url.to_owned(),
        };
        let cases = [
            ("http://h/a/b.txt?x=/y", "", "b.txt"),
            ("http://h", "", "index.html"),
            ("http://h/a/", "inline; filename=x", "index.html"),
            ("http://h/a/..", "", "index.html"),
            ("http://h/a", "attachment; filename=\"c.txt\"", "c.txt"),
            ("http://h/a", "attachment;filename=../../etc/passwd", "passwd"),
            ("http://h/a", "attachment; filename=\"..\"", "a"),
        ];
        for (url, disposition, name) in cases {
            assert_eq!(file_name(&response(url, disposition)), name, "{url} {disposition}");
        }
    }
}

//! The third stage: reach the control export, read-only. Told apart: not there yet, out of reach, there.

use super::config::Stale;
use super::gate::Admitted;
use super::session::{Backoff, Session, chance};
use super::stop::Stop;
use super::web::Web;
use crate::bundle::generation::Fetch;
use crate::plan::export::CURRENT;
use crate::plan::limits;
use crate::sys::remote::{Remote, Tree};
use crate::sys::{mount, resolve};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Time for one protocol version of one try.
const TRY: Duration = Duration::from_secs(15);

/// An export given on the command line.
pub enum Given {
    /// A directory's name, and it opened.
    Directory(String, io::Result<OwnedFd>),
    /// Host and path.
    Nfs(String, String),
    /// An `http://` or `https://` URL.
    Web(String),
}

/// The export, or the decision to do without it.
pub struct Mounted {
    /// What the stage before proved.
    pub admitted: Admitted,
    /// The export; `None` where a staged generation stands in.
    pub tree: Option<Reached>,
    /// Why the export is away, where it is.
    pub away: Option<String>,
}

/// An export that was reached.
pub enum Reached {
    /// A tree of files.
    Tree(Remote),
    /// A web server: its URL, and the signed index that it answered with.
    Web(String, Vec<u8>),
}

/// Opens what `--export` or the configuration names: `nfs://HOST/PATH`, `http://` or `https://`, `file:///DIR` or a
/// directory.
pub fn given(source: &str) -> Result<Given, String> {
    // Sources come from the firmware and the kernel's command line too, and go into a configuration that has lines.
    if source.chars().any(char::is_control) {
        return Err(format!("{source:?}: a source has no control characters"));
    }
    if let Some(rest) = source.strip_prefix("nfs://") {
        let (host, path) = rest.split_once('/').ok_or_else(|| format!("{source}: no path after the host"))?;
        if host.is_empty() || path.is_empty() {
            return Err(format!("{source}: wanted is nfs://HOST/PATH"));
        }
        return Ok(Given::Nfs(host.to_owned(), format!("/{path}")));
    }
    if source.starts_with("http://") || source.starts_with("https://") {
        return Ok(Given::Web(source.to_owned()));
    }
    let path = source.strip_prefix("file://").unwrap_or(source);
    if path.contains("://") || path.is_empty() {
        return Err(format!("{source}: wanted is a directory, file:///DIR, nfs://HOST/PATH or https://HOST/PATH"));
    }
    let opened = std::fs::File::open(path).and_then(|dir| {
        if dir.metadata()?.is_dir() { Ok(dir.into()) } else { Err(io::Error::from_raw_os_error(nix::libc::ENOTDIR)) }
    });
    Ok(Given::Directory(path.to_owned(), opened))
}

/// Reaches the export within the deadline.
pub fn run(session: &mut Session, admitted: Admitted, outside: Option<Given>) -> Result<(Mounted, String), Stop> {
    let source = match (outside, &session.config.export.source, &admitted.control) {
        (Some(outside), _, _) => outside,
        (None, Some(source), _) => given(source).map_err(|e| Stop::refused(format!("export.source: {e}")))?,
        (None, None, Some(control)) => Given::Nfs(control.clone(), session.config.export.path.clone()),
        (None, None, None) => {
            return Err(Stop::unconfigured("metadata names no control_address, and no export is configured")
                .hint("set control_address in the instance's metadata, or export.source in config.yaml"));
        }
    };
    if let Some(jitter) = session.config.export.jitter {
        // A whole cluster that starts at once does not knock at once.
        std::thread::sleep(jitter.mul_f64(chance()));
    }
    let tree = |(tree, note)| (Reached::Tree(tree), note);
    let result = match source {
        Given::Directory(name, opened) => directory(session, &name, opened).map(tree),
        Given::Nfs(host, path) => nfs(session, &host, &path).map(tree),
        Given::Web(url) => web(session, &url),
    };
    match result {
        Ok((tree, note)) => Ok((Mounted { admitted, tree: Some(tree), away: None }, note)),
        Err(stop) if stop.state == crate::plan::status::State::Unreachable && may_be_stale(session) => {
            let note = format!("away ({}): the staged generation may stand in", stop.message);
            Ok((Mounted { admitted, tree: None, away: Some(stop.message) }, note))
        }
        Err(stop) => Err(stop),
    }
}

fn may_be_stale(session: &Session) -> bool {
    session.config.export.stale != Stale::Never && session.staged_dir().join("current").exists()
}

fn user(session: &Session) -> (u32, u32) {
    (session.config.export.uid, session.config.export.gid)
}

/// Asks for the index, and with it whether anybody is there.
fn web(session: &Session, url: &str) -> Result<(Reached, String), Stop> {
    let until = Instant::now() + session.config.deadlines.mount;
    let shown = without_password(url);
    match Web::new(url, session.runner, until).fetch(CURRENT, limits::EXPORT_INDEX) {
        Ok(Some(index)) => Ok((Reached::Web(url.to_owned(), index), shown)),
        Ok(None) => Err(Stop::unconfigured(format!("{shown} has no {CURRENT} yet"))
            .hint("the control node puts it there once the cluster is exported")),
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {
            Err(Stop::unreachable(format!("the export {shown} is out of reach: {e}"))
                .hint("is the server up, and does it let this node in?"))
        }
        Err(e) => Err(Stop::refused(format!("the export {shown}: {e}"))),
    }
}

/// A URL as it may be shown.
fn without_password(url: &str) -> String {
    match url
        .split_once("://")
        .and_then(|(scheme, rest)| Some((scheme, rest.split('/').next()?.rsplit_once('@')?, rest)))
    {
        Some((scheme, (user, _), rest)) => format!("{scheme}://...@{}", &rest[user.len() + 1..]),
        None => url.to_owned(),
    }
}

fn directory(session: &Session, name: &str, opened: io::Result<OwnedFd>) -> Result<(Remote, String), Stop> {
    let fd = opened.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => Stop::unconfigured(format!("the export {name} is not there yet")),
        _ => Stop::refused(format!("opening the export {name}: {e}")),
    })?;
    let until = Instant::now() + session.config.deadlines.mount;
    let tree = Remote::open(Tree::Directory(fd), user(session), until)
        .map_err(|e| Stop::failed(format!("opening the export {name}: {e}")))?;
    Ok((tree, format!("directory {name}")))
}

fn nfs(session: &Session, host: &str, path: &str) -> Result<(Remote, String), Stop> {
    let until = Instant::now() + session.config.deadlines.mount;
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10), until);
    loop {
        let addresses = resolve::addresses(host, session.runner, Duration::from_secs(5));
        let mut last = format!("{host} has no address");
        for server in addresses {
            match versions(session, server, path, until) {
                Ok((tree, version)) => return Ok((tree, format!("{host}:{path} over NFS {version}"))),
                Err(Trouble::Absent(e)) => {
                    return Err(Stop::unconfigured(format!("{host} does not export {path} to this node yet: {e}"))
                        .hint("the control node exports it once it is deployed"));
                }
                Err(Trouble::Kernel(e)) => {
                    return Err(Stop::failed(format!("this kernel cannot mount NFS: {e}"))
                        .hint("the image needs the nfs and nfsv4 kernel modules"));
                }
                Err(Trouble::Away(e)) => last = format!("{server}: {e}"),
            }
        }
        if !backoff.wait() {
            return Err(Stop::unreachable(format!("the export {host}:{path} is out of reach: {last}"))
                .hint("is the control node up, and does it let this node in on port 2049?"));
        }
    }
}

enum Trouble {
    Absent(io::Error),
    Away(io::Error),
    Kernel(io::Error),
}

/// Tries protocol versions, newest first, then mount.nfs. An answer from the server, good or bad, ends the search.
fn versions(session: &Session, server: IpAddr, path: &str, until: Instant) -> Result<(Remote, &'static str), Trouble> {
    let open = |tree: Tree| Remote::open(tree, user(session), until.min(Instant::now() + TRY));
    let mut last = io::Error::from_raw_os_error(nix::libc::ETIMEDOUT);
    let mut kernel = true;
    for version in mount::NFS_VERSIONS {
        match open(Tree::Nfs(server, path.to_owned(), version.to_owned())) {
            Ok(tree) => return Ok((tree, version)),
            Err(e) if mount::export_absent(&e) => return Err(Trouble::Absent(e)),
            Err(e) if !mount::version_refused(&e) => return Err(Trouble::Away(e)),
            Err(e) => {
                kernel &= e.raw_os_error() == Some(nix::libc::ENODEV);
                last = e;
            }
        }
    }
    if kernel {
        return Err(Trouble::Kernel(last));
    }
    match open(Tree::NfsByHelper(server, path.to_owned())) {
        Ok(tree) => Ok((tree, "by mount.nfs")),
        Err(e) if mount::export_absent(&e) => Err(Trouble::Absent(e)),
        // Without the helper, what the kernel said counts.
        Err(e) if e.raw_os_error() == Some(nix::libc::ENOSYS) => Err(Trouble::Away(last)),
        Err(e) => Err(Trouble::Away(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Given, given};

    #[test]
    fn sources_are_told_apart() {
        assert!(
            matches!(given("nfs://10.0.0.1/exports/c"), Ok(Given::Nfs(h, p)) if h == "10.0.0.1" && p == "/exports/c")
        );
        assert!(matches!(given("nfs://[fd00::1]/x"), Ok(Given::Nfs(h, _)) if h == "[fd00::1]"));
        assert!(matches!(given("file:///tmp"), Ok(Given::Directory(_, Ok(_)))));
        assert!(matches!(given("https://x/y"), Ok(Given::Web(url)) if url == "https://x/y"));
        assert!(matches!(given("/none/there"), Ok(Given::Directory(_, Err(_)))));
        for bad in ["nfs://host", "nfs:///x", "ftp://x/y", "", "https://x/\noutput = \"/etc/shadow", "/x\0y"] {
            assert!(given(bad).is_err(), "{bad:?}");
        }
    }
}

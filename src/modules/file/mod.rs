//! `ansible.builtin.file`: files, directories, links and their attributes.

mod link;
mod recurse;
mod times;

use super::attributes::{AttrDiff, Wanted, add_path_info, described};
use super::params::{Params, failure, map, text};
use super::{Context, Failure, Outcome, difference, paths};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;
use crate::sys::file::lstat;
pub use recurse::entries;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use times::Times;

/// What a path is, or shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is there.
    Absent,
    /// A directory.
    Directory,
    /// A file with one name, or anything else that is there.
    File,
    /// A file with several names.
    Hard,
    /// A symbolic link.
    Link,
    /// As `File`, made where it is missing, with new times.
    Touch,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Absent => "absent",
            State::Directory => "directory",
            State::File => "file",
            State::Hard => "hard",
            State::Link => "link",
            State::Touch => "touch",
        }
    }

    fn named(name: &str) -> Option<State> {
        let all = [State::Absent, State::Directory, State::File, State::Hard, State::Link, State::Touch];
        all.into_iter().find(|s| s.name() == name)
    }

    /// What is at `path` now.
    pub fn of(path: &Path) -> Result<State, Failure> {
        let meta =
            lstat(path).map_err(|e| failure(format!("{}: {e}", path.display()), [("path", paths::shown(path))]))?;
        Ok(match meta {
            None => State::Absent,
            Some(m) if m.is_symlink() => State::Link,
            Some(m) if m.is_dir() => State::Directory,
            Some(m) if m.nlink() > 1 => State::Hard,
            Some(_) => State::File,
        })
    }
}

/// What is to be done; copy and template fill one in too.
#[derive(Clone, Debug)]
pub struct Request {
    /// `path`.
    pub path: PathBuf,
    /// `src`.
    pub src: Option<PathBuf>,
    /// `state`; none is what is there now.
    pub state: Option<State>,
    /// `recurse`.
    pub recurse: bool,
    /// `force`.
    pub force: bool,
    /// `follow`.
    pub follow: bool,
    /// Owner, mode and so on.
    pub common: Wanted,
    /// The name a file has in a directory that `path` turns out to be.
    pub basename: Option<PathBuf>,
    /// `access_time` and `modification_time`, as given.
    pub times: [Option<String>; 2],
    /// Their formats.
    pub formats: [String; 2],
}

impl Request {
    /// A request for `path` that leaves everything to its defaults.
    pub fn new(path: &Path, common: Wanted) -> Request {
        let format = || "%Y%m%d%H%M.%S".to_owned();
        Request {
            path: path.to_owned(),
            src: None,
            state: None,
            recurse: false,
            force: false,
            follow: false,
            common,
            basename: None,
            times: [None, None],
            formats: [format(), format()],
        }
    }

    fn from_args(ctx: &Context, args: &Args) -> Request {
        let path = PathBuf::from(args.os("path").unwrap_or_default());
        let default = Request::new(&path, Wanted::from_args(ctx, args, &path));
        let [access, modification] = default.formats.clone();
        Request {
            src: args.os("src").map(PathBuf::from),
            state: args.text("state").as_deref().and_then(State::named),
            recurse: args.flag("recurse"),
            force: args.flag("force"),
            follow: args.flag("follow"),
            times: [args.text("access_time"), args.text("modification_time")],
            formats: [
                args.text("access_time_format").unwrap_or(access),
                args.text("modification_time_format").unwrap_or(modification),
            ],
            ..default
        }
    }

    /// What is wanted of `path`, or of what it leads to when links are followed.
    fn wanted(&self, path: &Path) -> Wanted {
        let link = self.follow && path.is_symlink();
        self.common.of(if link { paths::realpath(path) } else { path.to_owned() })
    }

    /// Settles `path` and `state` where they depend on what is there.
    fn settle(&mut self) -> Result<State, Failure> {
        let open = !matches!(self.state, Some(State::Link | State::Absent));
        if open && self.path.is_dir() {
            let of_src = self.src.as_deref().map(|s| PathBuf::from(paths::basename(s)));
            let name = self.basename.clone().or(of_src).filter(|n| !n.as_os_str().is_empty());
            self.path.extend(name);
        }
        let state = match (self.state, State::of(&self.path)?) {
            (Some(state), _) => state,
            (None, State::Absent) if self.recurse => State::Directory,
            (None, State::Absent) => State::File,
            (None, now) => now,
        };
        if self.recurse && state != State::Directory {
            return Err(self.failed("recurse option requires state to be 'directory'"));
        }
        if self.src.is_some() && !matches!(state, State::Link | State::Hard) {
            return Err(self.failed("src option requires state to be 'link' or 'hard'"));
        }
        Ok(state)
    }

    fn failed(&self, msg: impl Into<String>) -> Failure {
        failure(msg, [("path", paths::shown(&self.path))])
    }

    fn failed_link(&self, msg: impl Into<String>) -> Failure {
        let src = self.src.as_deref().map_or(Data::Null, paths::shown);
        failure(msg, [("dest", paths::shown(&self.path)), ("src", src)])
    }
}

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let request = Request::from_args(ctx, args);
    if args.choice("_diff_peek").is_some() {
        let result =
            map([("path", paths::shown(&request.path)), ("appears_binary", appears_binary(&request.path).into())]);
        return Ok(Outcome { result, ..Outcome::default() });
    }
    ensure(ctx, request)
}

/// Whether a NUL stands at the beginning of a file; what cannot be read counts as text.
fn appears_binary(path: &Path) -> bool {
    const HEAD: u64 = 8192;
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|f| f.take(HEAD).read_to_end(&mut head));
    read.is_ok() && head.contains(&0)
}

/// Makes it so.
pub fn ensure(ctx: &Context, mut request: Request) -> Result<Outcome, Failure> {
    let attempt = attempt(ctx, &mut request);
    match attempt {
        Ok(mut outcome) => {
            add_path_info(ctx, &mut outcome.result);
            Ok(outcome)
        }
        Err(mut failure) => {
            add_path_info(ctx, &mut failure.result);
            Err(failure)
        }
    }
}

fn attempt(ctx: &Context, request: &mut Request) -> Result<Outcome, Failure> {
    let state = request.settle()?;
    let warnings = if ctx.check && state != State::Absent { unknown_names(ctx, &request.common) } else { Vec::new() };
    match reach(ctx, request, state) {
        Ok(mut outcome) => {
            add_warnings(&mut outcome.result, warnings);
            Ok(outcome)
        }
        Err(mut failure) => {
            add_warnings(&mut failure.result, warnings);
            Err(failure)
        }
    }
}

fn reach(ctx: &Context, request: &Request, state: State) -> Result<Outcome, Failure> {
    let times = || Times::of(request, state);
    match state {
        State::Absent => absent(ctx, request),
        State::Directory => directory(ctx, request, &times()?),
        State::File => file(ctx, request, &times()?),
        State::Touch => touch(ctx, request, &times()?),
        State::Link => link::symbolic(ctx, request, &times()?),
        State::Hard => link::hard(ctx, request, &times()?),
    }
}

/// Adds warnings to a result.
pub fn add_warnings(result: &mut Map, new: Vec<String>) {
    if new.is_empty() {
        return;
    }
    let mut all = result.get(&Key("warnings")).and_then(Data::as_list).unwrap_or_default().to_vec();
    all.extend(new.into_iter().map(text));
    result.insert(Data::str("warnings"), Data::List(all));
}

fn unknown_names(ctx: &Context, common: &Wanted) -> Vec<String> {
    let accounts = super::accounts::Accounts::new(ctx, Path::new("/"));
    let mut warnings = Vec::new();
    let mut look = |kind: &str, id: &str, name: &str, known: bool| {
        let number = name.trim().parse::<u32>().is_ok();
        let what = if number { format!("{kind} with {id} {name}") } else { format!("{kind} {name}") };
        if !known {
            warnings.push(format!("failed to look up {what}. Create {kind} up to this point in real play"));
        }
    };
    if let Some(owner) = common.owner.as_deref().filter(|o| !o.is_empty()) {
        let found = match owner.trim().parse() {
            Ok(id) => accounts.user_by_id(id),
            Err(_) => accounts.user(owner),
        };
        look("user", "uid", owner, found.is_ok_and(|u| u.is_some()));
    }
    if let Some(group) = common.group.as_deref().filter(|g| !g.is_empty()) {
        let found = match group.trim().parse() {
            Ok(id) => accounts.group_by_id(id),
            Err(_) => accounts.group(group),
        };
        look("group", "gid", group, found.is_ok_and(|g| g.is_some()));
    }
    warnings
}

/// The two sides before anything is done: the path, and the state where it changes.
fn initial_diff(path: &Path, state: State, before: State) -> AttrDiff {
    let mut diff = AttrDiff::default();
    diff.note("path", paths::shown(path), paths::shown(path));
    if before != state {
        diff.note("state", text(before.name()), text(state.name()));
    }
    diff
}

/// The outcome of a request that ended well.
fn done(ctx: &Context, key: &str, path: &Path, changed: bool, diff: AttrDiff) -> Outcome {
    let mut outcome = Outcome { changed, ..Outcome::default() };
    outcome.result = map([(key, paths::shown(path))]);
    if changed {
        let state = diff.after.get(&Key("state")).and_then(Data::as_str);
        outcome.changes.extend(state.map(|s| {
            let what = match s {
                "absent" => "removed",
                "link" | "hard" => "linked",
                _ => "created",
            };
            described(ctx, what, path)
        }));
        outcome.changes.extend(diff.changes(ctx, path));
        if outcome.changes.is_empty() {
            outcome.changes.push(described(ctx, "state", path));
        }
    }
    let diff = diff.into_map();
    if ctx.diff {
        outcome.diff.push(difference::of_attributes(&diff));
    }
    outcome.result.insert(Data::str("diff"), Data::Map(diff));
    outcome
}

fn absent(ctx: &Context, request: &Request) -> Result<Outcome, Failure> {
    let path = &request.path;
    let before = State::of(path)?;
    if before == State::Absent {
        let result = map([("path", paths::shown(path)), ("state", text("absent"))]);
        return Ok(Outcome { result, ..Outcome::default() });
    }
    let mut diff = initial_diff(path, State::Absent, before);
    if before == State::Directory {
        diff.before.insert(Data::str("path_content"), recurse::listing(path));
    }
    if !ctx.check && before == State::Directory {
        std::fs::remove_dir_all(path).map_err(|e| Failure::new(format!("rmtree failed: {e}")))?;
    } else if !ctx.check {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(request.failed(format!("unlinking failed: {e} ")));
            }
            _ => {}
        }
    }
    let mut outcome = done(ctx, "path", path, true, diff);
    outcome.result.insert(Data::str("state"), text("absent"));
    Ok(outcome)
}

fn file(ctx: &Context, request: &Request, times: &Times) -> Result<Outcome, Failure> {
    let mut path = request.path.clone();
    let mut before = State::of(&path)?;
    if before == State::Link && request.follow {
        path = paths::realpath(&path);
        before = State::of(&path)?;
    }
    if !matches!(before, State::File | State::Hard) {
        let shown = [("path", paths::shown(&path)), ("state", text(before.name()))];
        let msg = format!("file ({}) is {}, cannot continue", path.display(), before.name());
        return Err(failure(msg, shown));
    }
    let mut diff = initial_diff(&path, State::File, before);
    // A second name of the file is no change of its state.
    let mut changed = request.common.of(&path).apply(ctx, &mut diff)?;
    changed |= times.apply(ctx, &path, &mut diff)?;
    Ok(done(ctx, "path", &path, changed, diff))
}

fn touch(ctx: &Context, request: &Request, times: &Times) -> Result<Outcome, Failure> {
    let path = &request.path;
    let before = State::of(path)?;
    if before == State::Absent && ctx.check {
        let result = map([("dest", paths::shown(path))]);
        let changes = vec![described(ctx, "created", path)];
        return Ok(Outcome { changed: true, result, changes, ..Outcome::default() });
    }
    if before == State::Absent {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|e| request.failed(format!("Error, could not touch target: {e}")))?;
    }
    let mut diff = initial_diff(path, State::Touch, before);
    let wanted = request.wanted(path);
    let attributes = wanted.apply(ctx, &mut diff).and_then(|a| Ok(a | times.apply(ctx, &wanted.path, &mut diff)?));
    match attributes {
        Ok(changed) => Ok(done(ctx, "dest", path, changed || before == State::Absent, diff)),
        Err(failure) => {
            if before == State::Absent {
                // What was made for a request that cannot be met goes again; its error is the one that counts.
                let _ = std::fs::remove_file(path);
            }
            Err(failure)
        }
    }
}

fn directory(ctx: &Context, request: &Request, times: &Times) -> Result<Outcome, Failure> {
    let mut path = request.path.clone();
    let mut before = State::of(&path)?;
    if before == State::Link && request.follow {
        path = paths::realpath(&path);
        before = State::of(&path)?;
    }
    let mut diff = initial_diff(&path, State::Directory, before);
    match before {
        State::Absent if ctx.check => Ok(done(ctx, "path", &path, true, diff)),
        State::Absent => {
            let changed = make_directories(ctx, request, &path, &mut diff)?;
            let changed = times.apply(ctx, &path, &mut diff)? || changed;
            Ok(done(ctx, "path", &path, changed, diff))
        }
        State::Directory => {
            let mut changed = request.common.of(&path).apply(ctx, &mut diff)?;
            changed |= times.apply(ctx, &path, &mut diff)?;
            if request.recurse {
                changed |= recurse::apply(ctx, request, times, &path)?;
            }
            Ok(done(ctx, "path", &path, changed, diff))
        }
        _ => Err(request.failed(format!("{} already exists as a {}", path.display(), before.name()))),
    }
}

/// `mkdir -p` in which every new directory gets the attributes.
fn make_directories(ctx: &Context, request: &Request, path: &Path, diff: &mut AttrDiff) -> Result<bool, Failure> {
    let mut changed = false;
    let mut current = PathBuf::new();
    for part in path.components() {
        current.push(part);
        if current.exists() {
            continue;
        }
        match std::fs::create_dir(&current) {
            Err(e) if !current.is_dir() => {
                let msg = format!("There was an issue creating {} as requested: {e}", current.display());
                return Err(request.failed(msg));
            }
            made => changed |= made.is_ok(),
        }
        changed |= request.common.of(&current).apply(ctx, diff)?;
    }
    Ok(changed)
}

//! The fourth stage: copy what this node needs of the export, and only that; check it; let go of the export. From
//! here on the control node may vanish.

use super::config::Stale;
use super::gate::{Admitted, truthy};
use super::generation::{self, Copy};
use super::keyring::Keyring;
use super::mount::{Mounted, Reached};
use super::needs::{self, Asked, Known};
use super::served::{self, Served};
use super::session::Session;
use super::stop::Stop;
use super::web::Web;
use crate::bundle::Trust;
use crate::bundle::generation::Fetch;
use crate::plan::export::CURRENT;
use crate::plan::status::State;
use crate::plan::{Data, Key, Map, limits};
use crate::sys::remote::Remote;
use crate::yaml;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// What was asked of other hosts, in a file of the generation: host name to values.
const OTHERS: &str = "hostvars/others.json";
/// Files of the export that every node may have.
const SHARED: [&str; 1] = ["hosts"];
/// Directories of the export that every node may have: their files, no deeper.
const FOLDERS: [&str; 2] = ["cacerts", "cvmfs"];
/// Secrets of the export, and the metadata switch of the role that needs them.
const SECRETS: [(&str, &str); 1] = [("manila_share_info.yml", "manila")];

/// What this node needs, on its own disk.
pub struct Staged {
    /// What the stages before proved.
    pub admitted: Admitted,
    /// The generation's directory.
    pub dir: PathBuf,
    /// This node's hostvars.
    pub hostvars: Map,
    /// Values of other hosts.
    pub others: Vec<(String, Map)>,
    /// Removes a trial copy (check mode) when the boot ends.
    pub trial: Option<generation::Trial>,
}

/// Copies, checks and switches; or, with the export away, takes the staged generation if policy allows.
pub fn run(session: &mut Session, mounted: Mounted, keyring: &Keyring) -> Result<(Staged, String), Stop> {
    let Mounted { admitted, tree, away } = mounted;
    let Some(reached) = tree else {
        return stale(session, admitted, &away.unwrap_or_default());
    };
    let copied = keyring.trust(&admitted).and_then(|trust| match reached {
        Reached::Web(url, index) => web(session, &admitted, (keyring, trust), (&url, index)),
        Reached::Tree(tree) => files(session, &admitted, (keyring, trust), tree),
    });
    match copied {
        Ok(done) => finish(session, admitted, done),
        // Also where what is served is refused: the node then stays as it was, which somebody did sign.
        Err(stop)
            if matches!(stop.state, State::Unreachable | State::Refused)
                && session.config.export.stale != Stale::Never =>
        {
            let refused = stop.state == State::Refused;
            // What was wrong in the first place counts, unless the staged generation stands in.
            stale(session, admitted, &stop.message).map_err(|other| if refused { stop } else { other })
        }
        Err(stop) => Err(stop),
    }
}

/// Of a web server only generations are taken: the classic layout must be listed.
fn web(
    session: &Session,
    admitted: &Admitted,
    (keyring, trust): (&Keyring, Option<Trust>),
    (url, index): (&str, Vec<u8>),
) -> Result<Done, Stop> {
    let trust = trust.ok_or_else(no_key)?;
    let until = Instant::now() + session.config.deadlines.stage;
    let mut from = Web::new(url, session.runner, until);
    match served::read(session, (keyring, &trust), Some(index), &mut from)? {
        Some(served) => copy_served(session, admitted, served),
        None => Err(Stop::unconfigured(format!("the export has no {CURRENT} any more"))),
    }
}

/// A generation where there is one and a key for it; else the classic layout, where policy takes it.
fn files(
    session: &Session,
    admitted: &Admitted,
    (keyring, trust): (&Keyring, Option<Trust>),
    mut tree: Remote,
) -> Result<Done, Stop> {
    tree.set_deadline(Instant::now() + session.config.deadlines.stage);
    let mut source = Source { tree, uid: session.config.export.uid };
    let required = session.config.require_signed_export.unwrap_or(trust.is_some());
    if let Some(trust) = &trust
        && let Some(served) = served::read(session, (keyring, trust), None, &mut source)?
    {
        return copy_served(session, admitted, served);
    }
    if !required {
        return match copy(session, admitted, &mut source) {
            Err(stop) if stop.state == State::Unconfigured && trust.is_none() && source.generations()? => Err(no_key()),
            classic => classic,
        };
    }
    // Before a first deployment there is nothing of either kind, which is no reason for alarm.
    let file = classic_vars(&session.host);
    if source.read(&file)?.is_none() && !(trust.is_none() && source.generations()?) {
        return Err(not_named(&mut source, &file)?);
    }
    let why = if trust.is_some() { "it has no generation" } else { "no key is known that may sign one" };
    Err(Stop::refused(format!("the export must be signed, but {why}"))
        .hint("run compute-init export on the control node; see require_signed_export in docs/export.md"))
}

fn no_key() -> Stop {
    Stop::refused("the export is signed, but this node knows no key for it")
        .hint("put the export's public key into trust.d/export of the image, or into compute_init_export_key")
}

/// Stages what a generation has for this node, in the classic layout.
fn copy_served(session: &Session, admitted: &Admitted, served: Served) -> Result<Done, Stop> {
    let mut copy = begin(session)?;
    let json = |what: &Data| serde_json::to_vec(what).map_err(|e| Stop::failed(format!("staging variables: {e}")));
    copy.put(&own_vars(&session.host), &json(&Data::Map(served.hostvars.clone()))?)?;
    for (path, bytes) in &served.files {
        let switched_off =
            SECRETS.iter().any(|(name, switch)| name == path && !truthy(admitted.meta.get(&Key(switch))));
        if !switched_off {
            copy.put(path, bytes)?;
        }
    }
    put_others(&mut copy, &served.others)?;
    let (hostvars, others) = (served.hostvars.clone(), served.others.clone());
    Ok(Done { copy, hostvars, others, served: Some(served) })
}

/// Where a generation's variables of this host are staged, in our own JSON.
fn own_vars(host: &str) -> String {
    format!("hostvars/{host}/hostvars.json")
}

struct Done {
    copy: Copy,
    hostvars: Map,
    others: Vec<(String, Map)>,
    served: Option<Served>,
}

fn copy(session: &Session, admitted: &Admitted, source: &mut Source) -> Result<Done, Stop> {
    let host = session.host.as_str();
    let file = classic_vars(host);
    let Some(bytes) = source.read(&file)? else { return Err(not_named(source, &file)?) };
    let hostvars = variables(&bytes, &file)?;
    let mut copy = begin(session)?;
    copy.put(&file, &bytes)?;
    drop(bytes);
    for name in SHARED {
        if let Some(bytes) = source.read(name)? {
            copy.put(name, &bytes)?;
        }
    }
    for (name, switch) in SECRETS {
        if !truthy(admitted.meta.get(&Key(switch))) {
            continue;
        }
        if let Some(bytes) = source.read(name)? {
            variables(&bytes, name)?;
            copy.put(name, &bytes)?;
        }
    }
    for folder in FOLDERS.map(str::to_owned).into_iter().chain([format!("hostconfig/{host}")]) {
        for name in source.list(&folder)? {
            let path = format!("{folder}/{name}");
            if let Some(bytes) = source.read(&path)? {
                copy.put(&path, &bytes)?;
            }
        }
    }
    let others = others(admitted, &hostvars, host, source)?;
    put_others(&mut copy, &others)?;
    Ok(Done { copy, hostvars, others, served: None })
}

fn put_others(copy: &mut Copy, others: &[(String, Map)]) -> Result<(), Stop> {
    if others.is_empty() {
        return Ok(());
    }
    let shown: Map = others.iter().map(|(h, m)| (Data::str(h.as_str()), Data::Map(m.clone()))).collect();
    let bytes = serde_json::to_vec(&Data::Map(shown)).map_err(|e| Stop::failed(format!("writing {OTHERS}: {e}")))?;
    copy.put(OTHERS, &bytes)
}

/// Where the classic layout has a host's variables.
fn classic_vars(host: &str) -> String {
    format!("hostvars/{host}/hostvars.yml")
}

fn not_named(source: &mut Source, file: &str) -> Result<Stop, Stop> {
    let what = if source.list("hostvars")?.is_empty() { "has no hostvars yet" } else { "does not name this node" };
    Ok(Stop::unconfigured(format!("the export {what}: no {file}")).hint("the node is left alone until it is deployed"))
}

fn begin(session: &Session) -> Result<Copy, Stop> {
    if session.options.check {
        // Check mode leaves the state directory as it is.
        return Copy::trial(&session.config.run_dir);
    }
    Copy::begin(&session.staged_dir())
}

fn finish(session: &mut Session, admitted: Admitted, done: Done) -> Result<(Staged, String), Stop> {
    let Done { copy, hostvars, others, mut served } = done;
    let (files, bytes) = copy.size();
    let (generation, new, dir, trial) = if session.options.check {
        let (generation, trial) = copy.keep_for_trial();
        (generation, true, trial.dir().to_owned(), Some(trial))
    } else {
        let (generation, new) = copy.commit()?;
        if let Some(served) = &served {
            served.remember(&session.config)?;
        }
        let dir = session.staged_dir().join(&generation);
        (generation, new, dir, None)
    };
    let kind = if new { "new" } else { "unchanged" };
    let mut note = format!("generation {} ({kind}), {files} files, {bytes} bytes", super::verify::short(&generation));
    session.sender = served.as_mut().and_then(|served| served.sender.take());
    match &served {
        Some(served) => note = format!("{note}; {}", served.note),
        None => note.push_str("; not signed"),
    }
    session.status.generation = Some(generation);
    Ok((Staged { admitted, dir, hostvars, others, trial }, note))
}

/// The values that templates here can ask of other hosts.
fn others(admitted: &Admitted, own: &Map, host: &str, source: &mut Source) -> Result<Vec<(String, Map)>, Stop> {
    let empty = Map::default();
    let groups = own.get(&Key("groups")).and_then(Data::as_map).unwrap_or(&empty);
    let name = own.get(&Key("inventory_hostname")).and_then(Data::as_str).unwrap_or(host);
    let plan = admitted.verified.plan();
    let asked = needs::of(&Known { vars: own, plan, groups, host: name }, &plan.needs.variables, &asking(admitted)?);
    let mut found = Vec::new();
    if asked.is_empty() {
        return Ok(found);
    }
    let mut read = 0;
    for other in &asked.hosts {
        let short = other.split('.').next().unwrap_or(other);
        if !generation::plain_name(short) || short == host {
            continue;
        }
        let file = format!("hostvars/{short}/hostvars.yml");
        // A host without a file has its groups, and nothing else.
        let Some(bytes) = source.read(&file)? else { continue };
        read += bytes.len() as u64;
        if read > limits::EXPORT_OTHERS {
            return Err(Stop::refused(format!(
                "hostvars of other hosts are larger than {} bytes",
                limits::EXPORT_OTHERS
            )));
        }
        let chosen = chosen(&asked, &bytes, &file)?;
        if !chosen.is_empty() {
            found.push((other.clone(), chosen));
        }
    }
    Ok(found)
}

fn chosen(asked: &Asked, bytes: &[u8], file: &str) -> Result<Map, Stop> {
    let mut chosen = asked.select(&variables(bytes, file)?);
    // The magic variables are made from this node's own view of the inventory.
    for magic in super::overlay::MAGIC {
        chosen.shift_remove(&Key(magic));
    }
    Ok(chosen)
}

/// Texts of the bundle that ask for other hosts' variables.
fn asking(admitted: &Admitted) -> Result<Vec<String>, Stop> {
    let verified = &admitted.verified;
    let plan = serde_json::to_string(verified.plan()).map_err(|e| Stop::failed(format!("reading the plan: {e}")))?;
    let mut texts: Vec<String> = json_strings(&plan).filter(|t| t.contains("hostvars")).map(unescape).collect();
    for file in verified.plan().files.values() {
        let bytes = verified.file(file).map_err(|e| Stop::refused(e.to_string()).hint(e.hint()))?;
        if bytes.windows(8).any(|w| w == b"hostvars") {
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(texts)
}

/// What stands between the quotes of a JSON text.
fn json_strings(json: &str) -> impl Iterator<Item = &str> {
    let bytes = json.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = bytes[at..].iter().position(|b| *b == b'"')? + at + 1;
        let mut end = start;
        while *bytes.get(end)? != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        at = end + 1;
        json.get(start..end)
    })
}

/// Escapes that matter between words: quotes and line ends.
fn unescape(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\n", "\n").replace("\\t", "\t")
}

/// A file of variables: JSON, else YAML; a dictionary.
fn variables(bytes: &[u8], file: &str) -> Result<Map, Stop> {
    let broken = |what: String| {
        Stop::refused(format!("the export's {file} cannot be read: {what}"))
            .hint("run the export again on the control node")
    };
    match yaml::read_vars(bytes) {
        Ok(Data::Map(map)) => Ok(map),
        Ok(other) => Err(broken(format!("it holds a {}, not a dictionary", other.type_name()))),
        Err(e) => Err(broken(match e.mark {
            // The text around an error may be a secret: only where, and the parser's words.
            Some(mark) => format!("{} (line {}, column {})", e.problem, mark.line, mark.column),
            None => e.problem,
        })),
    }
}

/// The export, with its errors told apart.
struct Source {
    tree: Remote,
    uid: u32,
}

impl Fetch for Source {
    fn fetch(&mut self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.tree.read(path, limit)
    }
}

impl Source {
    /// Whether there is a signed index.
    fn generations(&mut self) -> Result<bool, Stop> {
        let found = self.tree.read(CURRENT, limits::EXPORT_INDEX).map_err(|e| self.told_apart(CURRENT, &e))?;
        Ok(found.is_some())
    }

    fn read(&mut self, path: &str) -> Result<Option<Vec<u8>>, Stop> {
        self.tree.read(path, limits::EXPORT_FILE).map_err(|e| self.told_apart(path, &e))
    }

    /// Names of the files in a directory; what is hidden or oddly named is not for nodes.
    fn list(&mut self, path: &str) -> Result<Vec<String>, Stop> {
        let entries = self.tree.list(path).map_err(|e| self.told_apart(path, &e))?.unwrap_or_default();
        let wanted =
            |e: &crate::sys::remote::Entry| (path == "hostvars") == e.directory && generation::plain_name(&e.name);
        Ok(entries.into_iter().filter(wanted).map(|e| e.name).collect())
    }

    fn told_apart(&self, path: &str, e: &io::Error) -> Stop {
        match e.raw_os_error() {
            Some(nix::libc::EACCES | nix::libc::EPERM) => {
                Stop::refused(format!("the export's {path} may not be read by uid {}", self.uid))
                    .hint("files of the export belong to the export's user; see export.uid in config.yaml")
            }
            Some(nix::libc::EFBIG) => {
                Stop::refused(format!("the export's {path} is larger than {} bytes", limits::EXPORT_FILE))
            }
            Some(nix::libc::ELOOP | nix::libc::EINVAL | nix::libc::ENOTDIR | nix::libc::EISDIR) => {
                Stop::refused(format!("the export's {path} is not a plain file or directory"))
            }
            _ if e.kind() == io::ErrorKind::TimedOut => {
                Stop::unreachable(format!("reading the export's {path} took too long"))
            }
            _ => Stop::unreachable(format!("reading the export's {path}: {e}")),
        }
    }
}

/// The generation that was staged last, if policy lets it stand in.
fn stale(session: &mut Session, admitted: Admitted, why: &str) -> Result<(Staged, String), Stop> {
    let unreachable = |what: String| Stop::unreachable(format!("{why}; {what}"));
    let Stale::MaxAge(most) = session.config.export.stale else {
        return Err(unreachable("a staged generation may not stand in (export.stale: never)".to_owned()));
    };
    let (generation, dir) =
        generation::current(&session.staged_dir()).ok_or_else(|| unreachable("no generation is staged".to_owned()))?;
    let age = age(&dir);
    if age > most {
        return Err(unreachable(format!("the staged generation was last right {} ago", ago(age))));
    }
    let read = |name: &str| crate::sys::file::read_bounded(&dir.join(name), limits::EXPORT_FILE);
    let hostvars = match read(&own_vars(&session.host)) {
        Ok(bytes) => match serde_json::from_slice::<Data>(&bytes) {
            Ok(Data::Map(map)) => map,
            _ => return Err(unreachable("the staged variables are broken".to_owned())),
        },
        Err(_) => {
            let file = classic_vars(&session.host);
            let bytes = read(&file).map_err(|e| unreachable(format!("the staged generation has no {file}: {e}")))?;
            variables(&bytes, &file)?
        }
    };
    let others = match read(OTHERS) {
        Ok(bytes) => match serde_json::from_slice::<Data>(&bytes) {
            Ok(Data::Map(map)) => map.into_iter().filter_map(|(k, v)| pair(&k, v)).collect(),
            _ => return Err(unreachable(format!("the staged {OTHERS} is broken"))),
        },
        Err(_) => Vec::new(),
    };
    let note = format!("generation {} stands in, last right {} ago", super::verify::short(&generation), ago(age));
    session.status.generation = Some(generation);
    Ok((Staged { admitted, dir, hostvars, others, trial: None }, note))
}

fn pair(key: &Data, value: Data) -> Option<(String, Map)> {
    match value {
        Data::Map(map) => Some((key.as_str()?.to_owned(), map)),
        _ => None,
    }
}

/// Since when the control node was not seen with this generation. A clock that went back makes it new.
fn age(dir: &Path) -> Duration {
    let seen = std::fs::metadata(dir).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    SystemTime::now().duration_since(seen).unwrap_or(Duration::ZERO)
}

fn ago(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

//! `/etc/compute-init/config.yaml`: what a site may set, with defaults, and every mistake in it at once.

use crate::plan::status::State;
use crate::plan::{Data, limits};
use crate::sys::file::read_bounded;
use crate::sys::order;
use crate::vars::nearest;
use crate::yaml::{self, Content, Flavour, Node};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What each stage that waits for somebody gets in an initramfs.
const EARLY: Duration = Duration::from_secs(5);
/// What tasks get there.
const EARLY_APPLY: Duration = Duration::from_secs(30);

/// The configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `metadata.sources`, in the order in which they are asked.
    pub metadata: Vec<MetadataSource>,
    /// `export`.
    pub export: Export,
    /// `require_signed_export`; where it is not set, whether a key is known decides.
    pub require_signed_export: Option<bool>,
    /// `identity`: the file with the age identity of this node.
    pub identity: PathBuf,
    /// `resume`.
    pub resume: Policy,
    /// `retry`.
    pub retry: Retry,
    /// `report`: the field of Slurm's record of the node that takes a report of each boot; `None` leaves none.
    pub report: Option<&'static str>,
    /// `deadlines`.
    pub deadlines: Deadlines,
    /// `state_dir`: bundles and staged generations.
    pub state_dir: PathBuf,
    /// `run_dir`: lock and status.
    pub run_dir: PathBuf,
    /// `sentinel`: what other tools wait for; `None` writes none.
    pub sentinel: Option<PathBuf>,
}

/// Where metadata may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataSource {
    /// The block device labelled `config-2`, or `cidata`.
    ConfigDrive,
    /// An `http://` URL.
    Url(String),
    /// A file.
    File(PathBuf),
}

/// What a source must be.
pub const SOURCES: &str = "neither config-drive, nor an http:// URL, nor an absolute path";

impl MetadataSource {
    /// Reads `config-drive`, an `http://` URL or an absolute path.
    pub fn read(text: &str) -> Option<MetadataSource> {
        match text {
            "config-drive" => Some(MetadataSource::ConfigDrive),
            url if url.starts_with("http://") => Some(MetadataSource::Url(url.to_owned())),
            file if file.starts_with('/') => Some(MetadataSource::File(file.into())),
            _ => None,
        }
    }
}

/// Where the control export is, and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// `source`: `nfs://HOST/PATH` or a directory; by default `path` on metadata's `control_address`.
    pub source: Option<String>,
    /// `path`: what the control node exports.
    pub path: String,
    /// `uid` that may read it.
    pub uid: u32,
    /// `gid` that may read it.
    pub gid: u32,
    /// `jitter`: up to how long to wait, by chance, before the export is asked for.
    pub jitter: Option<Duration>,
    /// `stale`: whether a staged generation may stand in for an export that is away.
    pub stale: Stale,
}

/// Whether, and for how long, a staged generation may be used while the control node is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Never: wait for the control node.
    Never,
    /// When it was last seen no longer ago than this.
    MaxAge(Duration),
}

/// Who decides whether a node that is down comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// We do, where Slurm or we took it down.
    Owned,
    /// Slurm alone (`ReturnToService`).
    Slurm,
    /// We do, whoever took it down.
    Always,
}

/// Which ends of a boot are tried again after a while, without anybody's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// What was out of reach, and what the control node had not set up yet.
    All,
    /// What was out of reach.
    Unreachable,
    /// None.
    Never,
}

impl Retry {
    /// Whether a boot that ended in `state` is tried again.
    pub fn after(self, state: State) -> bool {
        match state {
            State::Unreachable => self != Retry::Never,
            State::Unconfigured => self == Retry::All,
            _ => false,
        }
    }
}

/// Time for each stage that waits for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Metadata.
    pub metadata: Duration,
    /// Mounting the export, retries included.
    pub mount: Duration,
    /// Reading the export.
    pub stage: Duration,
    /// All tasks.
    pub apply: Duration,
    /// Waiting for slurmctld to know the node.
    pub resume: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            metadata: vec![
                MetadataSource::ConfigDrive,
                MetadataSource::Url("http://169.254.169.254/openstack/latest/meta_data.json".to_owned()),
            ],
            export: Export {
                source: None,
                path: "/exports/cluster".to_owned(),
                uid: 301,
                gid: 301,
                jitter: None,
                stale: Stale::Never,
            },
            require_signed_export: None,
            identity: "/etc/compute-init/identity".into(),
            resume: Policy::Owned,
            retry: Retry::All,
            report: None,
            deadlines: Deadlines {
                metadata: Duration::from_secs(120),
                mount: Duration::from_secs(120),
                stage: Duration::from_secs(60),
                apply: Duration::from_secs(3600),
                resume: Duration::from_secs(180),
            },
            state_dir: "/var/lib/compute-init".into(),
            run_dir: "/run/compute-init".into(),
            sentinel: Some("/var/lib/ansible-init.done".into()),
        }
    }
}

impl Config {
    /// The same for an initramfs: nothing there is worth a wait, for the boot itself follows.
    pub fn hastened(mut self) -> Config {
        let deadlines = &mut self.deadlines;
        for deadline in [&mut deadlines.metadata, &mut deadlines.mount, &mut deadlines.stage] {
            *deadline = (*deadline).min(EARLY);
        }
        deadlines.apply = deadlines.apply.min(EARLY_APPLY);
        self
    }
}

/// The configuration in a file; the defaults where there is none.
///
/// # Errors
/// All mistakes of the file, or why it cannot be read.
pub fn at(path: &Path) -> Result<Config, Vec<String>> {
    match read_bounded(path, limits::CONFIG) {
        Ok(text) => parse(&path.display().to_string(), &text),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Config::default()),
        Err(e) => Err(vec![format!("{}: {e}", path.display())]),
    }
}

/// Reads a configuration; `file` is its name for messages. Every mistake is one line `file:line: what`.
pub fn parse(file: &str, text: &[u8]) -> Result<Config, Vec<String>> {
    let document = yaml::document(text, Flavour::Safe).map_err(|e| vec![format!("{file}: {e}")])?;
    let mut reader = Reader { mistakes: Vec::new() };
    for twice in &document.duplicates {
        reader.mistakes.push((twice.second.line, format!("{} is set twice", twice.key)));
    }
    let mut config = Config::default();
    if !document.root.is_null() {
        reader.top(&document.root, &mut config);
    }
    if reader.mistakes.is_empty() {
        return Ok(config);
    }
    order::by(&mut reader.mistakes, |a, b| a.0.cmp(&b.0));
    Err(reader.mistakes.into_iter().map(|(line, what)| format!("{file}:{line}: {what}")).collect())
}

struct Reader {
    mistakes: Vec<(u32, String)>,
}

impl Reader {
    fn top(&mut self, node: &Node, config: &mut Config) {
        let known = [
            "metadata",
            "export",
            "require_signed_export",
            "identity",
            "resume",
            "retry",
            "report",
            "deadlines",
            "state_dir",
            "run_dir",
            "sentinel",
        ];
        for (key, value) in self.section(node, "", &known) {
            match key {
                "metadata" => {
                    for (_, sources) in self.section(value, "metadata.", &["sources"]) {
                        set(&mut config.metadata, self.sources(sources));
                    }
                }
                "export" => self.export(value, &mut config.export),
                "require_signed_export" => set(&mut config.require_signed_export, self.truth(value).map(Some)),
                "identity" => set(&mut config.identity, self.path(value)),
                "resume" => set(&mut config.resume, self.policy(value)),
                "retry" => set(&mut config.retry, self.retry(value)),
                "report" => set(&mut config.report, self.field(value).map(Some)),
                "deadlines" => self.deadlines(value, &mut config.deadlines),
                "state_dir" => set(&mut config.state_dir, self.path(value)),
                "run_dir" => set(&mut config.run_dir, self.path(value)),
                _ if value.is_null() => config.sentinel = None,
                _ => set(&mut config.sentinel, self.path(value).map(Some)),
            }
        }
    }

    fn export(&mut self, node: &Node, export: &mut Export) {
        for (key, value) in self.section(node, "export.", &["source", "path", "uid", "gid", "jitter", "stale"]) {
            match key {
                "source" => set(&mut export.source, self.text(value).map(Some)),
                "path" => set(&mut export.path, self.path(value).map(|p| p.display().to_string())),
                "uid" => set(&mut export.uid, self.id(value)),
                "gid" => set(&mut export.gid, self.id(value)),
                "jitter" => set(&mut export.jitter, self.duration(value).map(Some)),
                _ if value.as_str() == Some("never") => export.stale = Stale::Never,
                _ => set(&mut export.stale, self.duration(value).map(Stale::MaxAge)),
            }
        }
    }

    fn deadlines(&mut self, node: &Node, deadlines: &mut Deadlines) {
        for (key, value) in self.section(node, "deadlines.", &["metadata", "mount", "stage", "apply", "resume"]) {
            let place = match key {
                "metadata" => &mut deadlines.metadata,
                "mount" => &mut deadlines.mount,
                "stage" => &mut deadlines.stage,
                "apply" => &mut deadlines.apply,
                _ => &mut deadlines.resume,
            };
            set(place, self.duration(value));
        }
    }

    /// The members of a dictionary that are known; the others are mistakes.
    fn section<'n>(&mut self, node: &'n Node, prefix: &str, known: &[&'static str]) -> Vec<(&'static str, &'n Node)> {
        let Content::Map(pairs) = &node.content else {
            self.mistake::<()>(node, "a dictionary of settings is wanted here");
            return Vec::new();
        };
        let mut members = Vec::new();
        for (key, value) in pairs {
            let name = key.as_str().unwrap_or("");
            if let Some(known) = known.iter().find(|k| **k == name) {
                members.push((*known, value));
                continue;
            }
            let near = nearest(name, known.iter().copied());
            let hint = match near {
                Some(near) => format!("did you mean {prefix}{near}?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.mistake::<()>(key, &format!("unknown setting {prefix}{name}; {hint}"));
        }
        members
    }

    fn sources(&mut self, node: &Node) -> Option<Vec<MetadataSource>> {
        let Content::List(items) = &node.content else {
            return self.mistake(node, "a list of config-drive, http:// URLs and files is wanted here");
        };
        let mut sources = Vec::new();
        for item in items {
            match MetadataSource::read(&self.text(item)?) {
                Some(source) => sources.push(source),
                None => return self.mistake(item, SOURCES),
            }
        }
        if sources.is_empty() { self.mistake(node, "no source is left") } else { Some(sources) }
    }

    fn policy(&mut self, node: &Node) -> Option<Policy> {
        match node.as_str() {
            Some("owned") => Some(Policy::Owned),
            Some("slurm") => Some(Policy::Slurm),
            Some("always") => Some(Policy::Always),
            _ => self.mistake(node, "resume is owned, slurm or always"),
        }
    }

    fn retry(&mut self, node: &Node) -> Option<Retry> {
        match node.as_str() {
            Some("all") => Some(Retry::All),
            Some("unreachable") => Some(Retry::Unreachable),
            Some("never") => Some(Retry::Never),
            _ => self.mistake(node, "retry is all, unreachable or never"),
        }
    }

    fn field(&mut self, node: &Node) -> Option<&'static str> {
        match ["comment", "extra"].into_iter().find(|field| node.as_str() == Some(field)) {
            None => self.mistake(node, "report is comment or extra: a field of Slurm's record of the node"),
            field => field,
        }
    }

    fn truth(&mut self, node: &Node) -> Option<bool> {
        match node.content {
            Content::Scalar(Data::Bool(truth)) => Some(truth),
            _ => self.mistake(node, "true or false is wanted here"),
        }
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match node.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => self.mistake(node, "text is wanted here"),
        }
    }

    fn path(&mut self, node: &Node) -> Option<PathBuf> {
        match node.as_str() {
            Some(text) if text.starts_with('/') && !text.split('/').any(|part| part == "..") => Some(text.into()),
            _ => self.mistake(node, "an absolute path without .. is wanted here"),
        }
    }

    fn id(&mut self, node: &Node) -> Option<u32> {
        match node.content {
            Content::Scalar(Data::Int(id)) if (0..=0xffff_fffe).contains(&id) => u32::try_from(id).ok(),
            _ => self.mistake(node, "a numeric id is wanted here"),
        }
    }

    fn duration(&mut self, node: &Node) -> Option<Duration> {
        let seconds = match &node.content {
            Content::Scalar(Data::Int(n)) => u64::try_from(*n).ok(),
            Content::Scalar(data) => data.as_str().and_then(seconds),
            _ => None,
        };
        match seconds {
            // A deadline of nothing would fail every boot; one of more than 30 days is a mistake.
            Some(n) if (1..=30 * 86_400).contains(&n) => Some(Duration::from_secs(n)),
            _ => self.mistake(node, "a time from 1s to 30d is wanted here: seconds, or 90s, 10m, 12h, 7d"),
        }
    }

    fn mistake<T>(&mut self, node: &Node, what: &str) -> Option<T> {
        self.mistakes.push((node.start.line, what.to_owned()));
        None
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The seconds of `90s`, `10m`, `12h` or `7d`.
pub fn seconds(text: &str) -> Option<u64> {
    let unit = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at))?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::{Config, MetadataSource, Policy, Retry, Stale, parse};
    use std::time::Duration;

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(parse("c", b"").unwrap(), Config::default());
        assert_eq!(parse("c", b"# only a comment\n").unwrap(), Config::default());
    }

    #[test]
    fn every_setting_is_read() {
        let text = b"
metadata: {sources: [/etc/meta.json, config-drive, 'http://10.0.0.1/m']}
export: {source: 'nfs://10.0.0.1/x', path: /x, uid: 0, gid: 5, stale: 12h, jitter: 20s}
require_signed_export: false
identity: /i
resume: always
retry: unreachable
report: extra
deadlines: {metadata: 5, mount: 10m, stage: 7s, apply: 1h, resume: 1d}
state_dir: /s
run_dir: /r
sentinel:
";
        let config = parse("c", text).unwrap();
        assert_eq!(config.metadata.len(), 3);
        assert_eq!(config.metadata[0], MetadataSource::File("/etc/meta.json".into()));
        assert_eq!((config.export.uid, config.export.gid), (0, 5));
        assert_eq!(config.export.stale, Stale::MaxAge(Duration::from_secs(12 * 3600)));
        assert_eq!(config.export.jitter, Some(Duration::from_secs(20)));
        assert_eq!((config.require_signed_export, config.identity.to_str()), (Some(false), Some("/i")));
        assert_eq!((config.resume, config.report), (Policy::Always, Some("extra")));
        assert_eq!(config.retry, Retry::Unreachable);
        assert_eq!(config.deadlines.mount, Duration::from_secs(600));
        assert_eq!(config.sentinel, None);
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_their_lines() {
        let text = b"resume: allways\ndeadline: {mount: 5}\nexport:\n  uid: root\n  stael: 5m\ndeadlines: {mount: 0, stage: 5y}\nstate_dir: ../x\nreport: yes\nmetadata: {sources: [ftp://x]}\nretry: always\n";
        let mistakes = parse("config.yaml", text).unwrap_err();
        let wanted = [
            "config.yaml:1: resume is owned",
            "config.yaml:2: unknown setting deadline; did you mean deadlines?",
            "config.yaml:4: a numeric id",
            "config.yaml:5: unknown setting export.stael; did you mean export.stale?",
            "config.yaml:6: a time from",
            "config.yaml:6: a time from",
            "config.yaml:7: an absolute path",
            "config.yaml:8: report is comment or extra",
            "config.yaml:9: neither config-drive",
            "config.yaml:10: retry is all, unreachable or never",
        ];
        assert_eq!(mistakes.len(), wanted.len(), "{mistakes:#?}");
        for (mistake, wanted) in mistakes.iter().zip(wanted) {
            assert!(mistake.starts_with(wanted), "{mistake} / {wanted}");
        }
    }

    #[test]
    fn text_that_is_no_dictionary_is_refused() {
        assert!(parse("c", b"- a\n").is_err());
        assert!(parse("c", b"a: [\n").is_err());
        assert!(parse("c", b"resume: owned\nresume: always\n").unwrap_err()[0].contains("twice"));
    }
}

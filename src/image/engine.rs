//! Fake builds of many nodes through an engine that the site runs already: Slurm, within an allocation, or clush. The
//! engine sends one parcel to all and runs one script everywhere; nobody here fans out.

use super::hosts::{HostResult, Parcel, RESTART, UNREACHABLE, quote, stream};
use super::talk::{Deadline, Ended, Stream, talk};
use super::{Admission, Given};
use crate::bundle::Digest;
use crate::plan::status::Status;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tar::{Builder, Header};

/// What every node runs.
const NODE: &str = include_str!("../../templates/fake-build/node");
/// How long an engine may take to name its nodes.
const NAMING: Duration = Duration::from_secs(60);
/// Bytes of a node's status that are kept; more is no status.
const STATUS: usize = 4 << 20;

/// An engine.
#[derive(Clone, Debug)]
pub enum Engine {
    /// `sbcast` and `srun`, to the nodes of the allocation that this runs in.
    Slurm,
    /// `clush`, to the nodes that a set names.
    Clush {
        /// Nodes, as clush has them: `n[1-40],@rack2`.
        nodes: String,
        /// A configuration of ssh other than the user's.
        config: Option<PathBuf>,
    },
}

/// Whether nodes become root with sudo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Become {
    /// They run as the user, who is root.
    Nobody,
    /// With sudo, without a password.
    Sudo,
}

/// Why no node was asked anything.
#[derive(Debug)]
pub struct Failed(pub String);

impl Engine {
    /// Refuses what the engine would misread.
    fn check(&self) -> Result<(), Failed> {
        let Engine::Clush { nodes, config } = self else { return Ok(()) };
        if nodes.starts_with('-') || nodes.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Failed(format!("{nodes:?} is no set of nodes")));
        }
        match config.as_ref().map(|file| file.display().to_string()).filter(|f| f.contains(char::is_whitespace)) {
            Some(file) => Err(Failed(format!("clush cannot be given {file}: there are blanks in its name"))),
            None => Ok(()),
        }
    }

    /// The nodes that the engine is going to reach.
    fn nodes(&self, deadline: &Deadline) -> Result<Vec<String>, Failed> {
        let argv: Vec<String> = match self {
            Engine::Slurm => {
                let listed = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
                let (Some(_), Some(list)) = (listed("SLURM_JOB_ID"), listed("SLURM_JOB_NODELIST")) else {
                    return Err(Failed(
                        "this is not an allocation of Slurm: put `salloc --nodelist=NODES` before the command"
                            .to_owned(),
                    ));
                };
                vec!["scontrol".into(), "show".into(), "hostnames".into(), list]
            }
            Engine::Clush { nodes, .. } => words(&["nodeset", "--expand", "--separator=\n", "--", nodes]),
        };
        let (mut names, mut said) = (Vec::new(), Vec::new());
        let ended = stream_lines(&argv, deadline, &mut |stream, line| match stream {
            Stream::Out => names.extend(line.split_whitespace().map(str::to_owned)),
            Stream::Err => said.push(line.to_owned()),
        })?;
        match ended {
            Ended::Code(0) => (),
            Ended::Code(_) => return Err(Failed(format!("{}: {}", argv.join(" "), said.join("; ")))),
            Ended::Late => return Err(late(&argv, deadline)),
        }
        match names.is_empty() {
            true => Err(Failed(format!("{} names no node", argv.join(" ")))),
            false => Ok(names),
        }
    }

    /// The command that sends a file to all nodes.
    fn send(&self, file: &Path, to: &str) -> Vec<String> {
        let file = file.display().to_string();
        match self {
            Engine::Slurm => words(&["sbcast", &file, to]),
            Engine::Clush { .. } => {
                let mut argv = self.clush();
                argv.extend(words(&["--copy", &file, "--dest", to]));
                argv
            }
        }
    }

    /// The command that runs the script on all of `count` nodes.
    fn run(&self, script: &str, count: usize, root: Become) -> Vec<String> {
        // sudo takes the environment away, and with it the node's name: it is handed over as a word.
        let shell = match root {
            Become::Nobody => format!("exec sh -c {} sh", quote(script)),
            Become::Sudo => format!("exec sudo -n sh -c {} sh", quote(script)),
        };
        match self {
            Engine::Slurm => {
                let tasks = [format!("--nodes={count}"), format!("--ntasks={count}")];
                // One task per node that stands beside whatever else runs in the allocation, and that no other one ends.
                let fixed = ["--ntasks-per-node=1", "--overlap", "--kill-on-bad-exit=0", "--wait=0", "--input=none"];
                let label = r#""$SLURMD_NODENAME: ""#;
                let shell = ["sh".to_owned(), "-c".to_owned(), format!("{shell} {label}")];
                ["srun".to_owned()].into_iter().chain(tasks).chain(words(&fixed)).chain(shell).collect()
            }
            Engine::Clush { .. } => {
                let mut argv = self.clush();
                argv.extend(["--".to_owned(), format!("{shell} ''")]);
                argv
            }
        }
    }

    fn clush(&self) -> Vec<String> {
        let Engine::Clush { nodes, config } = self else { return Vec::new() };
        let mut argv = words(&["clush", "--nostdin", "--color=never", "-w", nodes]);
        let config = config.as_ref().map(|file| format!("-F {} ", file.display())).unwrap_or_default();
        argv.extend(["-o".to_owned(), format!("{config}-oBatchMode=yes")]);
        argv
    }
}

/// Sends the parcel and boots all nodes. Results are in the order in which the engine names the nodes.
///
/// # Errors
/// Nothing was run on any node: the engine cannot be asked, or did not get that far in time.
pub fn deliver(
    engine: &Engine,
    (root, limit): (Become, Duration),
    parcel: &Parcel,
    say: &mut dyn FnMut(&str, &str),
) -> Result<Vec<HostResult>, Failed> {
    engine.check()?;
    let deadline = Deadline::of(limit);
    let nodes = engine.nodes(&Deadline::of(limit.min(NAMING)))?;
    let mut script = settings(parcel);
    let mut sent = 0;
    let _scratch = match parcel.bundle {
        None => None,
        Some(_) => {
            let io = |e: io::Error| Failed(format!("packing: {e}"));
            let scratch = tempfile::tempdir().map_err(io)?;
            // Nobody can have put something there before: the name is random.
            let name = scratch.path().file_name().map(|n| n.display().to_string()).unwrap_or_default();
            let (file, to) = (scratch.path().join("parcel"), format!("/tmp/compute-init{}{name}", std::process::id()));
            let (bytes, blobs) = pack(parcel).map_err(io)?;
            fs::write(&file, &bytes).map_err(io)?;
            sent = blobs;
            script.insert_str(0, &format!("parcel={to}\ndigest={}\n", Digest::of(&bytes).hex()));
            say("", &format!("sending {} bytes, {} blobs of the bundle, to {} nodes", bytes.len(), sent, nodes.len()));
            // Nodes that were not reached say so when they are missed below.
            let argv = engine.send(&file, &to);
            if stream_lines(&argv, &deadline, &mut |_, line| say("", line))? == Ended::Late {
                return Err(late(&argv, &deadline));
            }
            Some(scratch)
        }
    };
    let known: BTreeSet<&str> = nodes.iter().map(String::as_str).collect();
    let mut heard = Heard::default();
    let argv = engine.run(&script, nodes.len(), root);
    let ended = stream_lines(&argv, &deadline, &mut |_, line| match heard.line(&known, line) {
        Said::Text(node, text) => say(node, text),
        Said::Taken => (),
    })?;
    let ended = match ended {
        Ended::Code(code) => format!("the engine ended with {code}"),
        Ended::Late => format!("the engine took longer than {deadline} and was ended"),
    };
    Ok(nodes.iter().map(|node| heard.result(node, sent, &ended)).collect())
}

/// What the script is told. Everything is quoted, and only `boot` holds words of the user.
fn settings(parcel: &Parcel) -> String {
    let key = parcel.development.map(|(name, _)| name).unwrap_or_default();
    let admit = if parcel.admission == Admission::Asked { "yes" } else { "no" };
    let unit = if *parcel.given == Given::default() { "yes" } else { "no" };
    let boot: Vec<String> = parcel.given.arguments().iter().map(|word| quote(word)).collect();
    let none = if parcel.bundle.is_none() { "parcel=\ndigest=\n" } else { "" };
    format!(
        "{none}key={}\nadmit={admit}\nunit={unit}\nboot={}\nrestart() {{\n{RESTART}}}\n{NODE}",
        quote(key),
        quote(&boot.join(" ")),
    )
}

/// Executor, development key and bundle as one archive; and how many blobs are in it.
fn pack(parcel: &Parcel) -> io::Result<(Vec<u8>, usize)> {
    let mut builder = Builder::new(Vec::new());
    let mut file = |name: &str, bytes: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes)
    };
    file("executor", parcel.executor)?;
    if let Some((_, key)) = parcel.development {
        file("key", key.to_pem().as_bytes())?;
    }
    let mut sent = 0;
    if let Some(bundle) = parcel.bundle {
        let (bytes, blobs) = stream(bundle, &BTreeSet::new())?;
        sent = blobs;
        file("bundle", &bytes)?;
    }
    Ok((builder.into_inner()?, sent))
}

/// What nodes have said so far.
#[derive(Default)]
struct Heard {
    nodes: BTreeMap<String, Node>,
}

#[derive(Default)]
struct Node {
    last: String,
    status: String,
    code: Option<u8>,
}

/// What a line was.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    /// Text for people, of a node or of the engine itself (`""`).
    Text(&'a str, &'a str),
    /// A part of a result.
    Taken,
}

impl Heard {
    /// `NODE: WORD REST`; anything else is the engine's own.
    fn line<'a>(&mut self, known: &BTreeSet<&str>, line: &'a str) -> Said<'a> {
        let Some((name, rest)) = line.split_once(": ").filter(|(name, _)| known.contains(name)) else {
            return Said::Text("", line);
        };
        let node = self.nodes.entry(name.to_owned()).or_default();
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "status" if node.status.len() + rest.len() <= STATUS => node.status.push_str(rest),
            "status" => (),
            "code" => node.code = rest.parse().ok(),
            "say" => {
                rest.clone_into(&mut node.last);
                return Said::Text(name, rest);
            }
            // ssh's, by way of clush.
            _ => {
                node.last = line.split_at(name.len() + 2).1.to_owned();
                return Said::Text(name, line.split_at(name.len() + 2).1);
            }
        }
        Said::Taken
    }

    fn result(&self, name: &str, sent: usize, ended: &str) -> HostResult {
        let mut result = HostResult { host: name.to_owned(), code: UNREACHABLE, sent, error: None, status: None };
        let node = self.nodes.get(name);
        match node.and_then(|n| Some((n, n.code?))) {
            Some((node, code)) => {
                result.code = code;
                let bytes = STANDARD.decode(&node.status).ok();
                result.status = bytes.and_then(|bytes| serde_json::from_slice::<Status>(&bytes).ok());
                if result.status.is_none() {
                    // What nothing can be read of did not end well.
                    result.code = code.max(1);
                    let why = if node.last.is_empty() { "it left no status" } else { &node.last };
                    result.error = Some(why.to_owned());
                }
            }
            None => {
                let last = node.map(|n| n.last.as_str()).filter(|last| !last.is_empty());
                result.error = Some(match last {
                    Some(last) => format!("it did not come to an end ({ended}): {last}"),
                    None => format!("it was not reached ({ended})"),
                });
            }
        }
        result
    }
}

/// Runs a command; each line that it says, and how it ended.
fn stream_lines(argv: &[String], deadline: &Deadline, say: &mut dyn FnMut(Stream, &str)) -> Result<Ended, Failed> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]);
    talk(command, Vec::new(), deadline, say).map_err(|e| Failed(format!("running {}: {e}", argv[0])))
}

fn late(argv: &[String], deadline: &Deadline) -> Failed {
    Failed(format!("{} took longer than {deadline} and was ended", argv.join(" ")))
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{Become, Engine, Given, Heard, NODE, Parcel, Said, settings};
    use crate::image::Admission;
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    fn clush(nodes: &str, config: Option<&str>) -> Engine {
        Engine::Clush { nodes: nodes.to_owned(), config: config.map(PathBuf::from) }
    }

    #[test]
    fn what_the_engines_are_called_with() {
        let file = Path::new("/tmp/x/parcel");
        assert_eq!(Engine::Slurm.send(file, "/tmp/y"), ["sbcast", "/tmp/x/parcel", "/tmp/y"]);
        let argv = Engine::Slurm.run("it's", 3, Become::Nobody);
        let (command, options) = argv.split_last().unwrap();
        assert!(options.starts_with(&["srun".into(), "--nodes=3".into(), "--ntasks=3".into()]), "{options:?}");
        assert!(options.ends_with(&["--input=none".into(), "sh".into(), "-c".into()]), "{options:?}");
        assert_eq!(command, r#"exec sh -c 'it'\''s' sh "$SLURMD_NODENAME: ""#);
        let engine = clush("n[1-3],@gpu", Some("/h/config"));
        let to_all = ["clush", "--nostdin", "--color=never", "-w", "n[1-3],@gpu", "-o", "-F /h/config -oBatchMode=yes"];
        let send = ["--copy", "/tmp/x/parcel", "--dest", "/tmp/y"];
        assert_eq!(engine.send(file, "/tmp/y"), [&to_all[..], &send].concat());
        let run = ["--", "exec sudo -n sh -c 'true' sh ''"];
        assert_eq!(engine.run("true", 3, Become::Sudo), [&to_all[..], &run].concat());
    }

    #[test]
    fn what_an_engine_would_misread_is_refused() {
        for nodes in ["-oProxyCommand=x", "n1 n2", "n1\n"] {
            assert!(clush(nodes, None).check().unwrap_err().0.contains("no set of nodes"), "{nodes:?}");
        }
        assert!(clush("n1", Some("/a b")).check().unwrap_err().0.contains("blanks"));
        assert!(clush("n[1-4],@rack2!n3", Some("/a")).check().is_ok() && Engine::Slurm.check().is_ok());
    }

    #[test]
    fn each_node_is_told_from_the_others_and_from_the_engine() {
        let known = BTreeSet::from(["n1", "n2", "n3", "n4"]);
        let mut heard = Heard::default();
        let lines = [
            ("n1: say a: b", Said::Text("n1", "a: b")),
            ("n2: say refused: no", Said::Text("n2", "refused: no")),
            ("srun: error: n3: task 2: Killed", Said::Text("", "srun: error: n3: task 2: Killed")),
            ("n1: status eyJ", Said::Taken),
            ("n3: ssh: connect to host n3: refused", Said::Text("n3", "ssh: connect to host n3: refused")),
            ("n2: code 5", Said::Taken),
            ("n1: status 4Ijox", Said::Taken),
            ("n1: code 0", Said::Taken),
            ("n9: code 0", Said::Text("", "n9: code 0")),
        ];
        for (line, expected) in lines {
            assert_eq!(heard.line(&known, line), expected, "{line}");
        }
        let of = |name: &str| heard.result(name, 7, "the engine ended with 1");
        // Not a status, whatever the code says.
        assert_eq!((of("n1").code, of("n1").error.as_deref()), (1, Some("a: b")));
        assert_eq!((of("n2").code, of("n2").error.as_deref()), (5, Some("refused: no")));
        assert_eq!(of("n3").code, 4);
        assert!(of("n3").error.unwrap().contains("did not come to an end (the engine ended with 1): ssh: connect"));
        assert_eq!((of("n4").code, of("n4").sent), (4, 7));
        assert!(of("n4").error.unwrap().contains("was not reached (the engine ended with 1)"));
    }

    /// A shell reads what is set before the script as it was meant, whatever is in it.
    #[test]
    fn settings_survive_the_shell() {
        let given = Given { node: Some("it's $(x) `y` \"z\"".into()), ..Given::default() };
        let parcel = |admission| Parcel { bundle: None, executor: b"", development: None, admission, given: &given };
        let script = settings(&parcel(Admission::Asked));
        let shown = script.replace(NODE, "eval \"set -- $boot\"; printf '%s|' \"$@\" \"$admit\" \"$unit\" \"$parcel\"");
        let said = Command::new("sh").args(["-c", &shown]).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), "--host|it's $(x) `y` \"z\"|yes|no||");
        assert!(settings(&parcel(Admission::NotAsked)).contains("admit=no"));
        let syntax = Command::new("sh").args(["-n", "-c", &script]).status().unwrap();
        assert!(syntax.success());
    }
}

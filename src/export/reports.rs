//! What nodes said of their last boots: words that they left in Slurm's records of themselves, and whether each is its
//! node's own. Nothing is asked of a node.

use super::nodes::Node;
use crate::bundle::SigningKey;
use crate::bundle::age::Recipient;
use crate::bundle::generation::{self, Fetch, Generation, GenerationError};
use crate::bundle::report::{Report, ReportKey, START};
use crate::plan::export::HostIndex;
use crate::plan::limits;
use crate::sys::command::{Command, CommandError, Runner};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Time for scontrol, which waits for a controller that is away.
const SCONTROL: Duration = Duration::from_secs(30);
/// Fields of Slurm's record of a node that a report may be left in.
const FIELDS: [&str; 2] = ["Comment=", "Extra="];

/// What a node said of its last boot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// The serial number of the generation that it used.
    pub serial: u64,
    /// How the boot ended.
    pub state: String,
    /// How much it changed.
    pub changed: u64,
    /// When it ended, seconds since the epoch.
    pub time: u64,
    /// Whether the node made it; `None` where that could not be told for lack of a private export key.
    pub genuine: Option<bool>,
}

/// Adds what nodes said. An error is for people: the table is shown all the same.
pub fn ask(nodes: &mut [Node], keys: &[SigningKey], runner: &dyn Runner, from: &mut Source) -> Result<(), String> {
    let command = Command { timeout: Some(SCONTROL), ..Command::new(["scontrol", "-o", "show", "node"]).read_only() };
    let output = match runner.run(&command) {
        Ok(output) if output.rc == 0 => output,
        Ok(output) => {
            return Err(String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned());
        }
        Err(CommandError::NotFound(_)) => return Err("there is no scontrol here".to_owned()),
        Err(e) => return Err(e.to_string()),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let words: BTreeMap<&str, &str> = text.lines().filter_map(word).collect();
    for node in nodes.iter_mut() {
        let Some((word, report)) = words.get(node.host.as_str()).and_then(|w| Some((*w, Report::read(w)?))) else {
            continue;
        };
        let genuine = match keys {
            [] => None,
            keys => Some(from.recipient(&node.host).map_err(|e| e.to_string())?.is_some_and(|to| {
                keys.iter().any(|key| report.is_by(word, &ReportKey::of_exporter(key, &to), &node.host))
            })),
        };
        let Report { serial, state, changed, time } = report;
        node.report = Some(Reported { serial, state, changed, time, genuine });
    }
    Ok(())
}

/// A node's name and the report in its record.
fn word(line: &str) -> Option<(&str, &str)> {
    let name = line.strip_prefix("NodeName=")?.split(' ').next()?;
    let mut words = line.split(' ').filter_map(|word| FIELDS.iter().find_map(|field| word.strip_prefix(field)));
    words.find(|word| word.starts_with(START) && word.len() <= limits::REPORT).map(|word| (name, word))
}

/// To whom hosts' secrets are sealed, by the generation in force.
pub struct Source<'g> {
    generation: &'g Generation,
    from: &'g mut dyn Fetch,
    indices: Option<BTreeMap<String, crate::plan::export::Blob>>,
}

impl<'g> Source<'g> {
    /// A verified generation, and where its blobs are.
    pub fn new(generation: &'g Generation, from: &'g mut dyn Fetch) -> Source<'g> {
        Source { generation, from, indices: None }
    }

    fn recipient(&mut self, host: &str) -> Result<Option<Recipient>, GenerationError> {
        let indices = match &self.indices {
            Some(indices) => indices,
            None => self.indices.insert(self.generation.hosts(self.from)?),
        };
        let Some(blob) = indices.get(host) else { return Ok(None) };
        let index: HostIndex = generation::read(blob, "a host's index", self.from)?;
        Ok(index.sealed.and_then(|sealed| Recipient::parse(&sealed.recipient).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn reports_are_found_among_other_fields() {
        let own = "ci1:5:ready:0:9:00";
        for (line, want) in [
            (format!("NodeName=n1 Arch=x Comment={own} Extra=rack 7 CPUAlloc=0"), Some(("n1", own))),
            (format!("NodeName=n1 Comment=a note of ours Extra={own}"), Some(("n1", own))),
            ("NodeName=n1 Comment=a note of ours".to_owned(), None),
            (format!("PartitionName=n1 Comment={own}"), None),
            (format!("NodeName=n1 Comment=ci1:{}", "5".repeat(4000)), None),
        ] {
            assert_eq!(word(&line), want, "{line}");
        }
    }
}

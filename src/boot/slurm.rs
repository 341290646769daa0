//! This node as Slurm sees it: what `scontrol -o show node` says, and the two changes that we ask for.

use crate::sys::command::{Command, CommandError, Runner};
use std::time::Duration;

/// Time for one call of scontrol: it waits for slurmctld by itself.
const CALL: Duration = Duration::from_secs(20);
/// Characters of a reason.
const REASON: usize = 180;

/// A node, as far as resuming it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Base state: `IDLE`, `DOWN`, `ALLOCATED`, ...
    pub state: String,
    /// Flags: `DRAIN`, `NOT_RESPONDING`, ...
    pub flags: Vec<String>,
    /// `Reason`, without who and when.
    pub reason: String,
    /// When its slurmd started, seconds since the epoch; 0 where it never registered, `None` where Slurm does not say.
    pub slurmd_started: Option<i64>,
    /// When Slurm takes it to have booted.
    pub booted: Option<i64>,
}

/// What asking Slurm gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The node.
    Node(Node),
    /// Slurm does not know this node.
    Unknown,
    /// slurmctld did not answer: scontrol's words.
    Away(String),
    /// There is no scontrol on this node.
    NoSlurm,
}

impl Node {
    /// Whether it has this flag.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|f| f == flag)
    }

    /// Slurm waits for its slurmd.
    pub fn silent(&self) -> bool {
        self.has("NOT_RESPONDING")
    }

    /// It takes no jobs: `DOWN`, or drained.
    pub fn out(&self) -> bool {
        self.state == "DOWN" || self.has("DRAIN") || self.has("FAIL")
    }
}

/// Asks for the node `name`.
pub fn show(runner: &dyn Runner, name: &str) -> Asked {
    // UTC, so that times need no time zone of ours.
    let command = Command {
        env: vec![("TZ".into(), "UTC0".into())],
        timeout: Some(CALL),
        ..Command::new(["scontrol", "-o", "show", "node", name]).read_only()
    };
    match runner.run(&command) {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            match parse(&text) {
                Some(node) if output.rc == 0 => Asked::Node(node),
                _ => {
                    let error = String::from_utf8_lossy(&output.stderr);
                    let said = if error.trim().is_empty() { text.trim() } else { error.trim() };
                    if said.contains("not found") || said.contains("Invalid node name") {
                        return Asked::Unknown;
                    }
                    Asked::Away(plain(said.lines().next().unwrap_or("scontrol says nothing")))
                }
            }
        }
        Err(CommandError::NotFound(_)) => Asked::NoSlurm,
        Err(e) => Asked::Away(plain(&failure(&e))),
    }
}

/// slurmd as systemd sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slurmd {
    /// It runs, or is about to; also where systemd cannot be asked.
    Runs,
    /// It was started, and ended badly.
    Failed,
    /// Nobody started it.
    Stopped,
}

/// How slurmd is here.
pub fn slurmd(runner: &dyn Runner) -> Slurmd {
    let command =
        Command { timeout: Some(CALL), ..Command::new(["systemctl", "is-active", "slurmd.service"]).read_only() };
    let Ok(output) = runner.run(&command) else { return Slurmd::Runs };
    match String::from_utf8_lossy(&output.stdout).trim() {
        "failed" => Slurmd::Failed,
        "inactive" | "unknown" => Slurmd::Stopped,
        _ => Slurmd::Runs,
    }
}

/// Whether systemd starts slurmd at boot: it may then come up although it does not run yet.
pub fn slurmd_starts_at_boot(runner: &dyn Runner) -> bool {
    let command =
        Command { timeout: Some(CALL), ..Command::new(["systemctl", "is-enabled", "slurmd.service"]).read_only() };
    runner.run(&command).is_ok_and(|o| String::from_utf8_lossy(&o.stdout).trim() == "enabled")
}

/// Asks Slurm to resume the node.
pub fn resume(runner: &dyn Runner, name: &str) -> Result<(), String> {
    update(runner, &[format!("nodename={name}"), "state=resume".to_owned()])
}

/// Asks Slurm to drain the node, for this reason.
pub fn drain(runner: &dyn Runner, name: &str, reason: &str) -> Result<(), String> {
    let reason = format!("reason={}", plain(reason));
    update(runner, &[format!("nodename={name}"), "state=drain".to_owned(), reason])
}

/// Leaves a word in a field of the node's record: `comment` or `extra`.
pub fn note(runner: &dyn Runner, name: &str, field: &str, word: &str) -> Result<(), String> {
    update(runner, &[format!("nodename={name}"), format!("{field}={word}")])
}

fn update(runner: &dyn Runner, words: &[String]) -> Result<(), String> {
    let argv = ["scontrol", "update"].into_iter().chain(words.iter().map(String::as_str));
    let command = Command { timeout: Some(CALL), ..Command::new(argv) };
    match runner.run(&command) {
        Ok(output) if output.rc == 0 => Ok(()),
        Ok(output) => Err(plain(String::from_utf8_lossy(&output.stderr).trim())),
        Err(e) => Err(failure(&e)),
    }
}

fn failure(e: &CommandError) -> String {
    match e {
        CommandError::NotFound(program) => format!("there is no {program}"),
        CommandError::Spawn(program, why) => format!("{program} cannot be started: {why}"),
        CommandError::Timeout(program, time) => format!("{program} did not end within {}s", time.as_secs()),
    }
}

/// Text that is safe in a reason and in a line of a log.
pub fn plain(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '`' | '\\') { c } else { ' ' };
    let text: String = text.chars().map(clean).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(REASON).collect()
}

/// One line of `scontrol -o show node`. Only the fields that count are looked at, so that newer ones do no harm.
fn parse(text: &str) -> Option<Node> {
    let line = text.lines().find(|l| l.starts_with("NodeName="))?;
    let state = field(line, "State")?;
    let mut parts = state.split('+');
    let base = parts.next().unwrap_or("");
    let mut flags: Vec<String> = parts.map(|f| f.trim_end_matches('*').to_owned()).collect();
    // Older versions mark a node that does not answer with a star.
    if state.contains('*') && !flags.iter().any(|f| f == "NOT_RESPONDING") {
        flags.push("NOT_RESPONDING".to_owned());
    }
    // Marks of other kinds of states (power saving, reservations).
    let base = base.trim_end_matches(['*', '~', '#', '!', '%', '$', '@', '^', '-']);
    // States that older versions print as one word.
    let (base, drained) = match base {
        "DRAINED" | "DRAINING" => ("IDLE", true),
        other => (other, false),
    };
    if drained && !flags.iter().any(|f| f == "DRAIN") {
        flags.push("DRAIN".to_owned());
    }
    Some(Node {
        state: base.to_owned(),
        flags,
        reason: reason(line),
        booted: field(line, "BootTime").and_then(seconds),
        slurmd_started: match field(line, "SlurmdStartTime") {
            // A node that has never registered shows as idle until it does, and may then go down: not of this boot.
            Some("None" | "Unknown") => Some(0),
            time => time.and_then(seconds),
        },
    })
}

fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

/// `Reason=text [who@when]`: the text.
fn reason(line: &str) -> String {
    let Some((_, rest)) = line.split_once(" Reason=") else { return String::new() };
    let end = rest.match_indices(" [").find(|(at, _)| {
        let inner = rest[at + 2..].split(']').next().unwrap_or("");
        inner.contains('@') && !inner.contains(' ')
    });
    let text = end.map_or(rest, |(at, _)| &rest[..at]).trim();
    if text == "(null)" || text == "none" { String::new() } else { text.to_owned() }
}

/// `2026-11-22T10:00:00`, UTC, to seconds since the epoch.
fn seconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|n| n.parse::<i64>().ok());
    let mut time = time.splitn(3, ':').map(|n| n.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since the epoch by the civil calendar, with years that start in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::{parse, plain, seconds};

    /// As Slurm 22.05 printed it.
    const LINE: &str = "NodeName=node1 Arch=x86_64 CoresPerSocket=1 CPUAlloc=0 CPUTot=1 CPULoad=0.52 NodeAddr=node1 \
        NodeHostName=node1 Version=22.05.8 OS=Linux 6.1.0 RealMemory=300 State=DOWN+DRAIN+NOT_RESPONDING \
        ThreadsPerCore=1 Partitions=main BootTime=2026-11-22T09:58:00 SlurmdStartTime=2026-11-22T10:00:07 \
        Reason=Node unexpectedly rebooted [slurm@2026-11-22T10:00:08] Comment=a=b";

    #[test]
    fn a_node_is_read() {
        let node = parse(LINE).unwrap();
        assert_eq!((node.state.as_str(), node.reason.as_str()), ("DOWN", "Node unexpectedly rebooted"));
        assert!(node.has("DRAIN") && node.silent() && node.out());
        assert_eq!(node.slurmd_started, seconds("2026-11-22T10:00:07"));
        assert_eq!(node.booted, seconds("2026-11-22T09:58:00"));
        let never = parse("NodeName=n State=IDLE SlurmdStartTime=None X=y").unwrap();
        assert_eq!(never.slurmd_started, Some(0), "shown as idle, but it has never registered");
    }

    #[test]
    fn states_of_older_and_newer_versions_are_told() {
        let of = |state: &str| parse(&format!("NodeName=n State={state} X=y")).unwrap();
        assert!(of("IDLE*").silent() && !of("IDLE").silent() && !of("IDLE").out());
        assert_eq!(of("MIXED-").state, "MIXED");
        assert!(of("IDLE+DRAIN").out() && of("DRAINED").out() && of("DOWN*").out());
        assert!(parse("slurm_load_node error: Unable to contact slurm controller").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn a_reason_may_hold_brackets_and_equals() {
        let of = |reason: &str| parse(&format!("NodeName=n State=IDLE Reason={reason}")).unwrap().reason;
        assert_eq!(of("disk [sda] a=b bad [root@2026-01-01T00:00:00]"), "disk [sda] a=b bad");
        assert_eq!(of("no who"), "no who");
        assert_eq!(of("(null)"), "");
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds("1970-01-01T00:00:00"), Some(0));
        assert_eq!(seconds("2024-02-29T12:30:15"), Some(1_709_209_815));
        assert_eq!(seconds("2026-01-01T00:00:00"), Some(1_767_225_600));
        for bad in ["None", "Unknown", "2026-13-01T00:00:00", "2026-01-01", "x-y-zTa:b:c"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn reasons_are_short_and_harmless() {
        assert_eq!(plain("a\n\"b\" `c`\u{1b}[31m é"), "a b c [31m");
        assert_eq!(plain(&"x".repeat(1000)).len(), 180);
    }
}

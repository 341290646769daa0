//! The last stage: give the node back to Slurm, where it is ours to give. And when a boot fails: tell Slurm why.

use super::apply::Applied;
use super::config::Policy;
use super::session::{Backoff, Bounded, Session};
use super::slurm::{self, Asked, Node, Slurmd};
use super::slurmd::{self, Age};
use super::stop::Stop;
use crate::sys::command::Runner;
use std::time::{Duration, Instant};

/// What every reason of ours starts with.
pub const OURS: &str = "compute-init:";
/// Reasons that Slurm itself gives.
const SLURMS: [&str; 2] = ["Not responding", "Node unexpectedly rebooted"];
/// How long a failed boot tries to tell Slurm, at most.
const DRAINING: Duration = Duration::from_secs(60);
/// Slurm tells whole seconds, of a clock that ticks.
const TICK: f64 = 0.1;
/// A slurmd that runs has registered by then, unless slurmctld is away.
const REGISTERS: Duration = Duration::from_secs(10);
/// A start of slurmd that was asked for has begun by then: until it does, systemd shows how the one before ended.
const STARTS: Duration = Duration::from_secs(5);
/// How long to look on after resuming. Slurm asks a node that it resumes for a sign of life at once.
const ANSWERS: Duration = Duration::from_secs(30);
/// A slurmd that registers so soon after the boot, in seconds, may look rebooted again when it registers next: Slurm
/// compares whole seconds. Machines take longer to boot; containers do not.
const AT_ONCE: i64 = 5;
/// The age of a slurmd, in seconds, whose next registration no longer looks so.
const GROWN: f64 = 3.0;
/// How far the node's clock may have been set after its slurmd started.
const SLACK: f64 = 5.0;

/// What to do with a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Resume it: why it is ours to resume.
    Resume(String),
    /// Leave it: why.
    Leave(String),
}

/// Waits until Slurm knows the state of this boot's node, then resumes it as policy says.
pub fn run(session: &mut Session, _applied: &Applied) -> Result<((), String), Stop> {
    let note = |text: &str| Ok(((), text.to_owned()));
    if session.options.check {
        return note("left alone: check mode");
    }
    if session.options.no_resume {
        return note("left alone: --no-resume");
    }
    if session.config.resume == Policy::Slurm {
        return note("left to Slurm: resume is slurm");
    }
    let host = session.host.clone();
    let until = Instant::now() + session.config.deadlines.resume;
    let runner = &Bounded::new(session.runner, until);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2), until);
    let asked = Instant::now();
    let mut daemon = Daemon::default();
    let node = loop {
        let why = match slurm::show(runner, &host) {
            Asked::NoSlurm => return note("no scontrol on this node: nothing to resume"),
            Asked::Unknown => return note(&format!("Slurm knows no node {host}: nothing to resume")),
            Asked::Node(node) if settled(&node, slurmd::age(), asked.elapsed()) => break node,
            Asked::Node(node) => format!("slurmctld has not heard from this node's slurmd (state {})", node.state),
            Asked::Away(why) => format!("slurmctld does not answer: {why}"),
        };
        match daemon.look(runner) {
            Slurmd::Runs => (),
            Slurmd::Stopped => return note("slurmd does not run on this node: Slurm is left alone"),
            Slurmd::Failed => {
                return Err(Stop::unreachable("the roles are applied, but slurmd has failed")
                    .hint("journalctl -u slurmd tells why; it is started again in the background"));
            }
        }
        if !backoff.wait() {
            return Err(Stop::unreachable(format!("the roles are applied, but {why}"))
                .hint("the node stays as it is in Slurm; resuming is tried again in the background"));
        }
    };
    match decide(&node, session.config.resume) {
        Decision::Leave(why) => note(&why),
        Decision::Resume(why) => give_back(runner, &host, &why, session.config.resume, &mut backoff),
    }
}

/// This node's slurmd while its registration is waited for. In a configless cluster it ends at once where slurmctld is
/// away, and nothing but a later boot starts it again: so a node whose slurmd has failed is not waited for.
#[derive(Default)]
struct Daemon {
    asked: bool,
    failed: Option<Instant>,
}

impl Daemon {
    fn look(&mut self, runner: &dyn Runner) -> Slurmd {
        let first = !std::mem::replace(&mut self.asked, true);
        let found = slurm::slurmd(runner);
        if found != Slurmd::Failed {
            self.failed = None;
        }
        match found {
            // One that systemd starts at boot may wait for other units still.
            Slurmd::Stopped if first && !slurm::slurmd_starts_at_boot(runner) => Slurmd::Stopped,
            Slurmd::Failed if self.failed.get_or_insert_with(Instant::now).elapsed() > STARTS => Slurmd::Failed,
            _ => Slurmd::Runs,
        }
    }
}

/// Asks for resumption and looks whether it came about: Slurm refuses it while the node still registers, and holds a
/// node that it resumed down again where it takes the next registration for another reboot. So it is done when Slurm
/// has heard from the node after resuming it. What somebody else does to the node meanwhile stays.
fn give_back(
    runner: &dyn Runner,
    host: &str,
    why: &str,
    policy: Policy,
    backoff: &mut Backoff,
) -> Result<((), String), Stop> {
    let mut resumed: Option<Instant> = None;
    loop {
        let asked = if resumed.is_none() { slurm::resume(runner, host) } else { Ok(()) };
        let trouble = match (asked, slurm::show(runner, host)) {
            (_, Asked::Node(node)) if !node.out() => {
                let since = *resumed.get_or_insert_with(Instant::now);
                if !node.silent() || since.elapsed() > ANSWERS {
                    return Ok(((), format!("resumed ({why}), now {}", node.state)));
                }
                "slurmctld has not heard from it since".to_owned()
            }
            (_, Asked::Node(node)) if resumed.take().is_some() => match decide(&node, policy) {
                Decision::Leave(why) => return Ok(((), why)),
                Decision::Resume(why) => format!("it is {} again ({why})", node.state),
            },
            (Err(e), _) => e,
            (Ok(()), Asked::Node(node)) => format!("it stays {}", node.state),
            (Ok(()), _) => "slurmctld does not answer".to_owned(),
        };
        if !backoff.wait() {
            return Err(Stop::unreachable(format!(
                "the roles are applied, but {host} could not be resumed: {trouble}"
            ))
            .hint("resuming is tried again in the background"));
        }
    }
}

/// Whether Slurm's view is of this boot, and stays: the slurmd that runs now has registered. Until then Slurm shows what
/// it knew of the one before, perhaps as idle, and holds the node down when this one comes; so a view that is only close
/// in time counts no sooner than when no other is to be expected.
fn settled(node: &Node, slurmd: Option<Age>, waited: Duration) -> bool {
    if node.silent() {
        return false;
    }
    let (Some(registered), Some(slurmd)) = (node.slurmd_started, slurmd) else { return true };
    let at_once = node.booted.is_some_and(|booted| (registered - booted).abs() < AT_ONCE);
    if at_once && slurmd.seconds < GROWN {
        return false;
    }
    let slack = if waited < REGISTERS { TICK } else { SLACK };
    registered as f64 >= (slurmd.began - slack).floor()
}

/// Whose decision it was that the node is out, and whether policy lets us end it.
pub fn decide(node: &Node, policy: Policy) -> Decision {
    let reason = slurm::plain(&node.reason);
    let shown = if reason.is_empty() { "no reason given".to_owned() } else { format!("reason: {reason}") };
    if !node.out() {
        return Decision::Leave(format!("in service, {}", node.state));
    }
    let ours = node.reason.starts_with(OURS);
    let slurms = SLURMS.iter().any(|s| node.reason.starts_with(s));
    match policy {
        Policy::Slurm => Decision::Leave("left to Slurm".to_owned()),
        Policy::Always => Decision::Resume(shown),
        Policy::Owned if ours => Decision::Resume(shown),
        // A drain is somebody's wish, also on a node that went down meanwhile.
        Policy::Owned if slurms && !node.has("DRAIN") && !node.has("FAIL") => Decision::Resume(shown),
        Policy::Owned => {
            let state = if node.has("DRAIN") { "drained" } else { "down" };
            Decision::Leave(format!("stays {state}: it is not ours to resume ({shown})"))
        }
    }
}

/// Tells Slurm why the boot failed, as well as that can be done. Somebody else's drain keeps its reason.
///
/// A boot can fail before this machine's slurmd is up, and a configless scontrol learns from slurmd where slurmctld is:
/// so it is tried for a while, unless slurmd will not run at all.
pub fn drain(session: &mut Session, reason: &str) {
    if session.options.check || session.options.no_resume {
        return;
    }
    let host = session.host.clone();
    let until = Instant::now() + session.config.deadlines.resume.min(DRAINING);
    let runner = &Bounded::new(session.runner, until);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2), until);
    let mut asked_systemd = false;
    let text = loop {
        let trouble = match slurm::show(runner, &host) {
            Asked::NoSlurm | Asked::Unknown => return,
            Asked::Node(node) if node.has("DRAIN") && !node.reason.starts_with(OURS) => {
                break format!("drained already (reason: {})", slurm::plain(&node.reason));
            }
            Asked::Node(_) => match slurm::drain(runner, &host, &format!("{OURS} {reason}")) {
                Ok(()) => break format!("drained (reason: {OURS} {})", slurm::plain(reason)),
                Err(e) => e,
            },
            Asked::Away(why) => why,
        };
        let hopeless = !asked_systemd && slurm::slurmd(runner) != Slurmd::Runs && !slurm::slurmd_starts_at_boot(runner);
        asked_systemd = true;
        if hopeless || !backoff.wait() {
            break format!("could not be drained: {trouble}");
        }
    };
    session.line(&format!("slurm              {host} {text}"));
}

#[cfg(test)]
mod tests {
    use super::{Decision, decide, settled};
    use crate::boot::config::Policy;
    use crate::boot::slurm::Node;
    use crate::boot::slurmd::Age;
    use std::time::Duration;

    fn node(state: &str, flags: &[&str], reason: &str) -> Node {
        let flags = flags.iter().map(|f| (*f).to_owned()).collect();
        Node { state: state.to_owned(), flags, reason: reason.to_owned(), slurmd_started: None, booted: None }
    }

    /// State, flags, reason, and whether policies owned, slurm and always resume.
    const TABLE: [(&str, &[&str], &str, [bool; 3]); 12] = [
        ("IDLE", &[], "", [false, false, false]),
        ("ALLOCATED", &[], "", [false, false, false]),
        ("MIXED", &[], "Node unexpectedly rebooted", [false, false, false]),
        ("DOWN", &[], "Node unexpectedly rebooted", [true, false, true]),
        ("DOWN", &[], "Not responding", [true, false, true]),
        ("DOWN", &[], "broken fan", [false, false, true]),
        ("DOWN", &[], "", [false, false, true]),
        ("IDLE", &["DRAIN"], "maintenance", [false, false, true]),
        ("DOWN", &["DRAIN"], "Not responding", [false, false, true]),
        ("IDLE", &["DRAIN"], "compute-init: role nfs: task Mount failed", [true, false, true]),
        ("DOWN", &["DRAIN"], "compute-init: role nfs: task Mount failed", [true, false, true]),
        ("IDLE", &["FAIL"], "health check", [false, false, true]),
    ];

    #[test]
    fn every_state_under_every_policy() {
        for (state, flags, reason, wanted) in TABLE {
            for (policy, wanted) in [Policy::Owned, Policy::Slurm, Policy::Always].into_iter().zip(wanted) {
                let decision = decide(&node(state, flags, reason), policy);
                assert_eq!(matches!(decision, Decision::Resume(_)), wanted, "{state} {flags:?} {reason} {policy:?}");
            }
        }
    }

    #[test]
    fn a_view_from_before_the_boot_does_not_count() {
        let (soon, late) = (Duration::ZERO, Duration::from_secs(10));
        let grown = |began: f64| Some(Age { began, seconds: 60.0 });
        let mut seen = node("IDLE", &[], "");
        seen.slurmd_started = Some(100);
        for (began, waited, wanted) in [
            // Rebooted within two seconds: the registration is that of the slurmd before.
            (101.2, soon, false),
            // The same second, and a clock that lags by a tick.
            (100.9, soon, true),
            (101.05, soon, true),
            (99.0, soon, true),
            // No other registration came: the clock was set meanwhile.
            (104.9, late, true),
            (106.0, late, false),
            (200.0, late, false),
        ] {
            assert_eq!(settled(&seen, grown(began), waited), wanted, "{began} {waited:?}");
        }
        // In a container slurmd starts with the machine.
        seen.booted = Some(99);
        assert!(!settled(&seen, Some(Age { began: 100.1, seconds: 2.9 }), soon));
        assert!(settled(&seen, Some(Age { began: 100.1, seconds: 3.1 }), soon));
        seen.booted = Some(80);
        assert!(settled(&seen, Some(Age { began: 100.1, seconds: 0.1 }), soon));
        assert!(settled(&seen, None, soon), "no telling when slurmd began: what Slurm says counts");
        assert!(!settled(&node("IDLE", &["NOT_RESPONDING"], ""), None, late));
        assert!(settled(&node("DOWN", &[], ""), grown(200.0), soon), "no start time: what Slurm says counts");
    }
}

//! The bundle and the keys that vouch for it, as a node of this image will judge them.

use super::{Findings, Verdict};
use crate::bundle::{self, Fault, PREVIOUS, Trust, Verified};
use crate::image::{BUNDLES, Root, TRUST};

pub(super) fn look(root: &Root, findings: &mut Findings) -> Option<Verified> {
    let trust = keys(root, findings)?;
    let directory = root.resolve(BUNDLES).ok()?;
    let current = bundle::current(&directory).and_then(|path| Verified::installed(&path, &trust));
    let verified = match current {
        Ok(verified) => verified,
        Err(error) => {
            findings.advise("bundle", Verdict::Refused, error.to_string(), error.fault.hint());
            return None;
        }
    };
    let plan = verified.plan();
    let roles = verified.summary().plays.iter().map(|play| play.roles.len()).sum::<usize>();
    let detail =
        format!("{}, {roles} roles of {}, signed by {}", verified.digest(), plan.playbook, verified.signer().name);
    findings.add("bundle", Verdict::Ok, detail);
    if directory.join(PREVIOUS).symlink_metadata().is_ok() {
        let real = directory.join(PREVIOUS).canonicalize();
        match real.map(|path| Verified::installed(&path, &trust)) {
            Ok(Ok(previous)) => findings.add("bundle", Verdict::Note, format!("previous is {}", previous.digest())),
            _ => findings.advise(
                "bundle",
                Verdict::Warning,
                "the previous bundle would be refused: there is nothing to go back to",
                "install the bundle that should be previous, then the current one",
            ),
        }
    }
    Some(verified)
}

fn keys(root: &Root, findings: &mut Findings) -> Option<Trust> {
    let directory = root.resolve(TRUST).ok()?;
    let trust = match Trust::directory(&directory) {
        Ok(trust) => trust,
        Err(fault @ Fault::NoTrust { .. }) => {
            findings.advise("keys", Verdict::Refused, fault.to_string(), "give install a key with --trust");
            return None;
        }
        Err(fault) => {
            findings.advise("keys", Verdict::Refused, fault.to_string(), fault.hint());
            return None;
        }
    };
    let names: Vec<String> = trust.names().into_iter().map(|(name, _)| name).collect();
    findings.add("keys", Verdict::Ok, format!("trusts {}", names.join(", ")));
    if let Some(name) = names.iter().find(|name| name.starts_with("development-")) {
        findings.advise(
            "keys",
            Verdict::Warning,
            format!("{name} is a developer's key: whoever holds it can configure these nodes"),
            "remove it from trust.d before the image leaves development",
        );
    }
    exports(root, findings);
    Some(trust)
}

/// Keys of exports are optional, but those that are there must be good: a node that cannot read them refuses every export.
fn exports(root: &Root, findings: &mut Findings) {
    let Ok(directory) = root.resolve(&format!("{TRUST}/export")) else { return };
    match Trust::directory(&directory) {
        Ok(trust) => {
            let names: Vec<String> = trust.names().into_iter().map(|(name, _)| name).collect();
            findings.add(
                "keys",
                Verdict::Note,
                format!("takes exports that {} signed, and no others", names.join(", ")),
            );
        }
        Err(Fault::NoTrust { .. }) => {}
        Err(fault) => findings.advise("keys", Verdict::Refused, fault.to_string(), fault.hint()),
    }
}

//! The first stage: the bundle, its signature and its digests. Nothing below acts on bytes that did not pass here.

use super::options::Options;
use super::receive::refused;
use super::session::Session;
use super::stop::Stop;
use crate::bundle::{self, Trust, Verified};
use std::path::Path;

/// Verifies the bundle in `bundle` (installed directory or archive), or the node's current one.
pub fn open(bundle: Option<&Path>, bundles: &Path, trust: &Path) -> Result<Verified, Stop> {
    let trust = Trust::directory(trust).map_err(|e| Stop::refused(e.to_string()).hint(e.hint()))?;
    match bundle {
        Some(path) if path.is_dir() => Verified::installed(path, &trust).map_err(refused),
        Some(path) => Verified::archive(path, &trust).map_err(refused),
        None => {
            let current = bundle::current(bundles).map_err(refused)?;
            Verified::installed(&current, &trust).map_err(refused)
        }
    }
}

/// What the command line names outside `--root` is verified before the root is entered.
pub fn outside(options: &Options, bundles: &Path, trust: &Path) -> Option<Result<Verified, Stop>> {
    if options.root.is_none() || (options.bundle.is_none() && options.trust.is_none()) {
        return None;
    }
    let trust = options.trust.as_deref().unwrap_or(trust);
    Some(open(options.bundle.as_deref(), bundles, trust))
}

/// Verifies, and notes what was verified.
pub fn run(session: &mut Session, before: Option<Result<Verified, Stop>>) -> Result<(Verified, String), Stop> {
    let options = session.options;
    let verified = match before {
        Some(result) => result?,
        None => {
            let trust = options.trust.as_deref().unwrap_or(Path::new(super::options::TRUST));
            open(options.bundle.as_deref(), &session.config.state_dir.join("bundles"), trust)?
        }
    };
    let digest = verified.digest().to_string();
    let signer = verified.signer().name.clone();
    let note = format!("{} signed by {signer}", short(&digest));
    session.status.bundle = Some(digest);
    session.status.signer = Some(signer);
    Ok((verified, note))
}

/// The first digits of a digest, enough for a person.
pub fn short(digest: &str) -> String {
    match digest.split_once(':') {
        Some((kind, hex)) => format!("{kind}:{}", hex.get(..12).unwrap_or(hex)),
        None => digest.get(..12).unwrap_or(digest).to_owned(),
    }
}

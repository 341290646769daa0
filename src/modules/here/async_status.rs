//! `async_status`: what became of a job that was started with `poll: 0`.

use crate::modules::jobs;
use crate::modules::params::{Params, int, text};
use crate::modules::{Context, Failure, Outcome};
use crate::plan::{Data, Key, Map};
use crate::spec::Args;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let id = args.text("jid").unwrap_or_default();
    let unknown = |msg: String| {
        let about = [("ansible_job_id", text(id.clone())), ("started", int(1)), ("finished", int(1))];
        let result = about.into_iter().map(|(k, v)| (Data::str(k), v)).collect();
        Failure { result, ..Failure::new(msg) }
    };
    let path = jobs::file(&id).map_err(&unknown)?;
    if args.text("mode").as_deref() == Some("cleanup") {
        if !ctx.check {
            std::fs::remove_file(&path).map_err(|_| unknown("could not find job".to_owned()))?;
        }
        return Ok(Outcome::default().with("ansible_job_id", text(id)).with("erased", text(path.to_string_lossy())));
    }
    let bytes = std::fs::read(&path).map_err(|_| unknown("could not find job".to_owned()))?;
    let data = crate::yaml::read_vars(&bytes).map_err(|e| unknown(format!("Could not parse job output: {e}")))?;
    let mut result: Map = data.as_map().cloned().unwrap_or_default();
    let mut take = |name: &str| result.shift_remove(&Key(name)).is_some_and(|v| v.truthy());
    let (changed, failed) = (take("changed"), take("failed"));
    result.insert(Data::str("results_file"), text(path.to_string_lossy()));
    Ok(Outcome { changed, failed, result, ..Outcome::default() })
}

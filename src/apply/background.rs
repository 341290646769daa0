//! `async` with `poll: 0`, as `apply` has it: the module goes on in a process of its own, and its result lies in a file
//! for `async_status`. At boot such tasks run in the foreground: nothing may outlive it unseen.

use super::result::Done;
use crate::modules::jobs;
use crate::plan::Data;
use crate::sys::child::detach;
use crate::vars::{JsonStyle, Value, json_text};
use std::time::{SystemTime, UNIX_EPOCH};

/// Starts `work` in the background and tells which job it is.
pub(super) fn start(work: impl FnOnce() -> Done) -> Result<Done, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let id = format!("j{}{:06}.{}", now.as_secs() % 1_000_000, now.subsec_micros(), std::process::id());
    let path = jobs::file(&id)?;
    let mut begun = Done::default();
    begun.put("started", Data::Int(1));
    begun.put("finished", Data::Int(0));
    begun.put("ansible_job_id", Data::Unsafe(id.clone()));
    let told = begun.clone();
    jobs::write(&path, &json(told)?)?;
    detach(|| {
        let mut done = work();
        done.put("started", Data::Int(1));
        done.put("finished", Data::Int(1));
        done.put("ansible_job_id", Data::Unsafe(id));
        // Nobody is left to tell of a failure; async_status then finds the job unfinished.
        if let Ok(text) = json(done) {
            let _ = jobs::write(&path, &text);
        }
    })
    .map_err(|e| format!("starting a job in the background: {e}"))?;
    begun.put("results_file", Data::Unsafe(path.to_string_lossy().into_owned()));
    begun.put("changed", Data::Bool(true));
    Ok(begun)
}

fn json(done: Done) -> Result<String, String> {
    json_text(&Value::from_data(&Data::Map(done.registered())), &JsonStyle::default()).map_err(|e| e.to_string())
}

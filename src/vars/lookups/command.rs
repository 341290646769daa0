//! Lookups that run commands. The command line is the role's own, and meant for a shell.

use crate::sys::command::Command;
use crate::vars::pytext::{lines as text_lines, strip_end};
use crate::vars::{CallArgs, Env, Outcome, TemplateError, Text, Value};

fn output(env: &Env, lookup: &str, term: &Value) -> Outcome<Vec<u8>> {
    let line = term.text()?;
    let Some(runner) = env.runner() else {
        return Err(TemplateError::other(format!("lookup_plugin.{lookup}({line}): commands may not be run here")));
    };
    let argv = ["/bin/sh", "-c", &line].map(std::ffi::OsString::from).to_vec();
    let command = Command { argv, ..Command::default() };
    let output =
        runner.run(&command).map_err(|e| TemplateError::other(format!("lookup_plugin.{lookup}({line}): {e:?}")))?;
    if output.rc != 0 {
        return Err(TemplateError::other(format!("lookup_plugin.{lookup}({line}) returned {}", output.rc)));
    }
    Ok(output.stdout)
}

pub fn pipe(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for term in &args.positional {
        let text = Text::from_bytes(&output(env, "pipe", term)?);
        out.push(Value::from(strip_end(text.as_str())));
    }
    Ok(out)
}

pub fn lines(env: &Env, args: CallArgs) -> Outcome<Vec<Value>> {
    let mut out = Vec::new();
    for term in &args.positional {
        let text = Text::from_bytes(&output(env, "lines", term)?);
        out.extend(text_lines(text.as_str()).into_iter().map(Value::from));
    }
    Ok(out)
}

//! `getent`: a database of the node's name services, as facts.

use super::exec;
use super::params::{Params, list, text};
use super::{Context, Failure, Outcome};
use crate::plan::{Data, Map};
use crate::spec::Args;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let database = args.text("database").unwrap_or_default();
    let key = args.text("key");
    let mut argv = vec![exec::program(ctx, "getent")?, database.clone().into()];
    argv.extend(key.as_ref().map(Into::into));
    if let Some(service) = args.os("service") {
        argv.extend(["-s".into(), service]);
    }
    let colon = matches!(database.as_str(), "passwd" | "shadow" | "group" | "gshadow");
    let split = args.text("split").or_else(|| colon.then(|| ":".to_owned()));
    let ran = exec::look(ctx, argv)?;
    let mut tree = Map::default();
    let msg = match ran.rc {
        0 => {
            fill(&mut tree, &ran.out(), split.as_deref());
            None
        }
        1 => return Err(Failure::new("Missing arguments, or database unknown.")),
        2 => {
            let msg = "One or more supplied key could not be found in the database.";
            if args.choice("fail_key").unwrap_or(true) {
                return Err(Failure::new(msg));
            }
            tree.insert(text(key.unwrap_or_default()), Data::Null);
            Some(msg)
        }
        3 => return Err(Failure::new("Enumeration not supported on this database.")),
        _ => return Err(Failure::new("Unexpected failure!")),
    };
    let mut outcome = Outcome::default();
    outcome.facts.insert(text(format!("getent_{database}")), Data::Map(tree));
    Ok(match msg {
        Some(msg) => outcome.with("msg", text(msg)),
        None => outcome,
    })
}

/// One entry a line; a key that comes again makes its value a list of records.
fn fill(tree: &mut Map, out: &str, split: Option<&str>) {
    let mut repeated: Vec<String> = Vec::new();
    for line in out.lines() {
        let fields: Vec<&str> = match split {
            Some(at) => line.split(at).collect(),
            None => line.split_whitespace().collect(),
        };
        let Some((key, rest)) = fields.split_first() else { continue };
        let record = list(rest.iter().copied());
        match tree.get_mut(&crate::plan::Key(key)) {
            None => {
                tree.insert(text(*key), record);
            }
            Some(Data::List(records)) if repeated.iter().any(|r| r == key) => records.push(record),
            Some(first) => {
                *first = Data::List(vec![first.clone(), record]);
                repeated.push((*key).to_owned());
            }
        }
    }
}

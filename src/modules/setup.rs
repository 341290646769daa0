//! `setup` and `gather_facts`: this node's facts.

use super::facts::Facts;
use super::params::Params;
use super::{Context, Failure, Outcome};
use crate::spec::Args;

/// Runs the module.
pub fn run(ctx: &Context, args: &Args) -> Result<Outcome, Failure> {
    let subset = args.texts("gather_subset").unwrap_or_else(|| vec!["all".to_owned()]);
    let filter = args.texts("filter").unwrap_or_default();
    let mut facts = Facts::with(ctx.runner).environment(ctx.environment);
    if let Some(path) = args.text("fact_path") {
        facts = facts.fact_path(&path);
    }
    let facts = facts.subset(&subset, &filter).map_err(Failure::new)?;
    Ok(Outcome { facts, ..Outcome::default() })
}

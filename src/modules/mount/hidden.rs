//! `opts_no_log`: mount options with a password in them appear in no result, message or difference.

use super::super::params::text;
use super::super::{Failure, Outcome};
use crate::plan::Map;

/// What stands for a value that is a secret, and for a secret within a text.
const VALUE: &str = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";
const PART: &str = "********";

/// What the task returned, without the options.
pub fn hidden(opts: &str, returned: Result<Outcome, Failure>) -> Result<Outcome, Failure> {
    if opts.is_empty() {
        return returned;
    }
    let without = |text: &str| text.replace(opts, PART);
    let mut outcome = returned.map_err(|e| {
        let mut failure = Failure { msg: without(&e.msg), ..e };
        conceal(&mut failure.result, opts);
        failure
    })?;
    conceal(&mut outcome.result, opts);
    for side in outcome.diff.iter_mut().flat_map(|diff| [&mut diff.before, &mut diff.after]) {
        *side = without(&String::from_utf8_lossy(side)).into_bytes();
    }
    Ok(outcome)
}

/// The same in every text of a result.
fn conceal(result: &mut Map, opts: &str) {
    for shown in result.values_mut() {
        if let Some(given) = shown.as_str().filter(|given| given.contains(opts)) {
            *shown = text(if given == opts { VALUE.to_owned() } else { given.replace(opts, PART) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Diff;
    use super::*;
    use crate::plan::{Data, Key};

    #[test]
    fn the_options_are_nowhere() {
        let secret = "credentials=x,password=pw";
        let diff = Diff { after: format!("a b cifs {secret},noauto 0 0\n").into_bytes(), ..Diff::default() };
        let returned = Outcome { diff: vec![diff], ..Outcome::default() };
        let shown = |opts: &str| {
            let returned = Outcome { diff: returned.diff.clone(), ..Outcome::default() }.with("opts", text(opts));
            let outcome = hidden(secret, Ok(returned)).unwrap_or_default();
            assert_eq!(outcome.diff[0].after, b"a b cifs ********,noauto 0 0\n");
            outcome.result.get(&Key("opts")).cloned()
        };
        assert_eq!(shown(secret), Some(text(VALUE)));
        assert_eq!(shown(&format!("{secret},noauto")), Some(text("********,noauto")));
        let mut failure = Failure::new(format!("Error mounting: bad option {secret}"));
        failure.result.insert(Data::str("stderr"), text(format!("mount: {secret}: bad")));
        let Err(failure) = hidden(secret, Err(failure)) else { panic!("a failure stays one") };
        assert_eq!(failure.msg, "Error mounting: bad option ********");
        assert_eq!(failure.result.get(&Key("stderr")), Some(&text("mount: ********: bad")));
    }
}

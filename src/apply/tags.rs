//! `--tags` and `--skip-tags` (ansible-core's playbook/taggable.py).

use super::Options;
use crate::plan::Data;

/// Whether a task with these tags (already templated) is to run.
pub(super) fn selected(options: &Options, tags: &[Data]) -> bool {
    let mut own = names(tags);
    let tagged = !own.is_empty();
    if !tagged {
        own.push("untagged".to_owned());
    }
    let has = |list: &[String], tag: &str| list.iter().any(|t| t == tag);
    let meet = |list: &[String]| list.iter().any(|t| own.contains(t));
    let only = &options.tags;
    let all = only.is_empty() || has(only, "all");
    let never = has(&own, "never");
    let run = has(&own, "always") || (all && !never) || meet(only) || (has(only, "tagged") && tagged && !never);
    let skip = &options.skip_tags;
    let skipped = if has(skip, "all") {
        !has(&own, "always") || has(skip, "always")
    } else {
        meet(skip) || (has(skip, "tagged") && tagged)
    };
    run && !skipped
}

/// The names in tags: lists taken apart, and texts at their commas.
pub(super) fn names(tags: &[Data]) -> Vec<String> {
    let mut own: Vec<String> = Vec::new();
    for tag in tags {
        match tag {
            Data::List(list) => own.extend(list.iter().filter_map(name)),
            Data::Str(s) | Data::Unsafe(s) | Data::Made(_, s) => own.extend(s.split(',').map(|t| t.trim().to_owned())),
            other => own.extend(name(other)),
        }
    }
    own
}

fn name(tag: &Data) -> Option<String> {
    match tag {
        Data::Int(i) => Some(i.to_string()),
        other => other.as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_select_as_ansible_does() {
        // (--tags, --skip-tags, the task's tags, runs)
        type Case<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str], bool);
        let cases: &[Case] = &[
            (&[], &[], &[], true),
            (&[], &[], &["never"], false),
            (&[], &[], &["never", "x"], false),
            (&["x"], &[], &["never", "x"], true),
            (&["x"], &[], &[], false),
            (&["x"], &[], &["always"], true),
            (&["untagged"], &[], &[], true),
            (&["tagged"], &[], &["y"], true),
            (&["tagged"], &[], &[], false),
            (&[], &["y"], &["y"], false),
            (&[], &["always"], &["always"], false),
            (&["x"], &["y"], &["x,y"], false),
            (&["all"], &[], &["x"], true),
        ];
        let strings = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        for (only, skip, own, runs) in cases {
            let options = Options { tags: strings(only), skip_tags: strings(skip), ..Options::default() };
            let own: Vec<Data> = own.iter().map(|t| Data::str(*t)).collect();
            assert_eq!(selected(&options, &own), *runs, "{only:?} {skip:?} {own:?}");
        }
    }
}

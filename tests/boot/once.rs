//! One boot after the other: what it says, what it leaves, that the second changes nothing.

use crate::harness::{Bench, FOREIGN, OWN, SOURCE_ROOT, command};
use compute_init::plan::Plan;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_first_boot_changes_and_the_second_does_not() {
    let bench = Bench::new();
    let boot = bench.boot(&[]);
    boot.ready();
    for stage in ["verify ", "gate ", "mount ", "stage ", "overlay ", "apply ", "resume "] {
        assert!(boot.out.lines().any(|l| l.starts_with(stage)), "{stage}: {}", boot.out);
    }
    assert!(boot.out.contains("  changed  alpha: Make it"), "{}", boot.out);
    let status = bench.status();
    assert_eq!((status["recap"]["changed"].as_u64(), status["signer"].as_str()), (Some(1), Some("site.pem")));
    assert_eq!(status["stages"].as_array().unwrap().len(), 7);
    let before = bench.tree("state");
    bench.boot(&[]).ready();
    assert_eq!(bench.status()["recap"]["changed"].as_u64(), Some(0));
    assert_eq!(bench.tree("state"), before);
    assert!(!std::path::Path::new(SOURCE_ROOT).exists());
}

#[test]
fn reports_are_for_everybody_and_hold_no_secret() {
    let bench = Bench::new();
    bench.metadata(&format!(r#"{{"meta": {{"compute": "true", "admin_pass": "{OWN}"}}}}"#));
    let boot = bench.boot(&["-vv", "--json"]);
    assert_eq!(boot.code, 0, "{}", boot.out);
    let status = bench.path("run/status.json");
    assert_eq!(fs::metadata(&status).unwrap().permissions().mode() & 0o777, 0o644);
    for text in [fs::read_to_string(status).unwrap(), boot.out] {
        assert!(!text.contains(OWN) && !text.contains(FOREIGN), "{text}");
    }
}

#[test]
fn the_last_ten_lines_tell_the_story() {
    let bench = Bench::new();
    let many: Vec<(String, _)> = (0..30).map(|n| (format!("Step {n}"), command("/bin/true", None))).collect();
    let many: Vec<(&str, _)> = many.iter().map(|(name, args)| (name.as_str(), args.clone())).collect();
    bench.bundle(&many);
    let boot = bench.boot(&[]);
    let last: Vec<&str> = boot.out.lines().rev().take(10).collect();
    let last = last.join("\n");
    for wanted in ["apply ", "resume ", "stages   verify", "recap    ok=30 changed=30", "ready: "] {
        assert!(last.contains(wanted), "{wanted}: {last}");
    }
}

#[test]
fn check_mode_changes_nothing_at_all() {
    let bench = Bench::new();
    let times = || fs::metadata(bench.dir.path()).map(|m| (m.modified().unwrap(), m.accessed().unwrap())).unwrap();
    let before = times();
    let boot = bench.boot(&["--check", "--diff"]);
    boot.ready();
    assert_eq!(times(), before);
    for name in ["made", "state", "run", "done"] {
        assert!(!bench.path(name).exists(), "{name} was made: {}", boot.out);
    }
}

#[test]
fn a_failing_task_ends_the_boot_and_names_itself() {
    let bench = Bench::new();
    let made = bench.path("made").display().to_string();
    bench.bundle(&[("Break", command("/bin/false", None)), ("Never", command(&format!("/bin/touch {made}"), None))]);
    bench.refused(&[], "failed", 3, "role alpha: task Break failed");
    assert_eq!(bench.status()["recap"]["failed"].as_u64(), Some(1));
    assert!(bench.status()["hint"].is_string());
}

#[test]
fn mistakes_of_the_command_line_and_the_configuration_are_told() {
    let bench = Bench::new();
    let boot = bench.boot(&["--chekc"]);
    assert_eq!(boot.code, 2);
    assert!(boot.out.contains("--chekc"), "{}", boot.out);
    let boot = bench.boot(&["--host", "../x"]);
    assert_eq!(boot.code, 1, "{}", boot.out);
    bench.write("config.yaml", "resme: owned\nexport: {uid: x}\n");
    let boot = bench.boot(&["--check"]);
    assert_eq!(boot.code, 5, "{}", boot.out);
    for wanted in ["config.yaml:1: unknown setting resme; did you mean resume?", "config.yaml:2: a numeric id"] {
        assert!(boot.out.contains(wanted), "{wanted}: {}", boot.out);
    }
}

#[test]
fn a_bundle_nobody_trusts_is_refused() {
    let bench = Bench::new();
    fs::write(bench.path("trust/site.pem"), "garbage").unwrap();
    bench.refused(&[], "refused", 5, "site.pem");
    fs::remove_file(bench.path("trust/site.pem")).unwrap();
    bench.refused(&[], "refused", 5, "trust");
    let bench = Bench::new();
    let bundle = fs::read(bench.path("bundle.tar.gz")).unwrap();
    fs::write(bench.path("bundle.tar.gz"), &bundle[..bundle.len() / 2]).unwrap();
    bench.refused(&[], "refused", 5, "bundle.tar.gz");
}

#[test]
fn a_root_is_entered_after_what_lies_outside_is_opened() {
    let bench = Bench::new();
    bench.bundle(&[]);
    let root = bench.path("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    let root = root.display().to_string();
    bench.write("config.yaml", "sentinel: /var/done\n");
    bench.boot(&["--root", &root]).ready();
    for inside in ["root/run/compute-init/status.json", "root/var/done", "root/var/lib/compute-init/staged/current"] {
        assert!(bench.path(inside).symlink_metadata().is_ok(), "{inside}");
    }
    let boot = bench.boot(&["--root", "/none/there"]);
    assert_eq!(boot.code, 1, "{}", boot.out);
}

#[test]
fn lazy_variables_reach_tasks_across_hosts() {
    let bench = Bench::new();
    let base = bench.dir.path().display().to_string();
    bench.bundle(&[("Ask the other host", command(&format!("/bin/touch {base}/{{{{ wanted }}}}"), None))]);
    bench.boot(&[]).ready();
    assert!(bench.path("10.0.0.2").exists(), "hostvars['n1'].addr is 10.0.0.2");
}

#[test]
fn variables_that_are_missing_or_turn_in_a_circle_fail_their_task() {
    for (vars, says) in
        [(r#"{"a": 1}"#, "'wanted' is undefined"), (r#"{"wanted": "{{ b }}", "b": "{{ wanted }}"}"#, "wanted")]
    {
        let bench = Bench::new();
        bench.write("export/hostvars/n0/hostvars.yml", vars);
        let made = bench.path("made").display().to_string();
        bench.bundle(&[("Use it", command(&format!("/bin/touch {made} {{{{ wanted }}}}"), None))]);
        bench.refused(&[], "failed", 3, says);
        assert!(bench.status()["message"].as_str().unwrap().contains("task Use it failed"));
    }
}

#[test]
fn a_playbook_that_fetches_its_export_itself_gets_none_of_ours() {
    let bench = Bench::new();
    let made = bench.path("made").display().to_string();
    let task = (
        "Make it",
        command(
            &format!("/bin/sh -c 'echo {{{{ wanted | default(\"none\") }}}} {{{{ inventory_hostname }}}} > {made}'"),
            None,
        ),
    );
    let plan = Plan { self_contained: true, ..bench.plan(&[task]) };
    bench.seal(&plan);
    // No export is reached for: there is none.
    let boot = bench.boot(&["--export", "/nowhere/at/all", "--no-resume"]);
    boot.ready();
    assert!(boot.out.contains("mount, stage and overlay stand aside"), "{}", boot.out);
    assert_eq!(fs::read_to_string(bench.path("made")).unwrap(), "none localhost\n");
    assert!(!bench.path("state/staged").exists(), "nothing is staged");
    let names: Vec<_> = bench.status()["stages"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["verify", "gate", "overlay", "apply", "resume"]);
    // One that asks Slurm itself is not followed by us, and needs no --no-resume.
    bench.seal(&Plan { resumes: true, ..plan });
    let boot = bench.boot(&[]);
    boot.ready();
    assert!(boot.out.contains("left to the playbook, which calls scontrol itself"), "{}", boot.out);
    // The gate holds for it too.
    fs::remove_file(bench.path("made")).unwrap();
    bench.metadata(r#"{"meta": {"compute": "false"}}"#);
    assert!(bench.boot(&[]).out.contains("not-compute"));
    assert!(!bench.path("made").exists());
}

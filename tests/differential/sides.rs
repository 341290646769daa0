//! Runs cases through real Ansible and through us, each on its own copy of the same files.

use super::generate::Case;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What one side left: the tasks' results, the tree, the accounts.
#[derive(Default)]
pub struct Left {
    pub results: Option<Value>,
    pub tree: BTreeMap<String, String>,
    pub accounts: Vec<String>,
    /// What was printed.
    pub output: String,
}

/// Both programs.
pub struct Sides {
    /// The directory that `tests/tools/ansible` names.
    pub ansible: PathBuf,
    /// `compute-init`.
    pub ours: PathBuf,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("makes the directory");
    fs::write(path, text).expect("writes");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("sets the mode");
}

impl Sides {
    /// Runs the cases, each under its number, in this manner, and gives what Ansible and what we left.
    pub fn run(&self, cases: &[(usize, Case)], manner: &str) -> Vec<(Left, Left)> {
        let scratch = tempfile::tempdir().expect("a directory");
        let plays = scratch.path().join("plays");
        write(&plays.join("files/plain.txt"), "plain\ntext\n", 0o644);
        write(&plays.join("files/tree/one"), "1\n", 0o644);
        write(&plays.join("files/tree/sub/two"), "2\n", 0o755);
        write(
            &plays.join("templates/one.j2"),
            "{{ s }}\n{% if flag %}\nflag\n{% endif %}\n  {% for x in l %}\n{{ x }}\n  {% endfor %}\n",
            0o644,
        );
        write(&plays.join("templates/two.j2"), "#{{ item | default('none') }}\n{{ d | to_nice_json }}\n\n", 0o644);
        let hosts: Vec<String> = cases.iter().map(|(n, _)| format!("c{n} ansible_connection=local")).collect();
        write(&plays.join("hosts"), &format!("{}\n", hosts.join("\n")), 0o644);
        let mut imports = Vec::new();
        for (number, case) in cases {
            let (play, included) = case.play(*number);
            for (name, file) in std::iter::once((format!("c{number}.yml"), json!([play]))).chain(included) {
                write(&plays.join(name), &serde_json::to_string_pretty(&file).expect("JSON"), 0o644);
            }
            imports.push(json!({"import_playbook": format!("c{number}.yml")}));
        }
        write(&plays.join("all.yml"), &serde_json::to_string(&imports).expect("JSON"), 0o644);
        let sides = ["ansible", "ours"].map(|name| scratch.path().join(name));
        for side in &sides {
            fs::create_dir_all(side.join("results")).expect("makes the directory");
            for (number, case) in cases {
                fs::create_dir_all(side.join(format!("c{number}"))).expect("makes the directory");
                case.files.iter().for_each(|(name, text)| write(&side.join(format!("c{number}/{name}")), text, 0o644));
            }
        }
        let [ansible, ours] = &sides;
        self.ansible(&plays, ansible, manner);
        self.ours(&plays, ours, cases, manner);
        cases.iter().map(|(n, _)| (Left::read(ansible, *n), Left::read(ours, *n))).collect()
    }

    fn inside(&self, side: &Path, script: &str) {
        let path = side.with_extension("sh");
        write(&path, &format!("#!/bin/bash\n{script}"), 0o755);
        let mut command = Command::new("unshare");
        command.args(["--mount"]).arg(here().join("inside")).arg(side).arg(&path).stdin(Stdio::null());
        let done = command.output().expect("unshare runs");
        let said = fs::read_to_string(side.join("output")).unwrap_or_default();
        assert!(done.status.success(), "the sandbox failed: {}{said}", String::from_utf8_lossy(&done.stderr));
    }

    fn ansible(&self, plays: &Path, side: &Path, manner: &str) {
        let (code, plays) = (self.ansible.display(), plays.display());
        self.inside(
            side,
            &format!(
                "cd {plays}\nexport PYTHONPATH={code} ANSIBLE_COLLECTIONS_PATH={code} ANSIBLE_HOME=/mnt/.ansible LC_ALL=C.UTF-8\n\
                 export ANSIBLE_PIPELINING=1 ANSIBLE_NOCOLOR=1 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_DISPLAY_SKIPPED_HOSTS=1\n\
                 /usr/bin/python3 -m ansible playbook -i hosts {manner} all.yml > /mnt/output 2>&1 || {{ code=$?; [ $code = 2 ] || {{ echo \"ansible ended with $code\" >&2; exit 1; }}; }}\n"
            ),
        );
    }

    fn ours(&self, plays: &Path, side: &Path, cases: &[(usize, Case)], manner: &str) {
        let mut script = format!("cd {}\nexport LC_ALL=C.UTF-8\n", plays.display());
        for (number, _) in cases {
            let ours = self.ours.display();
            script.push_str(&format!(
                "{ours} apply -i hosts {manner} --limit c{number} c{number}.yml > /mnt/results/c{number}.output 2>&1 || true\n"
            ));
        }
        self.inside(side, &script);
    }
}

/// What the task at a case's end printed, which is JSON in a JSON string.
fn printed(output: &str, number: usize) -> Option<Value> {
    let start = format!("\"RESULTS {number} ");
    let line = output.lines().rev().find(|l| l.contains(&start))?;
    let text: String = serde_json::from_str(&line[line.find(&start)?..]).ok()?;
    serde_json::from_str(&text[start.len() - 1..]).ok()
}

impl Left {
    fn read(side: &Path, number: usize) -> Left {
        let mut left = Left {
            output: fs::read_to_string(side.join(format!("results/c{number}.output"))).unwrap_or_default(),
            ..Left::default()
        };
        if left.output.is_empty() {
            let all = fs::read_to_string(side.join("output")).unwrap_or_default();
            let start = all.find(&format!("PLAY [c{number}]")).unwrap_or(0);
            left.output = all[start..].split("\nPLAY ").next().unwrap_or_default().to_owned();
        }
        left.results = printed(&left.output, number);
        left.walk(&side.join(format!("c{number}")), "");
        let mark = format!("{:04}", number % 10_000);
        for name in ["passwd", "group", "shadow"] {
            let text = fs::read_to_string(side.join("accounts").join(name)).expect("accounts");
            let own = text.lines().filter(|l| l.contains(&format!("g{mark}")) || l.contains(&format!("u{mark}")));
            left.accounts.extend(own.map(|l| format!("{name}: {l}")));
        }
        left.accounts.sort();
        left
    }

    fn walk(&mut self, root: &Path, below: &str) {
        let mut names: Vec<_> =
            fs::read_dir(root.join(below)).expect("lists").map(|e| e.expect("an entry").file_name()).collect();
        names.sort();
        for name in names {
            let name = name.to_string_lossy().into_owned();
            let path = if below.is_empty() { name } else { format!("{below}/{name}") };
            let full = root.join(&path);
            let meta = full.symlink_metadata().expect("there");
            let look = format!("{:o} {}:{}", meta.mode(), meta.uid(), meta.gid());
            // A backup's name has the time in it.
            let shown = match path.find(['~', '@']) {
                Some(_) => path.split('.').next().unwrap_or_default().to_owned() + " (backup)",
                None => path.clone(),
            };
            if meta.is_dir() {
                self.tree.insert(shown, look);
                self.walk(root, &path);
            } else if meta.is_symlink() {
                let to = fs::read_link(&full).expect("a link");
                self.tree.insert(shown, format!("-> {}", to.display()));
            } else {
                let content = fs::read(&full).expect("reads");
                self.tree.insert(shown, format!("{look} {} {:?}", meta.nlink(), String::from_utf8_lossy(&content)));
            }
        }
    }
}

#!/usr/bin/env python3
"""Runs tests/modules/commands/cases.json through real Ansible and writes what it did to golden.json beside it.

Usage (as root): make-commands-golden.py VENV      (the directory that tests/tools/ansible-venv prints)

In a private mount namespace the account files of the cases lie over this machine's own, and programs in PATH that
only write down how they were called, and answer as the case says, stand for the real ones. Nothing here changes.
"""
import json, os, pathlib, shutil, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent / "modules" / "commands"
SHIM = """#!/usr/bin/env python3
import json, os, sys
argv = [os.path.basename(sys.argv[0])] + sys.argv[1:]
case = os.environ.get("CASE")
if case is None:
    sys.exit(0)
with open(os.path.join(case, "trace"), "a") as trace:
    trace.write(json.dumps(argv) + "\\n")
with open(os.path.join(case, "answers")) as answers:
    for answer in json.load(answers):
        if argv[:len(answer["argv"])] == answer["argv"]:
            sys.stdout.write(answer.get("stdout", ""))
            sys.stderr.write(answer.get("stderr", ""))
            sys.exit(answer.get("rc", 0))
"""


def main(venv):
    if os.environ.get("INSIDE") is None:
        os.environ["INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    spec = json.loads((HERE / "cases.json").read_text())
    work = pathlib.Path(tempfile.mkdtemp(prefix="golden-"))
    try:
        golden = run(spec, work, venv)
    finally:
        shutil.rmtree(work)
    (HERE / "golden.json").write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")
    print(len(golden), "cases")


def run(spec, work, venv):
    shims = work / "shims"
    shims.mkdir()
    for program in spec["programs"]:
        (shims / program).write_text(SHIM)
        (shims / program).chmod(0o755)
    for path, text in spec["files"].items():
        file = work / path.replace("/", "_")
        file.write_text(text)
        subprocess.run(["/bin/mount", "--bind", file, path], check=True)
    subprocess.run(["/bin/mount", "-t", "tmpfs", "tmpfs", "/home"], check=True)
    for path in spec["directories"]:
        pathlib.Path(path).mkdir(parents=True)
    tasks = []
    for i, case in enumerate(spec["cases"]):
        directory = work / f"case{i}"
        directory.mkdir()
        fill = lambda text: text.replace("@DIR@", str(directory))
        (directory / "trace").touch()
        (directory / "answers").write_text(json.dumps(case.get("answers", []) + spec["answers"]))
        if "fstab" in case:
            (directory / "fstab").write_text(fill(case["fstab"]))
        tasks.append({"name": case["name"], case["module"]: json.loads(fill(json.dumps(case["args"]))),
                      "check_mode": case.get("check", False), "ignore_errors": True,
                      "environment": {"CASE": str(directory)}})
    play = work / "play.json"
    play.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    environment = dict(os.environ, PATH=f"{shims}:{os.environ['PATH']}", ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
                       ANSIBLE_LOCALHOST_WARNING="false", ANSIBLE_PYTHON_INTERPRETER=f"{venv}/bin/python3")
    done = subprocess.run([f"{venv}/bin/ansible-playbook", "-c", "local", "-i", "localhost,", play], env=environment,
                          stdout=subprocess.PIPE, text=True)
    golden = {}
    for i, (case, task) in enumerate(zip(spec["cases"], json.loads(done.stdout)["plays"][0]["tasks"])):
        assert task["task"]["name"] == case["name"]
        directory = work / f"case{i}"
        result = {k: v for k, v in task["hosts"]["localhost"].items()
                  if not k.startswith("_") and k not in ("invocation", "action", "warnings", "deprecations", "exception",
                                                         "stdout_lines", "stderr_lines", "failed_when_result")}
        (result.get("ansible_facts") or {}).pop("discovered_interpreter_python", None)
        entry = {"commands": [json.loads(line) for line in (directory / "trace").read_text().splitlines()],
                 "result": result}
        fstab = pathlib.Path(case["args"].get("fstab", "/").replace("@DIR@", str(directory)))
        if fstab.is_file():
            entry["fstab"] = fstab.read_text()
        entry["left"] = sorted(p.name for p in directory.iterdir() if p.is_dir())
        golden[case["name"]] = json.loads(json.dumps(entry).replace(str(directory), "@DIR@").replace(str(shims) + "/", ""))
    return golden


if __name__ == "__main__":
    main(sys.argv[1])

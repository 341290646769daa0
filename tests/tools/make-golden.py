#!/usr/bin/env python3
"""Runs tests/modules/cases/*.json through real Ansible and writes what came of them to tests/modules/golden/.

Usage: make-golden.py VENV [MODULE ...]; VENV is what tests/tools/ansible-venv prints. Needs root.
tests/modules/README.md describes the form of cases and golden files.
"""
import json
import os
import re
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = os.path.join(HERE, "..", "modules")
ROOT = "/tmp/compute-init-golden"
SOURCE = ROOT + "-source"
NOISE = {"invocation", "exception", "ansible_facts", "deprecations", "_ansible_no_log", "traceback", "module_stderr", "module_stdout", "stdout_lines", "stderr_lines"}


def write_tree(root, tree):
    os.makedirs(root)
    for path, entry in tree.items():
        entry = {"content": entry} if isinstance(entry, str) else entry
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if "link" in entry:
            os.symlink(entry["link"].replace("@", root), full)
            continue
        if "hard" in entry:
            os.link(os.path.join(root, entry["hard"]), full)
            continue
        if "fifo" in entry:
            os.mkfifo(full)
        elif "content" in entry or "hex" in entry:
            with open(full, "wb") as f:
                f.write(bytes.fromhex(entry["hex"]) if "hex" in entry else entry["content"].encode())
        else:
            os.makedirs(full, exist_ok=True)
        os.chmod(full, int(entry.get("mode", "0755" if "dir" in entry else "0644"), 8))
        os.lchown(full, entry.get("uid", 0), entry.get("gid", 0))
        os.utime(full, (1000000000, 1000000000))


def read_tree(root):
    out = {}
    for base, dirs, files in os.walk(root):
        for name in dirs + files:
            full = os.path.join(base, name)
            st = os.lstat(full)
            entry = {"owner": "%d:%d" % (st.st_uid, st.st_gid)}
            if stat.S_ISLNK(st.st_mode):
                entry["link"] = os.readlink(full)
            else:
                entry["mode"] = "%04o" % stat.S_IMODE(st.st_mode)
                if stat.S_ISREG(st.st_mode):
                    with open(full, "rb") as f:
                        entry["hex" if not text(f) else "content"] = read(full)
                    entry["links"] = st.st_nlink
                else:
                    entry["kind"] = stat.filemode(st.st_mode)[0]
            if stat.S_ISREG(st.st_mode) and st.st_mtime == 1000000000:
                entry["old"] = True
            out[os.path.relpath(full, root)] = entry
    return out


def text(f):
    try:
        f.read().decode()
        return True
    except UnicodeDecodeError:
        return False


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.hex()


def normal(value, root):
    if isinstance(value, dict):
        return {normal(k, root): normal(v, root) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return [normal(v, root) for v in value]
    if isinstance(value, float) and value > 1e6:
        return "TIME"
    if isinstance(value, str):
        value = re.sub(r"http://127\.0\.0\.1:%s\b" % (PORT or "none"), "%URL%", value)
        value = value.replace(SOURCE, "SOURCE").replace(root, "@")
        value = value.replace(os.getcwd(), "CWD")
        value = re.sub(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", ".BACKUP", value)
        value = re.sub(r"/[^ '\"]*/\.ansible/tmp/[^ '\"]*", "TMP", value)
        return value
    return value


def substitute(value, root):
    if isinstance(value, dict):
        return {k: substitute(v, root) for k, v in value.items()}
    if isinstance(value, list):
        return [substitute(v, root) for v in value]
    return value.replace("@", root).replace("%URL%", "http://127.0.0.1:%s" % PORT) if isinstance(value, str) else value


def run(venv, module):
    with open(os.path.join(BASE, "cases", module + ".json")) as f:
        cases = json.load(f)
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(ROOT)
    tasks = []
    for i, case in enumerate(cases):
        root = "%s/%03d" % (ROOT, i)
        write_tree(root, case.get("tree", {}))
        for _ in range(case.get("rounds", 1)):
            task = {"name": "%d" % i, case.get("module", MODULES.get(module, module)): substitute(case["args"], root), "ignore_errors": True}
            for keyword in ("check", "diff"):
                if case.get(keyword):
                    task["check_mode" if keyword == "check" else "diff"] = True
            if "vars" in case:
                task["vars"] = case["vars"]
            tasks.append(task)
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(os.path.join(BASE, "source"), SOURCE)
    play = os.path.join(SOURCE, "play.json")
    with open(play, "w") as f:
        json.dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], f)
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_LOCALHOST_WARNING": "False", "LANG": "C.UTF-8",
           "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
           "ANSIBLE_PYTHON_INTERPRETER": os.path.join(venv, "bin/python3")}
    done = subprocess.run([os.path.join(venv, "bin/ansible-playbook"), "-c", "local", "-i", "localhost,", play],
                          env=env, capture_output=True, text=True, umask=0o022)
    try:
        output = json.loads(done.stdout[done.stdout.index("{"):])
    except ValueError:
        sys.exit(done.stdout + done.stderr)
    golden = [{"name": c["name"], "results": []} for c in cases]
    for task in output["plays"][0]["tasks"]:
        (result,) = task["hosts"].values()
        i = int(task["task"]["name"])
        result = {k: v for k, v in result.items() if k not in NOISE and k != "action"}
        golden[i]["results"].append(normal(result, "%s/%03d" % (ROOT, i)))
    for i, entry in enumerate(golden):
        entry["tree"] = normal(read_tree("%s/%03d" % (ROOT, i)), "%s/%03d" % (ROOT, i))
    with open(os.path.join(BASE, "golden", module + ".json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(g, sort_keys=True) for g in golden) + "\n]\n")
    shutil.rmtree(ROOT)
    shutil.rmtree(SOURCE)


MODULES = {"synchronize": "ansible.posix.synchronize", "patch": "ansible.posix.patch", "authorized_key": "ansible.posix.authorized_key",
           "ini_file": "community.general.ini_file", "openssh_keypair": "community.crypto.openssh_keypair"}

server = subprocess.Popen([os.path.join(HERE, "http-server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
PORT = server.stdout.readline().strip()
names = sys.argv[2:] or sorted(n[:-5] for n in os.listdir(os.path.join(BASE, "cases")))
for name in names:
    run(sys.argv[1], name)
server.stdin.close()
server.wait()

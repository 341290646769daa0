"""The two sides: Ansible running the shipped playbook, and compute-init built, installed and booted."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import sandbox

HOST = "bl-compute-0"
CLUSTER = sandbox.REPOSITORY / "tests/cluster"
# Names that an inventory cannot set; Ansible makes them itself.
MAGIC = ("groups", "group_names", "inventory_hostname", "inventory_hostname_short")


class Boot:
    """One boot: what it said, whether it was well, what it counts as changed, how long it took."""

    def __init__(self, good, changes, output, seconds):
        self.good, self.changes, self.output, self.seconds = good, changes, output, seconds


def write_export(directory, hostvars):
    """The cluster's export with this node's variables."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(CLUSTER / "export", directory)
    (directory / "hostvars" / HOST / "hostvars.yml").write_text(json.dumps(hostvars, indent=1))


def hostvars():
    return json.loads((CLUSTER / "export/hostvars" / HOST / "hostvars.yml").read_text())


def metadata():
    return json.loads((CLUSTER / "metadata/seven-plus.json").read_text())


def inventory(export, own):
    """The inventory that says what the export says: hosts and groups, and each host's variables where it has any."""
    groups = own["groups"]
    hosts = {}
    for host in groups["all"]:
        file = export / "hostvars" / host / "hostvars.yml"
        values = json.loads(file.read_text()) if file.exists() else {}
        hosts[host] = {k: v for k, v in values.items() if k not in MAGIC}
    hosts[HOST].update(ansible_connection="local", ansible_python_interpreter="/usr/bin/python3")
    children = {g: {"hosts": {h: {} for h in members}} for g, members in groups.items() if g not in ("all", "ungrouped")}
    return {"all": {"hosts": hosts, "children": children}}


def ansible(box, own, meta):
    """ansible-playbook in the sandbox, on the export's data."""
    export = box.shared / "export"
    write_export(export, own)
    (box.shared / "inventory.json").write_text(json.dumps(inventory(export, own)))
    extra = {"compute_init_metadata": meta["meta"], "compute_init_staged": "/oracle/export"}
    (box.shared / "extra.json").write_text(json.dumps(extra))
    env = {
        "PYTHONPATH": "/oracle/ansible",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_COLLECTIONS_PATH": "/oracle/ansible",
        "ANSIBLE_LOCAL_TEMP": "/tmp/ansible-local",
        "ANSIBLE_REMOTE_TEMP": "/tmp/ansible-remote",
        "ANSIBLE_NOCOLOR": "1",
    }
    argv = "python3 -m ansible playbook -i /oracle/inventory.json --limit".split() + [HOST]
    argv += ["-e", "@/oracle/extra.json", "/oracle/repository/templates/compute-init.yml"]
    started = time.monotonic()
    done = box.run(argv, env)
    seconds = time.monotonic() - started
    recap = dict(
        field.split("=") for line in done.stdout.splitlines() if line.startswith(HOST) for field in line.split(":", 1)[1].split()
    )
    return Boot(done.returncode == 0, int(recap.get("changed", -1)), done.stdout, seconds)

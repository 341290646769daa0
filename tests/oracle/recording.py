"""Ansible's results, kept in the cache: a boot by Ansible takes seconds and depends on nothing that we compile.

The name of a recording is the digest of all that it depends on: the root, Ansible, the playbook and roles, the cluster's
data and the scenarios. A change of any of them makes a new one.
"""

import dataclasses
import hashlib
import json

import sandbox
import sides
import trees

# What only runs the other side, or compares.
NOT_INPUTS = ("run", "ours.py", "differences.json", "recording.py", "trees.py")
INPUTS = ("templates/compute-init.yml", "templates/roles", "templates/sample", "tests/cluster", "tests/oracle")


def place(name, base, tool):
    """The file of a scenario's recording."""
    digest = hashlib.sha256(f"{name} {base.name} {tool}".encode())
    for directory in INPUTS:
        top = sandbox.REPOSITORY / directory
        for file in [top] if top.is_file() else sorted(top.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts and file.name not in NOT_INPUTS:
                digest.update(f"{file.relative_to(sandbox.REPOSITORY)}".encode() + file.read_bytes())
    return sandbox.CACHE / "oracle/recorded" / f"{name}-{digest.hexdigest()[:16]}.json"


def read(file):
    """A recording's boots; None where there is none."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return [
        {"boot": sides.Boot(**one["boot"]), "commands": one["commands"], "tree": trees.Tree(**one["tree"])} for one in found
    ]


def write(file, boots):
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = [
        {"boot": dataclasses.asdict(one["boot"]), "commands": one["commands"], "tree": dataclasses.asdict(one["tree"])}
        for one in boots
    ]
    part = file.with_suffix(".part")
    part.write_text(json.dumps(plain))
    part.rename(file)

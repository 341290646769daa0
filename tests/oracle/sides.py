"""What both sides are given, and Ansible's side: ansible-playbook running the shipped playbook."""

import copy
import dataclasses
import json
import pathlib
import shutil
import time

import sandbox

# Names that an inventory cannot set; Ansible makes them itself.
SHIPPED = "templates/compute-init.yml"
MAGIC = ("groups", "group_names", "inventory_hostname", "inventory_hostname_short")


@dataclasses.dataclass
class Boot:
    """One boot: whether it was well, how many changes it counts, what it said, how long it took."""

    good: bool
    changes: int
    output: str
    seconds: float


@dataclasses.dataclass
class Cluster:
    """What both sides are given: an export, the node's variables in it, and the instance's metadata."""

    host: str
    export: pathlib.Path
    hostvars: dict
    metadata: dict
    # The playbook, by its path in the repository. Any but the shipped one fetches metadata and export itself.
    playbook: str = SHIPPED

    @classmethod
    def read(cls, host, export, metadata, playbook=SHIPPED):
        hostvars = json.loads((export / "hostvars" / host / "hostvars.yml").read_text())
        return cls(host, export, hostvars, json.loads(metadata.read_text()), playbook)

    def copy(self):
        return copy.deepcopy(self)

    def write(self, shared):
        """The export with this node's variables, as the control node would serve it, and the instance's metadata."""
        directory = shared / "export"
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(self.export, directory)
        (directory / "hostvars" / self.host / "hostvars.yml").write_text(json.dumps(self.hostvars, indent=1))
        served = shared / "metadata/openstack/latest/meta_data.json"
        served.parent.mkdir(parents=True, exist_ok=True)
        served.write_text(json.dumps(self.metadata))

    def inventory(self):
        """The inventory that says what the export says: hosts and groups, and variables where a host has any."""
        groups = self.hostvars["groups"]
        hosts = {}
        for host in groups["all"]:
            file = self.export / "hostvars" / host / "hostvars.yml"
            values = self.hostvars if host == self.host else json.loads(file.read_text()) if file.exists() else {}
            hosts[host] = {k: v for k, v in values.items() if k not in MAGIC}
        hosts[self.host].update(ansible_connection="local", ansible_python_interpreter="/usr/bin/python3")
        named = {g: members for g, members in groups.items() if g not in ("all", "ungrouped")}
        children = {g: {"hosts": {h: {} for h in members}} for g, members in named.items()}
        return {"all": {"hosts": hosts, "children": children}}


def ansible(box, cluster):
    """ansible-playbook in the sandbox, on the export's data."""
    cluster.write(box.shared)
    env = {
        "PYTHONPATH": "/oracle/ansible",
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_COLLECTIONS_PATH": "/oracle/ansible",
        "ANSIBLE_LOCAL_TEMP": "/tmp/ansible-local",
        "ANSIBLE_REMOTE_TEMP": "/tmp/ansible-remote",
        "ANSIBLE_NOCOLOR": "1",
    }
    name, argv = _shipped(box, cluster) if cluster.playbook == SHIPPED else ("localhost", ["-c", "local", "-i", "localhost,"])
    started = time.monotonic()
    done = box.run(["python3", "-m", "ansible", "playbook", *argv, f"/oracle/repository/{cluster.playbook}"], env)
    seconds = time.monotonic() - started
    recap = [line for line in done.stdout.splitlines() if line.startswith(name + " ")]
    counts = dict(field.split("=") for line in recap for field in line.split(":", 1)[1].split())
    return Boot(done.returncode == 0, int(counts.get("changed", -1)), done.stdout, seconds)


def _shipped(box, cluster):
    """The host's name in the inventory that stands for the export, and the arguments that hand it over."""
    (box.shared / "inventory.json").write_text(json.dumps(cluster.inventory()))
    extra = {"compute_init_metadata": cluster.metadata["meta"], "compute_init_staged": "/oracle/export"}
    (box.shared / "extra.json").write_text(json.dumps(extra))
    return cluster.host, ["-i", "/oracle/inventory.json", "--limit", cluster.host, "-e", "@/oracle/extra.json"]

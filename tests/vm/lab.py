"""A control guest and a node guest on one cable: what they are made of, and what scenarios ask of them."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import clock
import image
import kernel
from cable import Cable
from machine import Machine, Unmet

REPOSITORY = image.REPOSITORY
ADDRESS = {"control": "10.77.0.1", "node1": "10.77.0.2"}
# The user that may read the export, by number on both sides.
READER = 301

EXPORTS = "/exports/cluster 10.77.0.0/24(ro,sync,root_squash,no_subtree_check)\n"
# Without a grace time a client waits a minute and a half for its first open.
NFS_CONF = "[nfsd]\nvers3={v3}\nvers4={v4}\nthreads=2\ngrace-time=10\nlease-time=10\n[mountd]\nmanage-gids=n\n"
# slurmd asks for its configuration, so there is no file.
NODE_SLURMD = "[Unit]\nConditionPathExists=\n"
# The export is its reader's alone, as on real sites: so root squashing shows.
OWN_EXPORT = f"""[Service]
ExecStartPre=/bin/sh -c 'chown -R {READER}:root /exports/cluster && chmod -R u=rX,g=rX,o= /exports/cluster'
"""
# Generous: the guests start at the same time, and the machine may be busy.
DEADLINES = {"mount": "10m", "stage": "5m", "resume": "10m"}
CONFIG = {"metadata": {"sources": ["config-drive", "/etc/compute-init/metadata.json"]}}
METADATA = {
    "uuid": "1",
    "name": "node1",
    "meta": {"compute": "true", "control_address": ADDRESS["control"], "etc_hosts": "true", "resolv_conf": "true", "basic_users": "true"},
}


class Tools:
    """What every scenario of a run shares: programs, kernel, ramdisk, images, keys."""

    def __init__(self, binaries):
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="vm.", dir=where))
        self.scratch.chmod(0o755)
        self.binaries = binaries or image.tool("binaries")
        self.qemu = image.tool("qemu")
        self.kernel = kernel.Kernel(image.CACHE / "vm")
        self.ramdisk = image.ramdisk(self.kernel)
        self.cpio = image.cpio
        self.munge_key = os.urandom(1024)
        self.kilohertz = clock.kilohertz()
        self.base = image.base(self.kernel)
        self.images = {}

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    @staticmethod
    def peer(name):
        return "node1" if name == "control" else "control"

    def program(self, *argv):
        """Runs compute-init, which must succeed."""
        done = subprocess.run([self.binaries / "compute-init", *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Unmet(f"compute-init {argv[0]}: exit code {done.returncode}: {done.stdout}")
        return done.stdout

    def key(self, name):
        """A signing key; gives the paths of the private and the public part."""
        private = self.scratch / f"{name}.pem"
        if not private.exists():
            self.program("keygen", "-o", private)
        return private, self.scratch / f"{name}.pub.pem"

    def bundle(self, name="bundle", key="key", tasks=""):
        """The shipped roles as a bundle; with more tasks, which run early in the boot."""
        file = self.scratch / name
        if not file.exists():
            tree = self.scratch / f"{name}.tree"
            shutil.copytree(REPOSITORY / "templates", tree)
            with open(tree / "roles/etc_hosts/tasks/main.yml", "a", encoding="utf-8") as file_of_tasks:
                file_of_tasks.write(tasks)
            self.program("build", tree / "compute-init.yml", "--key", self.key(key)[0], "-o", file)
        return file

    def disk(self, role, bundle="bundle"):
        """The image of a role: the base, and what only this role has, made once in a run. A node has a bundle."""
        name = role if bundle == "bundle" else f"{role}-{bundle}"
        if name not in self.images:
            upper, work, root = (self.scratch / f"{name}-{part}" for part in ("upper", "work", "root"))
            for directory in (upper, work, root):
                directory.mkdir()
            layers = f"lowerdir={self.base},upperdir={upper},workdir={work}"
            kernel.output("mount", "-t", "overlay", "overlay", "-o", layers, root)
            try:
                self.furnish_control(root) if role == "control" else self.furnish_bare(root)
                if role == "node":
                    self.program("install", "--root", root, "--with-command", "--trust", self.key("key")[1], self.bundle(bundle))
                if role == "ansible":
                    self.furnish_ansible(root)
                file = self.scratch / f"{name}.ext4"
                image.disk(root, file)
            finally:
                kernel.output("umount", root)
            self.images[name] = file
        return self.images[name]

    def furnish_control(self, root):
        key = root / "etc/munge/munge.key"
        key.unlink(missing_ok=True)
        key.write_bytes(self.munge_key)
        key.chmod(0o400)
        shutil.copy(REPOSITORY / "tests/nspawn/slurm.conf", root / "etc/slurm/slurm.conf")
        (root / "etc/exports").write_text(EXPORTS)
        (root / "etc/nfs.conf").write_text(NFS_CONF.format(v3="n", v4="y"))
        directory = root / "etc/systemd/system/nfs-server.service.d"
        directory.mkdir(parents=True)
        (directory / "test.conf").write_text(OWN_EXPORT)
        image.chroot(root, "chown", "munge:munge", "/etc/munge/munge.key")
        image.chroot(root, "systemctl", "enable", "--quiet", "munge", "slurmctld", "nfs-server")

    def furnish_bare(self, root):
        """A node without compute-init."""
        (root / "etc/munge/munge.key").unlink(missing_ok=True)
        directory = root / "etc/systemd/system/slurmd.service.d"
        directory.mkdir(parents=True)
        (directory / "test.conf").write_text(NODE_SLURMD)
        # No helpers for NFS: what is mounted is mounted by the kernel's own call.
        for helper in (root / "usr/sbin").glob("*mount.nfs*"):
            helper.unlink()
        image.chroot(root, "systemctl", "mask", "--quiet", "rpcbind.service", "rpcbind.socket", "rpc-statd.service", "rpc-statd-notify.service")
        image.chroot(root, "systemctl", "enable", "--quiet", "ssh")

    @staticmethod
    def furnish_ansible(root):
        """ansible-core and the shipped playbook on a node, its Python files compiled as a package would have them."""
        shutil.copytree(image.tool("ansible"), root / "opt/ansible")
        shutil.copytree(REPOSITORY / "templates", root / "opt/templates")
        image.chroot(root, "python3", "-m", "compileall", "-q", "-j", "0", "/opt/ansible")


class Lab:
    """The cluster of one scenario. Leaving it ends both guests."""

    def __init__(self, tools, name, scale):
        self.tools, self.name, self.scale = tools, name, scale
        self.started = time.monotonic()
        self.machines = []
        self.cable = None
        self.control = self._machine("control", "control")
        self.node = self._machine("node1", "node")
        self.write_export_seed()
        self.configure()
        self.metadata()

    def _machine(self, name, role):
        shutil.rmtree(self.tools.scratch / name, ignore_errors=True)
        machine = Machine(name, ADDRESS[name], self.tools, self.scale)
        self.use_disk(machine, role)
        self.machines.append(machine)
        return machine

    def use_disk(self, machine, role, bundle="bundle"):
        kernel.output("cp", "--sparse=always", self.tools.disk(role, bundle), machine.disk)

    def lay_cable(self):
        """Lays a cable between the guests that can be cut into."""
        self.cable = Cable(self.tools.scratch)
        for machine in self.machines:
            machine.plug = Cable.plug(self.tools.scratch, machine.name)
        return self.cable

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.cut_power()
        if self.cable is not None:
            self.cable.close()

    # What the guests find when they start for the first time.

    def configure(self, **deadlines):
        """The node's configuration, with deadlines."""
        text = json.dumps({**CONFIG, "deadlines": {**DEADLINES, **deadlines}})
        self.node.seed["etc/compute-init/config.yaml"] = (0o644, text.encode())

    def metadata(self, **changes):
        text = json.dumps({**METADATA, "meta": {**METADATA["meta"], **changes}})
        self.node.seed["etc/compute-init/metadata.json"] = (0o600, text.encode())

    def hostvars(self):
        """What the inventory says of the node."""
        return {
            "inventory_hostname": "node1",
            "group_names": ["compute"],
            "groups": {"all": ["control", "node1"], "compute": ["node1"], "control": ["control"]},
            "resolv_conf_nameservers": ["192.0.2.53"],
            "openhpc_slurm_control_host": "{{ groups['control'] | first }}",
            "vault_openhpc_mungekey": base64.b64encode(self.tools.munge_key).decode(),
            "basic_users_users": [{"name": "alice", "uid": 2001, "home": "/tmp"}],
        }

    def write_export_seed(self, **changes):
        """The export as the control guest finds it on its disk."""
        hosts = "".join(f"{address} {name}\n" for name, address in {"localhost": "127.0.0.1", **ADDRESS}.items())
        self.control.seed["exports/cluster/hosts"] = (0o640, hosts.encode())
        text = json.dumps({**self.hostvars(), **changes})
        self.control.seed["exports/cluster/hostvars/node1/hostvars.yml"] = (0o640, text.encode())

    # What scenarios do and ask.

    def start_control(self):
        self.control.start()
        self.control.wait_up()

    def control_ready(self):
        """Waits until the control guest serves."""
        self.control.until("the NFS server runs", "systemctl is-active nfs-server", lambda said: said == "active")
        self.control.until("slurmctld answers", "scontrol ping", lambda said: "UP" in said)

    def status(self):
        text = self.node.says("cat /run/compute-init/status.json")
        return json.loads(text) if text.startswith("{") else {"state": "none", "message": text}

    def until_ended(self, *states, patience=900):
        """Waits until the boot's unit is done, and holds it to a state."""
        command = "systemctl show -P ActiveState compute-init; cat /run/compute-init/status.json"

        def over(said):
            first, _, rest = said.partition("\n")
            return first in ("active", "failed", "inactive") and rest.startswith("{") and json.loads(rest)["state"] != "running"

        self.node.until("compute-init.service ends", command, over, patience)
        found = self.status()
        if found["state"] not in states:
            raise Unmet(f"the boot ended as {found['state']} ({found['message']}), not {' or '.join(states)}")
        return found

    def slurm(self, field="%T"):
        return self.control.says(f"sinfo -h -n node1 -o '{field}'")

    def until_idle(self):
        self.control.until("the node is idle in sinfo", "sinfo -h -n node1 -o %T", lambda said: said == "idle")

    def job_runs(self):
        said = self.control.must("timeout 300 srun -Q -N1 hostname", 320)
        check(said.split()[-1:] == ["node1"], f"srun hostname: {said}")

    def joins(self):
        """The boot ends ready, and the node works."""
        found = self.until_ended("ready")
        self.until_idle()
        self.job_runs()
        return found

    def ssh_lets_in(self):
        """An administrator logs in from the control guest, through sshd and PAM."""
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=30 -q"
        command = f"ssh -i /etc/ssh/keys/id {options} admin@{ADDRESS['node1']} hostname"
        self.control.until("ssh lets an administrator in", command, lambda said: said == "node1")

    def figures(self):
        """Shows what the boot took, and what of it was compute-init's own."""
        unit = self.node.says("systemctl show -P ExecMainStartTimestampMonotonic -P ExecMainExitTimestampMonotonic -P CPUUsageNSec compute-init")
        began, ended, cpu = (int(word) for word in unit.split())
        status = self.node.says("compute-init status").splitlines()
        shown = "; ".join(" ".join(line.split()) for line in status if line.startswith(("time ", "  verify", "  mount", "  stage ", "  apply", "  resume")))
        self.step(f"unit started {began / 1e6:.1f} s after the kernel, took {(ended - began) / 1e6:.1f} s, {cpu / 1e9:.1f} s of a processor; {shown}")

    def step(self, text):
        """Says how far the scenario is."""
        clock = time.monotonic() - self.started
        cpu = ", ".join(f"{m.name} {m.cpu():.0f} s" for m in self.machines)
        print(f"  {clock:6.1f} s  {text} (processor: {cpu})", flush=True)

    def keep_logs(self):
        kept = image.CACHE / "vm" / f"logs-{self.name}"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        for machine in self.machines:
            machine.keep(kept)
        return kept


def check(holds, message):
    if not holds:
        raise Unmet(message)

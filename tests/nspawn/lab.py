"""Two systemd containers on one machine, each with its own network, joined by a cable. Nothing here knows the cases."""

import base64
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("COMPUTE_INIT_CACHE", REPOSITORY / "build"))
ADDRESS = {"control": "10.77.0.1", "node1": "10.77.0.2"}
# How long to wait for what a quiet machine does in seconds.
PATIENCE = 120 * float(os.environ.get("COMPUTE_INIT_TEST_SCALE", "1"))
# nspawn's exit code when the container asked for a reboot.
REBOOTED = 133

PREPARE = r"""
set -eu
mkdir -p /cluster /var/spool/slurmd /var/spool/slurmctld /var/log/slurm
chown slurm:slurm /var/spool/slurmctld /var/log/slurm
: > /etc/machine-id
rm -f /etc/hostname /etc/resolv.conf /etc/fstab
printf '127.0.0.1 localhost\n10.77.0.1 control\n10.77.0.2 node1\n' > /etc/hosts
systemctl disable --quiet slurmctld slurmd munge e2scrub_reap apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer 2> /dev/null || true
systemctl enable --quiet ssh
# An administrator who may log in without a job, by key, with a home that is not on the cluster's storage.
useradd -M -d / -G adm -s /bin/sh admin
mkdir -p /etc/ssh/keys
printf 'AuthorizedKeysFile /etc/ssh/keys/%%u\nStrictModes no\n' > /etc/ssh/sshd_config.d/test.conf
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/keys/id
cp /etc/ssh/keys/id.pub /etc/ssh/keys/admin
"""

# slurmd asks for its configuration, so there is no file; and -b has it report a reboot, which the host's uptime hides.
NODE_SLURMD = """[Unit]
ConditionPathExists=
[Service]
ExecStart=
ExecStart=/usr/sbin/slurmd -D -s -b $SLURMD_OPTIONS
"""

CONFIG = """metadata:
  sources:
    - /etc/compute-init/metadata.json
export:
  source: /cluster
"""


class Unmet(Exception):
    """What a case waited for did not come."""


def run(argv, **options):
    """A command of the host that must succeed."""
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **options).stdout.strip()


class Container:
    """One machine: its files are an overlay over the prepared root and live as long as the lab."""

    def __init__(self, lab, name, base):
        self.lab, self.name = lab, name
        self.directory = lab.scratch / name
        self.root = self.directory / "root"
        for part in ("upper", "work", "root"):
            (self.directory / part).mkdir(parents=True)
        layers = f"lowerdir={base},upperdir={self.directory}/upper,workdir={self.directory}/work"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, self.root])
        self.network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.process = None
        self.machine = f"ci-{os.getpid()}-{name}"

    def start(self):
        log = open(self.lab.scratch / f"{self.name}.console", "ab")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--keep-unit", "--register=no", "--resolv-conf=off", "--timezone=off"]
            + ["-D", self.root, "-M", self.machine, f"--hostname={self.name}", "--console=pipe"]
            + [f"--network-namespace-path=/proc/{self.network.pid}/ns/net"]
            + [f"--bind-ro={self.lab.export}:/cluster", "--boot", "--", "--show-status=no"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def leader(self):
        """The container's process 1, as the host numbers it; None while there is none."""
        for child in children(self.process.pid):
            grand = pathlib.Path(f"/proc/{child}/cmdline")
            if grand.exists():
                return child
        return None

    def run(self, *argv, timeout=60):
        """A command in the container; gives its completed process with output and errors as one text."""
        leader = self.leader()
        if leader is None:
            return subprocess.CompletedProcess(argv, 255, f"{self.name} is not up")
        setting = ["/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"]
        return subprocess.run(
            ["nsenter", "-t", str(leader), "-m", "-u", "-i", "-n", "-p", "--", *setting, *argv],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout,
        )

    def says(self, *argv):
        return self.run(*argv).stdout.strip()

    def wait_up(self):
        self.lab.until(f"{self.name} is up", lambda: self.says("systemctl", "is-system-running") in ("running", "degraded"))

    def reboot(self):
        self.run("systemctl", "reboot", "--no-wall")
        self.lab.until(f"{self.name} goes down", lambda: self.process.poll() is not None)
        if self.process.returncode != REBOOTED:
            raise Unmet(f"{self.name} ended with {self.process.returncode} instead of rebooting")
        self.start()
        self.wait_up()

    def stop(self):
        for process in (self.process, self.network):
            if process is None or process.poll() is not None:
                continue
            below = descendants(process.pid)
            process.kill()
            for pid in below:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
        shutil.rmtree(f"/run/systemd/nspawn/propagate/{self.machine}", ignore_errors=True)
        subprocess.run(["umount", "--lazy", self.root], check=False)


def children(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(p) for p in text.split()]


def descendants(pid):
    found = children(pid)
    return found + [p for child in found for p in descendants(child)]


class Lab:
    """The cluster. Leaving it ends every process and mount that it made."""

    def __init__(self, binaries):
        self.started = time.monotonic()
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="nspawn.", dir=where))
        self.scratch.chmod(0o755)
        self.export = self.scratch / "export"
        self.munge_key = os.urandom(1024)
        self.binaries = binaries
        self.machines = []

    def __enter__(self):
        try:
            base = self._base()
            self.write_export()
            self.control, self.node = (Container(self, name, base) for name in ADDRESS)
            self.machines = [self.control, self.node]
            self._cable()
            self._furnish_control()
            self._furnish_node()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.stop()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def _base(self):
        base = self.scratch / "base"
        base.mkdir()
        tar = run([REPOSITORY / "tests/tools/rootfs"])
        run(["tar", "--numeric-owner", "-xf", tar, "-C", base])
        run(["chroot", base, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", PREPARE])
        return base

    def _cable(self):
        one, other = (m.network.pid for m in self.machines)
        self.until("networks are there", lambda: all(
            os.stat(f"/proc/{p}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino for p in (one, other)))
        run(["ip", "link", "add", "host0", "netns", str(one), "type", "veth", "peer", "name", "host0", "netns", str(other)])
        for machine in self.machines:
            inside = ["nsenter", "-t", str(machine.network.pid), "-n", "ip"]
            run([*inside, "addr", "add", f"{ADDRESS[machine.name]}/24", "dev", "host0"])
            for link in ("lo", "host0"):
                run([*inside, "link", "set", link, "up"])

    def _furnish_control(self):
        root = self.control.root
        key = root / "etc/munge/munge.key"
        key.unlink(missing_ok=True)
        key.write_bytes(self.munge_key)
        key.chmod(0o400)
        shutil.copy(HERE / "slurm.conf", root / "etc/slurm/slurm.conf")
        run(["chroot", root, "chown", "munge:munge", "/etc/munge/munge.key"])
        run(["chroot", root, "systemctl", "enable", "--quiet", "munge", "slurmctld"])

    def _furnish_node(self):
        root = self.node.root
        (root / "etc/munge/munge.key").unlink(missing_ok=True)
        directory = root / "etc/systemd/system/slurmd.service.d"
        directory.mkdir(parents=True)
        (directory / "test.conf").write_text(NODE_SLURMD)
        key, bundle = self.scratch / "key", self.scratch / "bundle"
        program = self.binaries / "compute-init"
        run([program, "keygen", "-o", f"{key}.pem"])
        run([program, "build", REPOSITORY / "templates/compute-init.yml", "--key", f"{key}.pem", "-o", bundle])
        run([program, "install", "--root", root, "--trust", f"{key}.pub.pem", bundle])
        (root / "etc/compute-init/config.yaml").write_text(CONFIG)
        meta = {"compute": "true", "etc_hosts": "true", "resolv_conf": "true", "basic_users": "true"}
        (root / "etc/compute-init/metadata.json").write_text(json.dumps({"uuid": "1", "name": "node1", "meta": meta}))

    def hostvars(self):
        """What the inventory says of the node."""
        return {
            "inventory_hostname": "node1",
            "group_names": ["compute"],
            "groups": {"all": ["control", "node1"], "compute": ["node1"], "control": ["control"]},
            "resolv_conf_nameservers": ["192.0.2.53"],
            "openhpc_slurm_control_host": "{{ groups['control'] | first }}",
            "vault_openhpc_mungekey": base64.b64encode(self.munge_key).decode(),
            "basic_users_users": [{"name": "alice", "uid": 2001, "home": "/tmp"}],
        }

    def write_export(self, **changes):
        """The export that the control node serves, with changes of the node's variables."""
        directory = self.export / "hostvars/node1"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hostvars.yml").write_text(json.dumps({**self.hostvars(), **changes}, indent=1))
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in ADDRESS.items())]
        (self.export / "hosts").write_text("\n".join(lines) + "\n")

    def write_signed(self, **changes):
        """The same as a generation, signed, with the secrets sealed to the node; its key and the node's identity."""
        work = self.scratch / "site"
        key, identities = work / "export.key", work / "identities"
        program = self.binaries / "compute-init"
        if not work.exists():
            (work / "inventory/host_vars").mkdir(parents=True)
            (work / "files").mkdir()
            (work / "inventory/hosts").write_text("[control]\ncontrol\n[compute]\nnode1\n")
            run([program, "keygen", "-q", "-o", key])
            run([program, "enrol", "-q", "-i", work / "inventory", "-l", "compute", "--identities", identities,
                 "--recipients", work / "recipients"])
        own = {n: v for n, v in self.hostvars().items() if n not in ("inventory_hostname", "group_names", "groups")}
        (work / "inventory/host_vars/node1.json").write_text(json.dumps({**own, **changes}, indent=1))
        shutil.copy(self.export / "hosts", work / "files/hosts")
        said = run([program, "export", "--json", "-i", work / "inventory", "-l", "compute", "--dest", self.export, "--key", key,
                    "--recipients", work / "recipients", "--files", work / "files"])
        return json.loads(said)["written"]["generation"]["serial"], key, identities / "node1"

    def write_source(self, machine, playbook):
        """What whoever works on roles has on a machine: programs, the site's key, another key, a playbook."""
        home = machine.root / "root"
        for name in ("compute-init", "compute-init-boot"):
            if not (home / name).exists():
                shutil.copy(self.binaries / name, home / name)
        if not (home / "site.key").exists():
            shutil.copy(f"{self.scratch}/key.pem", home / "site.key")
            run([self.binaries / "compute-init", "keygen", "-q", "-o", home / "other.key"])
        (home / "site.yml").write_text(playbook)

    def clock(self):
        return time.monotonic() - self.started

    def until(self, what, holds):
        """Waits, within bounds, until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not (last := holds()):
            if time.monotonic() > deadline:
                raise Unmet(f"{what}: not within {PATIENCE:.0f} s")
            time.sleep(0.2)
        return last

    def keep_logs(self):
        """Copies what tells why a case failed out of the scratch directory."""
        kept = CACHE / "nspawn" / f"logs-{os.getpid()}"
        kept.mkdir(parents=True, exist_ok=True)
        for machine in self.machines:
            for name, argv in {
                "journal": ["journalctl", "--no-pager", "-o", "short-monotonic"],
                "slurm": ["sh", "-c", "cat /var/log/slurm/*.log; sinfo -R; scontrol show node"],
                "status": ["sh", "-c", "cat /run/compute-init/status.json; systemctl status --no-pager compute-init"],
            }.items():
                (kept / f"{machine.name}.{name}").write_text(machine.says(*argv))
            shutil.copy(self.scratch / f"{machine.name}.console", kept / f"{machine.name}.console")
        return kept

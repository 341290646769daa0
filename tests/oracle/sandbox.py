"""Copies of one Debian root, each in its own namespaces, and what was done in them.

A sandbox is an overlay over the prepared root: its upper directory holds all that changed. Nothing here knows which
side (Ansible or compute-init) runs in it.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("COMPUTE_INIT_CACHE", REPOSITORY / "build"))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Real programs whose calls are recorded.
WRAPPED = (
    "useradd usermod userdel groupadd groupmod groupdel chage chpasswd visudo".split()
)
# How long one boot may take on a busy machine.
DEADLINE = 300

PREPARE = r"""
set -eu
systemctl disable --quiet munge slurmd slurmctld ssh 2> /dev/null
# As on the RHEL family, where most sites run: no SysV scripts beside the units. With them, every `enable` of Debian's
# systemctl starts perl twice, some 30 ms that tell nothing of either side (tests/nspawn has them).
rm -f /etc/init.d/munge /etc/init.d/slurmd /etc/init.d/slurmctld /etc/rc?.d/*munge /etc/rc?.d/*slurmd /etc/rc?.d/*slurmctld
rm -f /etc/resolv.conf /etc/munge/munge.key
echo bl-compute-0 > /etc/hostname
printf '127.0.0.1 localhost\n' > /etc/hosts
echo '/dev/vda1 / ext4 defaults 0 1' > /etc/fstab
groupadd -g 2007 carol
useradd -M -u 2007 -g 2007 carol
mkdir -p /oracle /etc/NetworkManager /etc/cvmfs
printf '[Service]\nExecStart=/usr/sbin/NetworkManager\n[Install]\nWantedBy=multi-user.target\n' > /lib/systemd/system/NetworkManager.service
"""


def tool(name):
    """The path that a script of tests/tools prints."""
    return subprocess.run([REPOSITORY / "tests/tools" / name], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def base():
    """The prepared root: unpacked, with stand-ins in place of what cannot run in a sandbox."""
    tar = pathlib.Path(tool("rootfs"))
    digest = hashlib.sha256(PREPARE.encode() + pathlib.Path(__file__).read_bytes() + tar.name.encode())
    for standin in sorted((HERE / "standins").iterdir()):
        digest.update(standin.read_bytes())
    root = CACHE / "oracle" / f"base-{digest.hexdigest()[:12]}"
    if root.exists():
        return root
    part = root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["tar", "--numeric-owner", "-xf", tar, "-C", part], check=True)
    subprocess.run(["chroot", part, "/usr/bin/env", "-i", f"PATH={PATH}", "sh", "-c", PREPARE], check=True)
    _install_standins(part)
    part.rename(root)
    return root


def _install_standins(root):
    real = root / "usr/lib/oracle/real"
    real.mkdir(parents=True)
    standins = HERE / "standins"
    shutil.copy(standins / "record", root / "usr/lib/oracle/record")
    places = {name: f"usr/bin/{name}" for name in "systemctl mount umount stat loginctl".split()}
    for name, place in places.items():
        (root / place).rename(real / name)
        shutil.copy(standins / name, root / place)
    for name in WRAPPED:
        place = next(p for p in (root / "usr/sbin" / name, root / "usr/bin" / name) if p.exists())
        place.rename(real / name)
        shutil.copy(standins / "wrapped", place)
    for place in ("usr/bin/cvmfs_config", "usr/sbin/NetworkManager"):
        shutil.copy(standins / "recorded", root / place)
    for name in ("scontrol", "sinfo"):
        (root / "usr/bin" / name).unlink(missing_ok=True)
        shutil.copy(standins / "recorded", root / "usr/bin" / name)


class Sandbox:
    """One copy of the root. Use it as a context manager; leaving it ends every process in it."""

    def __init__(self, root, ansible, hostname="bl-compute-0"):
        self.base = root
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else CACHE
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="oracle.", dir=where))
        self.upper = self.scratch / "upper"
        self.shared = self.scratch / "shared"
        arguments = [root, self.scratch, REPOSITORY, ansible, hostname]
        self.process = subprocess.Popen(
            "unshare --mount --pid --fork --uts --ipc --net --kill-child".split()
            + [HERE / "holder", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline() != "ready\n":
            raise SystemExit("oracle: the sandbox did not come up (root and overlayfs are needed)")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self.pid = children.split()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def run(self, argv, env=None, stdin=None):
        """Runs a command in the sandbox; gives its completed process, with output as text."""
        setting = {"PATH": PATH, "HOME": "/oracle/home", "LANG": "C.UTF-8", **(env or {})}
        return subprocess.run(
            ["nsenter", "-t", self.pid, "-m", "-p", "-u", "-i", "-n", "chroot", self.scratch / "root"]
            + ["/usr/bin/env", "-i", *(f"{k}={v}" for k, v in setting.items()), *argv],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=DEADLINE,
        )

    def shell(self, script):
        """Runs a shell script that must succeed."""
        done = self.run(["sh", "-euc", script])
        if done.returncode:
            raise SystemExit(f"oracle: preparing the sandbox failed: {done.stdout}")
        return done.stdout

    def unrecorded(self):
        """Puts the real programs back in place of the shells that record their calls, for whoever measures."""
        self.shell("for p in %s; do real=/usr/lib/oracle/real; $real/mount --bind $real/$p $(command -v $p); done" % " ".join(WRAPPED))

    def commands(self):
        """The commands recorded since the last call, as lists of arguments."""
        text = self.shell("cat /run/oracle/commands 2> /dev/null || true; rm -f /run/oracle/commands")
        return [record.split("\x1f")[:-1] for record in text.split("\x1e") if record]

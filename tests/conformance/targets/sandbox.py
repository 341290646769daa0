"""One target in one sandbox that is thrown away: an overlay over the root, in namespaces of its own."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import sources

SUITES = {
    "core": "src/ansible/test/integration",
    "posix": "src/ac/ansible_collections/ansible/posix/tests/integration",
}
# Targets that need services, and those that need block devices.
BOOTED = {"service", "service_facts", "systemd", "hostname", "cron", "sysctl"}
LOOPED = {"mount", "filesystem"}
# Parts that need the Internet or another distribution: they are empty for both sides.
EMPTIED = {"unarchive": ["tasks/test_download.yml", "tasks/test_different_language_var.yml"]}
PATH = "/shim/bin:/src/ansible/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {
    "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "TERM": "dumb", "LC_ALL": "en_US.UTF-8",
    "PATH": PATH + ":/src/ansible/test/lib/ansible_test/_util/target/injector", "PYTHONPATH": "/src/ansible/lib",
    "PAGER": "/bin/cat", "OUTPUT_DIR": "/ci/out", "PYTHONDONTWRITEBYTECODE": "1",
    "ANSIBLE_CONFIG": "/ci/ansible.cfg", "ANSIBLE_INVENTORY": "/dev/null", "ANSIBLE_FORCE_COLOR": "false",
    "ANSIBLE_FORCE_HANDLERS": "true", "ANSIBLE_HOST_PATTERN_MISMATCH": "error", "ANSIBLE_HOST_KEY_CHECKING": "false",
    "ANSIBLE_DEPRECATION_WARNINGS": "false", "ANSIBLE_DEVEL_WARNING": "false", "ANSIBLE_RETRY_FILES_ENABLED": "false",
    "ANSIBLE_PYTHON_INTERPRETER": "/set/ansible_python_interpreter/in/inventory",
    "ANSIBLE_TEST_PYTHON_INTERPRETER": "/usr/bin/python3", "ANSIBLE_TEST_PYTHON_VERSION": "3.11",
    "PIP_BREAK_SYSTEM_PACKAGES": "1", "ANSIBLE_TEST_CI": "", "ANSIBLE_TEST_COVERAGE": "",
}
INVENTORY = (
    "[testgroup]\n"
    'testhost ansible_connection="local" ansible_pipelining="yes" ansible_python_interpreter="/usr/bin/python3"\n'
)
SHIM = "#!/bin/sh\nexec /shim/compute-init apply \"$@\"\n"
ANSIBLE = "#!/bin/sh\nexec /src/ansible/bin/ansible-playbook \"$@\"\n"
UNIT = """[Unit]
After=basic.target dbus.socket
Requires=basic.target
Wants=dbus.socket
[Service]
Type=oneshot
TimeoutStartSec=infinity
ExecStart=/bin/bash /ci/run.sh
StandardOutput=file:/ci/console.log
StandardError=file:/ci/console.log
StandardInput=null
"""


@dataclasses.dataclass
class Result:
    """How a target ended, and all that it printed."""

    rc: int
    log: str


class Target:
    """A target of a suite, as the source distribution has it."""

    def __init__(self, suite, name, soft=False):
        self.suite, self.name, self.home, self.soft = suite, name, SUITES[suite], soft
        self.directory = sources.layer() / self.home / "targets" / name
        if not self.directory.is_dir():
            raise SystemExit(f"no target {name} in the suite {suite}")

    def aliases(self):
        file = self.directory / "aliases"
        lines = file.read_text().splitlines() if file.exists() else []
        return [word for word in (line.split("#")[0].strip() for line in lines) if word]

    def setups(self):
        names = [a.split("/")[2] for a in self.aliases() if a.startswith(("setup/always/", "setup/once/"))]
        return [Target(self.suite, name) for name in names]

    def is_script(self):
        return (self.directory / "runme.sh").exists()

    def steps(self, upper, deadline):
        """Shell lines that run it; a role gets the play that ansible-test makes for it."""
        home = "/" + self.home
        lines = ["rm -rf /ci/out; mkdir -p /ci/out"]
        if self.is_script():
            lines += [
                f"export ANSIBLE_PLAYBOOK_DIR={home}/targets/{self.name}; cd $ANSIBLE_PLAYBOOK_DIR",
                f"timeout -k 5 {deadline} ./runme.sh -v",
            ]
        else:
            gather = not any("gather_facts/no" in a for a in self.aliases())
            play = {"hosts": "testhost", "gather_facts": gather, "vars": {"output_dir": "/ci/out"}, "roles": [self.name]}
            play |= {"ignore_errors": True} if self.soft else {}
            playbook = f"target-{self.name}.yml"
            (upper / self.home / playbook).write_text(json.dumps([play], indent=1))
            lines += [
                f"export ANSIBLE_PLAYBOOK_DIR={home} ANSIBLE_ROLES_PATH={home}/targets; cd {home}",
                f"timeout -k 5 {deadline} ansible-playbook {playbook} -i inventory -v",
            ]
        return lines + ["rc=$?; cd /; unset ANSIBLE_ROLES_PATH ANSIBLE_PLAYBOOK_DIR"]


def _environment(suite):
    env = dict(ENVIRONMENT, INVENTORY_PATH=f"/{SUITES[suite]}/inventory")
    support = "/src/ansible/test/support/integration"
    if suite == "core":
        env["ANSIBLE_LIBRARY"] = support + "/plugins/modules"
        env["ANSIBLE_FILTER_PLUGINS"] = support + "/plugins/filter"
    else:
        env["ANSIBLE_COLLECTIONS_PATH"] = "/src/ac"
    return env


def _script(target, upper, deadline):
    """What the sandbox runs: the environment, the targets that prepare it, the target, its exit code."""
    env = _environment(target.suite)
    lines = ["#!/bin/bash", "cd /; umask 022"] + [f"export {k}='{v}'" for k, v in env.items()]
    lines += ["echo 'nameserver 127.0.0.1' > /etc/resolv.conf"]
    lines += ["mkdir -p -m 700 /root/.ssh", "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519"]
    lines += ["cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys"]
    if any("needs/ssh" in alias for alias in target.aliases()):
        lines += ["/usr/sbin/sshd > /dev/null 2>&1"]
    for setup in target.setups():
        lines += setup.steps(upper, deadline)
        lines += [f"[ $rc = 0 ] || {{ echo 'the setup {setup.name} failed'; echo $rc > /ci/rc; exit $rc; }}"]
    end = "sync; systemctl poweroff --force --force" if target.name in BOOTED else "kill -9 -1 2> /dev/null"
    return "\n".join(lines + target.steps(upper, deadline) + ["echo $rc > /ci/rc", end, "exit $rc"]) + "\n"


def _prepare(target, upper, binary, deadline):
    """What lies above the root: the shim, the executor, the inventory, the script."""
    (upper / "ci").mkdir(parents=True)
    (upper / "ci").chmod(0o777)
    (upper / "ci/ansible.cfg").write_text("")
    (upper / "shim/bin").mkdir(parents=True)
    if binary:
        shutil.copy(binary, upper / "shim/compute-init")
    shim = upper / "shim/bin/ansible-playbook"
    shim.write_text(SHIM if binary else ANSIBLE)
    shim.chmod(0o755)
    for python in ("python", "python3"):
        (upper / "shim/bin" / python).symlink_to("/usr/bin/python3")
    home = upper / target.home
    home.mkdir(parents=True)
    (home / "inventory").write_text(INVENTORY)
    for emptied in EMPTIED.get(target.name, []):
        file = home / "targets" / target.name / emptied
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[]\n")
    if target.name in BOOTED:
        units = upper / "etc/systemd/system"
        units.mkdir(parents=True)
        (units / "target-run.service").write_text(UNIT)
    (upper / "ci/run.sh").write_text(_script(target, upper, deadline))


def run(target, binary, deadline):
    """Runs the target with `compute-init apply` in ansible-playbook's place; without a binary with Ansible itself."""
    runs = sources.CACHE / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    base = pathlib.Path(tempfile.mkdtemp(prefix=target.name + "-", dir=runs))
    try:
        upper, work, root = base / "upper", base / "work", base / "root"
        for directory in (upper, work, root):
            directory.mkdir()
        _prepare(target, upper, binary, deadline)
        layers = f"{sources.layer()}:{sources.root()}"
        init = pathlib.Path(__file__).with_name("init")
        mount = 'mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4" && exec "$5" "$4"'
        command = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--net", "--cgroup", "--kill-child"]
        command += ["bash", "-c", mount, "sandbox", layers, upper, work, root, init]
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        env |= {"TARGET_BOOT": "1"} if target.name in BOOTED else {}
        env |= {"TARGET_LOOP": "1"} if target.name in LOOPED else {}
        # A pipe, for a target that opens /dev/stderr would truncate a file.
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        limit = deadline * (1 + len(target.setups())) + 30
        try:
            output = subprocess.run(command, env=env, timeout=limit, check=False, **streams).stdout
        except subprocess.TimeoutExpired as late:
            output = late.output or b""
        console = upper / "ci/console.log"
        text = console.read_text(errors="replace") if console.exists() else output.decode(errors="replace")
        rc = upper / "ci/rc"
        return Result(int(rc.read_text()) if rc.exists() and rc.read_text().strip() else -1, text)
    finally:
        shutil.rmtree(base, ignore_errors=True)

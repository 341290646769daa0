"""Our side: the shipped playbook built, signed, installed and booted by compute-init."""

import json
import shutil
import time

import sides
import trees


# Slurm as the resume stage meets it on a good day: the node is idle. It is bound over the recorded stand-in. The time is
# when the bundle was installed: a `date` here would be counted as a command of the boot.
SCONTROL = """#!/bin/sh
. /usr/lib/oracle/record
record scontrol "$@"
for name; do :; done
[ "$1" = -o ] && echo "NodeName=$name State=IDLE BootTime=2026-01-01T00:00:00 SlurmdStartTime=@NOW@ Reason="
exit 0
"""


def install(box, binaries, playbook):
    """Builds a playbook into a signed bundle and installs executor, bundle and key in the sandbox."""
    (box.shared / "bin").mkdir(exist_ok=True)
    (box.shared / "bin/scontrol").write_text(SCONTROL.replace("@NOW@", time.strftime("%FT%T", time.gmtime())))
    (box.shared / "bin/scontrol").chmod(0o755)
    box.shell("/usr/lib/oracle/real/mount --bind /oracle/bin/scontrol /usr/bin/scontrol")
    for name in ("compute-init", "compute-init-boot"):
        if not (binaries / name).exists():
            raise SystemExit(f"oracle: {binaries / name} is missing: cargo build --release, or give --binaries")
        shutil.copy(binaries / name, box.shared / "bin" / name)
    for argv in (
        "compute-init keygen -o /oracle/key.pem",
        f"compute-init build /oracle/repository/{playbook} --key /oracle/key.pem -o /oracle/bundle",
        "compute-init install --root / --trust /oracle/key.pub.pem /oracle/bundle",
    ):
        done = box.run(argv.replace("compute-init ", "/oracle/bin/compute-init ", 1).split())
        if done.returncode:
            raise SystemExit(f"oracle: {argv}: {done.stdout}")


def sources(cluster):
    """Where the executor finds metadata and export: given to the shipped playbook, fetched by any other."""
    if cluster.playbook != sides.SHIPPED:
        return []
    return ["--metadata", "/oracle/metadata/openstack/latest/meta_data.json", "--export", "/oracle/export"]


def boot(box, cluster):
    """The installed executor, on the same export."""
    cluster.write(box.shared)
    started = time.monotonic()
    done = box.run(["/oracle/bin/compute-init-boot", *sources(cluster)])
    seconds = time.monotonic() - started
    if told := [name for name, secret in secrets(cluster).items() if secret in done.stdout]:
        return sides.Boot(False, -1, f"the output tells {', '.join(told)}", seconds)
    status = json.loads(box.shell("cat /run/compute-init/status.json 2> /dev/null || echo '{}'"))
    state = status.get("state")
    changes = status.get("recap", {}).get("changed", 0 if state == "not-compute" else -1)
    return sides.Boot(state in ("ready", "not-compute"), changes, done.stdout, seconds)


def look(box, cluster):
    """A dry run before the boot: gives problems where it changes the root, runs a command that acts, or tells a secret."""
    before, _ = trees.Tree.of(box), box.commands()
    cluster.write(box.shared)
    done = box.run(["/oracle/bin/compute-init-boot", "--check", "--diff", *sources(cluster)])
    after = trees.Tree.of(box)
    problems = [f"--check changed /{path}" for path, _ in trees.compare(before, after, box.base)]
    problems += [f"--check ran {' '.join(c)}" for c in box.commands() if c[0] not in ("scontrol", "sinfo") and c[1:] != ["--help"]]
    problems += [f"--check --diff tells {name}" for name, secret in secrets(cluster).items() if secret in done.stdout]
    return problems


def secrets(cluster):
    """Texts that no output may hold."""
    found = {"the munge key": cluster.hostvars.get("vault_openhpc_mungekey", "")[:60].strip()}
    for user in cluster.hostvars["basic_users_users"]:
        found[f"the password of {user['name']}"] = user.get("password", "")
    for line in (cluster.export / "manila_share_info.yml").read_text().splitlines():
        if "access_key:" in line:
            found["a share's key"] = line.split("access_key:")[1].strip()
    return {name: secret for name, secret in found.items() if len(secret) > 8}

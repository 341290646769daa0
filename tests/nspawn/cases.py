"""What must happen, in the order in which it happens: each case builds on the state that the one before left."""

import json
import shutil

import lab
from lab import Unmet


def check(holds, message):
    if not holds:
        raise Unmet(message)


def slurm(cluster, field="%T"):
    return cluster.control.says("sinfo", "-h", "-n", "node1", "-o", field)


def reason(cluster):
    return cluster.control.says("sinfo", "-R", "-h", "-o", "%E").strip()


def until_idle(cluster):
    cluster.until("the node is idle in sinfo", lambda: slurm(cluster) == "idle")


def status(cluster):
    return json.loads(cluster.node.says("cat", "/run/compute-init/status.json"))


def until_ended(cluster, state):
    """Waits until the boot's unit is done, and holds it to a state."""
    cluster.until(
        "compute-init.service ends",
        lambda: cluster.node.says("systemctl", "show", "-P", "ActiveState", "compute-init") in ("active", "inactive", "failed")
        and cluster.node.says("sh", "-c", "cat /run/compute-init/status.json 2>/dev/null").startswith("{")
        and status(cluster)["state"] != "running",
    )
    found = status(cluster)
    check(found["state"] == state, f"the boot ended as {found['state']} ({found['message']}), not {state}")
    return found


def job_runs(cluster):
    output = cluster.control.run("timeout", "60", "srun", "-Q", "-N1", "hostname", timeout=90)
    check(output.returncode == 0 and output.stdout.strip() == "node1", f"srun hostname: {output.stdout}")


def ssh_lets_in(cluster):
    """An administrator logs in from the control node, through sshd and PAM."""
    argv = ["ssh", "-i", "/etc/ssh/keys/id", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    argv += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-q", "admin@10.77.0.2", "hostname"]
    cluster.until("ssh lets an administrator in", lambda: cluster.control.says(*argv) == "node1")


def first_boot_ends_idle(cluster):
    cluster.control.start()
    cluster.until("slurmctld answers", lambda: "UP" in cluster.control.says("scontrol", "ping"))
    cluster.node.start()
    cluster.node.wait_up()
    found = until_ended(cluster, "ready")
    check(found["recap"]["changed"] > 5, f"a first boot changes things, this one {found['recap']}")
    until_idle(cluster)
    job_runs(cluster)
    ssh_lets_in(cluster)
    check(cluster.node.says("id", "-u", "alice") == "2001", "alice has not the uid 2001")


def held_down(cluster):
    """How often Slurm has held the node down for having rebooted by itself."""
    return cluster.control.says("cat", "/var/log/slurm/slurmctld.log").count("unexpectedly rebooted")


def reboot_comes_back(cluster):
    """Every reboot ends idle. Slurm tells a reboot by whole seconds since it last heard of the node, which a ping can
    spoil in a machine that boots in two: so it is rebooted until Slurm held it down once."""
    before = held_down(cluster)
    for _ in range(6):
        cluster.node.reboot()
        found = until_ended(cluster, "ready")
        check(found["recap"]["changed"] == 0, f"a second boot changes nothing, this one {found['recap']}")
        until_idle(cluster)
        if held_down(cluster) > before:
            break
    else:
        raise lab.Unmet("Slurm never held the node down, so nothing was proved")
    job_runs(cluster)


def administrators_drain_stays(cluster):
    cluster.control.run("scontrol", "update", "nodename=node1", "state=drain", "reason=disk swap")
    cluster.node.reboot()
    until_ended(cluster, "ready")
    cluster.until("slurmd runs", lambda: cluster.node.says("systemctl", "is-active", "slurmd") == "active")
    # Whatever would undo the drain has had its time once the node has registered.
    cluster.until("the node has registered", lambda: "*" not in slurm(cluster, "%t"))
    check("drain" in slurm(cluster), f"the drained node is {slurm(cluster)}")
    check(reason(cluster) == "disk swap", f"the reason is now {reason(cluster)!r}")
    cluster.control.run("scontrol", "update", "nodename=node1", "state=resume")
    until_idle(cluster)


def failing_task_drains(cluster):
    cluster.write_export(basic_users_users=[{"name": "mallory", "uid": 42}])
    cluster.node.reboot()
    found = until_ended(cluster, "failed")
    check("mallory" in found["message"], f"the message names nobody: {found['message']}")
    check(cluster.node.says("systemctl", "is-failed", "compute-init") == "failed", "the unit is not failed")
    cluster.until("the node is drained", lambda: "drain" in slurm(cluster))
    said = reason(cluster)
    check("basic_users" in said and "Check that no user has a uid of the system" in said, f"the reason is {said!r}")
    ssh_lets_in(cluster)
    check(cluster.node.says("systemctl", "is-active", "multi-user.target") == "active", "the login does not come up")


def repair_and_restart(cluster):
    """What operators do today: remove the sentinel, restart the unit by its old name."""
    cluster.write_export()
    done = cluster.node.run("sh", "-c", "rm -f /var/lib/ansible-init.done && systemctl restart ansible-init", timeout=lab.PATIENCE)
    check(done.returncode == 0, f"restarting ansible-init: {done.stdout}")
    until_ended(cluster, "ready")
    until_idle(cluster)
    check(cluster.node.says("ls", "/var/lib/ansible-init.done") == "/var/lib/ansible-init.done", "no sentinel is written")


def broken_munge_key_leaves_the_login(cluster):
    """What the operator pasted is no base64: the boot fails before Slurm, and somebody must be able to look."""
    cluster.write_export(vault_openhpc_mungekey="not base64 !")
    cluster.node.reboot()
    until_ended(cluster, "failed")
    ssh_lets_in(cluster)


FAKE = """- hosts: all
  gather_facts: false
  tasks:
    - name: Leave a note
      ansible.builtin.copy: {content: "%s\\n", dest: /etc/note, mode: "0644"}
"""


def fake_build_through_slurm(cluster):
    """From the control node to all nodes of an allocation: sbcast, srun, the unit's journal, each node's status; and back."""
    before = status(cluster)["bundle"]

    def fake(*more):
        argv = ["salloc", "-Q", "-w", "node1", "/root/compute-init", "build", "--fake-build", "--via", "slurm"]
        return cluster.control.run(*argv, *more, timeout=lab.PATIENCE)

    def note():
        return cluster.node.says("sh", "-c", "cat /etc/note")

    cluster.write_source(cluster.control, FAKE % "through Slurm")
    done = fake("/root/site.yml", "--key", "/root/site.key")
    check(done.returncode == 0 and note() == "through Slurm", f"the fake build ended with {done.returncode}: {done.stdout}")
    check("node1: " in done.stdout and "changed  Leave a note" in done.stdout, f"the journal was not shown: {done.stdout}")
    check(status(cluster)["bundle"] != before, "the node has the bundle that it had")
    check(cluster.node.says("sh", "-c", "ls -d /tmp/compute-init* 2>/dev/null") == "", "a parcel was left")
    # A bundle that the node does not trust changes nothing there.
    cluster.write_source(cluster.control, FAKE % "by a stranger")
    done = fake("/root/site.yml", "--key", "/root/other.key")
    check(done.returncode == 5 and "[B10]" in done.stdout, f"a stranger's bundle ended with {done.returncode}: {done.stdout}")
    check(note() == "through Slurm", f"a stranger wrote {note()}")
    done = fake("--undo")
    check(done.returncode == 0 and status(cluster)["bundle"] == before, f"undoing ended with {done.returncode}: {done.stdout}")
    until_idle(cluster)


def fake_build_on_the_node(cluster):
    """On the machine itself: the unit is restarted, its journal shown, and the command exits as the boot did."""
    def fake(*more):
        return cluster.node.run("env", "HOME=/root", "/root/compute-init", "build", "--fake-build", *more, timeout=lab.PATIENCE)

    cluster.write_source(cluster.node, FAKE % "here")
    done = fake("/root/site.yml", "--key", "/root/site.key")
    check(done.returncode == 0 and cluster.node.says("cat", "/etc/note") == "here", f"it ended with {done.returncode}: {done.stdout}")
    check("changed  Leave a note" in done.stdout, f"the journal was not shown: {done.stdout}")
    # Nobody asked whether a site's node is to trust a developer's key.
    done = fake("/root/site.yml")
    check(done.returncode == 1 and "--trust-development" in done.stdout, f"a developer's key ended with {done.returncode}: {done.stdout}")
    cluster.write_source(cluster.node, FAKE.replace("ansible.builtin.copy: {", "ansible.builtin.fail: {msg: on purpose} #") % "")
    done = fake("/root/site.yml", "--key", "/root/site.key")
    check(done.returncode == 3 and "on purpose" in done.stdout, f"a failing boot ended with {done.returncode}: {done.stdout}")
    done = fake("--undo")
    check(done.returncode == 0 and "ready" in done.stdout, f"undoing ended with {done.returncode}: {done.stdout}")
    # The shipped roles again, by the name of no source.
    done = fake("--key", "/root/site.key")
    check(done.returncode == 0, f"the shipped roles ended with {done.returncode}: {done.stdout}")
    until_idle(cluster)


CREDENTIAL = """[Service]
LoadCredentialEncrypted=compute-init.identity:/etc/compute-init/identity.cred
"""


def reported(cluster):
    """The node in the control node's table."""
    said = cluster.control.says("/root/compute-init", "nodes", "--json", "--dest", "/cluster", "--key", "/root/export.key")
    return json.loads(said)["nodes"][0]


def credential_opens_the_export_and_the_node_reports(cluster):
    """A signed export, an identity that only this machine's systemd can decrypt, and the report that Slurm keeps."""
    serial, key, identity = cluster.write_signed()
    cluster.write_source(cluster.control, FAKE % "")
    shutil.copy(key, cluster.control.root / "root/export.key")
    root = cluster.node.root
    (root / "etc/compute-init/trust.d/export").mkdir(parents=True, exist_ok=True)
    shutil.copy(f"{key.with_suffix('')}.pub.pem", root / "etc/compute-init/trust.d/export/site.pem")
    with open(root / "etc/compute-init/config.yaml", "a") as config:
        config.write("report: comment\n")
    # Without an identity the sealed part stays shut, and the boot says so.
    cluster.node.reboot()
    found = until_ended(cluster, "refused")
    check("identity" in found["message"], f"the message is {found['message']!r}")
    # The plain identity is only ever in memory there; what stays on the disk is sealed to the machine.
    shutil.copy(identity, root / "root/identity")
    sealed = cluster.node.run("systemd-creds", "encrypt", "--with-key=host", "--name=compute-init.identity",
                              "/root/identity", "/etc/compute-init/identity.cred")
    check(sealed.returncode == 0, f"systemd-creds: {sealed.stdout}")
    (root / "root/identity").unlink()
    check(identity.read_text().strip() not in (root / "etc/compute-init/identity.cred").read_text(), "the credential is plain")
    directory = root / "etc/systemd/system/compute-init.service.d"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "identity.conf").write_text(CREDENTIAL)
    cluster.node.reboot()
    until_ended(cluster, "ready")
    until_idle(cluster)
    cluster.until("the report is in Slurm", lambda: reported(cluster)["report"])
    node = reported(cluster)
    report = node["report"]
    check((report["serial"], report["state"], report["genuine"]) == (serial, "ready", True), f"the report is {report}")
    check(node["state"] == "idle", f"Slurm's state of the node is {node['state']!r}")
    # Somebody else's word is shown as such.
    word = next(w for w in cluster.control.says("scontrol", "-o", "show", "node", "node1").split() if w.startswith("Comment="))
    forged = word.removeprefix("Comment=").replace(":ready:", ":failed:")
    cluster.control.run("scontrol", "update", "nodename=node1", f"comment={forged}")
    report = reported(cluster)["report"]
    check((report["state"], report["genuine"]) == ("failed", False), f"a forged report is shown as {report}")
    # The next boot replaces it, and tells the newer generation.
    newer, *_ = cluster.write_signed(resolv_conf_nameservers=["192.0.2.54"])
    check(newer > serial, f"serial {newer} after {serial}")
    cluster.node.reboot()
    until_ended(cluster, "ready")
    cluster.until("the next report is in Slurm", lambda: reported(cluster)["report"]["serial"] == newer)
    check(reported(cluster)["report"]["genuine"] is True, "the next report is not the node's own")


CASES = [
    first_boot_ends_idle,
    reboot_comes_back,
    administrators_drain_stays,
    failing_task_drains,
    repair_and_restart,
    fake_build_through_slurm,
    fake_build_on_the_node,
    broken_munge_key_leaves_the_login,
    credential_opens_the_export_and_the_node_reports,
]

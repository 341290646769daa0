"""What must happen, one function a scenario: each starts from fresh disks and depends on no other."""

import json

import image
import lab as laboratory
from lab import check

# What a boot of compute-init may change, and its own state: equal before and after is untouched.
DIGEST = "find /etc /usr/libexec/compute-init /var/lib/compute-init/staged -type f -print0 | sort -z | xargs -0 cksum | cksum"
# What makes a second bundle another than the first.
SECOND = """
- name: Say that this is the second bundle
  ansible.builtin.copy:
    content: second
    dest: /etc/vm-second
    mode: "0644"
"""
# Power is cut while these are written, or at the latest while the boot waits after them: never when it is over.
FILES = 300
CUT = f"""
- name: Write many files
  ansible.builtin.copy:
    content: "{{{{ item }}}}{{{{ 'x' * 4000 }}}}"
    dest: "/etc/vm-cut-{{{{ item }}}}"
    mode: "0644"
  loop: "{{{{ range({FILES}) | list }}}}"

- name: Wait for the power to be cut
  ansible.builtin.command: /bin/sh -c 'if grep -q vm.cut /proc/cmdline; then sleep 3000; fi'
  changed_when: false
"""
# So that a retry need not be waited for two minutes.
SOON = {"etc/systemd/system/compute-init-retry.timer.d/test.conf": (0o644, b"[Timer]\nOnActiveSec=\nOnActiveSec=10s\nAccuracySec=1s\nRandomizedDelaySec=0\n")}
READY = "systemctl is-active compute-init; grep '\"state\"' /run/compute-init/status.json"
LOGIN = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o ConnectTimeout=30 -q"


def journal(lab):
    """What this boot's runs of the executor said."""
    return lab.node.says("journalctl -b -o cat --no-pager -u compute-init")


def both_up(lab):
    """Starts both guests at the same time."""
    lab.control.start()
    lab.node.start()
    lab.control.wait_up()
    lab.control_ready()
    lab.step("the control node serves")
    lab.node.wait_up()


def login_is_up(lab):
    """Somebody can look at the node, whatever became of it."""
    lab.node.until("ssh answers", f"ssh -i /etc/ssh/keys/id {LOGIN} admin@127.0.0.1 hostname", lambda said: said == "node1")
    check(lab.node.says("systemctl is-active multi-user.target") == "active", "multi-user.target is not reached")


def joins_by_itself(lab):
    """Some boot after the one that failed ends ready, and nobody starts it."""
    lab.node.until("the node is ready by itself", READY, lambda said: said.startswith("active") and '"ready"' in said)
    lab.joins()


def bundle_digest(lab):
    """The digest of the node's current bundle."""
    return lab.node.must("readlink /var/lib/compute-init/bundles/current").rpartition("/")[2]


def give(lab, *files):
    """Files of this machine that the node finds in /root."""
    for file in files:
        lab.node.seed[f"root/{file.name}"] = (0o600, file.read_bytes())


def first_boot(lab):
    """First boot over NFS 4.2, the node joins and works; then a reboot, after which it does so again."""
    both_up(lab)
    found = lab.joins()
    lab.step(f"the node has joined: {found['message']}")
    check("over NFS 4.2" in journal(lab), "the export was not mounted by NFS 4.2")
    check(found["recap"]["changed"] > 5, f"a first boot changes things, this one {found['recap']}")
    check(" nfs" not in lab.node.says("cat /proc/1/mounts"), "the export is still mounted")
    lab.ssh_lets_in()
    lab.figures()
    lab.node.reboot()
    found = lab.joins()
    check(found["recap"]["changed"] == 0, f"a second boot changes nothing, this one {found['recap']}")
    lab.step("the node has joined again")
    lab.figures()


def nfs3(lab):
    """The control node serves NFS 3 alone; the node has no mount.nfs, and its port mapper does not run."""
    lab.control.seed["etc/nfs.conf"] = (0o644, laboratory.NFS_CONF.format(v3="y", v4="n").encode())
    both_up(lab)
    check(not lab.node.says("ls /usr/sbin | grep mount.nfs"), "the node has the helper")
    lab.joins()
    check("over NFS 3" in journal(lab), f"the export was not mounted by NFS 3: {journal(lab)}")


def reboot(lab):
    """The node reboots without Slurm's leave, so Slurm holds it as unexpectedly rebooted: it is resumed, and works."""
    # Without signs of life that slurmctld asks for, none can come between the boot and the registration and hide the boot.
    text = (laboratory.REPOSITORY / "tests/nspawn/slurm.conf").read_text().replace("SlurmdTimeout=60", "SlurmdTimeout=0")
    lab.control.seed["etc/slurm/slurm.conf"] = (0o644, text.encode())
    both_up(lab)
    lab.joins()
    lab.step("the node has joined")
    # Slurm compares whole seconds: a reboot that it does not see is no fault of ours, and the next one shows more.
    for attempt in range(1, 6):
        lab.node.reboot()
        lab.joins()
        held = "resumed (reason: Node unexpectedly rebooted)" in journal(lab)
        lab.step(f"reboot {attempt}: the node has joined again, {'resumed' if held else 'not held by Slurm'}")
        if held:
            return
    check(False, "Slurm held the node after none of five reboots")


def control_late(lab):
    """The node boots before there is a control node: bounded, login up; once there is one it joins by itself."""
    lab.configure(mount="40s")
    lab.node.seed.update(SOON)
    lab.node.start()
    lab.node.wait_up()
    lab.node.until("the boot ends", "cat /run/compute-init/status.json", lambda said: '"unreachable"' in said)
    lab.step(f"without control node: {lab.status()['message']}")
    login_is_up(lab)
    lab.start_control()
    lab.control_ready()
    lab.step("the control node serves")
    joins_by_itself(lab)


def export_late(lab):
    """The control node does not export anything yet: exit 0, login up; once it exports, the node joins by itself."""
    lab.control.seed["etc/exports"] = (0o644, b"")
    lab.node.seed.update(SOON)
    lab.start_control()
    lab.control_ready()
    lab.step("the control node serves, but exports nothing")
    lab.node.start()
    lab.node.wait_up()
    found = lab.until_ended("unconfigured")
    lab.step(found["message"])
    check(lab.node.says("systemctl show -P ExecMainStatus compute-init") == "0", "the exit code is not 0")
    check(found["recap"]["changed"] == 0, "something was changed")
    login_is_up(lab)
    lab.control.must(f"echo '{laboratory.EXPORTS.strip()}' > /etc/exports && exportfs -ra")
    lab.step("the control node exports")
    joins_by_itself(lab)


def power_cut(lab):
    """Power is cut while tasks run; the boot after it makes the node whole, and it joins."""
    lab.tools.bundle("cut", tasks=CUT)
    lab.use_disk(lab.node, "node", "cut")
    lab.node.parameters = "vm.cut"
    both_up(lab)
    count = "ls /etc | grep -c ^vm-cut-"
    some = lab.node.until("tasks run", count, lambda said: said.isdigit() and int(said) >= FILES // 10)
    check(lab.status()["state"] == "running", f"the boot is over: {lab.status()}")
    lab.node.cut_power()
    lab.step(f"the power is cut after at least {some} of {FILES} files")
    lab.node.parameters = ""
    lab.node.start()
    lab.node.wait_up()
    lab.joins()
    torn = f"for n in $(seq 0 {FILES - 1}); do [ $(stat -c %s /etc/vm-cut-$n) = $((4000 + ${{#n}})) ] || echo $n; done"
    check(not lab.node.must(torn), "files are torn")
    left = lab.node.says("find /var/lib/compute-init -name '*.incoming' -o -name '.incoming' -o -name '*.part' | head")
    check(not left, f"half-written state is left: {left}")
    check(lab.node.says("id -u alice") == "2001", "alice has not the uid 2001")


def nfs_stops(lab):
    """The NFS server stops answering while the export is read: bounded, login up; the node joins once it answers."""
    lab.configure(stage="30s", mount="60s")
    lab.node.seed.update(SOON)
    for number in range(40):
        lab.control.seed[f"exports/cluster/cacerts/{number}.crt"] = (0o644, f"certificate {number} of 40\n".encode() * 80)
    cable = lab.lay_cable()
    cable.silence_at(b"certificate 20 of 40")
    lab.start_control()
    lab.control_ready()
    lab.node.start()
    lab.node.wait_up()

    # That it was mounted before tells that it fell silent in the middle.
    def gave_up(said):
        return "unreachable: " in said.partition("over NFS")[2]

    said = lab.node.until("a boot that reads gives up", "journalctl -b -o cat -u compute-init", gave_up)
    check(cable.silent.is_set(), f"the server did not fall silent: {said}")
    lab.step(next(line for line in said.partition("over NFS")[2].splitlines() if line.startswith("unreachable: ")))
    login_is_up(lab)
    # What waits for the server waits apart, and not for ever.
    lab.node.until("no process of ours hangs", "ps -eo stat,args | grep '[c]ompute-init-boot' | grep '^D'", lambda said: not said)
    cable.answer_again()
    lab.step("the server answers again")
    joins_by_itself(lab)


def tampered(lab):
    """A byte of the bundle is changed on the node: refused at the next boot, nothing changed, drained with the reason."""
    both_up(lab)
    lab.joins()
    lab.node.must("f=$(ls /var/lib/compute-init/bundles/current/blobs/sha256/* | head -n 1); printf '\\377' | dd of=$f bs=1 seek=9 conv=notrunc && sync")
    before = lab.node.must(DIGEST)
    lab.node.reboot()
    found = lab.until_ended("refused")
    lab.step(found["message"])
    check(lab.node.says("systemctl show -P ExecMainStatus compute-init") == "5", "the exit code is not 5")
    check(lab.node.must(DIGEST) == before, "something was changed")
    lab.control.until("the node is drained", "sinfo -h -n node1 -o %T", lambda said: "drain" in said)
    reason = lab.control.says("sinfo -R -h -o %E")
    check(reason.startswith("compute-init: ") and "refused" in reason, f"the reason is {reason!r}")
    lab.ssh_lets_in()
    lab.step(f"drained: {reason}")


def rotate_trust(lab):
    """A new signing key takes over: its bundle boots, and what the old key signed is refused from then on."""
    tools = lab.tools
    second = tools.bundle("second", key="next", tasks=SECOND)
    give(lab, second, tools.key("next")[1], tools.bundle())
    both_up(lab)
    lab.joins()
    code, said = lab.node.run("compute-init install --root / /root/second")
    check(code == 5, f"a bundle of a key that is not trusted yet: exit code {code}: {said}")
    lab.node.must("compute-init install --root / --trust /root/next.pub.pem /root/second", 120)
    lab.node.must("rm /etc/compute-init/trust.d/key.pub.pem")
    lab.node.reboot()
    found = lab.joins()
    check("next.pub.pem" in journal(lab), "the new key's bundle is not the one")
    check(lab.node.says("cat /etc/vm-second") == "second", f"the second bundle did not run: {found['recap']}")
    code, said = lab.node.run("compute-init install --root / /root/bundle")
    check(code == 5, f"a bundle of the key that is gone: exit code {code}: {said}")
    lab.step("the old key's bundle is refused")


def rollback(lab):
    """A new bundle boots; --rollback brings the one before back, and that boots."""
    second = lab.tools.bundle("second-same-key", tasks=SECOND)
    give(lab, second)
    both_up(lab)
    lab.joins()
    first = bundle_digest(lab)
    lab.node.must("compute-init install --root / /root/second-same-key", 120)
    lab.node.must("systemctl restart compute-init", 300)
    lab.joins()
    check(bundle_digest(lab) != first and lab.node.says("cat /etc/vm-second") == "second", "the new bundle did not run")
    lab.node.must("compute-init install --root / --rollback", 120)
    lab.node.reboot()
    lab.joins()
    check(bundle_digest(lab) == first, "the bundle is not the one before")


def stateless(lab):
    """A node whose image knows nothing of compute-init: the archive behind its initramfs carries it in, at every boot."""
    tools = lab.tools
    lab.use_disk(lab.node, "bare")
    lab.node.discards = True
    config = tools.scratch / "stateless.yaml"
    config.write_bytes(lab.node.seed.pop("etc/compute-init/config.yaml")[1])
    archive = tools.scratch / "compute-init.cpio"
    tools.program("initramfs", "-o", archive, "--trust", tools.key("key")[1], "--config", config, tools.bundle())
    lab.node.extra_ramdisk = archive.read_bytes()
    lab.start_control()
    lab.control_ready()
    for boot in ("first", "second"):
        lab.node.start()
        lab.node.wait_up()
        found = lab.joins()
        check(found["recap"]["changed"] > 0, f"the unit had nothing left to do: {found['recap']}")
        early = [line.split("compute-init: ", 1)[1] for line in lab.node.says("dmesg").splitlines() if "compute-init: " in line]
        check(any(line.startswith("bundle ") for line in early), f"the initramfs carried nothing: {early}")
        # Seconds count there, and where they are too few the unit does it all: both are right.
        applied = any(line.startswith("ready: ") for line in early)
        lab.step(f"{boot} boot: the node has joined, {'partly configured' if applied else 'not configured'} before its root started")
        lab.node.cut_power()


def config_drive(lab):
    """Metadata comes from an ISO 9660 image with the label config-2, on a second disk."""
    text = lab.node.seed.pop("etc/compute-init/metadata.json")[1]
    tree = lab.node.directory / "drive/openstack/latest"
    tree.mkdir(parents=True)
    (tree / "meta_data.json").write_bytes(text)
    drive = lab.node.directory / "drive.iso"
    image.kernel.output("genisoimage", "-quiet", "-V", "config-2", "-J", "-r", "-o", drive, lab.node.directory / "drive")
    lab.node.extra_disks.append(f"file={drive},readonly=on")
    both_up(lab)
    lab.joins()
    check("config drive" in journal(lab), "metadata did not come from the config drive")


def switches(lab):
    """SMBIOS names the metadata and the kernel's command line the export, where the configuration is wrong; then the switch off."""
    lab.metadata(control_address="10.77.0.9")
    lab.node.seed["etc/vm-metadata.json"] = lab.node.seed.pop("etc/compute-init/metadata.json")
    lab.node.hardware = ["-smbios", "type=11,value=compute-init.metadata=/etc/vm-metadata.json"]
    lab.node.parameters = f"compute-init.export=nfs://{laboratory.ADDRESS['control']}/exports/cluster"
    both_up(lab)
    lab.joins()
    check("/etc/vm-metadata.json" in journal(lab), f"metadata did not come from where SMBIOS says: {journal(lab)}")
    lab.step("the node has joined")
    lab.node.cut_power()
    lab.node.parameters += " compute-init.disable"
    lab.node.start()
    lab.node.wait_up()
    found = lab.until_ended("disabled")
    check("the kernel's command line" in found["message"], found["message"])
    login_is_up(lab)


PLAYBOOK = """cd /opt && PYTHONPATH=/opt/ansible ANSIBLE_COLLECTIONS_PATH=/opt/ansible ANSIBLE_NOCOLOR=1 LC_ALL=C.UTF-8 \\
python3 -m ansible playbook -i /root/inventory.json --limit node1 -e @/root/extra.json templates/compute-init.yml"""
EXECUTOR = "/usr/libexec/compute-init/compute-init-boot"


def timed(lab, name, command):
    """Runs a command in the node that has nothing else to do; says what it took, and gives what it said."""
    lab.node.until("the node is at rest", "systemctl is-active multi-user.target; systemctl list-jobs --no-legend", lambda said: said == "active")
    before = lab.node.cpu()
    lab.node.must(f"""echo '{command}' > /root/command; rm -f /root/code
        (cut -d ' ' -f 1 /proc/uptime; setsid bash /root/command > /root/said 2>&1 < /dev/null; code=$?; cut -d ' ' -f 1 /proc/uptime
        echo $code > /root/code) > /root/times 2>&1 &""")
    # Seldom asked: to answer costs the guest's processor, too.
    code = lab.node.until(f"{name} ends", "cat /root/code 2> /dev/null", lambda said: said != "", 3600, 5)
    spent, said = lab.node.cpu() - before, lab.node.says("cat /root/said")
    check(code == "0", f"{name}: exit code {code}: {said[-3000:]}")
    began, ended = (float(word) for word in lab.node.must("cat /root/times").split())
    lab.step(f"{name}: {ended - began:.1f} s, {spent:.1f} s of a processor; {' '.join(said.splitlines()[-1].split())}")


def ansible(lab):
    """What ansible-playbook needs for the shipped playbook in a guest, and compute-init in the same: figures, no judgement."""
    variables = {name: value for name, value in lab.hostvars().items() if name not in ("inventory_hostname", "group_names", "groups")}
    node = {**variables, "ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    groups = {"compute": {"hosts": {"node1": {}}}, "control": {"hosts": {"control": {}}}}
    # What a boot has after its stages before the tasks.
    extra = {"compute_init_metadata": laboratory.METADATA["meta"], "compute_init_staged": "/root/staged"}
    lab.node.seed["root/inventory.json"] = (0o600, json.dumps({"all": {"hosts": {"node1": node, "control": {}}, "children": groups}}).encode())
    lab.node.seed["root/extra.json"] = (0o600, json.dumps(extra).encode())
    lab.node.seed["root/staged/hosts"] = lab.control.seed["exports/cluster/hosts"]
    lab.node.parameters = "systemd.mask=compute-init.service"
    for name, disk, command in (("ansible-playbook", "ansible", PLAYBOOK), ("compute-init", "node", EXECUTOR)):
        lab.use_disk(lab.node, disk)
        if name == "ansible-playbook":
            both_up(lab)
        else:
            lab.node.start()
            lab.node.wait_up()
        timed(lab, f"{name}, first", command)
        timed(lab, f"{name}, second", command)
        lab.until_idle()
        lab.job_runs()
        lab.node.cut_power()


SCENARIOS = [
    first_boot,
    reboot,
    nfs3,
    control_late,
    export_late,
    power_cut,
    nfs_stops,
    tampered,
    rotate_trust,
    rollback,
    stateless,
    config_drive,
    switches,
    ansible,
]

"""What must happen, one function a scenario: each starts from fresh disks and depends on no other."""

import image
import lab as laboratory
from lab import check


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


SCENARIOS = [
    first_boot,
    nfs3,
    config_drive,
]

"""What must happen, one function a scenario: each starts from fresh disks and depends on no other."""

import time

import image
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
    config_drive,
]

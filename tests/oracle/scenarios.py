"""What is tried: each scenario is a list of boots, each with a change of the cluster or of the machine before it.

A step is (name, change of the cluster, shell script run on the machine, expectation): "ready" and "failed" say how the
boot must end on both sides, "unchanged" is "ready" without a single change.
"""

import base64
import hashlib

import sandbox
import sides

REDHAT = """
rm -f /etc/os-release; cat > /etc/os-release <<'X'
NAME="Rocky Linux"
VERSION="9.4 (Blue Onyx)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.4"
PLATFORM_ID="platform:el9"
X
echo 'Rocky Linux release 9.4 (Blue Onyx)' > /etc/redhat-release
rm -f /etc/debian_version
mkdir -p /etc/sysconfig
printf 'SLURMD_OPTIONS="--conf-server old"\\nOTHER=1\\n' > /etc/sysconfig/slurmd
printf 'account     required      pam_unix.so\\nsession     required      pam_limits.so\\n-session    optional      pam_systemd.so\\nsession     required      pam_unix.so\\n' > /etc/pam.d/password-auth
"""
# What the playbook of tests/oracle/site expects of a machine: the export's user, the metadata service, services' units.
SITE = """
groupadd -g 301 ansible-init
useradd -M -u 301 -g 301 -d /var/lib/ansible-init -s /usr/sbin/nologin ansible-init 2> /dev/null
mkdir -p /etc/sysconfig /etc/pki/ca-trust/source/anchors /etc/nhc /etc/ceph /etc/NetworkManager/conf.d /run/sshd
ssh-keygen -A > /dev/null
for tool in update-ca-trust tuned-adm journalctl; do cp /usr/sbin/NetworkManager /usr/bin/$tool; done
for unit in tuned chronyd; do cp /lib/systemd/system/munge.service /lib/systemd/system/$unit.service; done
echo ' 2007 carol' > /run/oracle/sessions
ip address add 169.254.169.254/32 dev lo
mkdir -p /oracle/metadata
cd /oracle/metadata
setsid python3 -m http.server --bind 169.254.169.254 80 > /dev/null 2>&1 < /dev/null &
for _ in $(seq 100); do ! python3 -c 'import socket; socket.create_connection(("169.254.169.254", 80))' 2> /dev/null || break; sleep 0.1; done
rm -f /run/oracle/commands
"""
GPU_SCRIPT = "/cvmfs/software.eessi.io/versions/2023.06/scripts/gpu_support/nvidia"


def cluster():
    """The data of a real cluster."""
    data = sandbox.REPOSITORY / "tests/cluster"
    return sides.Cluster.read("bl-compute-0", data / "export", data / "metadata/seven-plus.json")


def site():
    """The same, booted by a playbook that does everything itself."""
    data = sandbox.REPOSITORY / "tests/cluster"
    return sides.Cluster.read("bl-compute-0", data / "export", data / "metadata/seven-plus.json", "tests/oracle/site/boot.yml")


def all_on(c):
    c.metadata["meta"].update(chrony="true", tuned="true", cacerts="true")


def sample():
    """The sample cluster that `compute-init try` embeds."""
    data = sandbox.REPOSITORY / "templates/sample"
    return sides.Cluster.read("compute-0", data / "export", data / "metadata.json")


def user(c, name):
    return next(u for u in c.hostvars["basic_users_users"] if u["name"] == name)


def changed_variables(c):
    c.hostvars["basic_users_users"][:] = [u for u in c.hostvars["basic_users_users"] if u["name"] != "carol"]
    user(c, "alice").update(state="absent", remove=False)
    user(c, "bob").update(shell="/bin/bash", comment="Bob B.", sudo="bob ALL=(root) /usr/bin/id\n")
    c.hostvars["resolv_conf_nameservers"] = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]
    c.hostvars["nfs_client_mnt_options"] = "defaults,nosuid,nodev,_netdev,noatime"
    c.hostvars["vault_openhpc_mungekey"] = munge_key("rotated")


def munge_key(seed):
    """1,024 bytes of which half are above 127, as a munge key has them."""
    return base64.b64encode(b"".join(hashlib.sha512(f"{seed} {i}".encode()).digest() for i in range(16))).decode()


def other_choices(c):
    c.hostvars.update(
        cvmfs_http_proxy="",
        cvmfs_config_overrides={"CVMFS_QUOTA_LIMIT": 500, "CVMFS_REPOSITORIES": "software.eessi.io"},
        appliances_enable_pam_slurm_adopt=True,
        appliances_admin_user_groups=["adm", "operators"],
        openhpc_slurm_control_host_address="{{ hostvars['bl-control'].ansible_host }}",
        basic_users_groups=[{"name": "projecta", "gid": 5001}, {"name": "operators", "gid": 980, "system": True}],
    )
    del c.hostvars["cluster_domain_suffix"]
    c.hostvars["basic_users_users"].append({"name": "svc", "uid": 970, "system": True, "home": "/var/lib/svc"})
    user(c, "bob").update(group="projecta", expires=1893456000, password_lock=True)
    c.hostvars["os_manila_mount_shares"][1].update(mount_state="unmounted")
    c.hostvars["os_manila_mount_shares"][0].update(mount_mode="2770", mount_group="adm")
    c.hostvars["nfs_configurations"].append(
        {"nfs_enable": {"clients": "yes"}, "nfs_server": "10.20.0.9", "nfs_export": "/soft", "nfs_client_mnt_point": "/soft",
         "nfs_client_mnt_options": "ro", "nfs_client_mnt_state": "present"})


def nothing_on(c):
    c.metadata["meta"] = {k: v for k, v in c.metadata["meta"].items() if k == "compute" or "address" in k}


def switched_off(c):
    c.metadata["meta"]["compute"] = "false"


def without(name):
    return lambda c: c.hostvars.pop(name)


def set_to(**values):
    return lambda c: c.hostvars.update(values)


def share_unknown(c):
    c.hostvars["os_manila_mount_shares"].append({"share_name": "lost", "mount_path": "/lost"})


def uid_low(c):
    c.hostvars["basic_users_users"].append({"name": "eve", "uid": 42})


def uid_missing(c):
    del user(c, "bob")["uid"]


def name_odd(c):
    c.hostvars["basic_users_users"].append({"name": "../evil", "uid": 3000})


def sudo_broken(c):
    user(c, "alice")["sudo"] = "alice ALL=(ALL NOPASSWD:ALL\n"


def keep(_):
    pass


SCENARIOS = {
    "cluster": (cluster, [
        ("first boot", keep, "", "ready"),
        ("second boot", keep, "", "unchanged"),
        ("a stale mount", keep, "echo /home > /run/oracle/stale", "ready"),
        ("variables changed", changed_variables, "echo ' 2005 alice no' > /run/oracle/sessions", "ready"),
        ("and booted again", keep, "", "unchanged"),
    ]),
    "choices": (cluster, [
        ("first boot", other_choices, "", "ready"),
        ("second boot", keep, "", "unchanged"),
    ]),
    "redhat": (cluster, [
        ("first boot", other_choices, REDHAT, "ready"),
        ("second boot", keep, "", "unchanged"),
    ]),
    "gpu": (cluster, [
        ("first boot", keep,
         f"mkdir -p {GPU_SCRIPT}; cp /usr/bin/cvmfs_config {GPU_SCRIPT}/link_nvidia_host_libraries.sh; : > /dev/nvidia0",
         "ready"),
    ]),
    "sssd": (cluster, [
        ("first boot", set_to(basic_users_override_sssd=True),
         "cp /lib/systemd/system/munge.service /lib/systemd/system/sssd.service; : > /run/oracle/units/sssd", "ready"),
        ("second boot", keep, "", "unchanged"),
    ]),
    "links": (cluster, [
        ("first boot", keep, "ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf", "ready"),
    ]),
    "off": (cluster, [
        ("first boot", nothing_on, "", "ready"),
        ("second boot", keep, "", "unchanged"),
    ]),
    "sample": (sample, [
        ("first boot", keep, "", "ready"),
        ("second boot", keep, "", "unchanged"),
    ]),
    "site": (site, [
        ("first boot", all_on, SITE, "ready"),
        ("second boot", keep, "", "ready"),
        ("not this machine", switched_off, "", "unchanged"),
    ]),
    "site-no-variables": (site, [("first boot", without("openhpc_slurm_control_host"), SITE, "failed")]),
    "no-munge-key": (cluster, [("first boot", without("vault_openhpc_mungekey"), "", "failed")]),
    "no-control-host": (cluster, [("first boot", without("openhpc_slurm_control_host"), "", "failed")]),
    "no-nfs-configurations": (cluster, [("first boot", without("nfs_configurations"), "", "failed")]),
    "no-cluster-name": (cluster, [("first boot", without("openhpc_cluster_name"), "", "failed")]),
    "nameservers-as-text": (cluster, [("first boot", set_to(resolv_conf_nameservers="1.1.1.1"), "", "failed")]),
    "share-unknown": (cluster, [("first boot", share_unknown, "", "failed")]),
    "uid-low": (cluster, [("first boot", uid_low, "", "failed")]),
    "uid-missing": (cluster, [("first boot", uid_missing, "", "failed")]),
    "name-odd": (cluster, [("first boot", name_odd, "", "failed")]),
    "sudo-broken": (cluster, [("first boot", sudo_broken, "", "failed")]),
    "no-cvmfs": (cluster, [("first boot", keep, "rm /usr/bin/cvmfs_config", "failed")]),
    "no-munge-user": (cluster, [("first boot", keep, "/usr/lib/oracle/real/userdel munge", "failed")]),
}

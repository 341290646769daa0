"""What the targets need and the project does not keep: Ansible's source distribution, a collection, a Debian root.

All of it is fetched once into the cache (build/targets; COMPUTE_INIT_CACHE names another place) and never committed.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("COMPUTE_INIT_CACHE", REPOSITORY / "build")) / "targets"
CORE = "2.16.14"
COMMUNITY = "9.13.0"
# What the targets call, and the libraries of the Ansible commands that their scripts run beside ansible-playbook.
PACKAGES = (
    "systemd systemd-sysv udev dbus kmod iproute2 procps hostname passwd sudo login python3 python3-yaml python3-jinja2"
    " python3-packaging python3-cryptography python3-resolvelib python3-passlib acl at patch rsync iptables lvm2 libuser"
    " faketime openssh-server openssh-client locales cron zip unzip bzip2 xz-utils zstd file e2fsprogs xfsprogs git attr"
    " gawk less curl ca-certificates expect diffutils bsdextrautils"
    # What setups install with Ansible is there already: no package comes over a network that leads nowhere.
    " python3-apt python3-pip python3-virtualenv python3-venv faketime"
).split()
# What targets remove and want back: the root has a repository of them, for there is no network.
REMOVED = ("unzip", "zip")


def _fetch(requirement, *options):
    """Downloads one distribution with pip, once, and returns its path."""
    place = CACHE / "downloads"
    place.mkdir(parents=True, exist_ok=True)
    name = requirement.replace("==", "-").replace("-", "?")
    if not list(place.glob(name + "*")):
        pip = ["python3", "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps", "--dest", place]
        subprocess.run([*pip, *options, requirement], check=True)
    return next(iter(place.glob(name + "*")))


def layer():
    """A tree with /src/ansible (the source distribution) and /src/ac/ansible_collections, to lie above the root.

    Of community.general there is what targets of ansible.posix use with Ansible itself.
    """
    tree = CACHE / f"layer-{CORE}-{COMMUNITY}-general"
    if tree.exists():
        return tree
    part = tree.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "src").mkdir(parents=True)
    with tarfile.open(_fetch(f"ansible-core=={CORE}", "--no-binary", "ansible-core")) as archive:
        archive.extractall(part / "src", filter="tar")
    next((part / "src").glob("ansible?core-*")).rename(part / "src/ansible")
    with tarfile.open(_fetch(f"ansible=={COMMUNITY}", "--no-binary", "ansible")) as archive:
        general = [f"community/general/{part}" for part in ("plugins/", "meta/", "MANIFEST.json")]
        kept = tuple(f"ansible-{COMMUNITY}/ansible_collections/{part}" for part in ["ansible/posix/", *general])
        members = [m for m in archive if m.name.startswith(kept)]
        archive.extractall(part / "src/ac", members=members, filter="tar")
    source = part / f"src/ac/ansible-{COMMUNITY}"
    (source / "ansible_collections").rename(part / "src/ac/ansible_collections")
    source.rmdir()
    part.rename(tree)
    return tree


def _repository(root):
    """Gives the root a repository of its own, of the packages that targets remove."""
    place = root / "srv/packages"
    place.mkdir(parents=True)
    subprocess.run(["apt-get", "download", "--quiet=2", *REMOVED], cwd=place, check=True)
    index = []
    for package in sorted(place.glob("*.deb")):
        fields = subprocess.run(["dpkg-deb", "--field", package], check=True, stdout=subprocess.PIPE, text=True).stdout
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        index.append(f"{fields}Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {digest}\n")
    (place / "Packages").write_text("\n".join(index))
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/packages ./\n")
    subprocess.run(["chroot", root, "apt-get", "update", "--quiet=2"], check=True)


def root():
    """A Debian root with everything that the targets call."""
    digest = hashlib.sha256(" ".join((*PACKAGES, *REMOVED)).encode()).hexdigest()[:12]
    tree = CACHE / f"root-{digest}"
    if tree.exists():
        return tree
    tar = CACHE / f"root-{digest}.tar"
    if not tar.exists():
        sites = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Codename: bookworm"]
        mirror = subprocess.run(sites, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
        command = "mmdebstrap --mode=root --variant=important --components=main --quiet".split()
        command += ["--aptopt=Acquire::Languages \"none\"", "--aptopt=APT::Install-Recommends \"false\""]
        command += ["--dpkgopt=force-unsafe-io", "--include=" + ",".join(PACKAGES), "bookworm", CACHE / "part.tar", mirror]
        subprocess.run(["nice", "-n", "5", *command], check=True)
        (CACHE / "part.tar").rename(tar)
    part = tree.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["tar", "--numeric-owner", "--xattrs", "-xf", tar, "-C", part], check=True)
    (part / "etc/locale.gen").write_text("en_US.UTF-8 UTF-8\n")
    subprocess.run(["chroot", part, "/usr/sbin/locale-gen"], check=True, stdout=subprocess.DEVNULL)
    _repository(part)
    for unit in ("ssh", "cron"):
        subprocess.run(["chroot", part, "systemctl", "disable", "--quiet", unit], check=False, stderr=subprocess.DEVNULL)
    part.rename(tree)
    return tree

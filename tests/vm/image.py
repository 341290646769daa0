"""The guests' disks: one prepared Debian root, and for each role an ext4 image with what it alone has."""

import hashlib
import os
import pathlib
import shutil
import stat
import subprocess

import kernel

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("COMPUTE_INIT_CACHE", REPOSITORY / "build"))
SIZE = "1500M"


def tool(*argv):
    """What a script of tests/tools prints."""
    return pathlib.Path(kernel.output(REPOSITORY / "tests/tools" / argv[0], *argv[1:]).strip())


def base(linux):
    """The prepared root, a directory; cached by what it is made of."""
    tar = tool("rootfs", "nfs")
    parts = [pathlib.Path(__file__).read_bytes(), tar.name.encode(), linux.version.encode()]
    parts += [(HERE / "guest" / name).read_bytes() for name in ("prepare", "agent", "agent.service")]
    root = CACHE / "vm" / f"base-{hashlib.sha256(b''.join(parts)).hexdigest()[:12]}"
    if root.exists():
        return root
    for old in root.parent.glob("base-*"):
        shutil.rmtree(old)
    part = root.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["tar", "--numeric-owner", "-xf", tar, "-C", part], check=True)
    subprocess.run(["cp", "-a", linux.root / "lib/modules", part / "lib/"], check=True)
    for name, place, mode in (
        ("agent", "usr/local/libexec/vm-agent", 0o755),
        ("agent.service", "etc/systemd/system/vm-agent.service", 0o644),
        ("prepare", "prepare", 0o755),
    ):
        path = part / place
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "guest" / name, path)
        path.chmod(mode)
    chroot(part, "/prepare")
    (part / "prepare").unlink()
    part.rename(root)
    return root


def chroot(root, *argv):
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    subprocess.run(["chroot", root, "/usr/bin/env", "-i", path, *argv], check=True)


def disk(root, file):
    """Makes an ext4 image of a directory. With a journal: power is cut in these tests."""
    subprocess.run(["truncate", "-s", SIZE, file], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", "-d", root, file], check=True)


def newc(name, mode, data=b""):
    """An entry of a cpio archive."""
    encoded = name.encode() + b"\0"
    fields = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
    return b"".join(part + b"\0" * (-len(part) % 4) for part in (head, data))


def cpio(files):
    """A cpio archive of `{path: (mode, bytes)}`, with the directories that lead there."""
    archive, made = b"", set()
    for path, (mode, data) in files.items():
        for parent in reversed(pathlib.PurePosixPath(path).parents):
            if str(parent) != "." and parent not in made:
                made.add(parent)
                archive += newc(str(parent), stat.S_IFDIR | 0o755)
        archive += newc(path, stat.S_IFREG | mode, data)
    return archive + newc("TRAILER!!!", 0)


def ramdisk(linux):
    """The initial ramdisk of both guests."""
    modules = linux.early_modules()
    files = {"init": (0o755, (HERE / "guest/init").read_bytes()), "bin/busybox": (0o755, pathlib.Path("/bin/busybox").read_bytes())}
    files.update({f"modules/{module.name}": (0o644, module.read_bytes()) for module in modules})
    files["modules/order"] = (0o644, "".join(f"{module.name}\n" for module in modules).encode())
    for directory in ("proc", "sys", "dev", "run", "sysroot"):
        files[f"{directory}/.keep"] = (0o644, b"")
    return cpio(files)

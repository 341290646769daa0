"""Debian's kernel for the guests, unpacked from its package: nothing of it is installed on this machine."""

import pathlib
import shutil
import struct
import subprocess

# Smaller than linux-image-amd64, and made for virtual machines.
PACKAGE = "linux-image-cloud-amd64"
# In the initial ramdisk: what finds the disks and the network card.
EARLY = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4")
UNPACK = {b"\x02!L\x18": ["lz4", "-dcq"], b"\x04\"M\x18": ["lz4", "-dcq"], b"\xfd7zX": ["xz", "-dcq", "--single-stream"], b"(\xb5/\xfd": ["zstd", "-dcq"]}


def output(*argv, **options):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def uncompressed(image):
    """The ELF kernel inside a bzImage, by the fields of its boot header; QEMU starts that at its PVH entry, and no
    guest spends its emulated processor on unpacking."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[(setup_sectors + 1) * 512 + offset :][: length - 4]
    tool = UNPACK.get(payload[:4])
    if tool is None:
        raise RuntimeError(f"the kernel is packed in a way not known here: {payload[:4].hex()}")
    found = subprocess.run(tool, input=payload, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    if found[:4] != b"\x7fELF":
        raise RuntimeError("the kernel's payload is no ELF file")
    return found


class Kernel:
    """A directory with `vmlinux`, and `lib/modules/VERSION` below `root`."""

    def __init__(self, cache):
        self.directory = self._unpack(cache)
        self.root = self.directory / "root"
        self.vmlinux = self.directory / "vmlinux"
        self.version = next((self.root / "lib/modules").iterdir()).name

    def _unpack(self, cache):
        depends = output("apt-cache", "depends", PACKAGE)
        package = next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image" in line)
        place = cache / package
        if place.exists():
            return place
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package], cwd=part, check=True)
        archive = next(part.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, part / "root"], check=True)
        archive.unlink()
        version = next((part / "root/lib/modules").iterdir()).name
        subprocess.run(["depmod", "-b", part / "root", version], check=True)
        image = (part / f"root/boot/vmlinuz-{version}").read_bytes()
        (part / "vmlinux").write_bytes(uncompressed(image))
        part.rename(place)
        return place

    def early_modules(self):
        """Files of the modules for the initial ramdisk, in the order in which they must be loaded."""
        files = []
        for name in EARLY:
            lines = output("modprobe", "-d", self.root, "-S", self.version, "--show-depends", name).splitlines()
            files += [pathlib.Path(line.split()[1]) for line in lines if line.startswith("insmod ")]
        return list(dict.fromkeys(files))

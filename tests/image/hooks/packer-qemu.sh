# The qemu builder itself: it boots a disk (emulated, so minutes on a busy machine), and what it leaves is a sound image.
need packer openssh-client qemu-utils e2fsprogs
export PACKER_CONFIG_DIR=$work PACKER_CACHE_DIR=$work/cache CHECKPOINT_DISABLE=1
files=$work/packer
cp -r "$hooks/packer" "$files"
qemu=$(tests/tools/qemu)
unpack root
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh"
install -D -m 600 "$work/ssh.pub" "$work/root/root/.ssh/authorized_keys"
chroot "$work/root" systemctl --quiet enable ssh
chroot "$work/root" systemctl --quiet disable slurmd munge
: > "$work/root/etc/fstab"
# Kernel and ramdisk are those of tests/vm: a Debian root has none, and the ramdisk gives the guest its address.
append=$(python3 -B - "$work/ramdisk" << 'END'
import pathlib
import sys

sys.path.insert(0, "tests/vm")
import clock
import image
import kernel
import machine

linux = kernel.Kernel(image.CACHE / "vm")
pathlib.Path(sys.argv[1]).write_bytes(image.ramdisk(linux))
pathlib.Path(sys.argv[1]).with_name("vmlinux").symlink_to(linux.vmlinux)
print(machine.COMMAND_LINE, machine.clock_parameters(clock.kilohertz()), "vm.address=10.0.2.15/24")
END
)
truncate -s 1500M "$work/base.raw"
mkfs.ext4 -q -F -m 0 -d "$work/root" "$work/base.raw"
qemu-img convert -O qcow2 "$work/base.raw" "$work/base.qcow2"
rm -rf "$work/root" "$work/base.raw"
cat > "$work/machine" << END
  qemu_binary = "$qemu"
  accelerator = "tcg"
  memory      = 640
  qemuargs = [
    ["-kernel", "$work/vmlinux"], ["-initrd", "$work/ramdisk"], ["-append", "$append"],
    ["-cpu", "max"], ["-serial", "file:$work/console"], ["-display", "none"],
  ]
END
sed -i -e "/headless *=/r $work/machine" -e 's/ssh_timeout .*/ssh_timeout = "20m"/' "$files/compute-init.pkr.hcl"
build() {
    packer build -color=false -only='compute-init.qemu.image' -var "bundle=$1" -var "trust=$work/keys" -var "binaries=$bin" \
        -var sudo= -var ssh_username=root -var "ssh_private_key_file=$work/ssh" -var "base_image=$work/base.qcow2" \
        -var "output=$work/output" "$files"
}
build "$work/good.tar.gz" || { tail -n 30 "$work/console"; fail "packer could not build"; }
qemu-img convert -O raw "$work/output/packer-image" "$work/made.raw"
mkdir "$work/made"
mount -o loop,ro "$work/made.raw" "$work/made"
mounted=$work/made
trap 'umount "$work/made" 2> /dev/null || true' EXIT
sound "$work/made"
cmp "$work/made/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
[ ! -e "$work/made/tmp/compute-init" ]
umount "$work/made"
mounted=
trap - EXIT

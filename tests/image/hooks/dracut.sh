# The dracut module: in the image, byte for byte; and no image where what it carries is missing or does not verify.
need dracut-core kmod cpio
. tests/image/hooks/kernel.inc
export dracutbasedir=$work/dracut
cp -a /usr/lib/dracut "$dracutbasedir"
cp -r "$hooks/dracut/90compute-init" "$dracutbasedir/modules.d/"
export COMPUTE_INIT_INITRAMFS=$work/initramfs.d
"$bin/compute-init" initramfs "$work/good.tar.gz" --trust "$work/keys/site.pem" --directory "$COMPUTE_INIT_INITRAMFS" \
    --executor "$bin/compute-init-boot"
make() {
    dracut --quiet --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --reproducible --compress cat \
        --kver "$release" --kmoddir "$kernel/lib/modules/$release" --tmpdir "$work" -m "base compute-init" \
        --drivers "virtio_blk" "$work/initrd.img" "$release"
}
make
mkdir "$work/out"
(cd "$work/out" && cpio -idm --quiet --no-absolute-filenames < "$work/initrd.img")
# Everything that is carried is in it, as it is; dracut strips programs, and ours stays what it is.
diff -r --no-dereference "$COMPUTE_INIT_INITRAMFS/usr/lib/compute-init" "$work/out/usr/lib/compute-init"
cmp "$work/out/usr/lib/compute-init/initramfs/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
[ -x "$work/out/usr/lib/dracut/hooks/pre-pivot/50-compute-init.sh" ]
[ -L "$work/out/usr/lib/systemd/system/initrd.target.wants/compute-init-carry.service" ]
[ -L "$work/out/lib" ]
# It is not taken where nobody asked for it.
dracut --quiet --force --no-hostonly --no-early-microcode --compress cat --kver "$release" \
    --kmoddir "$kernel/lib/modules/$release" --tmpdir "$work" -m "base" "$work/plain.img" "$release"
if cpio -it --quiet < "$work/plain.img" | grep -q compute-init; then fail "taken unasked"; fi
# Behind an image of dracut's, the archive for all gives the same files.
"$bin/compute-init" initramfs "$work/good.tar.gz" --trust "$work/keys/site.pem" -o "$work/joined.img" \
    --onto "$work/plain.img" --executor "$bin/compute-init-boot"
# What is in the initramfs does its work in the root, started there as the hook starts it.
unpack node
mkdir -p "$work/out/sysroot"
mount --bind "$work/node" "$work/out/sysroot"
trap 'umount -R "$work/out/sysroot" "$work/out/proc" 2> /dev/null || true' EXIT
mkdir -p "$work/out/proc" "$work/out/run"
mount -t proc proc "$work/out/proc"
chroot "$work/out" /bin/sh -c 'NEWROOT=/sysroot; . /usr/lib/dracut/hooks/pre-pivot/50-compute-init.sh'
umount "$work/out/sysroot" "$work/out/proc"
sound "$work/node"
rm "$work/initrd.img"
COMPUTE_INIT_INITRAMFS=$work/none refused "is not there" make
echo changed > "$(find "$COMPUTE_INIT_INITRAMFS" -path '*blobs/sha256/*' | head -n 1)"
refused "does not verify" make
[ ! -e "$work/initrd.img" ] || fail "an image was made"

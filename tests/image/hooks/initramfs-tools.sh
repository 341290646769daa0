# The hook of initramfs-tools, in a root that has it: in the image, byte for byte, in the order that it runs; and no image
# where what it carries is missing or does not verify.
need kmod cpio
. tests/image/hooks/kernel.inc
tools=${COMPUTE_INIT_CACHE:-$repository/build}/initramfs-tools
if [ ! -e "$tools/done" ]; then
    rm -rf "$tools" && mkdir -p "$tools"
    (cd "$tools" && apt-get -qq -o APT::Sandbox::User=root download initramfs-tools initramfs-tools-core klibc-utils \
        libklibc busybox linux-base cpio logsave zstd)
    touch "$tools/done"
fi
unpack root
root=$work/root
cp "$tools"/*.deb "$root/var/tmp/"
chroot "$root" sh -c 'DEBIAN_FRONTEND=noninteractive dpkg --install /var/tmp/*.deb && rm /var/tmp/*.deb'
mkdir -p "$root/lib/modules" "$root/boot"
cp -a "$kernel/lib/modules/$release" "$root/lib/modules/"
cp "$kernel"/boot/config-* "$root/boot/"
cp "$hooks/initramfs-tools/hooks/compute-init" "$root/etc/initramfs-tools/hooks/"
cp "$hooks/initramfs-tools/scripts/init-bottom/compute-init" "$root/etc/initramfs-tools/scripts/init-bottom/"
mkdir -p "$root/usr/lib/compute-init"
"$bin/compute-init" initramfs "$work/good.tar.gz" --trust "$work/keys/site.pem" \
    --directory "$root/usr/lib/compute-init/initramfs.d" --executor "$bin/compute-init-boot"
mount -t proc proc "$root/proc"
trap 'umount "$root/proc" 2> /dev/null || true' EXIT
sed -i 's/^MODULES=.*/MODULES=list/; s/^COMPRESS=.*/COMPRESS=gzip/' "$root/etc/initramfs-tools/initramfs.conf"
image=$root/boot/initrd.img-$release
make() { chroot "$root" update-initramfs "$@" -k "$release"; }
make -c
mkdir "$work/out"
chroot "$root" unmkinitramfs "/boot/initrd.img-$release" /tmp/out
out=$root/tmp/out
[ ! -d "$out/main" ] || out=$out/main
diff -r --no-dereference "$root/usr/lib/compute-init/initramfs.d/usr/lib/compute-init" "$out/usr/lib/compute-init"
cmp "$out/usr/lib/compute-init/initramfs/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
grep -q '^/scripts/init-bottom/compute-init' "$out/scripts/init-bottom/ORDER"
# udev would add a line to an image that has none; this one has one.
before=$(cat "$out/scripts/init-bottom/ORDER")
mkdir -p "$work/chroot" && cp -r "$out/." "$work/chroot/"
chroot "$work/chroot" /usr/lib/compute-init/initramfs/arm
[ "$(cat "$work/chroot/scripts/init-bottom/ORDER")" = "$before" ]
sed -i '/compute-init/d' "$work/chroot/scripts/init-bottom/ORDER"
chroot "$work/chroot" /usr/lib/compute-init/initramfs/arm
chroot "$work/chroot" /usr/lib/compute-init/initramfs/arm
[ "$(grep -c 'initramfs/carry "$rootmnt"' "$work/chroot/scripts/init-bottom/ORDER")" = 1 ]
# What does not verify, or is missing, makes no image and leaves the one that there is.
before=$(sha256sum "$image")
echo changed > "$(find "$root/usr/lib/compute-init/initramfs.d" -path '*blobs/sha256/*' | head -n 1)"
mounted=$root/proc
refused 'does not verify' make -u
rm -r "$root/usr/lib/compute-init/initramfs.d"
refused 'is not there' make -u
[ "$before" = "$(sha256sum "$image")" ] && [ "$(ls "$root/boot"/initrd*)" = "$image" ] || fail "the image was replaced"
umount "$root/proc"
mounted=

# The hook of initramfs-tools, in a root that has it: in the image, byte for byte, in the order that it runs; and no image
# where what it carries is missing or does not verify.
need mmdebstrap kmod
. tests/image/hooks/kernel.inc
tools=${COMPUTE_INIT_CACHE:-$repository/build}/initramfs-tools.tar
if [ ! -s "$tools" ]; then
    mirror=$(apt-get indextargets --format "\$(SITE)" "Created-By: Packages" "Codename: bookworm" | head -n 1)
    mmdebstrap --mode=root --variant=essential --quiet --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --include=initramfs-tools-core,busybox,kmod,udev,zstd bookworm "$tools.part.tar" "$mirror"
    mv "$tools.part.tar" "$tools"
fi
root=$work/root
mkdir "$root"
tar --numeric-owner -xf "$tools" -C "$root"
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
make() { chroot "$root" env MODULES=list COMPRESS=gzip mkinitramfs -o /tmp/initrd "$release"; }
make
mkdir "$work/out"
chroot "$root" unmkinitramfs /tmp/initrd /tmp/out
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
rm "$root/tmp/initrd"
echo changed > "$(find "$root/usr/lib/compute-init/initramfs.d" -path '*blobs/sha256/*' | head -n 1)"
said=$(make 2>&1) && fail "an image was made of what does not verify"
printf '%s\n' "$said" | grep -q 'does not verify' || fail "$said"
rm -r "$root/usr/lib/compute-init/initramfs.d"
said=$(make 2>&1) && fail "an image was made of nothing"
printf '%s\n' "$said" | grep -q 'is not there' || fail "$said"
[ ! -e "$root/tmp/initrd" ] || fail "an image was made"
umount "$root/proc"

# disk-image-create itself, with an operating-system element that unpacks the tests' Debian root.
. tests/image/hooks/dib.inc
mkdir -p "$work/elements/debian-tar/root.d" "$work/elements/debian-tar/environment.d"
echo operating-system > "$work/elements/debian-tar/element-provides"
cat > "$work/elements/debian-tar/root.d/10-unpack" << END
#!/bin/bash
set -eu
tar --numeric-owner -xf $rootfs -C "\$TARGET_ROOT"
END
echo 'export DISTRO_NAME=debian DIB_INIT_SYSTEM=systemd' > "$work/elements/debian-tar/environment.d/10-distro"
chmod 755 "$work/elements/debian-tar/root.d/10-unpack"
cp -r "$element" "$work/elements/"
create() {
    ELEMENTS_PATH=$work/elements DIB_IMAGE_CACHE=$work/cache TMPDIR=$work PATH=$dib/bin:$PATH \
        disk-image-create -n --no-tmpfs -t tar -o "$work/image" debian-tar compute-init
}
create
mkdir "$work/root"
tar --numeric-owner -xf "$work/image.tar" -C "$work/root"
sound "$work/root"
cmp "$work/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
# Nothing of the building machine: neither its variables nor what it signs with (the base brings ssh's host keys itself).
if grep -rF -e COMPUTE_INIT_TRUST -e "$work" "$work/root/etc" "$work/root/usr" "$work/root/var" 2> /dev/null; then
    fail "the building machine shows in the image"
fi
if grep -rF -f <(sed 1d "$work/site.key" | head -n 1) "$work/root" 2> /dev/null; then fail "the key that signs is there"; fi
[ ! -e "$work/root/tmp/in_target.d" ] || fail "the element's data is left in the image"
rm "$work/image.tar"
COMPUTE_INIT_BUNDLE=$work/foreign.tar.gz refused "[B10]" create
COMPUTE_INIT_BUNDLE=$work/none.tar.gz refused "there is no bundle" create
COMPUTE_INIT_TRUST=$work/none.pem refused "there is no key" create
[ ! -e "$work/image.tar" ] || fail "an image was made"

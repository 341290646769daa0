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
if grep -r 'COMPUTE_INIT_TRUST\|PRIVATE KEY' "$work/root/etc" 2> /dev/null; then fail "the build machine shows in the image"; fi
rm "$work/image.tar"
COMPUTE_INIT_BUNDLE=$work/foreign.tar.gz refused "[B10]" create
[ ! -e "$work/image.tar" ] || fail "an image was made"

# The element's phases, each by dib-run-parts as disk-image-create runs it, in a Debian root; and dib-lint.
. tests/image/hooks/dib.inc
mkdir -p "$work/lint/elements"
cp -r "$element" "$work/lint/elements/"
(cd "$work/lint" && ELEMENTS_DIR=elements LIB_DIR=elements PATH=$dib/bin:$PATH dib-lint)
run_parts=$(find "$dib" -path '*/lib/dib-run-parts' -type f | head -n 1)
[ -n "$run_parts" ]
export TMP_HOOKS_PATH=$work/hooks DIB_INIT_SYSTEM=systemd DIB_DEBUG_TRACE=0 DIB_COMPUTE_INIT_DOCTOR=0
outside() {
    rm -rf "$TMP_HOOKS_PATH"
    cp -r "$element" "$TMP_HOOKS_PATH"
    cp "$run_parts" "$TMP_HOOKS_PATH/"
    TARGET_ROOT=$work/root "$run_parts" "$TMP_HOOKS_PATH/extra-data.d"
}
inside() {
    mkdir -p "$work/root/tmp/in_target.d"
    cp -r "$TMP_HOOKS_PATH/." "$work/root/tmp/in_target.d/"
    local code=0
    chroot "$work/root" /tmp/in_target.d/dib-run-parts "/tmp/in_target.d/$1.d" || code=$?
    rm -rf "$work/root/tmp/in_target.d"
    return "$code"
}
unpack root
mounted=$work/root/proc
mount -t proc proc "$mounted"
trap 'umount "$work/root/proc" 2> /dev/null || true' EXIT
outside
for phase in install post-install finalise; do inside "$phase"; done
sound "$work/root"
cmp "$work/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
# Problems of the image end the build, unless they may not.
mkdir -p "$work/root/usr/lib/modules/1.0"
DIB_COMPUTE_INIT_DOCTOR=1 refused "lacks nfs" inside finalise
inside finalise
# Another machine's program: the build ends, and the root is as it was.
cp -r "$bin" "$work/wrong"
printf '\267\000' | dd of="$work/wrong/compute-init-boot" bs=1 seek=18 conv=notrunc status=none
before=$(find "$work/root/etc" "$work/root/var" "$work/root/usr/libexec" -printf '%p %T@\n' | sort | sha256sum)
COMPUTE_INIT_BINARIES=$work/wrong outside
refused "it is for aarch64" inside install
[ "$before" = "$(find "$work/root/etc" "$work/root/var" "$work/root/usr/libexec" -printf '%p %T@\n' | sort | sha256sum)" ] || fail "the root was touched"
# What the image's own keys refuse ends it in any case.
cp "$work/other/other.pem" "$work/root/etc/compute-init/trust.d/site.pem"
refused "refused" inside finalise
DIB_INIT_SYSTEM=sysv refused "started by systemd" inside install

COMPUTE_INIT_BUNDLE='' refused "COMPUTE_INIT_BUNDLE is not set" outside
COMPUTE_INIT_TRUST='' refused "COMPUTE_INIT_TRUST is not set" outside
COMPUTE_INIT_BUNDLE=$work/none.tar.gz refused "there is no bundle" outside
COMPUTE_INIT_BUNDLE=$work/foreign.tar.gz refused "[B10]" outside
COMPUTE_INIT_BUNDLE=$work/cut.tar.gz refused "[B03]" outside
COMPUTE_INIT_TRUST=$work/none.pem refused "there is no key" outside
COMPUTE_INIT_TRUST=$work/site.key refused "is a private key" outside
COMPUTE_INIT_BINARIES=$work refused "there is no program" outside
umount "$work/root/proc"
mounted=

# What every hook ends in, given a target or programs that are wrong: refused clearly, no mounts left, whole when run again.
need rpm
umask 022
wrong=$work/wrong
mkdir "$wrong"
cp "$bin/compute-init" "$bin/compute-init-boot" "$wrong/"
# The machine of an ELF program is at byte 18; 183 is aarch64.
printf '\267\000' | dd of="$wrong/compute-init-boot" bs=1 seek=18 conv=notrunc status=none

# mkosi's script, as mkosi calls it: finalize BINARIES ROOT.
finalize() {
    rm -rf "$work/data"
    mkdir -p "$work/data/trust.d"
    cp "$1/compute-init" "$1/compute-init-boot" "$work/data/"
    cp "$work/keys/site.pem" "$work/data/trust.d/"
    cp "$work/good.tar.gz" "$work/data/bundle.tar.gz"
    BUILDROOT=$2 COMPUTE_INIT_DATA=$work/data "$hooks/mkosi/compute-init.finalize"
}
furnish() { mkdir -p "$1/etc" "$1/usr/lib" "$1/var" && echo ID=test > "$1/etc/os-release"; }
untouched() { [ "$(find "$1" | sort | sha256sum)" = "$2" ] || fail "$1 was touched"; }

mkdir "$work/none"
refused "is not a root file system" finalize "$bin" "$work/none"
refused "opening $work/missing" finalize "$bin" "$work/missing"
[ -z "$(ls "$work/none")" ] || fail "what is no root was written to"

furnish "$work/root"
before=$(find "$work/root" | sort | sha256sum)
refused "it is for aarch64" finalize "$wrong" "$work/root"
untouched "$work/root" "$before"
# Packages and archives for an initramfs are laid out by the same command, and none is made.
refused "it is for aarch64" "$bin/compute-init" initramfs "$work/good.tar.gz" --trust "$work/keys/site.pem" \
    --executor "$wrong/compute-init-boot" -o "$work/x.cpio"
refused "it is for aarch64" rpmbuild --quiet -bb --define "_topdir $work/rpm" --define "_tmppath $work/tmp" \
    --define "binaries $wrong" --define "bundle $work/good.tar.gz" --define "trust $work/keys/site.pem" "$hooks/rpm/compute-init.spec"
if "$hooks/deb/build" "$work/x.deb" "$wrong" "$work/good.tar.gz" "$work/keys/site.pem"; then fail "a package was made"; fi
[ ! -e "$work/x.cpio" ] && [ ! -e "$work/x.deb" ] && [ -z "$(find "$work" -name '*.rpm')" ] || fail "something was made"

# A disk that is read-only, then one that is full, then one that is neither.
disk=$work/disk
mkdir "$disk"
trap 'umount "$disk" 2> /dev/null || true' EXIT
mount -t tmpfs -o size=2m tmpfs "$disk"
mounted=$disk
furnish "$disk"
mount -o remount,ro "$disk"
refused "Read-only file system" finalize "$bin" "$disk"
mount -o remount,rw "$disk"
refused "No space left on device" finalize "$bin" "$disk"
[ ! -L "$disk/etc/systemd/system/multi-user.target.wants/compute-init.service" ] || fail "enabled before it is whole"
mount -o remount,size=64m "$disk"
# Killed in the middle, too: as soon as the executor is in its place.
# (A group of its own, so that what the script started is killed with it.)
BUILDROOT=$disk COMPUTE_INIT_DATA=$work/data setsid "$hooks/mkosi/compute-init.finalize" > "$work/said" 2>&1 &
pid=$!
for _ in $(seq 500); do
    [ ! -e "$disk/usr/libexec/compute-init/compute-init-boot" ] || break
    sleep 0.01
done
kill -9 -- "-$pid" 2> /dev/null || true
wait "$pid" || true
for _ in $(seq 500); do
    kill -0 -- "-$pid" 2> /dev/null || break
    sleep 0.01
done
# A file of somebody else is kept and told of.
rm -f "$disk/usr/lib/systemd/system/compute-init.service"
mkdir -p "$disk/usr/lib/systemd/system"
echo "of somebody else" > "$disk/usr/lib/systemd/system/compute-init.service"
finalize "$bin" "$disk" > "$work/said" 2>&1 || { code=$?; [ "$code" = 1 ] || { cat "$work/said"; fail "ended with $code"; }; }
cat "$work/said"
grep -q 'compute-init.service.before-compute-init' "$work/said" || fail "a file of somebody else is not told of"
grep -q 'of somebody else' "$disk/usr/lib/systemd/system/compute-init.service.before-compute-init"
"$disk/usr/libexec/compute-init/compute-init-boot" --verify "$disk"
"$bin/compute-init" install "$work/good.tar.gz" --root "$disk" --trust "$work/keys/site.pem" --executor "$bin/compute-init-boot" \
    | grep -q 'nothing to change'
umount "$disk"
mounted=

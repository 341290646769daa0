# The Debian package: built, installed into a root, removed, and the refusals of its build.
build() { "$hooks/deb/build" "$work/out.deb" "$bin" "$@"; }
build "$work/good.tar.gz" "$work/keys/site.pem"
unpack root
dpkg --root="$work/root" --force-not-root --force-depends -i "$work/out.deb"
cmp "$work/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
[ "$(stat -c %u:%g "$work/root/etc/compute-init/trust.d/site.pem")" = 0:0 ]
"$bin/compute-init" install "$work/good.tar.gz" --root "$work/root" --trust "$work/keys/site.pem" \
    --executor "$bin/compute-init-boot" | grep -q 'nothing to change'
sound "$work/root"
dpkg --root="$work/root" -r compute-init
[ ! -e "$work/root/usr/libexec/compute-init" ] && [ -e "$work/root/etc/compute-init/config.yaml" ]
rm "$work/out.deb"
refused "[B10]" build "$work/foreign.tar.gz" "$work/keys/site.pem"
refused "[B03]" build "$work/cut.tar.gz" "$work/keys/site.pem"
refused "[B01]" build "$work/missing.tar.gz" "$work/keys/site.pem"
refused "missing.pem" build "$work/good.tar.gz" "$work/keys/missing.pem"
refused "usage" build "$work/good.tar.gz"
[ ! -e "$work/out.deb" ] || fail "a package was made"

# The RPM: built, installed into an empty root, upgraded, and the refusals of its build.
need rpm
top=$work/rpmbuild
rpmbuild() { command rpmbuild --define "_topdir $top" --define "_tmppath $work/tmp" "$@"; }
build() { # build BUNDLE KEY MORE...
    local bundle=$1 key=$2
    shift 2
    rpmbuild --quiet -bb --define "binaries $bin" --define "bundle $bundle" \
        --define "trust $key" "$@" "$hooks/rpm/compute-init.spec"
}
build "$work/good.tar.gz" "$work/keys/site.pem"
package=$(find "$top/RPMS" -name '*.rpm')
root=$work/root
mkdir -p "$root"
rpm --root "$root" --dbpath /var/lib/rpm -i --nodeps --noscripts "$package"
cmp "$root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
[ "$(stat -c %a "$root/etc/compute-init/trust.d/site.pem")" = 644 ]
"$bin/compute-init-boot" --verify "$root"
# In a root with the rest of a system, install finds nothing to do.
unpack full
rpm --root "$work/full" --dbpath /var/lib/rpm -i --nodeps --noscripts "$package"
"$bin/compute-init" install "$work/good.tar.gz" --root "$work/full" --trust "$work/keys/site.pem" \
    --executor "$bin/compute-init-boot" | grep -q 'nothing to change'
sound "$work/full"
# The administrator's configuration stays.
echo 'resume: slurm' > "$work/config.yaml"
cp "$work/config.yaml" "$work/full/etc/compute-init/config.yaml"
rpm --root "$work/full" --dbpath /var/lib/rpm -U --force --nodeps --noscripts "$package"
cmp "$work/config.yaml" "$work/full/etc/compute-init/config.yaml"
rm -r "$top"
refused "[B10]" build "$work/foreign.tar.gz" "$work/keys/site.pem"
refused "[B03]" build "$work/cut.tar.gz" "$work/keys/site.pem"
refused "[B01]" build "$work/missing.tar.gz" "$work/keys/site.pem"
refused "missing.pem" build "$work/good.tar.gz" "$work/keys/missing.pem"
refused "define bundle" rpmbuild -bb --define "binaries $bin" "$hooks/rpm/compute-init.spec"
echo 'resumee: slurm' > "$work/bad.yaml"
refused "did you mean resume?" build "$work/good.tar.gz" "$work/keys/site.pem" --define "config $work/bad.yaml"
[ -z "$(find "$top/RPMS" -name '*.rpm' 2> /dev/null)" ] || fail "a package was made"

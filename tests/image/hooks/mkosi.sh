# mkosi itself, with the tests' Debian root as base tree: the image, and no image of what nodes would refuse.
need bubblewrap zstd
mkosi=${COMPUTE_INIT_CACHE:-$repository/build}/mkosi
if [ ! -e "$mkosi/done" ]; then
    # Bookworm's own is too old. Backports come from the mirror that apt uses, without being added to its sources.
    rm -rf "$mkosi" && mkdir -p "$mkosi/lists/partial" "$mkosi/cache/archives/partial"
    mirror=$(apt-get indextargets --format "\$(SITE)" "Created-By: Packages" "Codename: bookworm" | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" > "$mkosi/sources.list"
    backports() {
        apt-get -qq -o Dir::Etc::SourceList="$mkosi/sources.list" -o Dir::Etc::SourceParts=- -o APT::Sandbox::User=root \
            -o Dir::State::Lists="$mkosi/lists" -o Dir::Cache="$mkosi/cache" "$@"
    }
    backports update
    (cd "$mkosi" && backports download mkosi && dpkg-deb -x mkosi_*.deb . && rm -r ./*.deb lists cache)
    touch "$mkosi/done"
fi
site=$work/site
data=$site/compute-init
mkdir -p "$site/mkosi.conf.d" "$site/out" "$data/trust.d" "$work/base"
cat > "$site/mkosi.conf" << END
[Distribution]
Distribution=custom
[Output]
Format=tar
CompressOutput=none
OutputDirectory=out
[Content]
BaseTrees=$work/base
Bootable=no
END
cp "$hooks/mkosi/compute-init.finalize" "$site/"
cp "$hooks/mkosi/compute-init.conf" "$site/mkosi.conf.d/"
cp "$work/keys/site.pem" "$data/trust.d/"
cp "$bin/compute-init" "$bin/compute-init-boot" "$data/"
tar --numeric-owner --exclude='./dev/*' -xf "$rootfs" -C "$work/base"
build() {
    rm -rf "$work/tmp" "$site/out"
    mkdir "$work/tmp" "$site/out"
    (cd "$site" && PYTHONPATH=$mkosi/usr/lib/python3/dist-packages TMPDIR=$work/tmp \
        python3 -m mkosi --force --workspace-dir "$work/tmp" build)
}
cp "$work/good.tar.gz" "$data/bundle.tar.gz"
build 2>&1 | tee "$work/said"
# Once: found by one name only.
[ "$(grep -c '15 changes made\|nothing to change' "$work/said")" = 1 ] || fail "the script ran more than once"
mkdir "$work/root"
tar --numeric-owner -xf "$site/out/image.tar" -C "$work/root"
sound "$work/root"
cmp "$work/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
[ "$(stat -c %u:%g:%a "$work/root/etc/compute-init/trust.d/site.pem")" = 0:0:644 ]
cp "$work/foreign.tar.gz" "$data/bundle.tar.gz"
refused "[B10]" build
rm "$data/bundle.tar.gz"
refused "[B01]" build
[ ! -e "$site/out/image.tar" ] || fail "an image was made"
# Without keys, the script as mkosi calls it.
cp "$work/good.tar.gz" "$data/bundle.tar.gz"
rm "$data/trust.d/site.pem"
BUILDROOT=$work/base SRCDIR=$site refused "trust.d/*.pem" "$site/compute-init.finalize"

#!/bin/sh
# In the machine that becomes the image, as root: installs what was copied to /tmp/compute-init, and judges the result.
set -eu
data=/tmp/compute-init
chmod 755 "$data/compute-init" "$data/compute-init-boot"
set --
for key in "$data"/trust.d/*.pem; do
    set -- "$@" --trust "$key"
done
[ ! -s "$data/config.yaml" ] || set -- "$@" --config "$data/config.yaml"
"$data/compute-init" install "$data/bundle.tar.gz" --root / --executor "$data/compute-init-boot" "$@"
# Problems of the machine (1) are shown; a bundle that its nodes would refuse (5) ends the build.
code=0
"$data/compute-init" doctor --root / || code=$?
rm -rf "$data"
[ "$code" -le 1 ] || exit "$code"

# mkosi's finalize script, called as mkosi calls it; mkosi itself where this machine has a version that works (24 or newer).
export BUILDROOT=$work/root SRCDIR=$work/src
unpack root
data=$SRCDIR/compute-init
mkdir -p "$data"
cp -r "$work/keys" "$data/trust.d"
cp "$bin/compute-init" "$bin/compute-init-boot" "$data/"
cp "$work/good.tar.gz" "$data/bundle.tar.gz"
"$hooks/mkosi/mkosi.finalize"
sound "$work/root"
cp "$work/foreign.tar.gz" "$data/bundle.tar.gz"
refused "[B10]" "$hooks/mkosi/mkosi.finalize"
rm "$data/bundle.tar.gz"
refused "[B01]" "$hooks/mkosi/mkosi.finalize"

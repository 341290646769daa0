# Packer itself: the snippets are valid, and their provisioners install over ssh into a container that has booted systemd.
need packer openssh-client openssh-server systemd-container
export PACKER_CONFIG_DIR=$work PACKER_CACHE_DIR=$work/cache CHECKPOINT_DISABLE=1
files=$work/packer
cp -r "$hooks/packer" "$files"
vars() { echo -var "bundle=$1" -var "trust=$2" -var "binaries=$bin"; }
# shellcheck disable=SC2046 # words
packer validate -syntax-only $(vars "$work/good.tar.gz" "$work/keys") "$files"
# The qemu builder's own options, too; openstack's ask a cloud.
touch "$work/base.qcow2"
# shellcheck disable=SC2046 # words
packer validate -only='compute-init.qemu.image' $(vars "$work/good.tar.gz" "$work/keys") -var "base_image=$work/base.qcow2" "$files"
sed 's/disk_image .*/disk_imagee = true/' "$files/compute-init.pkr.hcl" > "$work/wrong.pkr.hcl"
# shellcheck disable=SC2046 # words
refused "disk_imagee" packer validate -only='compute-init.qemu.image' $(vars "$work/good.tar.gz" "$work/keys") "$work/wrong.pkr.hcl"
refused "bundle" packer validate -var "trust=$work/keys" -var "binaries=$bin" "$files"
# The same provisioners, on a machine that ssh reaches.
mv "$files/ssh.pkr.hcl.example" "$files/ssh.pkr.hcl"
sed -i 's/sources = \[.*\]/sources = ["source.null.ssh"]/' "$files/compute-init.pkr.hcl"
unpack root
port=22322
ssh-keygen -q -t ed25519 -N '' -f "$work/ssh"
install -D -m 600 "$work/ssh.pub" "$work/root/root/.ssh/authorized_keys"
printf 'Port %s\nListenAddress 127.0.0.1\nPermitRootLogin prohibit-password\n' "$port" > "$work/root/etc/ssh/sshd_config.d/test.conf"
chroot "$work/root" systemctl --quiet enable ssh
machine=ci-packer-$$
systemd-nspawn -q --register=no --keep-unit --machine="$machine" -D "$work/root" -b --console=pipe \
    > "$work/console" 2>&1 < /dev/null &
container=$!
stop() {
    kill "$container" 2> /dev/null && wait "$container" || true
    rmdir "/run/systemd/nspawn/propagate/$machine" 2> /dev/null || true
}
trap stop EXIT
provision() {
    # shellcheck disable=SC2046 # words
    packer build -color=false $(vars "$1" "$2") -var sudo= -var ssh_port="$port" -var ssh_username=root \
        -var ssh_private_key_file="$work/ssh" "$files"
}
provision "$work/good.tar.gz" "$work/keys"
sound "$work/root"
[ ! -e "$work/root/tmp/compute-init" ]
cmp "$work/root/usr/libexec/compute-init/compute-init-boot" "$bin/compute-init-boot"
before=$(find "$work/root/etc/compute-init" "$work/root/var/lib/compute-init" -printf '%p %T@\n' | sort)
# Refused on this machine, before anything is copied.
refused "[B10]" provision "$work/foreign.tar.gz" "$work/keys"
refused "missing.tar.gz" provision "$work/missing.tar.gz" "$work/keys"
refused "none" provision "$work/good.tar.gz" "$work/none"
[ "$before" = "$(find "$work/root/etc/compute-init" "$work/root/var/lib/compute-init" -printf '%p %T@\n' | sort)" ]
stop
trap - EXIT

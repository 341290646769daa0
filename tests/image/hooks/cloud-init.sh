# A real systemd boots an image whose name is set by cloud-init, late and in full: compute-init comes after it, and asks the
# export for the short name. What stands in for cloud-init has its unit's name and order.
. tests/image/hooks/boot.inc
mkdir -p "$work/site/roles/name/tasks"
printf -- '- hosts: all\n  gather_facts: false\n  roles: [name]\n' > "$work/site/compute-init.yml"
printf -- '- copy: {content: "{{ greeting }}", dest: /noted, mode: "0644"}\n' > "$work/site/roles/name/tasks/main.yml"
"$bin/compute-init" build "$work/site" -q -o "$work/site.tar.gz" --key "$work/site.key"
unpack root
root=$work/root
"$bin/compute-init" install "$work/site.tar.gz" -q --root "$root" --trust "$work/keys/site.pem" --executor "$bin/compute-init-boot"
for name in node7 image; do
    mkdir -p "$root/export/hostvars/$name"
    echo "greeting: hello $name" > "$root/export/hostvars/$name/hostvars.yml"
done
echo '10.0.0.1 control' > "$root/export/hosts"
echo '{"meta": {"compute": "true"}}' > "$root/meta.json"
printf 'metadata: {sources: [/meta.json]}\nexport: {source: /export}\nresume: slurm\n' > "$root/etc/compute-init/config.yaml"
echo image > "$root/etc/hostname"
cat > "$root/etc/systemd/system/cloud-init.service" << 'END'
[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/bin/sh -ec 'sleep 2; echo node7.cluster.example > /etc/hostname; hostname -F /etc/hostname'
[Install]
WantedBy=multi-user.target
END
chroot "$root" systemctl --quiet enable cloud-init
chroot "$root" systemctl --quiet disable slurmd munge ssh
booted compute-init.service 'hostname; cat /run/compute-init/status.json /noted' --hostname=image
grep -qx 'node7.cluster.example' "$root/result"
grep -q '"ready"' "$root/result"
grep -q 'hello node7' "$root/noted" || fail "the variables are those of $(cat "$root/noted")"

# A real systemd boots an image that had ansible-init with other playbooks: those run first, then compute-init, and a
# restart of ansible-init runs both. What compute-init tries again by itself is its own boot alone.
. tests/image/hooks/boot.inc
unpack root
root=$work/root
mkdir -p "$root/etc/ansible-init/playbooks"
touch "$root/etc/ansible-init/playbooks/0-site.yml" "$root/etc/ansible-init/playbooks/1-compute-init.yml"
# What stands in for ansible-init notes which playbooks it would run.
cat > "$root/usr/bin/ansible-init" << 'END'
#!/bin/sh
sleep 1
echo "ansible-init $(cd /etc/ansible-init/playbooks && ls -- *.yml | tr '\n' ' ')" >> /noted
END
chmod 755 "$root/usr/bin/ansible-init"
cat > "$root/etc/systemd/system/ansible-init.service" << 'END'
[Unit]
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ansible-init
[Install]
WantedBy=multi-user.target
END
chroot "$root" systemctl --quiet enable ansible-init
"$bin/compute-init" install "$work/good.tar.gz" --root "$root" --trust "$work/keys/site.pem" \
    --executor "$bin/compute-init-boot" | tee "$work/said"
grep -q 'ansible-init goes on as ansible-init-others.service, before compute-init: 0-site.yml' "$work/said"
mkdir -p "$root/etc/systemd/system/compute-init.service.d"
printf '[Service]\nExecStartPost=/bin/sh -c "echo compute-init >> /noted"\n' > "$root/etc/systemd/system/compute-init.service.d/note.conf"
printf 'metadata: {sources: [/meta.json]}\n' > "$root/etc/compute-init/config.yaml"
echo '{"meta": {}}' > "$root/meta.json"
booted 'multi-user.target compute-init.service' \
    'systemctl restart ansible-init; touch /run/compute-init/retry; echo retry >> /noted; \
    systemctl start compute-init-retry; systemctl start compute-init; cat /run/compute-init/status.json; systemctl is-active compute-init ansible-init-others'
grep -q '"not-compute"' "$root/result"
printf 'ansible-init 0-site.yml \ncompute-init\nansible-init 0-site.yml \ncompute-init\nretry\ncompute-init\n' | diff - "$root/noted"
# Uninstalled, ansible-init is what it was.
"$bin/compute-init" install --root "$root" --uninstall
[ -f "$root/etc/systemd/system/ansible-init.service" ] && [ ! -L "$root/etc/systemd/system/ansible-init.service" ]
[ -f "$root/etc/ansible-init/playbooks/1-compute-init.yml" ] && [ ! -e "$root/etc/systemd/system/ansible-init-others.service" ]

#!/bin/sh
# Installed by compute-init: dracut sources this before it leaves the initramfs. With systemd the unit was here before.
/usr/lib/compute-init/initramfs/carry "$NEWROOT"

#!/bin/bash
# Carries compute-init into a root that does not have it. What is carried is a directory that `compute-init initramfs
# --directory DIR` wrote: COMPUTE_INIT_INITRAMFS, or /usr/lib/compute-init/initramfs.d.

# Never unless it is asked for: dracut --add compute-init.
check() {
    return 255
}

depends() {
    return 0
}

install() {
    # shellcheck disable=SC2154 # dracut sets initdir
    local from=${COMPUTE_INIT_INITRAMFS:-/usr/lib/compute-init/initramfs.d} here=usr/lib/compute-init/initramfs
    local boot=$from/$here/root/usr/libexec/compute-init/compute-init-boot
    if [[ ! -x $boot ]]; then
        dfatal "compute-init: $from is not there: write it with compute-init initramfs --directory"
        exit 1
    fi
    # What every node would refuse ends the build of the image.
    if ! "$boot" --verify "$from/$here/root"; then
        dfatal "compute-init: what is in $from does not verify"
        exit 1
    fi
    mkdir -p "$initdir/usr"
    cp -R -P --preserve=mode,links "$from/usr/." "$initdir/usr/"
    # dracut strips what is executable, and whichever strip it finds would change the program that nodes get. The script
    # that starts it makes it executable again.
    chmod 0644 "$initdir/$here/root/usr/libexec/compute-init/compute-init-boot"
    # What the scripts call; every image with a shell has most of it.
    inst_multiple cat chmod grep
}

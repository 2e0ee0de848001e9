#!/bin/sh
# The first program of the guest, in the initramfs: it mounts the image's layers, hands the control port to the agent and
# becomes the init that the kernel command line names. Nothing of it is left afterwards: the init finds a bare root, as after
# any switch_root, with neither /proc nor /sys nor /dev mounted.
set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

init=/sbin/agent-init root=rw agent=early
for word in $(cat /proc/cmdline); do
	case $word in
	init=*) init=${word#init=} ;;
	lunix_vm.root=*) root=${word#*=} ;;
	lunix_vm.agent=*) agent=${word#*=} ;;
	esac
done

while read -r module; do
	insmod "/modules/$module"
done </modules/order

mount -t squashfs -o ro /dev/vda /base
mount -t squashfs -o ro /dev/vdb /project
mount -t tmpfs -o mode=755 tmpfs /rw
mkdir /rw/upper /rw/work
[ ! -d /files ] || cp -a /files/. /rw/upper/
if [ "$root" = ro ]; then
	mount -t overlay -o ro,lowerdir=/rw/upper:/project:/base root /root
else
	mount -t overlay -o lowerdir=/project:/base,upperdir=/rw/upper,workdir=/rw/work root /root
fi

# virtio_console makes its ports in a workqueue, a moment after insmod returns, and tells nobody but by uevent.
tries=0
until [ -c /dev/vport0p1 ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 2000 ] || { echo 'no control port' && exit 1; }
	usleep 5000
done

exec 9<>/dev/vport0p1
if [ "$agent" = early ]; then
	# The shell opens /dev/null for what it starts behind itself, and chroot is a file of this root: both have to be done with
	# before the mounts go and switch_root empties it.
	mkfifo /started
	chroot /root /bin/sh -c 'echo >&8; exec /usr/lib/lunix-vm/agent 8>&-' <&9 >&9 8>/started 9>&- &
	read -r _ </started
	exec 9>&-
fi
umount -l /dev
umount /sys
umount /proc
exec switch_root /root "$init" "$@"

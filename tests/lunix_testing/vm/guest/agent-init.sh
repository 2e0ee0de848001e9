#!/bin/sh
# A minimal init for tests of single daemons: the mounts, `lo`, the agent on the inherited control port, and busybox's init,
# which reaps and powers off. It loads no modules and manages no devices: that is for the daemon under test.
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys

dev=devtmpfs
for word in $(cat /proc/cmdline); do
	case $word in
	lunix_vm.dev=*) dev=${word#*=} ;;
	esac
done
if [ "$dev" = tmpfs ]; then
	mount -t tmpfs -o mode=755,nosuid tmpfs /dev
	mknod -m 600 /dev/console c 5 1
	mknod -m 666 /dev/tty c 5 0
	mknod -m 666 /dev/null c 1 3
	mknod -m 666 /dev/zero c 1 5
	mknod -m 666 /dev/full c 1 7
	mknod -m 666 /dev/random c 1 8
	mknod -m 666 /dev/urandom c 1 9
	mknod -m 600 /dev/kmsg c 1 11
	mknod -m 666 /dev/ptmx c 5 2
else
	mount -t devtmpfs -o mode=755,nosuid devtmpfs /dev
fi
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd
ip link set lo up
hostname lunix-vm

/usr/lib/lunix-vm/agent <&9 >&9 9>&- &
exec 9>&-
exec /bin/busybox init

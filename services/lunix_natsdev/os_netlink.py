"""AF_NETLINK, NETLINK_KOBJECT_UEVENT: the kernel's multicast of uevents. netlink(7).

In the kernel's group what the kernel itself sent counts, and in udevd's group what root sent, as for libudev.
"""

from lunix_common.os_netlink import NetlinkSocket, Received

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
UDEV_GROUP = 2
"""Here udevd sends what it has processed."""
DATAGRAM_BYTES = 16 * 1024
"""The kernel's own buffer for the properties has 2 KB, and the path comes on top of it twice. libudev takes 8 KB."""
RECEIVE_BUFFER_BYTES = 128 * 1024 * 1024
"""A limit and no reservation: the kernel takes memory only for events that wait."""


class UeventSocket(NetlinkSocket):
    """An open socket of the kernel's or of udevd's group, non-blocking."""

    def __init__(self, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES, group: int = KERNEL_GROUP) -> None:
        """Open and bind it; raise ``OSError``. Every user may listen."""
        super().__init__(NETLINK_KOBJECT_UEVENT, from_kernel=group == KERNEL_GROUP)
        try:
            self.enlarge(receive_buffer_bytes)
            self.bind((0, group))
        except BaseException:
            self.close()
            raise

    def next(self) -> Received:
        """The next message, or what stands in its place; ``None`` when nothing waits."""
        return self.receive(DATAGRAM_BYTES)

"""Whether the kernel lets us have what a daemon needs: tried by having it for a moment."""

import os
import socket

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1


def uevents() -> None:
    """Open the kernel's socket of uevents; raise ``OSError`` where that is not allowed."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT) as probe:
        probe.bind((0, KERNEL_GROUP))


def process_events() -> None:
    """Listen to the kernel's process connector; raise ``OSError`` that says why that is not possible here."""
    from lunix_ps.os_connector import Connector

    Connector(4096).close()


def pidfd() -> None:
    """Open a descriptor of a process; raise ``OSError`` on a kernel before 5.3."""
    os.close(os.pidfd_open(os.getpid()))

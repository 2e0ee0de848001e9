"""Prints ``ready`` and then each kernel uevent as one JSON object a line: an observer that shares no code with natsdev.

A datagram of NETLINK_KOBJECT_UEVENT is ``action@devpath`` and ``KEY=value`` strings, each ended by NUL
(Documentation/core-api/kobject.rst, lib/kobject_uevent.c).
"""

import json
import socket
import sys

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1


def say(line: str) -> None:
    """Write one line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Print until killed."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_KOBJECT_UEVENT) as netlink:
        netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        netlink.bind((0, KERNEL_GROUP))
        say("ready")
        while True:
            _, *pairs = netlink.recv(65536).rstrip(b"\0").split(b"\0")
            properties = (pair.decode(errors="surrogateescape").partition("=") for pair in pairs)
            say(json.dumps({key: value for key, _, value in properties}))


if __name__ == "__main__":
    main()

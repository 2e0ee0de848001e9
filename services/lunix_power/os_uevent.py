"""AF_NETLINK, NETLINK_KOBJECT_UEVENT: what the kernel says of supplies and input devices. netlink(7)."""

import logging
from collections.abc import Callable

from lunix_common.os_netlink import NetlinkSocket, Overflow, Reader, Truncated, Untrusted
from lunix_power import uevent
from lunix_power.uevent import Uevent

log = logging.getLogger("power")

_NETLINK_KOBJECT_UEVENT, _KERNEL_GROUP = 15, 1
RECEIVE_BUFFER_BYTES = 1024 * 1024


class Uevents:
    """Calls ``heard`` for each event that is of ours, and ``overflown`` where the kernel had no room."""

    def __init__(self, heard: Callable[[Uevent], None], overflown: Callable[[], None]) -> None:
        """Open the socket; raise ``OSError``."""
        self._heard = heard
        self._overflown = overflown
        self._socket = NetlinkSocket(_NETLINK_KOBJECT_UEVENT)
        try:
            self._socket.enlarge(RECEIVE_BUFFER_BYTES)
            self._socket.bind((0, _KERNEL_GROUP))
        except OSError:
            self._socket.close()
            raise
        self._reader = Reader(self._socket.fileno(), self._readable)
        self._reader.resume()

    def close(self) -> None:
        """End it; idempotent."""
        self._reader.close()
        self._socket.close()

    def _readable(self) -> None:
        while (received := self._socket.receive(uevent.MOST_BYTES)) is not None:
            if isinstance(received, Overflow):
                self._overflown()
            elif isinstance(received, Untrusted | Truncated):
                log.warning("a message counts for nothing", extra={"told": str(received)})
            elif (event := uevent.parse(received)) is not None:
                self._heard(event)

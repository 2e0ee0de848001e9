"""Where events come from: the kernel itself, or udevd after its rules. Both give the same records."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal, Protocol

from lunix_common.errors import UsageError
from lunix_common.os_netlink import Overflow, Truncated, Untrusted
from lunix_natsdev import os_sysfs
from lunix_natsdev.os_netlink import RECEIVE_BUFFER_BYTES, UDEV_GROUP, UeventSocket
from lunix_natsdev.os_udevd import is_running, queue_empty
from lunix_natsdev.uevent import Malformed, Uevent, parse, parse_processed, shown

Choice = Literal["auto", "kernel", "udev"]

ECHO_DEVICE = b"/devices/virtual/mem/null"
"""A device that every machine has, that no rule is slow for and whose event goes to all network namespaces."""


class Source(Protocol):
    """An open source, non-blocking."""

    name: str
    probed: bool
    """Its events tell what is on a block device."""

    def fileno(self) -> int:
        """The descriptor to wait on."""
        ...

    def receive(self) -> Uevent | Overflow | Malformed | None:
        """The next event, or what stands in its place; ``None`` when nothing waits."""
        ...

    def present(self) -> Iterator[Uevent]:
        """Every device that is there, parents first, as the event that announced it."""
        ...

    async def caught_up(self, echo: "Echo") -> None:
        """Return when every event from before the call waits in the socket or was received."""
        ...

    def close(self) -> None:
        """Close it; idempotent."""
        ...


Echo = Callable[[Callable[[str], None]], Awaitable[None]]
"""``await echo(ask)`` calls ``ask`` with a mark of its own for a synthetic event, and returns when that comes back."""


class KernelSource:
    """The kernel's own events."""

    name = "kernel"
    probed = False

    def __init__(self, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES) -> None:
        """Open the socket; raise ``OSError``."""
        self._socket = UeventSocket(receive_buffer_bytes)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> Uevent | Overflow | Malformed | None:
        """The next event of the kernel."""
        return _received(self._socket, "the kernel", parse)

    def present(self) -> Iterator[Uevent]:
        """What sysfs holds."""
        return os_sysfs.present()

    async def caught_up(self, echo: Echo) -> None:
        """At once: the kernel puts an event into every listener's socket before it lets go of who caused it."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class UdevSource:
    """The events that udevd sends when it is done with them, with all that its rules found out."""

    name = "udev"
    probed = True

    def __init__(self, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES) -> None:
        """Open the socket; raise ``OSError``, or ``UsageError`` where pyudev or libudev is missing."""
        if not _has_libudev():
            raise UsageError("the source udev needs pyudev and libudev: install lunix[udev]")
        from lunix_natsdev import os_udev

        self._enumerate = os_udev.present
        # Not libudev's monitor: pyudev's costs ten times the kernel's share of an event, each property a call.
        self._socket = UeventSocket(receive_buffer_bytes, UDEV_GROUP)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> Uevent | Overflow | Malformed | None:
        """The next event of udevd."""
        return _received(self._socket, "udevd", parse_processed)

    def present(self) -> Iterator[Uevent]:
        """What sysfs holds, with udevd's data base."""
        return self._enumerate()

    async def caught_up(self, echo: Echo) -> None:
        """When an event of our own has come back, udevd has read all before it; when its queue is empty, it is done.

        Who may not ask for events (an ordinary user) waits for the queue alone.
        """
        with contextlib.suppress(PermissionError):
            await echo(lambda mark: os_sysfs.trigger(ECHO_DEVICE, f"change {mark}"))
        await queue_empty()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _received(
    opened: UeventSocket, sender: str, read: Callable[[bytes], Uevent | Malformed]
) -> Uevent | Overflow | Malformed | None:
    received = opened.next()
    if isinstance(received, bytes):
        return read(received)
    if isinstance(received, Untrusted):
        return Malformed(f"not {sender} sent it, but port {received.port} of user {received.uid}", "")
    if isinstance(received, Truncated):
        return Malformed(f"it is longer than those of {sender} are", shown(received.start))
    return received


def choose(choice: Choice) -> str:
    """The source that a choice means on this machine at this moment, ``kernel`` or ``udev``."""
    if choice != "auto":
        return choice
    return "udev" if is_running() and _has_libudev() else "kernel"


def open_source(choice: Choice, receive_buffer_bytes: int) -> Source:
    """Open what ``choose`` says; raise ``OSError`` or ``UsageError``."""
    kind = UdevSource if choose(choice) == "udev" else KernelSource
    return kind(receive_buffer_bytes)


def _has_libudev() -> bool:
    try:
        from lunix_natsdev.os_udev import is_usable
    except ImportError:
        return False
    return is_usable()

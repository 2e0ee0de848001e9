"""Coldplug: have the kernel tell again of each device that was there before anyone listened.

Writing ``add UUID`` to a device's ``uevent`` file puts the event into every listener's socket before the write returns.
So nothing has to be counted, which is well, for some devices never answer: once all is written, the first time that the
socket is empty (EAGAIN) all of the events have been read. The UUID tells them from anybody else's.

Source: the kernel's ``Documentation/ABI/testing/sysfs-uevent``.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

_BATCH = 64


@dataclass(frozen=True)
class Asked:
    """How it went."""

    devices: int
    refused: int
    """Devices that were gone by then, or that refuse."""


def ordered(devpaths: Iterable[bytes]) -> list[bytes]:
    """Each device once, parents before children."""
    return sorted(set(devpaths))


@dataclass(frozen=True)
class Coldplug:
    """One round."""

    uuid: str = field(default_factory=lambda: str(uuid4()))

    @property
    def text(self) -> str:
        """What is written to each ``uevent`` file."""
        return f"add {self.uuid}"

    def is_mine(self, properties: Mapping[str, str]) -> bool:
        """Whether an event with these properties is of this round."""
        return properties.get("SYNTH_UUID") == self.uuid

    async def run(
        self,
        devpaths: Iterable[bytes],
        trigger: Callable[[bytes, str], None],
        drained: Callable[[], Awaitable[None]],
    ) -> Asked:
        """Ask for every device's event, and return when all of them have been read.

        ``trigger`` writes the text, and raises ``OSError``; ``drained`` waits until the socket is empty. It is awaited
        after every few devices, so that the socket's buffer never has to hold them all.
        """
        paths, refused = ordered(devpaths), 0
        for number, devpath in enumerate(paths, 1):
            try:
                trigger(devpath, self.text)
            except OSError:
                refused += 1
            if number % _BATCH == 0:
                await drained()
        await drained()
        return Asked(len(paths), refused)

"""Look at a device's contents without being held up by it: ``await probes.probe("/dev/sda1", timeout_s=10)``.

Reading from dying media hangs, so it is done by a child with a deadline (``probe_child``). The child is exec'd and not
forked: that costs 8 ms instead of 2, but what parses hostile bytes then holds neither the daemon's key nor its sockets,
and when it has to be left behind in the kernel it keeps nothing of the daemon open. On a small board, where an
interpreter takes half a second to start and there are no keys, it is forked (``in_fork``): a copy without descriptors.

A disk that first has to spin up, or a machine that has much else to do, is slow and not dying: the child may answer
late, for as long as udevd gives an event.

Devices are opened read-only, so a probe makes no ``change`` event: the kernel and the watch on nodes announce only the
close of a writer.
"""

import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lunix_natsdev.os_spawn import Exit, Helpers, Later, Work
from lunix_natsdev.probed import Probed, decode

__all__ = ["Probed", "Probes"]

_PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
from lunix_natsdev.probe_child import main
sys.exit(main(*sys.argv[2:]))"""
LATE_S = 180.0
"""So long a device that did not answer in time may still do so."""
log = logging.getLogger("natsdev")
_FOLDER = str(Path(__file__).resolve().parent.parent)


class Probes:
    """Probes devices, at most ``limit`` at once."""

    def __init__(self, limit: int = 4, *, in_fork: bool = False) -> None:
        self._helpers = Helpers(limit)
        self._in_fork = in_fork

    async def probe(
        self, devnode: str, timeout_s: float = 10.0, late: Callable[[Probed], None] | None = None
    ) -> Probed | None:
        """What is on ``devnode``; ``None`` when it cannot be opened or does not answer in time.

        ``late`` is called with what it answers after that, unless it is given up or probed again before. A device whose
        last probe still hangs in the kernel is not probed again before that one has come back.
        """
        later = Later(LATE_S, partial(_answered, devnode, late)) if late else None
        end = await self._helpers.run(self._work("look", devnode), timeout_s=timeout_s, key=devnode, later=later)
        return _found(devnode, end)

    def give_up(self, devnode: str) -> None:
        """Wait no more for the late answer of a device: it is gone, or another medium is in it."""
        self._helpers.give_up(devnode)

    async def reread(self, devnode: str, timeout_s: float = 10.0) -> bool:
        """Have the kernel read the disk's partition table again; tell whether it did, and so sent the events."""
        end = await self._helpers.run(self._work("reread", devnode), timeout_s=timeout_s, key=devnode)
        return end.code == 0

    def close(self) -> None:
        """Wait for no late answer any more."""
        self._helpers.close()

    def _work(self, verb: str, devnode: str) -> Work:
        if not self._in_fork:
            return (sys.executable or "/proc/self/exe", "-I", "-S", "-c", _PROGRAM, _FOLDER, verb, devnode)
        from lunix_natsdev.probe_child import main

        return partial(main, verb, devnode)


def _found(devnode: str, end: Exit) -> Probed | None:
    if reason := trouble(end):
        log.warning("a device could not be looked at", extra={"node": devnode, "reason": reason})
    return decode(end.output) if end.code == 0 else None


def _answered(devnode: str, late: Callable[[Probed], None], end: Exit) -> None:
    if (probed := _found(devnode, end)) is not None:
        log.info("a device answered after its time", extra={"node": devnode})
        late(probed)


def trouble(end: Exit) -> str:
    """What is wrong where the child did not end by itself with an answer, or an ``errno`` that devices have."""
    if end.code is None:
        return "it does not answer"
    if end.code < 0:
        return f"signal {-end.code} ended the program that looks"
    # 1 is EPERM too, which natsdev meets where it may not look, and Python's own for an exception.
    return "the program that looks failed" if end.code == 1 else ""

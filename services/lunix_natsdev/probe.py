"""Look at a device's contents without being held up by it: ``await probes.probe("/dev/sda1", timeout_s=10)``.

Reading from dying media hangs, so it is done by a child with a deadline (``probe_child``). The child is exec'd and not
forked: that costs 8 ms instead of 2, but what parses hostile bytes then holds neither the daemon's key nor its sockets,
and when it has to be left behind in the kernel it keeps nothing of the daemon open. On a small board, where an
interpreter takes half a second to start and there are no keys, it is forked (``in_fork``): a copy without descriptors.

Devices are opened read-only, so a probe makes no ``change`` event: the kernel and the watch on nodes announce only the
close of a writer.
"""

import logging
import sys
from functools import partial
from pathlib import Path

from lunix_natsdev.os_spawn import Exit, Helpers, Work
from lunix_natsdev.probed import Probed, decode

__all__ = ["Probed", "Probes"]

_PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
from lunix_natsdev.probe_child import main
sys.exit(main(*sys.argv[2:]))"""
log = logging.getLogger("natsdev")
_FOLDER = str(Path(__file__).resolve().parent.parent)


class Probes:
    """Probes devices, at most ``limit`` at once."""

    def __init__(self, limit: int = 4, *, in_fork: bool = False) -> None:
        self._helpers = Helpers(limit)
        self._in_fork = in_fork

    async def probe(self, devnode: str, timeout_s: float = 10.0) -> Probed | None:
        """What is on ``devnode``; ``None`` when it cannot be opened or does not answer in time.

        A device whose last probe still hangs in the kernel is not probed again before that one has come back.
        """
        end = await self._helpers.run(self._work("look", devnode), timeout_s=timeout_s, key=devnode)
        if reason := trouble(end):
            log.warning("a device could not be looked at", extra={"node": devnode, "reason": reason})
        return decode(end.output) if end.code == 0 else None

    async def reread(self, devnode: str, timeout_s: float = 10.0) -> bool:
        """Have the kernel read the disk's partition table again; tell whether it did, and so sent the events."""
        end = await self._helpers.run(self._work("reread", devnode), timeout_s=timeout_s, key=devnode)
        return end.code == 0

    def _work(self, verb: str, devnode: str) -> Work:
        if not self._in_fork:
            return (sys.executable or "/proc/self/exe", "-I", "-S", "-c", _PROGRAM, _FOLDER, verb, devnode)
        from lunix_natsdev.probe_child import main

        return partial(main, verb, devnode)


def trouble(end: Exit) -> str:
    """What is wrong where the child did not end by itself with an answer, or an ``errno`` that devices have."""
    if end.code is None:
        return "it does not answer"
    if end.code < 0:
        return f"signal {-end.code} ended the program that looks"
    # 1 is EPERM too, which natsdev meets where it may not look, and Python's own for an exception.
    return "the program that looks failed" if end.code == 1 else ""

"""The kernel's process connector on the bus: what begins and ends, and what could not be told.

A name is read the moment that the kernel tells of its process, because many are gone a millisecond later: so events are
handled as they are read, and other tasks have their turn between batches.
"""

import logging

from lunix_common.bus import Bus
from lunix_common.os_netlink import Overflow, Reader, Truncated, Untrusted
from lunix_common.schemas.process import Executed, Exited
from lunix_ps import naming, os_proc, proc_event
from lunix_ps.known import Known, KnownProcesses
from lunix_ps.os_connector import Connector
from lunix_ps.proc_event import Began, Ended, Malformed

log = logging.getLogger("ps")

AT_ONCE = 128


class Listener:
    """Publishes what a connector hears."""

    def __init__(self, bus: Bus, connector: Connector, remembered: int) -> None:
        self._bus = bus
        self._connector = connector
        self._known = KnownProcesses(remembered)
        self._dropped = connector.dropped
        self._overflown = False
        self._reader = Reader(connector.fileno(), self._readable)

    def open(self) -> None:
        """Learn what runs already, and begin."""
        self._learn()
        self._reader.resume()

    def close(self) -> None:
        """End it; idempotent. Call it before the connector is closed."""
        self._reader.close()

    def _readable(self) -> bool:
        """Take some of what waits, and tell whether there may be more."""
        for _ in range(AT_ONCE):
            received = self._connector.receive()
            if received is None:
                if self._overflown:
                    self._drained()
                return False
            self._take(received)
        return True

    def _take(self, received: bytes | Overflow | Untrusted | Truncated) -> None:
        if isinstance(received, Overflow):
            self._overflown = True
            self._tell_loss()
            return
        if not isinstance(received, bytes):
            log.warning("a message counts for nothing: it is not the kernel's", extra={"what": repr(received)})
            return
        try:
            fact = proc_event.parse(received)
        except Malformed as error:
            log.warning("a message counts for nothing", extra={"error": str(error)})
            return
        if isinstance(fact, Began):
            self._began(fact)
        elif isinstance(fact, Ended):
            self._ended(fact)

    def _began(self, fact: Began) -> None:
        known = _look(fact.pid, fact.time_ns)
        self._known.put(fact.pid, known)
        executed = Executed(pid=fact.pid, ppid=known.ppid, uid=known.uid, name=naming.text(known.name))
        self._bus.emit("process.exec.<name>", executed, name=known.name)

    def _ended(self, fact: Ended) -> None:
        known = self._known.take(fact.pid)
        runtime_s = round((fact.time_ns - known.began_ns) / 1e9, 6) if known else None
        # One that only forked is not known. Its name can be read until its parent has asked how it ended, which may be
        # before the kernel tells us: it tells the parent first.
        known = known or _look(fact.pid, fact.time_ns)
        exited = Exited(
            pid=fact.pid,
            ppid=fact.ppid or known.ppid,
            uid=known.uid,
            name=naming.text(known.name),
            runtime_s=runtime_s,
            **proc_event.outcome(fact.status)._asdict(),
        )
        self._bus.emit("process.exit.<name>", exited, name=known.name)

    def _drained(self) -> None:
        """The buffer is empty, and the kernel fills it again: what it dropped meanwhile is all that was lost."""
        self._overflown = False
        self._tell_loss()
        self._learn()

    def _tell_loss(self) -> None:
        dropped = self._connector.dropped
        if dropped != self._dropped:
            log.warning("the kernel had no room for events", extra={"dropped": dropped - self._dropped})
            self._dropped = dropped
            self._bus.lost("process", "kernel overflow")

    def _learn(self) -> None:
        """Read what runs now: those of which no event has told, or will."""
        self._known.clear()
        for pid in os_proc.pids():
            figures = os_proc.figures(pid)
            if figures is not None:
                self._known.put(pid, _look(pid, os_proc.started_ns(figures.start_ticks)))


def _look(pid: int, began_ns: int) -> Known:
    who = os_proc.identity(pid)
    if who is None:
        return Known(b"", None, None, began_ns)  # gone before anybody could look at it
    cut = len(who.comm) >= naming.COMM_BYTES
    name = naming.whole(who.comm, os_proc.command(pid)) if cut else who.comm
    return Known(name, who.ppid, who.uid, began_ns)

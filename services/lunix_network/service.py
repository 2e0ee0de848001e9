"""The daemon: the kernel's tables are read once, and from then on each message changes them and is told.

    the socket is open → links, addresses and routes are read → messages that waited, and each that comes

What the kernel lost (ENOBUFS) or does not tell is read again when all that waits has been taken, and told as the
difference.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from itertools import chain

from lunix_common.alarm import Alarm
from lunix_common.bus import Bus, Request
from lunix_common.daemon import Context
from lunix_common.os_netlink import Overflow, Reader
from lunix_common.schemas.network import Item, ListRequest, Neighbour, NeighboursRequest
from lunix_common.schemas.network import Online as OnlineItem
from lunix_network import items, netlink, rtnl
from lunix_network.names import Names
from lunix_network.online import Online
from lunix_network.os_rtnl import Rtnl
from lunix_network.os_wifi import WifiSocket
from lunix_network.settings import Settings
from lunix_network.table import Table, Told
from lunix_network.wireless import Wireless

log = logging.getLogger("network")

AT_ONCE = 64
"""Datagrams that are taken before other tasks have their turn."""


async def serve(context: Context[Settings]) -> None:
    """Tell what changes, and answer, until the daemon is asked to stop."""
    bus, settings = context.bus, context.settings
    opened = Rtnl(settings.receive_buffer_bytes)
    context.stack.callback(opened.close)
    names = Names(bus, settings.resolv_conf, context.stack.callback)
    network = Network(bus, opened, settings)
    context.stack.callback(network.close)
    _open_wireless(context, network.table)
    network.open()
    answers = Answers(bus, network, opened, names)
    bus.serve_list("network", answers.items)
    bus.serve("network.neighbours", answers.neighbours)
    await context.ready()
    await network.ended


def _open_wireless(context: Context[Settings], table: Table) -> None:
    try:
        opened = WifiSocket(context.settings.receive_buffer_bytes)
    except OSError as error:
        context.bus.part_is_off("wifi", f"the kernel tells of no wireless connections: {error.strerror}")
        return
    context.stack.callback(opened.close)
    wireless = Wireless(context.bus, table, opened, context.settings)
    context.stack.callback(wireless.close)
    wireless.open()


class Network:
    """Publishes what the kernel's socket tells."""

    def __init__(self, bus: Bus, opened: Rtnl, settings: Settings) -> None:
        self.table = Table()
        self._bus = bus
        self._rtnl = opened
        self._settings = settings
        self._reader = Reader(opened.fileno(), self._readable)
        self._lost = False
        self._online = Online(False, settings.online_after_ms / 1000, settings.offline_after_ms / 1000)
        self._alarm = Alarm(self._expire)
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Has the error of a socket that cannot be read."""

    def __iter__(self) -> Iterator[Item]:
        """Every item."""
        yield from self.table
        yield self._online_item()

    def open(self) -> None:
        """Take in what there is; what changes meanwhile waits in the socket."""
        self.table.whole(self._rtnl.whole(), resync=False)
        self.table.unclear = False
        self._online.told = self.table.carried
        self._reader.resume()

    def close(self) -> None:
        """End it; idempotent. Call it before the socket is closed."""
        self._reader.close()
        self._alarm.set(None)

    def tell(self, told: Iterable[Told]) -> None:
        """Publish these, in order."""
        for pattern, payload in told:
            self._bus.emit(pattern, payload)

    def _readable(self) -> bool:
        try:
            return self._read()
        except OSError as error:
            # Nobody stands above a callback of the loop.
            self._reader.pause()
            self.ended.set_exception(error)
            return False

    def _read(self) -> bool:
        """Take some of what waits, and tell whether there may be more."""
        more = True
        for _ in range(AT_ONCE):
            received = self._rtnl.receive()
            if received is None:
                self._drained()
                more = False
                break
            if isinstance(received, Overflow):
                self._lost = True
            elif isinstance(received, bytes):
                self._take(received)
            else:
                log.warning("a message counts for nothing: it is not the kernel's", extra={"what": repr(received)})
        self._follow_online()
        return more

    def _take(self, datagram: bytes) -> None:
        try:
            for message in netlink.messages(datagram):
                if message.type in (rtnl.NEWNEXTHOP, rtnl.DELNEXTHOP):
                    self.table.unclear = True
                elif (news := rtnl.read(message)) is not None:
                    self.tell(self.table.take(news))
        except netlink.Malformed as error:
            log.warning("a message counts for nothing", extra={"error": str(error)})

    def _drained(self) -> None:
        if self._lost:
            self._lost = False
            self._resync()
        elif self.table.unclear:
            self.tell(self.table.routes(self._rtnl.routes()))

    def _resync(self) -> None:
        """Find out what was lost."""
        told = self.table.whole(self._rtnl.whole())
        self.table.unclear = False
        self.tell(told)
        self._bus.lost("network", "kernel overflow")
        log.warning("the kernel dropped messages; its tables were compared", extra={"differences": len(told)})

    # --- online -----------------------------------------------------------------------------------------------------

    def _online_item(self) -> OnlineItem:
        return OnlineItem(id="online", online=self._online.told)

    def _follow_online(self) -> None:
        self._online.update(self.table.carried, self._loop.time())
        self._alarm.set(self._online.deadline)

    def _expire(self, now: float) -> None:
        if self._online.expire(now):
            item = self._online_item()
            self._bus.emit("network.online" if item.online else "network.offline", item)


class Answers:
    """What is asked for."""

    def __init__(self, bus: Bus, network: Network, opened: Rtnl, names: Names) -> None:
        self._bus = bus
        self._network = network
        self._rtnl = opened
        self._names = names

    def items(self, asked: ListRequest) -> list[Item]:
        """The items of ``network.list``."""
        link = None if asked.link is None else self._network.table.find(asked.link)
        return [
            item
            for item in chain(self._network, self._names)
            if asked.kind in (None, item.kind) and link in (None, item.link) and asked.family in (None, item.family)
        ]

    async def neighbours(self, request: Request[NeighboursRequest]) -> bytes:
        """Answer ``network.neighbours``."""
        table = self._network.table

        def found(asked: NeighboursRequest) -> Iterator[Neighbour]:
            link = None if asked.link is None else table.find(asked.link)
            for fact in self._rtnl.neighbours():
                item = items.neighbour(fact, table.name(fact.ifindex))
                if link in (None, item.link) and asked.family in (None, item.family):
                    yield item

        return self._bus.page(request.payload, found)

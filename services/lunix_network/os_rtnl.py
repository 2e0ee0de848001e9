"""AF_NETLINK, NETLINK_ROUTE: the kernel's tables of links, addresses and routes, and its news of them. rtnetlink(7)."""

import os
import select
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from lunix_common.os_netlink import NetlinkSocket, Received
from lunix_network import netlink, rtnl
from lunix_network.netlink import Message
from lunix_network.table import Whole

T = TypeVar("T")

NETLINK_ROUTE = 0
DATAGRAM_BYTES = 64 * 1024
"""The kernel gives no more at once than twice this reads: 32 KB, or what one message needs."""
ANSWER_S = 5.0
"""It answers before ``send`` returns; so long we wait for one that does not."""
TRIES = 10
LOOPBACK = 1
"""Every network namespace has it, under this number."""


class Rtnl:
    """A socket that hears news, non-blocking, and one to ask."""

    def __init__(self, receive_buffer_bytes: int) -> None:
        """Open both; raise ``OSError``. Every user may listen."""
        self._news = NetlinkSocket(NETLINK_ROUTE)
        self._asked = Asked(NETLINK_ROUTE)
        try:
            self._news.enlarge(receive_buffer_bytes)
            self._news.bind((0, rtnl.GROUPS))
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._news.fileno()

    def receive(self) -> Received:
        """The next datagram of news, or what stands in its place; ``None`` when nothing waits."""
        return self._news.receive(DATAGRAM_BYTES)

    def whole(self) -> Whole:
        """All links, addresses and routes."""
        links = self._all(rtnl.GETLINK, rtnl.link)
        addresses = self._all(rtnl.GETADDR, rtnl.address)
        return Whole(links, addresses, self.routes())

    def routes(self) -> list[rtnl.Route]:
        """All routes, with what followed from each change that was told so far.

        The kernel tells that an address goes, or a link is switched off, and then drops its routes. A question about a
        link waits until that is done; the tables of routes alone can be read meanwhile.
        """
        with suppress(FileNotFoundError):
            self._asked.ask(rtnl.GETLINK, netlink.F_ACK, rtnl.ask(rtnl.GETLINK, ifindex=LOOPBACK))
        return self._all(rtnl.GETROUTE, rtnl.route)

    def neighbours(self) -> list[rtnl.Neighbour]:
        """All neighbours."""
        return self._all(rtnl.GETNEIGH, rtnl.neighbour)

    def _all(self, kind: int, read: Callable[[bytes], T | None]) -> list[T]:
        answer = self._asked.ask(kind, netlink.F_DUMP, rtnl.ask(kind))
        return [found for message in answer if (found := read(message.body)) is not None]

    def close(self) -> None:
        """Close both; idempotent."""
        self._news.close()
        self._asked.close()


class Asked:
    """A socket for requests, one after the other."""

    def __init__(self, protocol: int) -> None:
        self._socket = NetlinkSocket(protocol)
        self._socket.bind((0, 0))
        self._seq = 0

    def ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        """Send a request and return the messages of the answer; raise ``OSError`` with the kernel's errno.

        The kernel says so when what it told changed meanwhile; then it is asked again.
        """
        torn, tries, found = True, 0, list[Message]()
        while torn and tries < TRIES:
            tries += 1
            self._seq += 1
            self._socket.send(netlink.request(kind, flags, self._seq, body))
            found, torn = self._answer(self._seq)
        return found

    def _answer(self, seq: int) -> tuple[list[Message], bool]:
        found: list[Message] = []
        torn = False
        while True:
            for message in self._messages():
                if message.seq != seq:
                    continue
                torn = torn or bool(message.flags & netlink.F_DUMP_INTR)
                if message.type not in (netlink.ERROR, netlink.DONE):
                    found.append(message)
                    continue
                if number := netlink.failure(message.body):
                    raise OSError(number, os.strerror(number))
                return found, torn

    def _messages(self) -> Iterator[Message]:
        received = self._socket.receive(DATAGRAM_BYTES)
        if received is None:
            readable, _, _ = select.select([self._socket], [], [], ANSWER_S)
            if not readable:
                raise TimeoutError("the kernel does not answer")
        elif isinstance(received, bytes):
            yield from netlink.messages(received)

    def close(self) -> None:
        """Close it; idempotent."""
        self._socket.close()

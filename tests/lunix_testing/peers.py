"""Plain nats-py clients as the roles and daemons of a closed bus, that keep what the server refused them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from lunix_testing.client import Nats
from lunix_testing.server import BusServer

SECONDS = 30.0
Headers = dict[str, str] | None


@dataclass
class Peer:
    """One client."""

    client: Nats
    errors: list[str] = field(default_factory=list[str])

    async def settle(self) -> None:
        """Return when the server has dealt with all that was sent, and all that it sent before has arrived."""
        # The client's flush alone sends its PING ahead of messages that wait for its flusher task.
        await self.client._flush_pending(force_flush=True)  # pyright: ignore[reportPrivateUsage]
        await self.client.flush()

    async def refusals(self) -> list[str]:
        """What the server has refused of all that was sent so far; forgets it. Errors come before a flush's answer."""
        await self.settle()
        found, self.errors[:] = list(self.errors), []
        return found

    async def listen(self, subject: str) -> "Ear":
        """Subscribe; the subscription counts when this returns."""
        subscription = await self.client.subscribe(subject)  # pyright: ignore[reportUnknownMemberType]
        await self.settle()
        return Ear(self, subscription)

    async def answer(self, subject: str, data: bytes = b"{}", headers: Headers = None) -> list[Msg]:
        """Answer each request on a subject; returns the list that they are gathered in."""
        seen: list[Msg] = []

        async def handle(message: Msg) -> None:
            seen.append(message)
            if message.reply:
                await self.client.publish(message.reply, data, headers=headers)
                await self.settle()

        await self.client.subscribe(subject, cb=handle)  # pyright: ignore[reportUnknownMemberType]
        await self.settle()
        return seen

    async def send(
        self, subject: str, data: bytes = b"{}", reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Publish; the server has dealt with it, deliveries and all, when this returns."""
        await self.client.publish(subject, data, reply=reply, headers=headers)
        await self.settle()

    async def send_raw(self, protocol: bytes) -> None:
        """Write these bytes to the server as they are, which has dealt with them when this returns."""
        await self.settle()
        transport = self.client._transport  # pyright: ignore[reportPrivateUsage]
        assert transport is not None
        transport.write(protocol)
        await self.settle()

    async def ask(self, subject: str, data: bytes = b"{}", headers: Headers = None) -> Msg:
        """The answer to a request."""
        return await self.client.request(subject, data, timeout=SECONDS, headers=headers)


@dataclass
class Ear:
    """A subscription."""

    peer: Peer
    subscription: Subscription

    async def next(self) -> Msg:
        """The next message, which comes within the deadline."""
        return await self.subscription.next_msg(SECONDS)

    async def heard(self) -> list[tuple[str, bytes]]:
        """All that the server has delivered: what was queued for this client comes before a flush's answer."""
        await self.peer.settle()
        found: list[tuple[str, bytes]] = []
        while self.subscription.pending_msgs:
            message = await self.next()
            found.append((message.subject, message.data))
        return found


Peers = Callable[..., Awaitable[Peer]]


@pytest.fixture
async def peers(bus_server: BusServer) -> AsyncIterator[Peers]:
    """``await peers("observer")``: connects as this identity, closed at the end of the test."""
    async with AsyncExitStack() as stack:
        yield connector(bus_server, stack)


def connector(server: BusServer, stack: AsyncExitStack) -> Peers:
    """The same for a server that the test makes itself."""

    async def connect(identity: str, **options: Any) -> Peer:
        errors: list[str] = []

        async def refused(error: Exception) -> None:
            errors.append(str(error))

        client = await server.connect(identity, error_cb=refused, **options)
        stack.push_async_callback(client.close)
        return Peer(client, errors)

    return connect

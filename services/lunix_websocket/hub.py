"""The bus's side: for each token one connection with its identity, and on it one subscription for each subject.

However many browsers look at ``hardware.>``, it crosses the bus once, and is made a frame once.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

from lunix_common.access import identities
from lunix_common.access.roles import Client
from lunix_common.bus import Bus, Message
from lunix_common.bus.connection import Subscription
from lunix_common.bus.options import BusOptions
from lunix_common.subjects import Table
from lunix_websocket import frames

log = logging.getLogger("websocket")

PATIENCE_S = 2.0
"""A message that is sent while the bus is away waits so long for it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to a request."""

    data: bytes
    code: int | None
    """Of an error, as in HTTP."""
    why: str = ""


class Rendered:
    """A message as frames, each made when the first listener wants it."""

    def __init__(self, message: Message, filter_: str) -> None:
        self._message = message
        self._filter = filter_

    @cached_property
    def _payload(self) -> str:
        return frames.payload_json(self._message.data)

    @cached_property
    def plain(self) -> bytes:
        """Topic and payload."""
        return frames.message(self._message.subject, self._payload)

    @cached_property
    def whole(self) -> bytes:
        """With headers and the subscription."""
        return frames.bus_message(self._message.subject, self._payload, self._filter, self._message.headers)


class Listener(Protocol):
    """Somebody who hears messages."""

    def hear(self, rendered: Rendered) -> None:
        """Take a message."""
        ...

    def here(self, filter_: str) -> None:
        """From now on nothing on this subject is missed; before, something may have been."""
        ...


@dataclass
class Shared:
    """One subscription and those who share it."""

    subscription: Subscription | None = None
    listeners: dict[Listener, None] = field(default_factory=dict[Listener, None])
    is_up: bool = False


class Link(Bus):
    """The connection of one token's identity."""

    def __init__(self, options: BusOptions, client: Client, table: Table) -> None:
        super().__init__(options, client.name, table=table)
        self._shared: dict[str, Shared] = {}

    async def send(self, subject: str, data: bytes, *, confirmed: bool) -> None:
        """Publish; where ``confirmed``, return when the server has it.

        Waits for a bus that is away a little; raises ``BusAway``, ``TimeoutError`` or ``ValueError``.
        """
        async with asyncio.timeout(PATIENCE_S):
            await self.up()
        session = self._here()
        await session.publish(subject, data)
        if confirmed:
            await session.flush()

    async def ask(self, subject: str, data: bytes, timeout_s: float | None) -> Answer:
        """Ask; raise ``RequestError`` where the server refuses, ``BusAway`` or ``TimeoutError``."""
        timeout_s = timeout_s or self.table.patience_s(subject, data)
        async with asyncio.timeout(timeout_s):
            await self.up()
        found = await self._here().request(subject, data, timeout_s)
        headers = found.headers or {}
        code = headers.get("Nats-Service-Error-Code", "")
        if not code:
            return Answer(found.data, None)
        return Answer(found.data, int(code) if code.isdecimal() else 500, headers.get("Nats-Service-Error", ""))

    def listen(self, filter_: str, listener: Listener) -> None:
        """Have somebody hear a subject; ``here`` is called when the server has the subscription, and after each gap."""
        shared = self._shared.get(filter_)
        if shared is None:
            shared = self._shared[filter_] = Shared()
            shared.listeners[listener] = None
            shared.subscription = self.subscribe(
                filter_,
                lambda message: self._deliver(filter_, shared, message),
                on_gap=lambda: self._gap(filter_, shared),
            )
        else:
            shared.listeners[listener] = None
            if shared.is_up and self.connected:
                listener.here(filter_)

    async def leave(self, filter_: str, listener: Listener) -> None:
        """End what ``listen`` began; with the last one the subscription ends."""
        shared = self._shared.get(filter_)
        if shared is None or shared.listeners.pop(listener, 0) is not None or shared.listeners:
            return
        del self._shared[filter_]
        if shared.subscription is not None:
            await self.unsubscribe(shared.subscription)

    @property
    def subjects(self) -> list[str]:
        """What is subscribed on the bus."""
        return list(self._shared)

    @staticmethod
    def _deliver(filter_: str, shared: Shared, message: Message) -> None:
        rendered = Rendered(message, filter_)
        for listener in tuple(shared.listeners):
            listener.hear(rendered)

    @staticmethod
    def _gap(filter_: str, shared: Shared) -> None:
        shared.is_up = True
        for listener in tuple(shared.listeners):
            listener.here(filter_)


class Hub:
    """The connections of all tokens, each made when its token is first shown and kept from then on."""

    def __init__(self, options: BusOptions, table: Table, tasks: asyncio.TaskGroup) -> None:
        self.refused: Callable[[Client], None] = lambda _client: None
        """Called when the server takes an identity no more, as after its token was removed."""
        self._options = options
        self._table = table
        self._tasks = tasks
        self._links: dict[Client, tuple[Link, asyncio.Task[None]]] = {}

    def link(self, client: Client) -> Link:
        """The connection of this identity."""
        if client not in self._links:
            link = Link(self._options_of(client), client, self._table)
            task = self._tasks.create_task(self._keep(link, client), name=f"websocket.{client.name}")
            self._links[client] = link, task
        return self._links[client][0]

    def drop(self, client: Client) -> None:
        """End the connection of an identity that is gone."""
        if client in self._links:
            self._links.pop(client)[1].cancel()

    @property
    def links(self) -> list[Link]:
        """Those that there are."""
        return [link for link, _ in self._links.values()]

    def _options_of(self, client: Client) -> BusOptions:
        """On a server of somebody's own, without accounts, nobody has a key."""
        if self._options.key is None:
            return self._options
        return replace(self._options, key=identities.path_of(self._options.key.parent, client.name))

    async def _keep(self, link: Link, client: Client) -> None:
        async with link:
            while True:
                reason = await link.refusal()
                log.warning("the bus takes a token no more", extra={"token": client.name, "why": str(reason)})
                self.refused(client)

"""What a domain tells, as a plain client hears it.

    await hear(client, "power", heard.put)
    event = await heard.next()

One subscription a domain: nats-py hands on the messages of each subscription by a task of its own, so that those of
several come in no common order. And an answer is no sign that the events from before it have come: they wait in the
publisher's queue, which answers do not pass.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nats.aio.msg import Msg

from lunix_common.bus.messages import SEQ
from lunix_testing.client import Nats


@dataclass
class Event:
    """What was heard."""

    subject: str
    payload: dict[str, Any]
    headers: dict[str, str]

    @property
    def kind(self) -> str:
        """The last word of its subject."""
        return self.subject.rpartition(".")[2]

    @property
    def name(self) -> str:
        """That of what it tells of."""
        return str(self.payload.get("name", ""))

    @property
    def id(self) -> str:
        """That of what it tells of."""
        return str(self.payload["id"])


async def hear(client: Nats, domain: str, take: Callable[[Event], None]) -> None:
    """Take each event of a domain that the client's role may see, from now on, but for that it is ready."""

    async def told(message: Msg) -> None:
        # Requests of the client itself are on subjects of the domain as well: they have no number.
        if SEQ in (headers := dict(message.headers or {})) and message.subject != f"{domain}.ready":
            take(Event(message.subject, json.loads(message.data), headers))

    await client.subscribe(f"{domain}.>", cb=told)  # pyright: ignore[reportUnknownMemberType]
    await client.flush()

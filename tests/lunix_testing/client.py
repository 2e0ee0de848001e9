"""nats-py's client, but one whose ``flush`` is a fence: all tests connect with it."""

import json
from typing import Any

from nats.aio.client import Client

from lunix_testing.deadline import SECONDS


class Nats(Client):
    """A plain client of the bus."""

    async def connect(self, servers: str | list[str], **options: Any) -> None:  # type: ignore[override]
        """Connect as nats-py does, which gives a server two seconds: on a busy machine it has more."""
        options.setdefault("connect_timeout", SECONDS)
        await super().connect(servers, **options)

    async def flush(self, timeout: int = int(SECONDS)) -> None:
        """Return when the server has taken up all that was subscribed and published before.

        nats-py's own writes its PING at once, ahead of commands that still wait for its flusher: on a busy machine what
        follows then overtakes a subscription.
        """
        await self._flush_pending(force_flush=True)
        await super().flush(timeout)

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        """The answer to a request, whatever it says; what is no ``bytes`` is sent as JSON."""
        data = payload if isinstance(payload, bytes) else b"" if payload is None else json.dumps(payload).encode()
        answer: dict[str, Any] = json.loads((await self.request(subject, data, timeout=30)).data)
        return answer


async def connect(url: str, **options: Any) -> Nats:
    """A connected client, as ``nats.connect`` makes one."""
    client = Nats()
    await client.connect(url, **options)
    return client

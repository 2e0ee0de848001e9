"""Somebody on the bus who asks for toasts, and hears of them."""

from typing import Any

from lunix_testing.client import Nats
from lunix_testing.deadline import Inbox
from lunix_testing.events import hear
from lunix_testing.server import BusServer


class Person:
    """A client with the role of a user."""

    client: Nats

    def __init__(self, server: BusServer) -> None:
        self._server = server
        self.heard: Inbox[tuple[str, dict[str, Any]]] = Inbox()
        """Every event of toast: its last token and its payload."""

    async def open(self) -> None:
        """Connect, and hear from then on."""
        self.client = await self._server.connect("user")

        await hear(self.client, "toast", lambda event: self.heard.put((event.kind, event.payload)))

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        """The answer to a request."""
        return await self.client.ask(subject, payload)

    async def toast(self, summary: str, **more: object) -> str:
        """Show a toast, which stays until somebody closes it where nothing else is said; its id."""
        id_: str = (await self.ask("toast.in", {"summary": summary, "timeout_ms": 0, **more}))["id"]
        return id_

    async def event(self, name: str, **fields: object) -> dict[str, Any]:
        """Wait for an event with these fields; its payload."""
        found = await self.heard.until(
            lambda one: one[0] == name and all(one[1].get(key) == value for key, value in fields.items())
        )
        return found[1]

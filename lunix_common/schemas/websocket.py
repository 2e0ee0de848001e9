"""Payloads of ``websocket.*``: who is connected through lunix-websocket."""

from lunix_common.schemas.common import Model, Page, PageRequest, Time


class Client(Model):
    """A websocket that has shown its token."""

    id: str
    token: str
    """The name of the token, not its secret."""
    role: str
    address: str
    """Where it comes from, as the kernel tells it."""
    path: str
    """``/bus``, or ``/sub/`` or ``/pub/`` and a subject."""
    agent: str = ""
    """What it calls itself."""
    opened_at: Time


class ClientEvent(Client):
    """It came or went."""

    happened_at: Time
    sent: int = 0
    """How many frames it was sent."""
    dropped: int = 0
    """How many messages it was too slow for."""


class ListRequest(PageRequest):
    """Filters for ``websocket.list``."""

    token: str | None = None


class ClientList(Page):
    """The answer to ``websocket.list``."""

    items: list[Client]

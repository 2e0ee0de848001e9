"""lunix-bus without sockets: clients of one hub, as bytes in and bytes out."""

from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings

from lunix_bus import config
from lunix_bus.accounts import build
from lunix_bus.client import Client, Origin
from lunix_bus.hub import Hub

unhurried = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For property tests, which know no time on a busy machine."""
HELLO = b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1}\r\n'


def signed(nkey: str, signature: str, nonce: bytes) -> bool:
    """A key has signed where it repeats itself and the nonce."""
    return signature == nkey + nonce.decode()


def made(found: Mapping[str, Any], identities: Mapping[str, str] | None = None) -> Hub:
    """A hub with this configuration."""
    settings = config.parse(found)
    info = {"server_id": "N", "server_name": settings.server_name, "version": "1"}
    return Hub(settings.users(identities or {}, signed), build(settings.accounts), settings.limits, info)


class Room:
    """A hub and its clients."""

    def __init__(self, found: Mapping[str, Any] | None = None, identities: Mapping[str, str] | None = None) -> None:
        self.hub = made(found or {}, identities)
        self.clients: list[Client] = []

    def enter(self, first: bytes = HELLO, **origin: Any) -> Client:
        """A client that has said this."""
        known: dict[str, Any] = {
            "host": "h",
            "port": 1,
            "start": "2026-01-01T00:00:00Z",
            "opened_ns": 0,
            "nonce": b"",
        } | origin
        client = Client(self.hub, Origin(number=len(self.clients) + 1, **known))
        self.clients.append(client)
        client.receive(first, 5)
        said(client)
        return client


def said(client: Client) -> bytes:
    """What waits to be sent to it; forgets it."""
    found = b"".join(client.out)
    client.out.clear()
    return found

"""What this machine joined: ``fleet.json``, as ``lunix fleet join`` writes it. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlparse

from lunix_common.subjects import Role, token

NAME = "fleet.json"
PORT = 4223
"""Where a hub takes clients, if its address names no other port."""


@dataclass(frozen=True)
class Membership:
    """A machine's place in a fleet."""

    host: str
    port: int
    name: str
    authority: str
    """The hub's certificate, PEM."""
    seeds: Mapping[Role, str] = field(repr=False)
    """Of the machine's account at the hub for each role of operators, the least role first."""

    @property
    def hub(self) -> str:
        """The hub's address, for people."""
        return f"tls://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def prefix(self) -> str:
        """What operators see before the machine's subjects."""
        return f"host.{token(self.name)}"


def identity(role: Role) -> str:
    """The local identity as which operators of a role act on this machine."""
    return f"fleet-{role}"


def parse(text: bytes) -> Membership:
    """What the file says; raise ``ValueError`` where it makes no sense."""
    try:
        found = json.loads(text)
        credential, address = found["credential"], urlparse(str(found["url"]))
        seeds = {Role(role): str(seed) for role, seed in credential["seeds"].items()}
        name, authority = str(credential["name"]), str(credential["ca"])
        host, port = address.hostname, address.port
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{NAME} describes no fleet: {error!r}") from error
    if address.scheme != "tls" or not host:
        raise ValueError(f"{NAME} has no address of a hub")
    return Membership(
        host, port or PORT, name, authority, dict(sorted(seeds.items(), key=lambda one: list(Role).index(one[0])))
    )

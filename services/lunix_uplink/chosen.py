"""Which subjects pass for a role: what the machine's bus gives and takes there, as far as the settings let it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lunix_common.access.accounts import DISCOVERY, SHARED, may, widest, within
from lunix_common.access.roles import Client
from lunix_common.subjects import Kind, Role, Table


@dataclass(frozen=True)
class Chosen:
    """Which subjects pass for one role."""

    events: tuple[str, ...]
    requests: tuple[str, ...]


def chosen(table: Table, client: Client, events: Sequence[str], requests: Sequence[str]) -> Chosen:
    """What ``client``, as whom operators act here, may hear and ask, as far as the settings let it pass."""
    rows = [row for row in table if may(client, row)]
    heard = [one for row in rows if row.kind is Kind.EVENT for one in within(row.wildcard, events)]
    asked = [one for row in rows if row.kind is not Kind.EVENT for one in within(row.wildcard, requests)]
    heard += within(SHARED, events) if client.role.includes(Role.USER) else []
    return Chosen(
        tuple(widest(heard)), (*widest(asked), *(one for verb in DISCOVERY for one in within(verb, requests)))
    )

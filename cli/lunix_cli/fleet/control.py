"""The hub's server while it runs, by its system account: who is connected, read your configuration, cut this one off.

A machine is connected as a leaf node or, beside lunix-bus, as a client.

A reload does not end the leaf connections of an account that is no more (seen on 2.15.1), so a machine that is removed
is cut off besides. Requests: https://docs.nats.io/running-a-nats-service/configuration/sys_accounts.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lunix_cli import server_requests, tls
from lunix_cli.fleet.members import MACHINES, url
from lunix_common.bus.errors import BusAway
from lunix_common.bus.options import BusOptions, find
from lunix_common.bus.session import Session

KEY = "system"
_MOST = 1 << 20


@dataclass(frozen=True)
class Leaf:
    """A machine's connection that stands."""

    account: str
    address: str
    number: int
    """By which the server knows the connection."""


def options(hub: Path, host: str, port: int, key: str = KEY) -> BusOptions:
    """How the hub's owner reaches its server, from the machine that it runs on."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - what it listens on
    return find(key, url=url(reached, port), state=hub, environ={})


def leaves(where: BusOptions, certificate: Path) -> list[Leaf] | None:
    """The connections of machines; ``None`` where the hub does not run."""
    with tls.vouched_for_by(certificate):
        return asyncio.run(_visit(where, frozenset(), reload=False))


def renew(where: BusOptions, certificate: Path, gone: Collection[str] = ()) -> None:
    """Have a running hub take its configuration, and cut off the machines of the accounts that are ``gone``.

    Raises ``OSError`` where the server refuses it or does not answer; it goes on with what it had then.
    """
    with tls.vouched_for_by(certificate):
        asyncio.run(_visit(where, frozenset(gone), reload=True))


async def _visit(where: BusOptions, gone: frozenset[str], *, reload: bool) -> list[Leaf] | None:
    session = Session(where, "lunix-fleet", lambda _number: None)
    try:
        await session.open()
    except BusAway as away:
        await session.close()
        if isinstance(away.__cause__, ConnectionRefusedError):
            return None  # It does not run: what is written counts from its start on.
        raise  # To say that it is done would be wrong: a machine that is removed may still be connected.
    try:
        server, found = await _leaves(session)
        if reload:
            await server_requests.reload(session, server)
            # Listed anew: one that came between the two has the old key.
            for leaf in (await _leaves(session))[1]:
                if leaf.account in gone:
                    await server_requests.ask(session, f"$SYS.REQ.SERVER.{server}.KICK", {"cid": leaf.number})
        return found
    finally:
        await session.close()


async def _leaves(session: Session) -> tuple[str, list[Leaf]]:
    # Of all connections, and so both of leaf nodes and of clients; by default it tells of the first 1024.
    answer = await server_requests.ask(session, "$SYS.REQ.SERVER.PING.CONNZ", {"auth": True, "limit": _MOST})
    found = [
        Leaf(one["account"], str(one["ip"]), int(one["cid"]))
        for one in answer["data"].get("connections") or ()
        if str(one.get("account", "")).startswith(MACHINES)
    ]
    return str(answer["server"]["id"]), found

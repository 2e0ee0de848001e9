"""Whether a machine's connections to its hub stand, as its own bus tells it: the hub hears nothing of the question.

nats-server → the leaf connections that stand, told to the account ``$SYS``
lunix-bus   → what lunix-uplink says of each of its own
"""

import asyncio
from argparse import Namespace
from collections.abc import Collection
from pathlib import Path

from lunix_cli import client, server, server_requests
from lunix_cli.fleet import joined
from lunix_common.access import serverconf
from lunix_common.bus.errors import BusAway, BusRefused, RequestError
from lunix_common.errors import UsageError
from lunix_common.role import up_to
from lunix_common.subjects import Role

WAIT_S = 5.0


def missing(state: Path, role: Role) -> str:
    """What does not stand, for a person, where operators are at most ``role`` here; empty where all does.

    Empty as well where nobody knows: no bus runs, or it was configured by an older lunix.
    """
    running = server.announcement(state)
    if running is None:
        return ""
    try:
        return asyncio.run(_ask(state, running, up_to(role)))
    except (OSError, BusAway, BusRefused, RequestError, UsageError):
        return ""


async def _ask(state: Path, running: server.Announced, roles: Collection[Role]) -> str:
    identity = Role.OBSERVER.value if running.embedded else serverconf.SYSTEM
    async with client.visit(Namespace(role=identity, bus=running.url, state=state), "doctor") as visiting:
        if running.embedded:
            links = await client.ask(visiting, "uplink.list", b"", WAIT_S)
            return next((str(link["reason"]) for link in links["items"] if not link["connected"]), "")
        told = await server_requests.ask(visiting.session, "$SYS.REQ.SERVER.PING.LEAFZ", {})
    standing = {leaf["account"] for leaf in told["data"].get("leafs") or ()}
    gone = [role for role in roles if joined.client(role).account not in standing]
    return f"no connection stands for operators who are {' or '.join(gone)}" if gone else ""

"""The history of this very machine: what ``lunix up --history`` and ``lunix serve --history`` have nats-server keep."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from lunix_cli import streams
from lunix_cli.streams import Bounds
from lunix_common.access.history import INDEX, KEEPER
from lunix_common.bus.errors import RequestError
from lunix_common.bus.options import find
from lunix_common.errors import UsageError
from lunix_common.journal import safe
from lunix_common.role import RANKED, up_to


def setting(state: Path, *, embedded: bool) -> dict[str, Any]:
    """What the server's configuration says besides; raise ``UsageError`` where the server is to be lunix-bus."""
    if embedded:
        raise UsageError("lunix-bus keeps no history: use --server nats-server")
    return streams.setting(str(state / "history"))


def configurations(bounds: Bounds) -> dict[str, dict[str, Any]]:
    """The streams, by name: one a role, and what tells each role what it may read."""
    return streams.configurations({str(role): f"{role}.>" for role in RANKED}, bounds)


async def settle(state: Path, url: str | None, bounds: Bounds) -> None:
    """Have a running server keep it. Where that fails, say so on stderr: a bus without a past is better than none."""
    where = find(KEEPER, url=url, state=state, environ={})
    told = {f"{INDEX}.{role}": {"roles": up_to(role)} for role in RANKED}
    try:
        await streams.settle(where, configurations(bounds), told)
    except (OSError, RequestError, ValueError) as error:
        sys.stderr.write(f"lunix: no history is kept: {safe(str(error))}\n")


def settle_now(state: Path, bounds: Bounds) -> None:
    """The same, from a program without a loop, of the server that ``bus.json`` tells of."""
    asyncio.run(settle(state, None, bounds))

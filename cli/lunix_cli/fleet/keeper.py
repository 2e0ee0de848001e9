"""Have the hub's running server keep what it is to keep: its streams are made, changed and removed here.

Requests: https://docs.nats.io/reference/reference-protocols/nats_api_reference.
"""

import asyncio
import json
import sys
from pathlib import Path

from lunix_cli import tls
from lunix_cli.fleet import archive, control
from lunix_cli.fleet.archive import Bounds
from lunix_cli.fleet.members import Fleet
from lunix_common.bus.errors import RequestError
from lunix_common.bus.options import BusOptions
from lunix_common.bus.session import Session
from lunix_common.journal import safe

KEY = "history"


def settle(where: BusOptions, certificate: Path, fleet: Fleet, bounds: Bounds) -> None:
    """Have the streams of these members and no others; say on stderr where that fails.

    What is a member counts whether it is kept or not, so nothing is raised; the next change or start tries again.
    """
    try:
        with tls.vouched_for_by(certificate):
            asyncio.run(_settle(where, fleet, bounds))
    except (OSError, RequestError, ValueError) as error:
        if not isinstance(error.__cause__, ConnectionRefusedError):  # it does not run: its start does it
            sys.stderr.write(f"lunix: the history is not kept as it should be: {safe(str(error))}\n")


async def _settle(where: BusOptions, fleet: Fleet, bounds: Bounds) -> None:
    session = Session(where, "lunix-history", lambda _number: None)
    try:
        await session.open()
        there, wanted = await _names(session), archive.streams(fleet, bounds)
        # In this order: what is given up makes room for what comes.
        for name in sorted(there - wanted.keys()):
            await control.ask(session, f"$JS.API.STREAM.DELETE.{name}", {})
        for name in sorted(wanted, key=lambda one: one not in there):
            verb = "UPDATE" if name in there else "CREATE"
            await control.ask(session, f"$JS.API.STREAM.{verb}.{name}", wanted[name])
        for subject, machines in archive.index(fleet).items():
            await control.ask(session, subject, json.loads(machines))
    finally:
        await session.close()


async def _names(session: Session) -> set[str]:
    found: set[str] = set()
    while True:
        page = await control.ask(session, "$JS.API.STREAM.NAMES", {"offset": len(found)})
        names = {str(name) for name in page.get("streams") or ()}
        found |= names
        if not names or len(found) >= page["total"]:
            return found

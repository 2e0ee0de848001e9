"""Have the hub's running server keep what it is to keep."""

import asyncio
import sys
from pathlib import Path

from lunix_cli import streams, tls
from lunix_cli.fleet import archive
from lunix_cli.fleet.members import Fleet
from lunix_cli.streams import Bounds
from lunix_common.bus.errors import RequestError
from lunix_common.bus.options import BusOptions
from lunix_common.journal import safe


def settle(where: BusOptions, certificate: Path, fleet: Fleet, bounds: Bounds) -> None:
    """Have the streams of these members and no others; say on stderr where that fails.

    What is a member counts whether it is kept or not, so nothing is raised; the next change or start tries again.
    """
    try:
        with tls.vouched_for_by(certificate):
            asyncio.run(streams.settle(where, archive.streams(fleet, bounds), archive.index(fleet)))
    except (OSError, RequestError, ValueError) as error:
        if not isinstance(error.__cause__, ConnectionRefusedError):  # it does not run: its start does it
            sys.stderr.write(f"lunix: the history is not kept as it should be: {safe(str(error))}\n")

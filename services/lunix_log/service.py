"""The daemon: messages come from five sides, go one way, and the last of them are kept."""

import asyncio
from contextlib import ExitStack
from datetime import UTC, tzinfo
from pathlib import Path

from lunix_common.bus import Request
from lunix_common.daemon import Context
from lunix_common.schemas.log import TailRequest
from lunix_log import kernel, network, programs
from lunix_log.intake import Intake
from lunix_log.keeper import Keeper
from lunix_log.services import LINES, ServiceLines
from lunix_log.settings import Settings


async def serve(context: Context[Settings]) -> None:
    """Tell and keep what is said, until the daemon is asked to stop."""
    bus, settings, zone = context.bus, context.settings, timezone(context.settings.timezone)
    intake, keeper = Intake(bus, settings), Keeper(Path(settings.state_file))
    if settings.services:
        bus.subscribe(LINES, ServiceLines(intake).take)

    async def tail(request: Request[TailRequest]) -> bytes:
        return intake.tail(request.payload)

    bus.serve("log.tail", tail)
    with ExitStack() as world:
        # They end, with what waits in them, before the bus is drained.
        heard = kernel.follow(context, world, intake, keeper)
        network.listen(context, world, intake, zone)
        await programs.follow(context, world, intake, keeper, zone, kernel_too=settings.kernel and not heard)
        await context.ready()
        context.stack.callback(intake.tell_drops)
        context.tasks.create_task(keeper.run(bus), name="log.keeper")
        await asyncio.Event().wait()


def timezone(name: str) -> tzinfo | None:
    """Of a name in the settings; ``None`` is this machine's own."""
    if not name:
        return None
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)

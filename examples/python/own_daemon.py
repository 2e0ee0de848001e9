"""A daemon of one's own: a kitchen timer that answers `tea.brew` and publishes `tea.<sort>.ready`."""

import asyncio

from pydantic import Field

from lunix_common.bus import Request
from lunix_common.daemon import Context, Settings, Spec, run
from lunix_common.schemas.common import Model


class TeaSettings(Settings):
    minutes: float = Field(default=3, gt=0, le=60)


class Pot(Model):
    sort: str = Field(min_length=1, max_length=40)
    minutes: float = Field(default=0, ge=0, le=60)  # 0: as in the settings


async def serve(context: Context[TeaSettings]) -> None:
    async def brew(request: Request[Pot]) -> Pot:
        minutes = request.payload.minutes or context.settings.minutes
        pot = Pot(sort=request.payload.sort, minutes=minutes)
        context.tasks.create_task(steep(pot), name=f"tea.{pot.sort}")
        return pot

    async def steep(pot: Pot) -> None:
        await asyncio.sleep(pot.minutes * 60)
        context.bus.emit("tea.<sort>.ready", pot, sort=pot.sort)

    context.bus.serve("tea.brew", brew, schema=Pot)
    await context.ready()
    await asyncio.Event().wait()  # until it is asked to stop


if __name__ == "__main__":
    run(Spec("tea", "A kitchen timer (tea.>).", TeaSettings, serve))

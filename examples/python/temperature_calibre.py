"""It is cold, and calibre is off: a toast. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os

import nats

COLD = 15.0


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    readings = await bus.subscribe("user.temperature0")  # lunix pub user.temperature0 12.5
    async for reading in readings.messages:
        celsius = float(reading.data)
        if celsius < COLD and not json.loads((await bus.request("ps.calibre")).data)["running"]:
            await bus.publish("toast.in", f"only {celsius:.1f} °C, and calibre does not run".encode())


asyncio.run(main())

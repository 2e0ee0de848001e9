"""It is cold while calibre runs: a toast. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os

import nats

COLD = 18.0


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    readings = await bus.subscribe("mqtt.temperature0")  # mosquitto_pub -t temperature0 -m 12.5
    async for reading in readings.messages:
        celsius = float(reading.data)
        if celsius < COLD and json.loads((await bus.request("ps.calibre", timeout=5)).data)["running"]:
            await bus.publish("toast.in", f"only {celsius:g} °C".encode())


asyncio.run(main())

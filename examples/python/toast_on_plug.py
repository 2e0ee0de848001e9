"""A toast for each device that appears. Before: pip install nats-py nkeys; eval "$(lunix env --role user)"."""

import asyncio
import json
import os

import nats


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    devices = await bus.subscribe("hardware.*.add")
    async for event in devices.messages:
        await bus.publish("toast.in", f"here is {json.loads(event.data)['name']}".encode())


asyncio.run(main())

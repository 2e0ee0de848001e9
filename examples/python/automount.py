"""A stick is at /mnt/stick while it is plugged. Before: pip install nats-py nkeys; eval "$(lunix env --role admin)"."""

import asyncio
import json
import os

import nats


async def main() -> None:
    bus = await nats.connect(os.environ["NATS_URL"], nkeys_seed=os.environ["NATS_NKEY"])
    sticks = await bus.subscribe("hardware.usb.*")
    async for event in sticks.messages:
        asked = {"device": json.loads(event.data)["id"]}
        if event.subject.endswith(".add"):
            await bus.publish("mount.mount", json.dumps(asked | {"where": "/mnt/stick"}).encode())
        elif event.subject.endswith(".remove"):
            await bus.publish("mount.unmount", json.dumps(asked).encode())


asyncio.run(main())
